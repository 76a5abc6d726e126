"""The table of settings: name, default, meaning, type. Values come from the environment and a `.env` file."""

import difflib
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values

from . import setting_types
from .setting_types import Network

if TYPE_CHECKING:
    import sqlalchemy
    from limits import RateLimitItem


class SettingError(Exception):
    """A setting has an invalid value; the text is one sentence that names the setting."""


@dataclass(frozen=True)
class Settings:
    """The validated values of all settings; SETTINGS describes each."""

    database_url: "sqlalchemy.URL"
    bind: str
    clinical_domain: str
    date_window_seconds: int
    encryption_keys: tuple[str, ...]
    seal_key: tuple[str, ...]
    explain_401: bool
    max_body_bytes: int
    allowed_origins: frozenset[str]
    workers: int
    threads: int
    trusted_proxies: tuple[Network, ...]
    monitors: tuple[Network, ...]
    rate_limit: "RateLimitItem | None"
    failure_limit: "RateLimitItem | None"
    rate_limit_store: str
    url: str
    lmtp_bind: str
    lmtp_metrics: str | None
    max_message_bytes: int

    @property
    def binds_loopback(self) -> bool:
        """Whether the service listens on an address that only this machine can reach."""
        if self.bind.startswith("unix:"):
            return False
        host = self.bind.rpartition(":")[0].strip("[]")
        return host == "localhost" or ipaddress.ip_address(host).is_loopback

    @property
    def requires_https(self) -> bool:
        """Whether other machines can reach the service, so that requests must have come by TLS through a proxy."""
        return not self.binds_loopback and not self.bind.startswith("unix:")

    @property
    def embedded_database(self) -> Path | None:
        """The file of the SQLite database; None if the database is a server."""
        if self.database_url.get_backend_name() != "sqlite":
            return None
        return Path(self.database_url.database or "")


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    `read` returns the value of a text, or raises ValueError that says what the value must be. `mask` returns a value
    without its secrets; a setting with a mask can be in a file instead, which NAME_FILE names.
    """

    name: str
    default: str
    meaning: str
    read: Callable[[str], Any]
    mask: Callable[[Any], str] | None = None

    @property
    def field(self) -> str:
        """The setting's field in Settings."""
        return self.name.removeprefix("DAAS_").lower()


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return all settings: the environment precedes `.env` in the working directory, which precedes the defaults.

    Raise SettingError for an invalid value, and for a setting that was withdrawn.
    """
    environ = read_environ() if environ is None else environ
    _reject_withdrawn(environ)
    settings = Settings(**{setting.field: _read(setting, environ) for setting in SETTINGS})
    if settings.workers:
        return settings
    return replace(settings, workers=1 if settings.embedded_database else max(2, os.cpu_count() or 1))


def read_environ() -> dict[str, str]:
    """Return the variables of `.env` in the working directory and of the environment, which takes precedence."""
    try:
        from_file = dotenv_values(".env")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("The file .env cannot be read, or is not UTF-8.") from error
    return {**{name: value for name, value in from_file.items() if value is not None}, **os.environ}


def text_of(setting: Setting, environ: Mapping[str, str]) -> str:
    """Return the text of a setting, from its file if it has one; an empty text if it is not set."""
    text = environ.get(setting.name, "").strip()
    file = environ.get(f"{setting.name}_FILE", "").strip()
    if not file:
        return text
    if setting.mask is None or text:
        raise SettingError(f"{setting.name}_FILE is set, but {setting.name} is set too, or cannot be in a file.")
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{setting.name}_FILE names a file that cannot be read.") from error


def service_url(environ: Mapping[str, str] | None = None) -> str:
    """Return the URL that commands call: DAAS_URL, or that of DAAS_BIND; raise SettingError if there is none."""
    environ = read_environ() if environ is None else environ
    table = {setting.name: setting for setting in SETTINGS}
    if url := _read(table["DAAS_URL"], environ):
        return str(url)
    bind = str(_read(table["DAAS_BIND"], environ))
    if bind.startswith("unix:"):
        raise SettingError("DAAS_BIND is a unix socket: set DAAS_URL to the URL of the service, or pass --url.")
    # A server that listens on every address is reached by that of this machine.
    return f"http://{bind.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')}"  # noqa: S104 - not bound here.


def unknown_settings(environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return the DAAS_ variables that are not settings, each with the known name that it resembles, or None."""
    environ = read_environ() if environ is None else environ
    known = {*OTHER_VARIABLES, *WITHDRAWN, *(setting.name for setting in SETTINGS)}
    known |= {f"{name}_FILE" for name in known}
    unknown = sorted(name for name in environ if name.startswith("DAAS_") and name not in known)
    # The prefix, which all share, would make every name resemble another.
    similar = {name: difflib.get_close_matches(name[5:], [each[5:] for each in known], 1) for name in unknown}
    return {name: f"DAAS_{found[0]}" if found else None for name, found in similar.items()}


def _reject_withdrawn(environ: Mapping[str, str]) -> None:
    for name, instead in WITHDRAWN.items():
        for given in (name, f"{name}_FILE"):
            if environ.get(given, "").strip():
                raise SettingError(f"{given} is withdrawn: {instead}; remove the setting.")


def _read(setting: Setting, environ: Mapping[str, str]) -> Any:
    try:
        return setting.read(text_of(setting, environ) or setting.default)
    except ValueError as error:
        raise SettingError(f"{setting.name} {error}.") from error


