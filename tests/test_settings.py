"""The values of each setting, and the one-sentence errors of a start with invalid ones."""

import base64
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from sqlalchemy import URL, text

from daas import migrations
from daas.app import create_command_app
from daas.applications.registry import register_application
from daas.server.start_checks import check_start
from daas.services import services
from daas.settings import SETTINGS, Setting, SettingError, Settings, load_settings, service_url, unknown_settings
from daas.storage.engine import db

from .support.commands import Commands
from .support.servers import ROOT, LiveServer, environment

SECRET = "hunter2"
KEY, OLD_KEY = (base64.urlsafe_b64encode(digit * 32).decode() for digit in (b"1", b"2"))

# The old key, both while it is replaced, then only the new one.
KEYRINGS = [OLD_KEY, f"{KEY},{OLD_KEY}", KEY]

GOOD = [
    ("DAAS_DATABASE_URL", "sqlite:////srv/mail.db", "sqlite:////srv/mail.db"),
    ("DAAS_DATABASE_URL", "postgresql+psycopg://u:p@db.example.org:5433/daas", None),
    ("DAAS_DATABASE_URL", "postgresql+psycopg://u:p%40ss@db.example.org/daas?sslmode=verify-full", None),
    ("DAAS_BIND", "0.0.0.0:80", "0.0.0.0:80"),
    ("DAAS_BIND", "localhost:8000", "localhost:8000"),
    ("DAAS_BIND", "[::1]:65535", "[::1]:65535"),
    ("DAAS_BIND", "unix:/run/daas.sock", "unix:/run/daas.sock"),
    ("DAAS_CLINICAL_DOMAIN", "Direct.Clinic-7.example", "direct.clinic-7.example"),
    ("DAAS_DATE_WINDOW_SECONDS", "0", 0),
    ("DAAS_DATE_WINDOW_SECONDS", "31536000", 31_536_000),
    ("DAAS_ENCRYPTION_KEYS", KEY, (KEY,)),
    ("DAAS_ENCRYPTION_KEYS", f" {KEY}, {OLD_KEY}\n", (KEY, OLD_KEY)),
    ("DAAS_SEAL_KEY", "k" * 32, ("k" * 32,)),
    ("DAAS_SEAL_KEY", f"{'k' * 32}, {'o' * 64}", ("k" * 32, "o" * 64)),
    ("DAAS_EXPLAIN_401", "1", True),
    ("DAAS_EXPLAIN_401", "Yes", True),
    ("DAAS_EXPLAIN_401", "off", False),
    ("DAAS_MAX_BODY_BYTES", "1024", 1024),
    ("DAAS_MAX_BODY_BYTES", "16777216", 16_777_216),
    ("DAAS_MAX_MESSAGE_BYTES", "52428800", 52_428_800),
    ("DAAS_LMTP_BIND", "[::1]:24", "[::1]:24"),
    ("DAAS_LMTP_BIND", "unix:/run/daas-lmtp/lmtp.sock", "unix:/run/daas-lmtp/lmtp.sock"),
    ("DAAS_LMTP_METRICS", "127.0.0.1:9100", "127.0.0.1:9100"),
    ("DAAS_ALLOWED_ORIGINS", "https://a.example", frozenset({"https://a.example"})),
    (
        "DAAS_ALLOWED_ORIGINS",
        "https://a.example:8443, http://localhost:5173",
        frozenset({"https://a.example:8443", "http://localhost:5173"}),
    ),
    ("DAAS_WORKERS", "1", 1),
    ("DAAS_WORKERS", "256", 256),
    ("DAAS_THREADS", "1", 1),
    ("DAAS_TRUSTED_PROXIES", "10.0.0.7, 2001:db8::/32", (IPv4Network("10.0.0.7/32"), IPv6Network("2001:db8::/32"))),
    ("DAAS_MONITORS", "10.0.0.0/8", (IPv4Network("10.0.0.0/8"),)),
    ("DAAS_RATE_LIMIT", "600 per minute", RateLimitItemPerMinute(600)),
    ("DAAS_RATE_LIMIT", "none", None),
    ("DAAS_FAILURE_LIMIT", "10/second", RateLimitItemPerSecond(10)),
    ("DAAS_RATE_LIMIT_STORE", "redis://:word@10.0.0.9:6379/1", "redis://:word@10.0.0.9:6379/1"),
    ("DAAS_RATE_LIMIT_STORE", "redis+unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
    ("DAAS_URL", "https://direct.example.org/", "https://direct.example.org"),
    ("DAAS_URL", "http://[::1]:8000", "http://[::1]:8000"),
]

BAD = [
    ("DAAS_URL", "direct.example.org"),
    ("DAAS_URL", "ftp://direct.example.org"),
    ("DAAS_URL", "https://direct.example.org/direct"),
    ("DAAS_URL", "https://direct.example.org?a=b"),
    ("DAAS_URL", "https://kim:word@direct.example.org"),
    ("DAAS_URL", "https://direct.example.org:port"),
    ("DAAS_DATABASE_URL", "nonsense"),
    ("DAAS_DATABASE_URL", "sqlite://"),
    ("DAAS_DATABASE_URL", "sqlite:///:memory:"),
    ("DAAS_DATABASE_URL", "sqlite:///file:x?mode=memory&uri=true"),
    ("DAAS_DATABASE_URL", "sqlite:///x.db?timeout=soon"),
    ("DAAS_DATABASE_URL", "postgresql://u:p@h/daas"),
    ("DAAS_DATABASE_URL", "postgresql+psycopg2://u:p@h/daas"),
    ("DAAS_DATABASE_URL", "postgresql+psycopg://u:p@h:port/daas"),
    ("DAAS_DATABASE_URL", "postgresql+psycopg://u:p@h:99999/daas"),
    ("DAAS_DATABASE_URL", "mysql://u:p@h/daas"),
    ("DAAS_BIND", "8000"),
    ("DAAS_BIND", ":8000"),
    ("DAAS_BIND", "127.0.0.1"),
    ("DAAS_BIND", "127.0.0.1:65536"),
    ("DAAS_BIND", "127.0.0.1:http"),
    ("DAAS_BIND", "daas.example.org:8000"),
    ("DAAS_BIND", "::1:8000"),
    ("DAAS_BIND", "unix:daas.sock"),
    ("DAAS_CLINICAL_DOMAIN", "clinic"),
    ("DAAS_CLINICAL_DOMAIN", "-clinic.example"),
    ("DAAS_CLINICAL_DOMAIN", "clinic..example"),
    ("DAAS_CLINICAL_DOMAIN", "https://clinic.example"),
    ("DAAS_CLINICAL_DOMAIN", "kim@clinic.example"),
    ("DAAS_CLINICAL_DOMAIN", "clinic." * 40 + "example"),
    ("DAAS_DATE_WINDOW_SECONDS", "-1"),
    ("DAAS_DATE_WINDOW_SECONDS", "31536001"),
    ("DAAS_DATE_WINDOW_SECONDS", "1.5"),
    ("DAAS_DATE_WINDOW_SECONDS", "15m"),
    ("DAAS_DATE_WINDOW_SECONDS", "٩٠٠"),
    ("DAAS_DATE_WINDOW_SECONDS", "9" * 5000),
    ("DAAS_ENCRYPTION_KEYS", "secret"),
    ("DAAS_SEAL_KEY", "k" * 31),
    ("DAAS_SEAL_KEY", f"{'k' * 32},{SECRET}"),
    ("DAAS_ENCRYPTION_KEYS", f"{KEY},{OLD_KEY[:-1]}"),
    ("DAAS_ENCRYPTION_KEYS", "ключ"),
    ("DAAS_EXPLAIN_401", "maybe"),
    ("DAAS_EXPLAIN_401", "2"),
    ("DAAS_MAX_BODY_BYTES", "1023"),
    ("DAAS_MAX_BODY_BYTES", "16777217"),
    ("DAAS_MAX_BODY_BYTES", "64k"),
    ("DAAS_ALLOWED_ORIGINS", "*"),
    ("DAAS_ALLOWED_ORIGINS", "app.example.org"),
    ("DAAS_ALLOWED_ORIGINS", "https://app.example.org/"),
    ("DAAS_ALLOWED_ORIGINS", "https://App.example.org"),
    ("DAAS_ALLOWED_ORIGINS", "https://kim@app.example.org"),
    ("DAAS_ALLOWED_ORIGINS", "ftp://app.example.org"),
    ("DAAS_ALLOWED_ORIGINS", "https://app.example.org,null"),
    ("DAAS_ALLOWED_ORIGINS", "https://[app"),
    ("DAAS_WORKERS", "-1"),
    ("DAAS_WORKERS", "257"),
    ("DAAS_WORKERS", "two"),
    ("DAAS_THREADS", "0"),
    ("DAAS_THREADS", "257"),
    ("DAAS_TRUSTED_PROXIES", "proxy.example.org"),
    ("DAAS_TRUSTED_PROXIES", "10.0.0.1/8"),
    ("DAAS_MONITORS", "*"),
    ("DAAS_RATE_LIMIT", "often"),
    ("DAAS_RATE_LIMIT", "600"),
    ("DAAS_FAILURE_LIMIT", "-1 per minute"),
    ("DAAS_RATE_LIMIT_STORE", "10.0.0.9:6379"),
    ("DAAS_LMTP_BIND", "0.0.0.0:2424"),
    ("DAAS_LMTP_METRICS", "10.0.0.9:2425"),
    ("DAAS_MAX_MESSAGE_BYTES", "1000"),
    ("DAAS_RATE_LIMIT_STORE", "memcached://10.0.0.9"),
]


def shortly(value: Any) -> Any:
    return value[:60] if isinstance(value, str) else None


def read(name: str, value: str) -> URL | str:
    return getattr(load_settings({name: value}), name.removeprefix("DAAS_").lower())


def test_every_setting_has_its_default() -> None:
    settings = load_settings({})
    assert settings.database_url.render_as_string() == f"sqlite:///{Path.cwd() / 'instance' / 'daas.db'}"
    assert settings.embedded_database == Path.cwd() / "instance" / "daas.db"
    assert settings.bind == "127.0.0.1:8000"
    assert settings.clinical_domain == "direct.example.org"
    assert settings.date_window_seconds == 900
    assert settings.encryption_keys == ()
    assert settings.explain_401 is False
    assert settings.max_body_bytes == 65_536
    assert settings.allowed_origins == frozenset()
    assert settings.workers == 1
    assert settings.threads == 8
    assert settings.trusted_proxies == ()
    assert settings.monitors == (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    assert settings.rate_limit is None
    assert settings.failure_limit == RateLimitItemPerMinute(300)
    assert settings.rate_limit_store == "memory://"


def test_server_database_has_a_worker_for_each_core_at_least_two() -> None:
    settings = load_settings({"DAAS_DATABASE_URL": "postgresql+psycopg://127.0.0.1/daas"})
    assert settings.workers == max(2, os.cpu_count())
    assert load_settings({"DAAS_DATABASE_URL": "postgresql+psycopg://127.0.0.1/daas", "DAAS_WORKERS": "1"}).workers == 1


@pytest.mark.parametrize("table", [GOOD, BAD], ids=["good", "bad"])
def test_every_setting_is_tested(table: list[Any]) -> None:
    assert {row[0] for row in table} == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("name", "value", "understood"), GOOD, ids=shortly)
def test_valid_value_is_accepted(name: str, value: str, understood: Any) -> None:
    found: Any = read(name, value)
    if name == "DAAS_DATABASE_URL":
        assert found.render_as_string(hide_password=False) == (understood or value)
    else:
        assert found == understood


@pytest.mark.parametrize(("name", "value"), BAD, ids=shortly)
def test_invalid_value_is_one_sentence_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        load_settings({name: value})
    assert re.fullmatch(rf"{name} must [^\n]+\.", str(error.value))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_empty_value_is_the_default(setting: Setting) -> None:
    assert load_settings({setting.name: " "}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAAS_ENCRYPTION_KEYS", SECRET),
        ("DAAS_SEAL_KEY", SECRET),
        ("DAAS_ENCRYPTION_KEYS", f"{KEY},{SECRET}"),
        ("DAAS_DATABASE_URL", f"mysql://kim:{SECRET}@db.example.org/daas"),
        ("DAAS_DATABASE_URL", f"kim:{SECRET}@db.example.org/daas"),
        ("DAAS_DATABASE_URL", f"postgresql+psycopg://kim:a@b:{SECRET}@db.example.org/daas"),
        ("DAAS_DATABASE_URL", f"postgresql+psycopg://kim@db.example.org:{SECRET}/daas"),
    ],
    ids=[
        *["no-key", "short-key", "one-bad-key", "other-database", "no-scheme", "at-sign-in-password"],
        "password-as-port",
    ],
)
def test_error_does_not_show_the_secret(name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        load_settings({name: value})
    assert SECRET not in str(error.value)
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("bind", "loopback"),
    [
        ("127.0.0.1:8000", True),
        ("127.9.9.9:80", True),
        ("[::1]:80", True),
        ("localhost:80", True),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("192.168.1.4:80", False),
        ("unix:/run/daas.sock", False),
    ],
)
def test_loopback_addresses_are_recognised(bind: str, loopback: bool) -> None:
    assert load_settings({"DAAS_BIND": bind}).binds_loopback is loopback


