"""What the values of settings may be: a function for each kind turns the text into the value.

All raise ValueError, whose text says what the value must be.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy
from cryptography.fernet import Fernet
from limits import RateLimitItem, parse

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def mask_url(url: sqlalchemy.URL | str) -> str:
    """Write a URL without password and query, which may hold one too."""
    return sqlalchemy.make_url(url).set(query={}).render_as_string(hide_password=True)


def read_database_url(text: str) -> sqlalchemy.URL:
    """Read the URL of a database."""
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
    """Read an address and port, or a unix socket."""
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


def read_domain(text: str) -> str:
    """Read a domain name."""
    if len(text) > 253 or not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", text):
        raise ValueError("must be a domain name such as direct.example.org")
    return text.lower()


def read_whole_number(least: int, most: int) -> Callable[[str], int]:
    """Give what reads a whole number within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def read_yes_or_no(text: str) -> bool:
    """Read a switch."""
    if text.lower() not in {"0", "1", "no", "yes", "false", "true", "off", "on"}:
        raise ValueError("must be 1 or 0")
    return text.lower() in {"1", "yes", "true", "on"}


def read_encryption_keys(text: str) -> tuple[str, ...]:
    """Read Fernet keys."""
    keys = tuple(key for key in re.split(r"[\s,]+", text) if key)
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            # The value is a secret: what is wrong is said without showing it.
            raise ValueError("must hold Fernet keys, separated by commas, the newest first") from None
    return keys


def read_seal_keys(text: str) -> tuple[str, ...]:
    """Read the keys of the seals over the log."""
    keys = tuple(key for key in re.split(r"[\s,]+", text) if key)
    if any(len(key) < 32 for key in keys):
        raise ValueError("must hold keys of 32 characters or more, separated by commas, the newest first")
    return keys


def read_origins(text: str) -> frozenset[str]:
    """Read origins of web pages."""
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


def read_rate(text: str) -> RateLimitItem | None:
    """Read a rate of requests; None for none."""
    try:
        return parse(text) if text and text != "none" else None
    except ValueError:
        raise ValueError("must be a rate such as 600 per minute, or none") from None


def read_rate_limit_store(text: str) -> str:
    """Read the URL of where rates are counted."""
    if text != "memory://" and not re.fullmatch(r"(rediss?://[^\s/]+|redis\+unix:///\S+)\S*", text):
        raise ValueError("must be memory:// or a URL such as redis://127.0.0.1:6379")
    return text


def read_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks."""
    try:
        return tuple(ipaddress.ip_network(network) for network in re.split(r"[\s,]+", text) if network)
    except ValueError:
        raise ValueError("must hold addresses or networks such as 10.0.0.0/24, separated by commas") from None
