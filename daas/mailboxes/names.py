"""The rules for names of mailboxes and folders."""

import re
import unicodedata

from ..storage.ids import read_id
from .models import STANDARD_FOLDERS

#: The maximum length of a mailbox's name, in characters (RFC 5321, section 4.5.3.1.1).
MAX_MAILBOX_NAME = 64

# The patterns are also used in JSON Schema, so they use only syntax that means the same in JavaScript.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
#: The Dot-string of RFC 5321, section 4.1.2.
MAILBOX_PATTERN = rf"{_ATEXT}(?:\.{_ATEXT})*"
#: The standard folders in any case.
STANDARD_FOLDER_PATTERN = "|".join(
    re.sub("[a-z]", lambda letter: f"[{letter[0].upper()}{letter[0]}]", name.lower()) for name in STANDARD_FOLDERS
)


def read_mailbox_name(text: str) -> str | None:
    """Return the name of a mailbox in lower case; None for a text that is not the local part of a Direct address."""
    return text.lower() if len(text) <= MAX_MAILBOX_NAME and re.fullmatch(MAILBOX_PATTERN, text) else None


def read_folder(text: str) -> str | int | None:
    """Return a standard folder's documented name, for its name in any case, or an id; None for any other text."""
    named = {name.lower(): name for name in STANDARD_FOLDERS}
    return named.get(text.lower()) or read_id(text)


def has_control_characters(text: str) -> bool:
    """Return whether a text contains C0 or C1 controls or unpaired surrogates, which no name or subject may."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
