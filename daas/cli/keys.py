"""The commands `daas key` and `daas encryption`."""

import datetime
from collections.abc import Iterable
from pathlib import Path

import click

from ..applications import keys
from ..applications.models import Application, ApplicationKey
from ..applications.registry import find_application
from ..errors import OperatorError
from ..signing.mechanism import KeyPair
from ..storage.engine import db
from .confirm import YES, confirm
from .context import uses_database
from .key_files import read_key_file
from .output import Row, prints_result
from .times import Time, format_time

IMPORT_KEY = click.option(
    "--import-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file (mode 0600) with the existing public_key and private_key.",
)


class _Expiry(Time):
    """A time in the future, in whole seconds."""

    name = "expiry"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        return super().convert(value, param, ctx).replace(microsecond=0)


@click.group()
def key() -> None:
    """Manage the keys of an application.

    KEY is a key's name or the public key itself.
    """


@key.command()
@click.argument("application_name", metavar="NAME")
@click.option("--name", help="The name of the key; its number by default.")
@click.option(
    "--expires",
    type=_Expiry(ahead=True),
    help="When it expires: 30d, or a date such as 2026-11-02.",
)
@IMPORT_KEY
@YES
@uses_database
@prints_result
def add(
    application_name: str, name: str | None, expires: datetime.datetime | None, import_key: Path | None, yes: bool
) -> Row:
    """Add a key and print it. Existing keys keep working."""
    pair = None if import_key is None else read_key_pair(import_key)
    _confirm_expiry(expires, yes=yes)
    made, private_key = keys.add_key(application_name, name, expires, pair)
    row = describe_key(made)
    return {
        "application": application_name,
        "name": row["name"],
        "public_key": made.public_key,
        "private_key": private_key,
        "expires": row["expires"],
    }


@key.command("list")
@click.argument("application_name", metavar="NAME")
@uses_database
@prints_result
def list_(application_name: str) -> Iterable[Row]:
    """List the keys of an application, expired ones too."""
    return [describe_key(each) for each in find_application(application_name).keys]


@key.command()
@click.argument("application_name", metavar="NAME")
@click.argument("key_name", metavar="KEY")
@YES
@uses_database
@prints_result
def revoke(application_name: str, key_name: str, yes: bool) -> Row:
    """Revoke a key permanently; its signatures are rejected.

    It asks before it revokes the last key that works.
    """
    working = [(each.name, each.public_key) for each in find_application(application_name).keys if each.works]
    db.session.rollback()
    if len(working) == 1 and key_name in working[0]:
        confirm(f"Revoke the last key of {application_name!r} that works? All its requests are then rejected.", yes=yes)
    return describe_key(keys.revoke_key(application_name, key_name))


@key.command()
@click.argument("application_name", metavar="NAME")
@click.argument("key_name", metavar="KEY")
@click.option("--at", type=_Expiry(ahead=True), help="When it expires: 30d, or a date such as 2026-11-02.")
@click.option("--never", is_flag=True, help="Remove the expiry.")
@YES
@uses_database
@prints_result
def expire(application_name: str, key_name: str, at: datetime.datetime | None, never: bool, yes: bool) -> Row:
    """Set or remove the expiry of a key."""
    if (at is None) != never:
        raise click.UsageError("Give --at or --never.")
    _confirm_expiry(at, yes=yes)
    return describe_key(keys.expire_key(application_name, key_name, at))


@click.group()
def encryption() -> None:
    """Manage the encryption of stored private keys."""


@encryption.command()
@uses_database
@prints_result
def rotate() -> Row:
    """Encrypt all private keys again, under the newest key.

    The newest is the first of DAAS_ENCRYPTION_KEYS. The command can be interrupted and repeated.
    """
    done = keys.rotate_encryption()
    if done.undecryptable:
        raise OperatorError(
            f"{done.rotated} private keys were encrypted anew, but {done.undecryptable} are under none of "
            "DAAS_ENCRYPTION_KEYS."
        )
    return {"rotated": done.rotated}


def _confirm_expiry(expires: datetime.datetime | None, *, yes: bool) -> None:
    if expires is not None and expires <= datetime.datetime.now(datetime.UTC):
        confirm(f"The expiry {format_time(expires)} is in the past, so that the key does not work. Set it?", yes=yes)


def read_key_pair(file: Path) -> KeyPair:
    """Return the key pair in a file; raise OperatorError for an unusable file or malformed keys."""
    pair = read_key_file(file)
    keys.check_key_pair(pair)
    return pair


def working_key(application: Application) -> str | None:
    """Return the public key of the first key that works; None if no key works."""
    return next((each.public_key for each in application.keys if each.works), None)


def describe_key(key: ApplicationKey) -> Row:
    """Return everything about a key except the private key."""
    return {
        "name": key.name,
        "public_key": key.public_key,
        "created": format_time(key.created_at),
        "last_used": format_time(key.last_used_at),
        "expires": format_time(key.expires_at),
        "revoked": format_time(key.revoked_at),
        "works": key.works,
    }
