"""How private keys are kept: encrypted under a key that is not in the database."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, current_app

from ..settings import SettingError, Settings
from ..signing.mechanism import make_key_pair


class PrivateKeyCipher:
    """Encrypts private keys for the database; decrypts a dummy as willingly, so that time tells nothing."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._dummy = self.encrypt(make_key_pair().private_key)

    def encrypt(self, private_key: str) -> bytes:
        """Encrypt a private key under the first key."""
        return self._fernet.encrypt(private_key.encode())

    def decrypt(self, token: bytes | None) -> str | None:
        """Decrypt a private key; None for no token, after as much work, and for one under none of the keys."""
        try:
            private_key = self._fernet.decrypt(self._dummy if token is None else token).decode()
        except InvalidToken:
            return None
        return None if token is None else private_key

    def is_under_first(self, token: bytes) -> bool:
        """Tell whether a private key is encrypted under the first key."""
        try:
            self._first.decrypt(token)
        except InvalidToken:
            return False
        return True


def init_key_cipher(app: Flask, settings: Settings) -> None:
    """Give the app the cipher of its private keys; raises SettingError if there is no key for it."""
    app.extensions["daas_cipher"] = PrivateKeyCipher(settings.encryption_keys or [_embedded_key(settings)])


def cipher() -> PrivateKeyCipher:
    """Give the running app's cipher of private keys."""
    found: PrivateKeyCipher = current_app.extensions["daas_cipher"]
    return found


def _embedded_key(settings: Settings) -> str:
    """Read the key file beside the embedded database, or make it while that is still to be filled."""
    database = settings.embedded_database
    if database is None:
        raise SettingError("DAAS_ENCRYPTION_KEYS must be set for a database that is not embedded.")
    path = database.with_name(database.name + ".key")
    if not path.exists():
        if database.exists() and database.stat().st_size > 0:
            raise SettingError(
                f"DAAS_ENCRYPTION_KEYS is not set and {path.name} is missing, but the database holds private keys."
            )
        _make_key_file(path)
    if path.stat().st_mode & 0o077:
        raise SettingError(f"DAAS_ENCRYPTION_KEYS is not set and {path.name} is open to others: chmod 600 it.")
    try:
        key = path.read_text().strip()
        Fernet(key)
    except (OSError, ValueError) as error:
        raise SettingError(f"DAAS_ENCRYPTION_KEYS is not set and {path.name} holds no Fernet key.") from error
    return key


def _make_key_file(path: Path) -> None:
    """Make the file whole or not at all, even if two processes start at once."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # Another process was first; its key counts.
    finally:
        fresh.unlink()