def test_environment_precedes_file_which_precedes_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("DAAS_WORKERS=5\nDAAS_THREADS=6\n")
    monkeypatch.setenv("DAAS_THREADS", "7")
    settings = load_settings()
    assert (settings.workers, settings.threads, settings.date_window_seconds) == (5, 7, 900)


def test_relative_database_path_is_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({"DAAS_DATABASE_URL": "sqlite:///mail.db"}).embedded_database == tmp_path / "mail.db"


def start(directory: Path, **environ: Any) -> tuple[int, str, str]:
    """Start gunicorn as `make run` does, which must fail, and return its exit status and output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAAS_")}
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        ROOT / "gunicorn.conf.py",
        "--pythonpath",
        ROOT,
        "wsgi:app",
    ]
    ended = subprocess.run(
        command,
        cwd=directory,
        # If it starts in spite of that, it must not take a port that something else uses.
        env={**inherited, "DAAS_BIND": f"unix:{directory / 'socket'}", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def start_error(directory: Path, **environ: Any) -> str:
    """Return the one sentence with which gunicorn refuses to start."""
    status, stdout, stderr = start(directory, **environ)
    assert (status, stdout, stderr.count("\n")) == (1, "", 1), stderr
    return stderr.rstrip("\n")


def fill(settings: Settings) -> None:
    """Make a database of this release with an application in it."""
    with create_command_app(settings).app_context():
        migrations.upgrade()
        register_application("laboratory")
        db.engine.dispose()


@pytest.fixture
def empty(database_kind: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(database_kind)


@pytest.fixture
def embedded(tmp_path: Path) -> dict[str, str]:
    """Return the environment for an SQLite database whose key is in the file beside it."""
    return {"DAAS_DATABASE_URL": f"sqlite:///{tmp_path / 'instance' / 'daas.db'}"}


@pytest.mark.processes
def test_start_with_an_invalid_value_is_one_sentence(tmp_path: Path) -> None:
    sentence = start_error(tmp_path, DAAS_WORKERS="many")
    assert sentence == "DAAS_WORKERS must be a whole number from 0 to 256."


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("DAAS_TLS_CERTIFICATE", "ssl_certificate"),
        ("DAAS_TLS_KEY", "ssl_certificate_key"),
        ("DAAS_REQUEST_SECONDS", "client_body_timeout"),
        ("DAAS_ALLOW_PLAIN_HTTP", "DAAS_TRUSTED_PROXIES"),
    ],
)
def test_withdrawn_setting_stops_start_and_names_its_replacement(name: str, instead: str) -> None:
    for given in (name, f"{name}_FILE"):
        with pytest.raises(SettingError, match=rf"^{given} is withdrawn: [^\n]+\.$") as error:
            load_settings({given: "1"})
        assert instead in str(error.value)
    assert load_settings({name: " ", f"{name}_FILE": ""}) == load_settings({})


@pytest.mark.processes
def test_withdrawn_setting_is_one_sentence_wherever_it_is_set(tmp_path: Path) -> None:
    told = start_error(tmp_path, DAAS_ALLOW_PLAIN_HTTP="0")
    assert told.startswith("DAAS_ALLOW_PLAIN_HTTP is withdrawn: ")
    (tmp_path / ".env").write_text("DAAS_TLS_KEY_FILE=/etc/daas/tls/key.pem\n")
    assert start_error(tmp_path).startswith("DAAS_TLS_KEY_FILE is withdrawn: ")


@pytest.mark.processes
def test_more_than_one_process_on_sqlite_stops_the_start(tmp_path: Path, embedded: Any) -> None:
    sentence = start_error(tmp_path, DAAS_WORKERS="2", **embedded)
    assert sentence.startswith("DAAS_WORKERS is 2, but an SQLite database is served by one process: ")
    assert not (tmp_path / "instance").exists()


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_an_invalid_value_in_the_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DAAS_EXPLAIN_401=perhaps\n")
    assert start_error(tmp_path) == "DAAS_EXPLAIN_401 must be 1 or 0."


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_a_file_that_is_not_utf_8_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"# Schl\xfcssel\nDAAS_WORKERS=1\n")
    assert ".env" in start_error(tmp_path)


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_postgresql_needs_encryption_keys(tmp_path: Path) -> None:
    sentence = start_error(tmp_path, DAAS_DATABASE_URL=f"postgresql+psycopg://kim:{SECRET}@127.0.0.1/daas")
    assert sentence.startswith("DAAS_ENCRYPTION_KEYS must be set")
    assert SECRET not in sentence


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_an_unknown_database_option_is_one_sentence(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://kim:{SECRET}@127.0.0.1:1/daas?sslmodus=require"
    sentence = start_error(tmp_path, DAAS_DATABASE_URL=url, DAAS_ENCRYPTION_KEYS=KEY)
    assert "DAAS_DATABASE_URL" in sentence
    assert SECRET not in sentence


def test_start_with_a_directory_as_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mail.db").mkdir()
    environ = {"DAAS_DATABASE_URL": f"sqlite:///{tmp_path / 'mail.db'}", "DAAS_ENCRYPTION_KEYS": KEY}
    with pytest.raises(SettingError, match=r"^DAAS_DATABASE_URL "):
        create_command_app(load_settings(environ))


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_data_but_without_key_file_is_one_sentence(tmp_path: Path, embedded: dict[str, Any]) -> None:
    fill(load_settings(embedded))
    (tmp_path / "instance" / "daas.db.key").unlink()
    sentence = start_error(tmp_path, **embedded)
    assert sentence.startswith("DAAS_ENCRYPTION_KEYS is not set and daas.db.key is missing")
    assert not (tmp_path / "instance" / "daas.db.key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602], ids=oct)
def test_key_file_readable_by_others_is_an_error(tmp_path: Path, embedded: dict[str, str], mode: int) -> None:
    fill(load_settings(embedded))
    key_file = tmp_path / "instance" / "daas.db.key"
    key_file.chmod(mode)
    with pytest.raises(SettingError, match=r"^DAAS_ENCRYPTION_KEYS .* daas\.db\.key is open to others") as error:
        create_command_app(load_settings(embedded))
    assert key_file.read_text() not in str(error.value)


@pytest.mark.slow
@pytest.mark.processes
def test_start_with_key_file_readable_by_others_is_one_sentence(tmp_path: Path, embedded: dict[str, Any]) -> None:
    fill(load_settings(embedded))
    (tmp_path / "instance" / "daas.db.key").chmod(0o644)
    assert "daas.db.key is open to others" in start_error(tmp_path, **embedded)


def test_key_file_without_a_key_is_an_error(tmp_path: Path, embedded: dict[str, str]) -> None:
    fill(load_settings(embedded))
    (tmp_path / "instance" / "daas.db.key").write_text(SECRET)
    with pytest.raises(SettingError, match=r"^DAAS_ENCRYPTION_KEYS .* holds no Fernet key\.$") as error:
        create_command_app(load_settings(embedded))
    assert SECRET not in str(error.value)


def test_unreadable_key_file_is_an_error(tmp_path: Path, embedded: dict[str, str]) -> None:
    (tmp_path / "instance" / "daas.db.key").mkdir(mode=0o700, parents=True)
    with pytest.raises(SettingError, match=r"^DAAS_ENCRYPTION_KEYS "):
        create_command_app(load_settings(embedded))


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.both_databases
def test_start_with_a_database_without_tables_is_one_sentence(tmp_path: Path, empty: Settings) -> None:
    environ = environment(empty, DAAS_BIND="127.0.0.1:0")
    sentence = start_error(tmp_path, **{name: value for name, value in environ.items() if name.startswith("DAAS_")})
    assert sentence == "The database is not of this release: run `daas db upgrade` first."


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.both_databases
def test_start_with_keys_that_do_not_decrypt_is_one_sentence(tmp_path: Path, empty: Settings) -> None:
    fill(empty)
    other = Fernet.generate_key().decode()
    environ = environment(empty, DAAS_BIND="127.0.0.1:0", DAAS_ENCRYPTION_KEYS=other)
    sentence = start_error(tmp_path, **{name: value for name, value in environ.items() if name.startswith("DAAS_")})
    assert sentence.startswith("DAAS_ENCRYPTION_KEYS lacks a key")
    assert other not in sentence


@pytest.mark.both_databases
def test_start_checks_that_every_private_key_decrypts(empty: Settings) -> None:
    url = empty.database_url.render_as_string(hide_password=False)
    settings = {keys: load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": keys}) for keys in KEYRINGS}
    for keys in KEYRINGS[:2]:
        with create_command_app(settings[keys]).app_context():
            migrations.upgrade()
            register_application(f"laboratory {keys[:8]}")
            db.engine.dispose()
    check_start(settings[KEYRINGS[1]])
    with pytest.raises(SettingError, match=r"^DAAS_ENCRYPTION_KEYS "):
        check_start(settings[KEYRINGS[2]])


@pytest.mark.slow
@pytest.mark.processes
def test_start_without_permission_to_read_tables_is_one_sentence(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings("postgresql")
    fill(settings)
    with create_command_app(settings).app_context():
        with db.engine.begin() as connection:
            connection.execute(text(f"CREATE ROLE visitor LOGIN PASSWORD '{SECRET}'"))
        db.engine.dispose()
    db_url = settings.database_url.set(username="visitor", password=SECRET).render_as_string(hide_password=False)
    sentence = start_error(tmp_path, DAAS_DATABASE_URL=db_url, DAAS_ENCRYPTION_KEYS=",".join(settings.encryption_keys))
    assert SECRET not in sentence


def connections_to(settings: Settings, master: int) -> int:
    """Count the connections to a database: SQLite's by the files that the server's processes hold open."""
    if settings.embedded_database is None:
        with create_command_app(settings).app_context():
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            with db.engine.connect() as connection:
                count = connection.scalar(text(query))
            db.engine.dispose()
        return count
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here to look at the open files of another process")
    processes = [master, *map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())]
    opened = []
    for process in processes:
        # A process can close files and end while it is examined.
        with suppress(FileNotFoundError, ProcessLookupError):
            for link in Path(f"/proc/{process}/fd").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    opened.append(link.readlink())
    return opened.count(settings.embedded_database)


def assert_connections(settings: Settings, master: int, count: int) -> None:
    """Assert a number of connections, after a while: one that was closed just now can still be visible."""
    deadline = time.monotonic() + 30
    while (found := connections_to(settings, master)) != count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == count


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.both_databases
def test_start_leaves_no_open_connection_for_workers_to_inherit(empty: Settings) -> None:
    fill(empty)
    with LiveServer.start(empty, DAAS_WORKERS="1") as live:
        assert_connections(empty, live.process.pid, 0)
        assert httpx.get(f"{live.url}/direct/nothing", trust_env=False, timeout=30).status_code == 404
        assert_connections(empty, live.process.pid, 1)


@pytest.mark.slow
@pytest.mark.processes
def test_service_starts_while_the_database_is_away() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://kim:{SECRET}@127.0.0.1:{closed.getsockname()[1]}/daas"
        settings = load_settings({"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": KEY})
        with LiveServer.start(settings) as live:
            answer = httpx.get(f"{live.url}/direct/nothing", trust_env=False, timeout=30)
            log = live.log.read_text()
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    assert SECRET not in log
    assert "Traceback" not in log


@pytest.fixture
def umask() -> Iterator[None]:
    """Set the process to make files readable by everyone, unless the code prevents it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_only_the_owner_can_read_the_embedded_database(tmp_path: Path, embedded: dict[str, str]) -> None:
    with create_command_app(load_settings(embedded)).app_context():
        migrations.upgrade()
        register_application("laboratory")
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "instance").iterdir()}
        db.session.remove()
        db.engine.dispose()
    assert oct(stat.S_IMODE((tmp_path / "instance").stat().st_mode)) == "0o700"
    assert {"daas.db", "daas.db.key", "daas.db-wal", "daas.db-shm"} <= {*modes}
    assert {*modes.values()} == {"0o600"}


