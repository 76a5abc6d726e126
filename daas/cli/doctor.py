"""The command `daas doctor`: a list of checks, each of which says what it found and what to do."""

import ctypes
import datetime
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import click

from ..errors import OperatorError
from ..settings import SettingError, Settings, load_settings, unknown_settings
from .context import uses_database
from .output import AS_JSON, print_result, printable

OK, WARNING, ERROR = "ok", "warning", "error"
_MAX_SKEW_SECONDS = 5
_SOON = datetime.timedelta(days=30)
# Free space below which the database may soon be full.
_LITTLE_BYTES, _TOO_LITTLE_BYTES = 2_000_000_000, 200_000_000
# What adjtimex(2) returns if nothing keeps the clock right.
_NOT_SYNCHRONISED = 5


@dataclass(frozen=True)
class Finding:
    """What a check found: `state` is ok, warning or error; `action` says what to do, and is empty for ok."""

    check: str
    state: str
    finding: str
    action: str = ""


Check = Callable[[Settings], Iterable[Finding]]


@click.command()
@AS_JSON
def doctor(as_json: bool) -> None:
    """Check database, keys, clock, proxy and disk; say what to do.

    The exit status is 1 if a check finds an error.
    """
    findings = [*_check_all()]
    if as_json:
        print_result([asdict(each) for each in findings], as_json=True)
    else:
        _print(findings)
    if any(each.state == ERROR for each in findings):
        raise SystemExit(1)


def _print(findings: Iterable[Finding]) -> None:
    for each in findings:
        click.echo(f"{each.state:<7}  {each.check:<8}  {printable(each.finding)}")
        if each.action:
            click.echo(f"{'':<19}{printable(each.action)}")


def check_settings(_settings: Settings) -> Iterator[Finding]:
    """Find variables that are not settings."""
    unknown = unknown_settings()
    for name, known in unknown.items():
        action = f"Rename it to {known}, or remove it." if known else "Remove it."
        yield Finding("settings", WARNING, f"{name} is not a setting.", action)
    if not unknown:
        yield Finding("settings", OK, "All settings are valid.")


def check_database(_settings: Settings) -> Iterator[Finding]:
    """Find out whether the database is there and of this release."""
    from .. import migrations

    @uses_database
    def revisions() -> tuple[str | None, str | None]:
        return migrations.current_revision(), migrations.head_revision()

    current, head = revisions()
    if current == head:
        yield Finding("database", OK, f"The database is of this release (revision {head}).")
    else:
        found = f"revision {current}" if current else "empty"
        action = "Run `daas db upgrade`; if the revision is unknown, install the release that wrote it."
        yield Finding("database", ERROR, f"The database is {found}; this release needs revision {head}.", action)


