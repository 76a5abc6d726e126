"""The one table of settings: name, type, default, meaning. Values come from the environment and a `.env` file."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy
from cryptography.fernet import Fernet
from dotenv import dotenv_values
from limits import RateLimitItem, parse

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingError(Exception):
    """A setting whose value cannot be used; the text is one sentence that names the setting."""


@dataclass(frozen=True)
class Settings:
    """What the environment says, read and checked; SETTINGS gives the meaning of each."""

    database_url: sqlalchemy.URL
    bind: str
    clinical_domain: str
    date_window_seconds: int
    encryption_keys: tuple[str, ...]
    explain_401: bool
    max_body_bytes: int
    allowed_origins: frozenset[str]
    request_seconds: int
    workers: int
    threads: int
    trusted_proxies: tuple[Network, ...]
    monitors: tuple[Network, ...]
    allow_plain_http: bool
    rate_limit: RateLimitItem | None
    failure_limit: RateLimitItem | None
    rate_limit_store: str

    @property
    def binds_loopback(self) -> bool:
        """Whether the address that is served is one that only this machine can reach."""
        if self.bind.startswith("unix:"):
            return False
        host = self.bind.rpartition(":")[0].strip("[]")
        return host == "localhost" or ipaddress.ip_address(host).is_loopback

    @property
    def requires_https(self) -> bool:
        """Whether requests of other machines must have come by TLS, of which a trusted proxy in front tells."""
        is_local = self.binds_loopback or self.bind.startswith("unix:")
        return not is_local and not self.allow_plain_http

    @property
    def embedded_database(self) -> Path | None:
        """The file of the embedded SQLite database; None if the database is a server."""
        if self.database_url.get_backend_name() != "sqlite":
            return None
        return Path(self.database_url.database or "")


@dataclass(frozen=True)
class Setting:
    """One row of the table. `read` turns the text into the value, or raises ValueError saying what it must be."""

    name: str
    default: str
    meaning: str
    read: Callable[[str], Any]

    @property
    def field(self) -> str:
        """The setting's field in Settings."""
        return self.name.removeprefix("DAAS_").lower()


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings: the environment counts before `.env` in the working directory, that before the default.

    Raises SettingError for a value that cannot be used.
    """
    if environ is None:
        try:
            from_file = dotenv_values(".env")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError("The file .env cannot be read, or is not UTF-8.") from error
        environ = {**{name: value for name, value in from_file.items() if value is not None}, **os.environ}
    settings = Settings(**{setting.field: _read(setting, environ) for setting in SETTINGS})
    if settings.workers:
        return settings
    return replace(settings, workers=1 if settings.embedded_database else max(2, os.cpu_count() or 1))


def _read(setting: Setting, environ: Mapping[str, str]) -> Any:
    try:
        return setting.read(environ.get(setting.name, "").strip() or setting.default)
    except ValueError as error:
        raise SettingError(f"{setting.name} {error}.") from error


def _database_url(text: str) -> sqlalchemy.URL:
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


def _bind(text: str) -> str:
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


def _domain(text: str) -> str:
    if len(text) > 253 or not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", text):
        raise ValueError("must be a domain name such as direct.example.org")
    return text.lower()


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def _yes_or_no(text: str) -> bool:
    if text.lower() not in {"0", "1", "no", "yes", "false", "true", "off", "on"}:
        raise ValueError("must be 1 or 0")
    return text.lower() in {"1", "yes", "true", "on"}


def _encryption_keys(text: str) -> tuple[str, ...]:
    keys = tuple(key for key in re.split(r"[\s,]+", text) if key)
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            # The value is a secret: what is wrong is said without showing it.
            raise ValueError("must hold Fernet keys, separated by commas, the newest first") from None
    return keys


def _origins(text: str) -> frozenset[str]:
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


def _rate(text: str) -> RateLimitItem | None:
    try:
        return parse(text) if text and text != "none" else None
    except ValueError:
        raise ValueError("must be a rate such as 600 per minute, or none") from None


def _rate_limit_store(text: str) -> str:
    if text != "memory://" and not re.fullmatch(r"(rediss?://[^\s/]+|redis\+unix:///\S+)\S*", text):
        raise ValueError("must be memory:// or a URL such as redis://127.0.0.1:6379")
    return text


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(network) for network in re.split(r"[\s,]+", text) if network)
    except ValueError:
        raise ValueError("must hold addresses or networks such as 10.0.0.0/24, separated by commas") from None


SETTINGS = [
    Setting(
        "DAAS_DATABASE_URL",
        "sqlite:///instance/daas.db",
        "Where everything is kept: an SQLite file, or postgresql+psycopg://user:password@host/name.",
        _database_url,
    ),
    Setting("DAAS_BIND", "127.0.0.1:8000", "The address and port to serve on, or unix:/path.", _bind),
    Setting(
        "DAAS_CLINICAL_DOMAIN",
        "direct.example.org",
        "The domain of the Direct addresses; a mailbox is the part before the @.",
        _domain,
    ),
    Setting(
        "DAAS_DATE_WINDOW_SECONDS",
        "900",
        "How far the date of a request may lie from the server's clock, either way, in seconds; 0: as far as it likes.",
        _whole_number(0, 31_536_000),
    ),
    Setting(
        "DAAS_ENCRYPTION_KEYS",
        "",
        "Fernet keys that encrypt the private keys at rest, separated by commas; the first encrypts, all decrypt. "
        "An embedded database makes one itself, in a file beside it.",
        _encryption_keys,
    ),
    Setting(
        "DAAS_EXPLAIN_401",
        "0",
        "1: every 401 shows the string to sign that the server built, in X-Daas-String-To-Sign.",
        _yes_or_no,
    ),
    Setting(
        "DAAS_MAX_BODY_BYTES",
        "65536",
        "The largest body of a request, in bytes; a larger one is a 413.",
        _whole_number(1024, 16_777_216),
    ),
    Setting(
        "DAAS_ALLOWED_ORIGINS",
        "",
        "Origins whose pages may call the API from a browser, separated by commas; none by default.",
        _origins,
    ),
    Setting(
        "DAAS_REQUEST_SECONDS",
        "10",
        "How long a client may take to send a request, in seconds.",
        _whole_number(1, 300),
    ),
    Setting(
        "DAAS_WORKERS",
        "0",
        "How many processes serve; 0: one over an embedded database, where only one can write at a time, else one for "
        "each core, at least two.",
        _whole_number(0, 256),
    ),
    Setting("DAAS_THREADS", "8", "How many threads serve in each process.", _whole_number(1, 256)),
    Setting(
        "DAAS_TRUSTED_PROXIES",
        "",
        "Addresses or networks of the proxies in front, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed; over a unix socket, the proxy is always.",
        _networks,
    ),
    Setting(
        "DAAS_MONITORS",
        "127.0.0.0/8, ::1",
        "Addresses or networks that may ask for /health/live, /health/ready and /metrics, separated by commas.",
        _networks,
    ),
    Setting(
        "DAAS_ALLOW_PLAIN_HTTP",
        "0",
        "1: serve plain HTTP on an address that other machines reach, though whoever listens can read what is sent.",
        _yes_or_no,
    ),
    Setting(
        "DAAS_RATE_LIMIT",
        "none",
        "How many requests an application may make, such as 600 per minute; more are a 429.",
        _rate,
    ),
    Setting(
        "DAAS_FAILURE_LIMIT",
        "300 per minute",
        "How many requests from one address may fail authentication; more that fail are a 429. none: as many as come.",
        _rate,
    ),
    Setting(
        "DAAS_RATE_LIMIT_STORE",
        "memory://",
        "Where the limits are counted: memory://, in each process by itself, or a Redis for all processes and nodes, "
        "redis://:password@host:6379.",
        _rate_limit_store,
    ),
]