def test_key_file_stays_the_same_and_decrypts_older_keys(tmp_path: Path, embedded: dict[str, str]) -> None:
    tokens, keys = [], []
    for _ in range(2):
        with create_command_app(load_settings(embedded)).app_context():
            tokens.append(services().cipher.encrypt("a private key"))
            keys.append((tmp_path / "instance" / "daas.db.key").read_text())
            assert [services().cipher.decrypt(token) for token in tokens] == ["a private key"] * len(tokens)
    assert keys[0] == keys[1]


@pytest.mark.slow
@pytest.mark.processes
def test_processes_that_start_together_use_one_key(tmp_path: Path, embedded: dict[str, str]) -> None:
    program = "print(daas.app.create_command_app().extensions['daas'].cipher.encrypt('x').decode())"
    outcomes = Commands(load_settings(embedded), tmp_path).run_at_once(6, program=program)
    assert [(outcome.status, outcome.stderr) for outcome in outcomes] == [(0, "")] * 6
    (key_file,) = (tmp_path / "instance").glob("*.key*")
    with create_command_app(load_settings(embedded)).app_context():
        assert [services().cipher.decrypt(outcome.stdout) for outcome in outcomes] == ["x"] * 6
    assert key_file.name == "daas.db.key"


# Secrets in files, and in the output of `daas settings`.


