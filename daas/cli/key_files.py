"""Key pairs from files and the environment."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OperatorError

if TYPE_CHECKING:
    from ..signing.mechanism import KeyPair

KEY_FILE = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="A file of mode 0600 with the keys, as JSON or like instance/demo.env; "
    "by default they come from DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.",
)


def read_key_file(path: Path) -> "KeyPair":
    """Return the key pair in a file; raise OperatorError if it cannot be used."""
    from ..client import key_file

    try:
        return key_file.read_key_file(path)
    except key_file.KeyFileError as error:
        raise OperatorError(str(error)) from error


def read_keys(key_file: Path | None) -> "KeyPair":
    """Return the key pair of --key-file, or else of the environment."""
    from ..signing.mechanism import KeyPair

    if key_file is not None:
        return read_key_file(key_file)
    keys = KeyPair(os.environ.get("DAAS_PUBLIC_KEY", ""), os.environ.get("DAAS_PRIVATE_KEY", ""))
    if not keys.public_key or not keys.private_key:
        raise click.UsageError("Set DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY, or name a --key-file.")
    return keys
