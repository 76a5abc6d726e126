"""Keys of applications: adding, expiring and revoking them while others keep working, and their last use."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from daas.applications.keys import KeyUses
from daas.applications.models import Application as ApplicationRow
from daas.applications.models import ApplicationKey
from daas.services import services
from daas.settings import Settings
from daas.signing.mechanism import KeyPair, make_key_pair

from ..support.actors import Application, now
from ..support.builders import Builder
from ..support.commands import Commands
from ..support.database import transaction
from ..support.servers import LiveServer
from .test_registry import Costs, post_with, serving, spelt, with_settings

pytestmark = pytest.mark.both_databases

KEY = ["name", "public_key", "created", "last_used", "expires", "revoked", "works"]
DAY = datetime.timedelta(days=1)


@pytest.fixture
def daas(settings: Settings, tmp_path: Path) -> Commands:
    return Commands(settings, tmp_path)


@pytest.fixture
def second(daas: Commands, application: Application) -> Application:
    """Return the same application with a second key."""
    made = daas.json("key", "add", application.name, "--name", "second")
    pair = KeyPair(made["public_key"], made["private_key"])
    return Application(application.app, application.name, pair, application.mailboxes)


def forget(app: Flask) -> None:
    """Clear the lookups, as if a second had passed."""
    app.extensions["daas"].callers.clear()


def from_now(span: datetime.timedelta) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0) + span


def rfc3339(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def listed(daas: Commands, application: Application) -> dict[str, dict[str, str | None]]:
    return {key["name"]: key for key in daas.json("key", "list", application.name)}


def test_a_new_key_works_beside_the_old_one(application: Application, second: Application) -> None:
    assert (application.move().status_code, second.move().status_code) == (200, 200)


def test_a_key_is_printed_once_and_named_by_its_number(daas: Commands, application: Application) -> None:
    made = daas.json("key", "add", application.name)
    assert [*made] == ["application", "name", "public_key", "private_key", "expires"]
    assert (made["application"], made["name"], made["expires"]) == (application.name, "2", None)
    assert all(re.fullmatch("[0-9a-f]{64}", made[part]) for part in ("public_key", "private_key"))
    for command in (["key", "list"], ["application", "show"]):
        for form in ([], ["--json"]):
            text = daas.run(*command, application.name, *form).text
            assert made["public_key"] in text
            assert made["private_key"] not in text


def test_keys_are_listed_and_shown_with_their_application(
    daas: Commands, application: Application, second: Application
) -> None:
    rows = daas.json("key", "list", application.name)
    assert [[*row] for row in rows] == [KEY, KEY]
    assert [(row["name"], row["public_key"]) for row in rows] == [
        ("1", application.keys.public_key),
        ("second", second.keys.public_key),
    ]
    assert {row["expires"] for row in rows} == {row["revoked"] for row in rows} == {None}
    shown = daas.json("application", "show", application.name)
    assert (shown["keys"], shown["public_key"]) == (rows, application.keys.public_key)


def test_existing_key_pair_can_be_imported(daas: Commands, application: Application, tmp_path: Path) -> None:
    pair = {"public_key": f"own-{make_key_pair().public_key}", "private_key": "an own private key".replace(" ", "-")}
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(pair))
    file.chmod(0o600)
    daas.json("key", "add", application.name, "--import-key", file)
    caller = Application(application.app, application.name, KeyPair(**pair), application.mailboxes)
    assert caller.move().status_code == 200
    assert "public key" in daas.error("key", "add", application.name, "--import-key", file)


def test_key_names_are_unique_in_an_application(daas: Commands, build: Builder, second: Application) -> None:
    assert daas.error("key", "add", second.name, "--name", "second") == "There is a key with this name already."
    daas.json("key", "add", build.application().name, "--name", "second")


@pytest.mark.parametrize("command", [["revoke"], ["expire", "--never"]], ids=" ".join)
def test_unknown_key_name_is_an_error(
    daas: Commands, application: Application, build: Builder, command: list[str]
) -> None:
    other = build.application()
    for key in ("nothing", other.keys.public_key):
        assert "has no key" in daas.error("key", command[0], application.name, key, *command[1:])


@pytest.mark.parametrize("options", [[], ["--at", "1d", "--never"], ["--at", "soon"]], ids=" ".join)
def test_expiry_is_one_time_or_none(daas: Commands, application: Application, options: list[str]) -> None:
    daas.wrong_usage("key", "expire", application.name, "1", *options)


@pytest.mark.parametrize("named_by", ["name", "public_key"])
def test_revoked_key_is_rejected_and_the_other_keeps_working(
    daas: Commands, application: Application, second: Application, build: Builder, named_by: str
) -> None:
    assert application.move().status_code == 200
    revoked = daas.json(
        "key", "revoke", application.name, {"name": "1", "public_key": application.keys.public_key}[named_by], "--yes"
    )
    assert revoked["revoked"] is not None
    assert application.move(folder="Sent").status_code in {401, 403}  # Its lookup may be cached for a second.
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder
    forget(application.app)
    assert application.move(folder="Sent").status_code == 401
    assert second.move(folder="Sent").status_code == 200


def test_expired_key_is_rejected_from_the_next_request_on(
    daas: Commands, application: Application, build: Builder
) -> None:
    assert application.move().status_code == 200
    daas.json("key", "expire", application.name, "1", "--at", rfc3339(from_now(-DAY)), "--yes")
    # While the lookup is cached, for a second, the move itself sees the change.
    assert application.move(folder="Sent").status_code in {401, 403}
    assert build.folder_of(application.mailbox.message) == application.mailbox.folder
    forget(application.app)
    assert application.move(folder="Sent").status_code == 401
    daas.json("key", "expire", application.name, "1", "--never", "--yes")
    assert application.move(folder="Sent").status_code == 200


def gone(daas: Commands, application: Application, how: str) -> None:
    if how == "revoked":
        daas.json("key", "revoke", application.name, "1", "--yes")
    else:
        daas.json("key", "expire", application.name, "1", "--at", rfc3339(from_now(-DAY)), "--yes")


@pytest.mark.parametrize("options", [{}, {"explain_401": True}, {"suspended": True}], ids=str)
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_withdrawn_key_is_like_an_unknown_one_except_in_the_log(
    daas: Commands, app: Flask, build: Builder, how: str, options: dict[str, Any]
) -> None:
    caller = build.application(**options)
    gone(daas, caller, how)
    date, unknown = now(), make_key_pair()
    for pair in (caller.keys, unknown):
        post_with(app, pair, date)  # The first request of each kind compiles its statements.
    costs, answers = [], []
    for pair in (caller.keys, unknown):
        with Costs().counted() as counted:
            answers.append(post_with(app, pair, date))
        costs.append(counted.seen)
    assert costs[0] == costs[1]
    assert spelt(answers[0]) == spelt(answers[1])
    assert answers[0].status_code == 401
    assert "X-Daas-String-To-Sign" not in answers[0].headers
    rows = [build.log_row(answer.headers["X-Request-Id"]) for answer in answers]
    assert [(row.reason, row.application) for row in rows] == [
        (f"key-{how}", caller.name),
        ("unknown-public-key", None),
    ]


@pytest.mark.parametrize(
    ("ahead", "said"), [(29 * DAY, True), (31 * DAY, False), (None, False)], ids=["soon", "later", "never"]
)
def test_key_that_expires_soon_adds_a_header_to_successes_only(
    daas: Commands, build: Builder, ahead: datetime.timedelta | None, said: bool
) -> None:
    caller = build.application(mailboxes=[build.mailbox()])
    when = None if ahead is None else rfc3339(from_now(ahead))
    daas.json("key", "expire", caller.name, "1", *(["--never"] if when is None else ["--at", when]), "--yes")
    uri = f"/direct/folders?mailbox={caller.mailbox.name}"
    headers = caller.signed_headers(method="GET", uri=uri, content_type=None)
    for answer in (caller.move(), caller.move(), caller.app.test_client().get(uri, headers=headers)):
        assert answer.status_code == 200
        assert answer.headers.get("X-Daas-Key-Expires") == (when if said else None)
    for rejection in (caller.move(id="0"), caller.post_signed(headers={"Date": "x"})):
        assert "X-Daas-Key-Expires" not in rejection.headers


def test_allowed_origin_can_read_when_the_key_expires(
    daas: Commands, application: Application, settings: Settings
) -> None:
    daas.json("key", "expire", application.name, "1", "--at", "1d", "--yes")
    daas.json("application", "policy", application.name, "--content-md5", "warn")
    origin = "https://app.example.org"
    with serving(with_settings(settings, DAAS_ALLOWED_ORIGINS=origin)) as app:
        caller = Application(app, application.name, application.keys, application.mailboxes)
        box = caller.mailbox
        answer = caller.post_signed(f"mailbox={box.name}&id={box.message}&folder=Sent", headers={"Origin": origin})
    shown = answer.headers["Access-Control-Expose-Headers"]
    assert shown.endswith(", X-Daas-Key-Expires, X-Daas-Warning")


# The time of the last use.


def test_last_use_is_written_after_the_response_once_a_minute(
    app: Flask, application: Application, daas: Commands
) -> None:
    answer = application.move()
    assert last_use(daas, application) is None
    answer.close()
    used = datetime.datetime.fromisoformat(last_use(daas, application))
    assert abs(used - from_now(DAY * 0)) < datetime.timedelta(minutes=1)
    key_id = id_of(application)
    set_last_use(app, key_id, None)
    application.move().close()
    assert last_use(daas, application) is None
    app.extensions["daas"].key_uses = KeyUses()  # As if a minute had passed.
    application.move().close()
    assert last_use(daas, application) is not None


def test_later_use_written_by_another_process_is_kept(app: Flask, application: Application, daas: Commands) -> None:
    ahead = from_now(DAY)
    set_last_use(app, id_of(application), ahead)
    application.move().close()
    assert last_use(daas, application) == rfc3339(ahead)


def last_use(daas: Commands, application: Application) -> str | None:
    return listed(daas, application)["1"]["last_used"]


def set_last_use(app: Flask, key_id: int, moment: datetime.datetime | None) -> None:
    with app.app_context(), transaction() as connection:
        connection.execute(update(ApplicationKey).where(ApplicationKey.id == key_id).values(last_used_at=moment))


def id_of(application: Application) -> int:
    with application.app.app_context(), transaction() as connection:
        return connection.scalar(
            select(ApplicationKey.id).where(ApplicationKey.public_key == application.keys.public_key)
        )


def test_rejected_signature_is_no_use_of_a_key(daas: Commands, application: Application) -> None:
    Application(application.app, "x", KeyPair(application.keys.public_key, "x" * 64)).post_signed("").close()
    assert last_use(daas, application) is None
    application.move(id="0").close()
    assert last_use(daas, application) is not None


def test_last_use_is_written_by_a_real_server(daas: Commands, server: LiveServer, application: Application) -> None:
    box = application.mailbox
    environ = {"DAAS_PUBLIC_KEY": application.keys.public_key, "DAAS_PRIVATE_KEY": application.keys.private_key}
    assert daas.run("move", box.name, box.message, "Sent", "--url", server.url, **environ).status == 0
    # The thread that responded writes the use before it accepts its next request; another thread may still be writing.
    for _ in range(100):
        daas.run("folders", box.name, "--url", server.url, **environ)
        if last_use(daas, application):
            break
    assert last_use(daas, application) is not None


# Servers of the previous release, which read the columns of `application`.


def key_of_previous_release(application: Application) -> tuple[str, str]:
    with application.app.app_context(), transaction() as connection:
        columns = ApplicationRow.public_key, ApplicationRow.private_key_encrypted
        public_key, token = connection.execute(select(*columns).where(ApplicationRow.name == application.name)).one()
        return public_key, services().cipher.decrypt(token)


def test_previous_release_uses_the_first_working_key(
    daas: Commands, application: Application, second: Application
) -> None:
    assert key_of_previous_release(application) == (application.keys.public_key, application.keys.private_key)
    daas.json("key", "revoke", application.name, "1", "--yes")
    assert key_of_previous_release(application) == (second.keys.public_key, second.keys.private_key)
    daas.json("key", "expire", application.name, "second", "--at", rfc3339(from_now(-DAY)), "--yes")
    public_key, private_key = key_of_previous_release(application)
    assert {public_key, private_key}.isdisjoint({second.keys.public_key, second.keys.private_key, None})
    assert daas.json("application", "show", application.name)["public_key"] is None