def check_keys(_settings: Settings) -> Iterator[Finding]:
    """Find private keys that cannot be decrypted, and applications without a key that works for long."""
    from ..applications.keys import stored_keys_decrypt
    from ..applications.registry import list_applications

    @uses_database
    def keys() -> tuple[bool, list[tuple[str, list[datetime.datetime | None]]]]:
        working = [(each.name, [key.expires_at for key in each.keys if key.works]) for each in list_applications()]
        return stored_keys_decrypt(), working

    decrypts, applications = keys()
    if not decrypts:
        action = "Add the key that is missing to DAAS_ENCRYPTION_KEYS; a backup of the settings has it."
        yield Finding("keys", ERROR, "Some private keys cannot be decrypted with DAAS_ENCRYPTION_KEYS.", action)
    soon = datetime.datetime.now(datetime.UTC) + _SOON
    for name, expiries in applications:
        if not expiries:
            yield Finding(
                "keys", WARNING, f"The application {name!r} has no key that works.", f"Run `daas key add {name!r}`."
            )
        elif all(expires is not None and expires < soon for expires in expiries):
            last = max(filter(None, expiries)).date()
            action = f"Run `daas key add {name!r}` and give its owner the new key."
            yield Finding("keys", WARNING, f"The last key of the application {name!r} expires on {last}.", action)
    if decrypts:
        yield Finding("keys", OK, f"The private keys of {len(applications)} applications can be decrypted.")


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Find out whether something keeps this machine's clock right, and whether the database agrees with it."""
    from sqlalchemy import select, text

    from ..records.request_log import RequestLogRow
    from ..storage.engine import db

    @uses_database
    def times() -> tuple[datetime.datetime | None, datetime.datetime | None]:
        newest = db.session.scalar(select(RequestLogRow.at).order_by(RequestLogRow.id.desc()).limit(1))
        on_server = None if settings.embedded_database else db.session.scalar(text("SELECT clock_timestamp()"))
        return newest, on_server

    newest, on_server = times()
    now = datetime.datetime.now(datetime.UTC)
    right = True
    action = "Install and start chrony or systemd-timesyncd on every machine of the service."
    if _is_unsynchronised():
        right = False
        finding = "Nothing keeps this machine's clock right; requests are rejected if it differs too much."
        yield Finding("clock", WARNING, finding, action)
    if on_server is not None and abs((on_server - now).total_seconds()) > _MAX_SKEW_SECONDS:
        right = False
        yield Finding("clock", ERROR, f"The database server's clock says {on_server:%Y-%m-%d %H:%M:%S} UTC.", action)
    if newest is not None and newest > now + datetime.timedelta(seconds=60):
        right = False
        yield Finding("clock", ERROR, f"The newest request of the log is from {newest:%Y-%m-%d %H:%M:%S} UTC.", action)
    if right:
        yield Finding("clock", OK, f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")


def check_proxy(settings: Settings) -> Iterator[Finding]:
    """Ask the service as a client does: at DAAS_URL through the proxy in front, or else directly."""
    import httpx

    if settings.requires_https and not settings.trusted_proxies:
        action = "Put nginx in front (`daas deploy-files DIR`) and name its address in DAAS_TRUSTED_PROXIES."
        yield Finding(
            "proxy", ERROR, "Other machines can reach DAAS_BIND, but there is no proxy that speaks TLS.", action
        )
        return
    path = settings.bind.removeprefix("unix:") if settings.bind.startswith("unix:") else None
    url = settings.url or ("http://daas" if path else f"http://{settings.bind}")
    transport = httpx.HTTPTransport(uds=path if path and not settings.url else None)
    try:
        with httpx.Client(transport=transport, timeout=10) as client:
            response = client.get(f"{url}/direct/folders")
    except httpx.HTTPError as error:
        at = settings.url or settings.bind
        action = "Start the service, and the proxy in front of it; the log of nginx says more." if settings.url else ""
        yield Finding(
            "proxy",
            ERROR if settings.url else WARNING,
            f"The service does not answer at {at} ({type(error).__name__}).",
            action or "Start it with `daas serve`, or with systemd.",
        )
        return
    yield _judge(response.status_code, response.headers.get("WWW-Authenticate"), url)
    skew = _skew(response.headers.get("Date"))
    if abs(skew) > _MAX_SKEW_SECONDS:
        action = "Install and start chrony or systemd-timesyncd on both machines."
        yield Finding("proxy", WARNING, f"The clock at {url} differs from this one by {skew:.0f} seconds.", action)


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Find out how much space is left for the database and in the working directory."""
    file = settings.embedded_database
    for name, path in [("the database", file.parent if file else None), ("the working directory", Path.cwd())]:
        if path is None:
            continue
        free = shutil.disk_usage(path).free
        state = ERROR if free < _TOO_LITTLE_BYTES else WARNING if free < _LITTLE_BYTES else OK
        action = "" if state == OK else "Free space: `daas request prune`, older backups, or a larger disk."
        yield Finding("disk", state, f"{free / 1e9:.1f} GB are free for {name} ({path}).", action)


#: The checks in their order. A feature with something to check adds a function.
CHECKS: list[Check] = [check_settings, check_database, check_keys, check_clock, check_proxy, check_disk]


def _check_all() -> Iterator[Finding]:
    try:
        settings = load_settings()
    except SettingError as error:
        yield Finding("settings", ERROR, str(error), "Correct the setting in .env or in the environment.")
        return
    for check in CHECKS:
        try:
            yield from check(settings)
        except (OperatorError, SettingError, OSError) as error:
            name = check.__name__.removeprefix("check_")
            yield Finding(name, ERROR, str(error), "Correct this first; the other checks may need it.")


def _judge(status: int, scheme: str | None, url: str) -> Finding:
    """Return what the status of an unsigned request says about the way to the service."""
    if status == 401 and scheme == "DAAS":
        return Finding("proxy", OK, f"The service answers at {url}.")
    if status == 403:
        action = "Name the proxy in DAAS_TRUSTED_PROXIES, and let it send X-Forwarded-Proto, as deploy/nginx.conf does."
        return Finding("proxy", ERROR, f"The service takes requests to {url} for plain HTTP.", action)
    if status in {502, 504}:
        action = "Start the service; the proxy's upstream must be DAAS_BIND."
        return Finding("proxy", ERROR, f"The proxy at {url} does not reach the service ({status}).", action)
    if status == 503:
        return Finding(
            "proxy", ERROR, f"The service at {url} cannot use its database (503).", "See the database check."
        )
    action = "Is it this service? Compare DAAS_URL with the configuration of the proxy."
    return Finding("proxy", ERROR, f"{url} answers an unsigned request with {status} instead of 401.", action)


def _skew(date: str | None) -> float:
    """Return by how many seconds another machine's clock is ahead; 0 without its date."""
    try:
        return (parsedate_to_datetime(date or "") - datetime.datetime.now(datetime.UTC)).total_seconds()
    except ValueError:
        return 0.0


def _is_unsynchronised() -> bool:
    """Return whether the kernel says that nothing keeps the clock right; False where it cannot be asked."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    # The buffer is larger than the kernel's structure; all zero, it changes nothing.
    return adjtimex is not None and adjtimex(ctypes.create_string_buffer(1024)) == _NOT_SYNCHRONISED