SECRET_SETTINGS = {
    "DAAS_DATABASE_URL": f"postgresql+psycopg://kim:{SECRET}@db.example.org/daas?sslpassword={SECRET}",
    "DAAS_ENCRYPTION_KEYS": f"{KEY},{OLD_KEY}",
    "DAAS_SEAL_KEY": SECRET * 8,
    "DAAS_RATE_LIMIT_STORE": f"redis://:{SECRET}@10.0.0.9:6379",
}


def test_exactly_the_settings_with_secrets_are_masked() -> None:
    assert {setting.name for setting in SETTINGS if setting.mask} == {*SECRET_SETTINGS}


@pytest.mark.parametrize("name", SECRET_SETTINGS)
def test_secret_can_be_in_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(SECRET_SETTINGS[name] + "\n")
    given = load_settings({**SECRET_SETTINGS, name: "", f"{name}_FILE": str(tmp_path / "secret")})
    assert given == load_settings(SECRET_SETTINGS)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"DAAS_ENCRYPTION_KEYS_FILE": "/nowhere/keys"}, "names a file that cannot be read"),
        ({"DAAS_ENCRYPTION_KEYS_FILE": "/proc/self/exe"}, "names a file that cannot be read"),
        ({"DAAS_ENCRYPTION_KEYS_FILE": "/dev/null", "DAAS_ENCRYPTION_KEYS": KEY}, "DAAS_ENCRYPTION_KEYS is set too"),
        ({"DAAS_BIND_FILE": "/dev/null"}, "cannot be in a file"),
    ],
)
def test_misused_file_setting_is_one_sentence(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError, match=told) as error:
        load_settings(environ)
    assert re.fullmatch(r"DAAS_\w+_FILE [^\n]+\.", str(error.value))


