"""Read the keys of an application from a file."""

import json
from pathlib import Path

from ..signing.mechanism import KeyPair


class KeyFileError(Exception):
    """A key file is unreadable, malformed, or readable by others; the text is a sentence."""


def read_key_file(path: Path) -> KeyPair:
    """Return the key pair in a file that only its owner can read (mode 0600); raise KeyFileError.

    The file is JSON with `public_key` and `private_key`, or has the lines DAAS_PUBLIC_KEY=... and
    DAAS_PRIVATE_KEY=..., as instance/demo.env has.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} holds a private key, but others can read it: chmod 600 it.")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path} cannot be read.") from error
    try:
        if text.lstrip().startswith("{"):
            found = json.loads(text)
            keys = KeyPair(found["public_key"], found["private_key"])
            if not isinstance(keys.public_key, str) or not isinstance(keys.private_key, str):
                raise KeyFileError(f"{path} has a key that is not a string.")
            return keys
        lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return KeyPair(lines["DAAS_PUBLIC_KEY"].strip(), lines["DAAS_PRIVATE_KEY"].strip())
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path} has no public_key and private_key.") from error
