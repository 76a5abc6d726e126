"""Encryption of private keys at rest, under keys that are not in the database."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..services import services
from ..settings import SettingError, Settings
from ..signing.mechanism import make_key_pair


class PrivateKeyCipher:
    """Encrypts private keys for the database, and decrypts them.

    It can decrypt a dummy at the same cost, so that timing does not reveal whether a public key exists.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._first = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._dummy = self.encrypt(make_key_pair().private_key)

    @classmethod
    def configured(cls, settings: Settings) -> "PrivateKeyCipher":
        """Return the cipher of the settings; raise SettingError if there is no usable encryption key."""
        return cls(settings.encryption_keys or [_embedded_key(settings)])

    def encrypt(self, private_key: str) -> bytes:
        """Return a private key encrypted under the first key."""
        return self._fernet.encrypt(private_key.encode())

    def decrypt(self, token: bytes | None) -> str | None:
        """Return the private key of a token; None if no key decrypts it, or without a token, at the same cost."""
        try:
            private_key = self._fernet.decrypt(self._dummy if token is None else token).decode()
        except InvalidToken:
            return None
        return None if token is None else private_key

    def is_under_first(self, token: bytes) -> bool:
        """Return whether a private key is encrypted under the first key."""
        try:
            self._first.decrypt(token)
        except InvalidToken:
            return False
        return True


def encrypt(private_key: str) -> bytes:
    """Return a private key as the running application stores it."""
    return services().cipher.encrypt(private_key)


def _embedded_key(settings: Settings) -> str:
    """Return the key in the file beside the SQLite database, which is made if the database is new or empty.

    Raises SettingError for a server database, and for a key file that is missing, readable by others or malformed.
    """
    database = settings.embedded_database
    if database is None:
        raise SettingError("DAAS_ENCRYPTION_KEYS must be set for a database other than SQLite.")
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
    """Make the file atomically: if two processes start at once, both use the file that was first."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # Another process was first: its key is used.
    finally:
        fresh.unlink()
