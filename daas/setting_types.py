"""The types of settings: a function for each type returns the value of a text.

All raise ValueError, whose text says what the value must be.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

# Types only: the functions import what they need, so that a command that reads one setting loads nothing else.
if TYPE_CHECKING:
    import sqlalchemy
    from limits import RateLimitItem

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def mask_url(url: "sqlalchemy.URL | str") -> str:
    """Return a URL's text without password and query, which can contain a password too."""
    import sqlalchemy

    return sqlalchemy.make_url(url).set(query={}).render_as_string(hide_password=True)


def read_database_url(text: str) -> "sqlalchemy.URL":
    """Return the URL of a database; the path of an SQLite file becomes absolute."""
    import sqlalchemy

    try:
        url = sqlalchemy.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ValueError("must be a URL such as sqlite:///instance/daas.db") from None
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
            raise ValueError("must name a file and nothing else, as sqlite:///instance/daas.db does")
        return url.set(database=str(Path(url.database).absolute()))
    if url.drivername != "postgresql+psycopg":
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if not 1 <= (url.port or 1) <= 65535:
        raise ValueError("must have a port from 1 to 65535")
    return url


def read_bind(text: str) -> str:
    """Return an address and port, or the path of a unix socket."""
    if re.fullmatch(r"unix:/.+", text):
        return text
    host, _, port = text.rpartition(":")
    try:
        if bracketed := re.fullmatch(r"\[(.+)\]", host):
            ipaddress.IPv6Address(bracketed[1])
        elif host != "localhost":
            ipaddress.IPv4Address(host)
        usable = re.fullmatch(r"[0-9]{1,5}", port) is not None and int(port) <= 65535
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an address and a port such as 127.0.0.1:8000, or unix:/path")
    return text


def read_loopback_bind(text: str) -> str:
    """Return an address and port that only this machine can reach, or the path of a unix socket."""
    bind = read_bind(text)
    host = bind.rpartition(":")[0].strip("[]")
    if not bind.startswith("unix:") and host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise ValueError("must be a loopback address and a port such as 127.0.0.1:2424, or unix:/path")
    return bind


def read_loopback_bind_or_none(text: str) -> str | None:
    """Return an address and port that only this machine can reach, or the path of a unix socket; None for `none`."""
    return None if text == "none" else read_loopback_bind(text)


def read_domain(text: str) -> str:
    """Return a domain name in lower case."""
    if len(text) > 253 or not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", text):
        raise ValueError("must be a domain name such as direct.example.org")
    return text.lower()


def read_whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a function that returns a whole number from `minimum` to `maximum`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return read


def read_yes_or_no(text: str) -> bool:
    """Return the value of a switch: 1 or 0, yes or no, true or false, on or off."""
    if text.lower() not in {"0", "1", "no", "yes", "false", "true", "off", "on"}:
        raise ValueError("must be 1 or 0")
    return text.lower() in {"1", "yes", "true", "on"}


def read_encryption_keys(text: str) -> tuple[str, ...]:
    """Return Fernet keys."""
    from cryptography.fernet import Fernet

    keys = tuple(key for key in re.split(r"[\s,]+", text) if key)
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            # The error must not contain the value, which is a secret.
            raise ValueError("must hold Fernet keys, separated by commas, the newest first") from None
    return keys


def read_seal_keys(text: str) -> tuple[str, ...]:
    """Return the keys for the seals of the log."""
    keys = tuple(key for key in re.split(r"[\s,]+", text) if key)
    if any(len(key) < 32 for key in keys):
        raise ValueError("must hold keys of 32 characters or more, separated by commas, the newest first")
    return keys


def read_origins(text: str) -> frozenset[str]:
    """Return the origins of web pages."""
    origins = frozenset(origin for origin in re.split(r"[\s,]+", text) if origin)
    for origin in origins:
        try:
            parts = urlsplit(origin)
            exact = origin == f"{parts.scheme}://{parts.netloc}" == origin.lower() and "@" not in parts.netloc
        except ValueError:
            exact = False
        if not exact or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must hold origins such as https://app.example.org, separated by commas")
    return origins


def read_rate(text: str) -> "RateLimitItem | None":
    """Return a rate of requests; None without a limit."""
    from limits import parse

    try:
        return parse(text) if text and text != "none" else None
    except ValueError:
        raise ValueError("must be a rate such as 600 per minute, or none") from None


def read_rate_limit_store(text: str) -> str:
    """Return the URL of the store in which limits are counted."""
    if text != "memory://" and not re.fullmatch(r"(rediss?://[^\s/]+|redis\+unix:///\S+)\S*", text):
        raise ValueError("must be memory:// or a URL such as redis://127.0.0.1:6379")
    return text


def read_networks(text: str) -> tuple[Network, ...]:
    """Return networks; an address is a network by itself."""
    try:
        return tuple(ipaddress.ip_network(network) for network in re.split(r"[\s,]+", text) if network)
    except ValueError:
        raise ValueError("must hold addresses or networks such as 10.0.0.0/24, separated by commas") from None


def read_service_url(text: str) -> str:
    """Return the URL of a service: scheme, host and port; an empty text for none."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0
    except ValueError:
        usable = False
    if text and (not usable or parts.query or parts.fragment or parts.path.strip("/")):
        # The error must not contain the value, which can have a password.
        raise ValueError("must be scheme, host and port, such as https://direct.example.org")
    return text.rstrip("/")
