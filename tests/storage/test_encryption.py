"""The rotation of the keys that encrypt private keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from daas.app import create_command_app
from daas.applications import keys
from daas.applications.models import Application, ApplicationKey
from daas.applications.registry import register_application
from daas.settings import Settings, load_settings
from daas.storage.engine import db

from ..support.commands import Commands, new_name
from ..support.database import transaction
from ..support.shared import close
from ..support.triggers import rejecting

pytestmark = pytest.mark.both_databases

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
def under(database_kind: str, make_settings: Callable[..., Settings], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that returns the command line over a database of its own, for given encryption keys."""
    url = make_settings(database_kind).database_url.render_as_string(hide_password=False)

    def give(*encryption_keys: Any) -> Any:
        environ = {"DAAS_DATABASE_URL": url, "DAAS_ENCRYPTION_KEYS": ",".join(encryption_keys)}
        return Commands(load_settings(environ), tmp_path)

    give(OLD).json("db", "upgrade")
    return give


def register(daas: Commands, count: int) -> dict[str, str]:
    """Register applications and return their private keys, by their names."""
    with create_command_app(daas.settings).app_context():
        registered = [register_application(new_name("app")) for _ in range(count)]
        made = {row.name: private_key for row, private_key in registered}
        db.session.remove()
        db.engine.dispose()
    return made


def stored(daas: Commands) -> list[tuple[str, bytes]]:
    """Return all encrypted private keys of both tables: names of applications and tokens."""
    with create_command_app(daas.settings).app_context():
        with transaction() as connection:
            tokens = select(Application.name, ApplicationKey.private_key_encrypted).join(ApplicationKey)
            rows: list[Any] = [*connection.execute(tokens)]
            rows += connection.execute(select(Application.name, Application.private_key_encrypted))
        db.engine.dispose()
    return sorted((name, bytes(token)) for name, token in rows)


def test_rotation_encrypts_all_private_keys_under_the_first_key(
    under: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_BATCH_KEYS", 2)
    made = register(under(OLD), 5)
    assert under(NEW, OLD).json("encryption", "rotate") == {"rotated": 5}
    rows = stored(under(NEW))
    assert len(rows) == 10
    assert {name: Fernet(NEW).decrypt(token).decode() for name, token in rows} == made


def test_keys_under_the_first_key_are_unchanged(under: Callable[..., Any]) -> None:
    register(under(OLD), 2)
    under(NEW, OLD).json("encryption", "rotate")
    before = stored(under(NEW))
    assert under(NEW, OLD).json("encryption", "rotate") == {"rotated": 0}
    assert stored(under(NEW)) == before


def test_interrupted_rotation_resumes(under: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_BATCH_KEYS", 2)
    made = register(under(OLD), 6)
    app = create_command_app(under(NEW, OLD).settings)
    with app.app_context():
        ids = db.session.scalars(select(ApplicationKey.id).order_by(ApplicationKey.id)).all()
        db.session.remove()
    in_second_batch = rejecting(app, "UPDATE", "application_key", f"OLD.id = {ids[3]}")
    with in_second_batch, app.app_context(), pytest.raises(DBAPIError):
        keys.rotate_encryption()
    close(app)
    assert under(NEW, OLD).json("encryption", "rotate") == {"rotated": 4}
    assert {name: Fernet(NEW).decrypt(token).decode() for name, token in stored(under(NEW))} == made


def test_key_changed_during_rotation_is_not_overwritten(under: Callable[..., Any]) -> None:
    register(under(OLD), 1)
    app = create_command_app(under(NEW, OLD).settings)
    cipher = app.extensions["daas"].cipher
    changed: list[str] = []

    class Changing:
        """A cipher that changes the key in the database between the statements that read and write it."""

        is_under_first, decrypt = cipher.is_under_first, cipher.decrypt

        def encrypt(self, private_key: Any) -> Any:
            if not changed:
                changed.append(private_key)
                with transaction() as connection:
                    connection.execute(update(ApplicationKey).values(private_key_encrypted=b"changed"))
            return cipher.encrypt(private_key)

    app.extensions["daas"].cipher = Changing()
    with app.app_context():
        assert keys.rotate_encryption().rotated == 0
        db.engine.dispose()
    assert changed


def test_undecryptable_key_is_kept_and_the_command_fails(
    under: Callable[..., Any],
) -> None:
    made = register(under(OLD), 3)
    lost = min(made)
    with create_command_app(under(OLD).settings).app_context():
        with transaction() as connection:
            id_ = select(Application.id).where(Application.name == lost).scalar_subquery()
            token = Fernet(LOST).encrypt(b"x")
            connection.execute(
                update(ApplicationKey).where(ApplicationKey.application_id == id_).values(private_key_encrypted=token)
            )
        db.engine.dispose()
    sentence = under(NEW, OLD).error("encryption", "rotate")
    assert sentence.startswith("2 private keys were encrypted anew, but 1 are under none")
    kept = [found for name, found in stored(under(NEW)) if name == lost]
    assert token in kept