_NGINX = "in the nginx in front, as deploy/nginx.conf has it"
#: Settings of earlier releases, and what replaces each: the service does not start while one is set.
WITHDRAWN = {
    "DAAS_TLS_CERTIFICATE": f"TLS ends {_NGINX} (ssl_certificate)",
    "DAAS_TLS_KEY": f"TLS ends {_NGINX} (ssl_certificate_key)",
    "DAAS_REQUEST_SECONDS": f"slow clients are limited {_NGINX} (client_header_timeout, client_body_timeout)",
    "DAAS_ALLOW_PLAIN_HTTP": "on an address that other machines can reach, name the proxy that speaks TLS in "
    "DAAS_TRUSTED_PROXIES",
}

#: Variables that begin with DAAS_ and are no settings: the keys with which commands sign, and what the demo's file has.
OTHER_VARIABLES = (
    "DAAS_PUBLIC_KEY",
    "DAAS_PRIVATE_KEY",
    "DAAS_DEMO_MAILBOX",
    "DAAS_DEMO_MESSAGE",
    "DAAS_DEMO_FOLDER",
    "DAAS_TEST_REQUIRE",
)

SETTINGS = [
    Setting(
        "DAAS_DATABASE_URL",
        "sqlite:///instance/daas.db",
        "The database: an SQLite file, or postgresql+psycopg://user:password@host/name.",
        setting_types.read_database_url,
        setting_types.mask_url,
    ),
    Setting(
        "DAAS_BIND", "127.0.0.1:8000", "The address and port to listen on, or unix:/path.", setting_types.read_bind
    ),
    Setting(
        "DAAS_CLINICAL_DOMAIN",
        "direct.example.org",
        "The domain of the Direct addresses; a mailbox's name is the part before the @.",
        setting_types.read_domain,
    ),
    Setting(
        "DAAS_DATE_WINDOW_SECONDS",
        "900",
        "How many seconds the date of a request may differ from the server's clock, either way; 0 disables the check.",
        setting_types.read_whole_number(0, 31_536_000),
    ),
    Setting(
        "DAAS_ENCRYPTION_KEYS",
        "",
        "Fernet keys for the private keys at rest, separated by commas: the first encrypts, all decrypt. With SQLite "
        "and without this setting, the service makes a key in a file beside the database.",
        setting_types.read_encryption_keys,
        lambda keys: f"{len(keys)} keys" if keys else "",
    ),
    Setting(
        "DAAS_SEAL_KEY",
        "",
        "Keys of 32 characters or more for the seals of the log, separated by commas: the first seals, all verify. "
        "Only daas request seal, verify and prune need this setting.",
        setting_types.read_seal_keys,
        lambda keys: f"{len(keys)} keys" if keys else "",
    ),
    Setting(
        "DAAS_EXPLAIN_401",
        "0",
        "1: every 401 has the server's string to sign in X-Daas-String-To-Sign.",
        setting_types.read_yes_or_no,
    ),
    Setting(
        "DAAS_MAX_BODY_BYTES",
        "65536",
        "The maximum size of a request's body in bytes; a larger body is a 413.",
        setting_types.read_whole_number(1024, 16_777_216),
    ),
    Setting(
        "DAAS_ALLOWED_ORIGINS",
        "",
        "Origins whose pages may call the API from a browser, separated by commas.",
        setting_types.read_origins,
    ),
    Setting(
        "DAAS_WORKERS",
        "0",
        "The number of processes; 0: one for each core and at least two, but one with SQLite.",
        setting_types.read_whole_number(0, 256),
    ),
    Setting("DAAS_THREADS", "8", "The number of threads in each process.", setting_types.read_whole_number(1, 256)),
    Setting(
        "DAAS_TRUSTED_PROXIES",
        "",
        "Addresses or networks of the proxies in front, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto are trusted; a proxy on a unix socket is always trusted.",
        setting_types.read_networks,
    ),
    Setting(
        "DAAS_MONITORS",
        "127.0.0.0/8, ::1",
        "Addresses or networks that may request /health/live, /health/ready and /metrics, separated by commas.",
        setting_types.read_networks,
    ),
    Setting(
        "DAAS_RATE_LIMIT",
        "none",
        "How many requests an application may send, such as 600 per minute; more are a 429. none: unlimited.",
        setting_types.read_rate,
    ),
    Setting(
        "DAAS_FAILURE_LIMIT",
        "300 per minute",
        "How many requests from one address may fail authentication, or have an unknown path or a wrong method; more "
        "are a 429. none: unlimited.",
        setting_types.read_rate,
    ),
    Setting(
        "DAAS_RATE_LIMIT_STORE",
        "memory://",
        "Where limits are counted: memory:// for each process by itself, or a Redis for all processes and nodes, "
        "redis://:password@host:6379.",
        setting_types.read_rate_limit_store,
        setting_types.mask_url,
    ),
    Setting(
        "DAAS_URL",
        "",
        "The URL of the service for the commands that call it, such as https://direct.example.org; empty: the address "
        "of DAAS_BIND.",
        setting_types.read_service_url,
    ),
    Setting(
        "DAAS_LMTP_BIND",
        "127.0.0.1:2424",
        "The address and port on which daas lmtp receives mail, or unix:/path; only loopback addresses.",
        setting_types.read_loopback_bind,
    ),
    Setting(
        "DAAS_LMTP_METRICS",
        "none",
        "The loopback address and port on which daas lmtp serves its metrics, such as 127.0.0.1:2425. none: nowhere.",
        setting_types.read_loopback_bind_or_none,
    ),
    Setting(
        "DAAS_MAX_MESSAGE_BYTES",
        "52428800",
        "The maximum size in bytes of a message that arrives; a larger one is rejected.",
        setting_types.read_whole_number(1024, 104_857_600),
    ),
]