def test_settings_command_shows_every_setting_and_no_secret(tmp_path: Path, embedded: dict[str, str]) -> None:
    (tmp_path / "keys").write_text(f"{KEY} {OLD_KEY}")
    commands = Commands(load_settings(embedded), tmp_path)
    unset = {"DAAS_ENCRYPTION_KEYS": "", "DAAS_FAILURE_LIMIT": ""}
    given = {**SECRET_SETTINGS, **unset, "DAAS_ENCRYPTION_KEYS_FILE": str(tmp_path / "keys")}
    rows = {row["setting"]: (row["value"], row["from"]) for row in commands.json("settings", **given)}
    assert [*rows] == [setting.name for setting in SETTINGS]
    assert rows["DAAS_DATABASE_URL"] == ("postgresql+psycopg://kim:***@db.example.org/daas", "set")
    assert rows["DAAS_ENCRYPTION_KEYS"] == ("2 keys", "file")
    assert rows["DAAS_RATE_LIMIT_STORE"] == ("redis://:***@10.0.0.9:6379", "set")
    assert rows["DAAS_THREADS"] == ("8", "default")
    assert rows["DAAS_FAILURE_LIMIT"] == ("300 per minute", "default")
    for shown in (commands.run("settings", **given).text, commands.run("settings", "--json", **given).text):
        assert [secret for secret in (SECRET, KEY, OLD_KEY) if secret in shown] == []


def test_start_as_root_logs_a_warning(settings: Settings, server: LiveServer) -> None:
    told = "The service runs as root" in server.log.read_text()
    assert told == (os.geteuid() == 0)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"DAAS_BIND": "127.0.0.1:9000"}, "http://127.0.0.1:9000"),
        ({"DAAS_BIND": "0.0.0.0:9000"}, "http://127.0.0.1:9000"),
        ({"DAAS_BIND": "[::]:9000"}, "http://[::1]:9000"),
        ({"DAAS_BIND": "unix:/run/daas.sock", "DAAS_URL": "https://a.example"}, "https://a.example"),
        ({"DAAS_BIND": "127.0.0.1:9000", "DAAS_URL": "https://a.example/"}, "https://a.example"),
    ],
)
def test_service_url_is_daas_url_or_follows_daas_bind(environ: dict[str, str], url: str) -> None:
    assert service_url(environ) == url


def test_service_url_of_a_unix_socket_is_an_error() -> None:
    with pytest.raises(SettingError, match=r"DAAS_URL.*--url"):
        service_url({"DAAS_BIND": "unix:/run/daas.sock"})


def test_unknown_settings_are_named_with_the_setting_that_they_resemble() -> None:
    known = {name: "x" for setting in SETTINGS for name in (setting.name, f"{setting.name}_FILE")}
    assert unknown_settings({**known, "DAAS_PUBLIC_KEY": "x", "PATH": "/bin", "XDAAS_BIND": "x"}) == {}
    assert unknown_settings({"DAAS_BINDS": "x", "DAAS_QQQ": "x"}) == {"DAAS_BINDS": "DAAS_BIND", "DAAS_QQQ": None}
