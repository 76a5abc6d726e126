"""Ids as text: decimal whole numbers without a sign or a leading zero."""

import re

#: The greatest id of any row: the greatest 64-bit integer of SQLite and PostgreSQL.
MAX_ID = 2**63 - 1
#: A pattern for JSON Schema. It cannot express the greatest number, only its number of digits.
ID_PATTERN = r"[1-9][0-9]{0,18}"


def read_id(text: str, maximum: int = MAX_ID) -> int | None:
    """Return a whole number from 1 to `maximum`; None for a text that is not written as one."""
    number = int(text) if re.fullmatch(ID_PATTERN, text) else 0
    return number if 1 <= number <= maximum else None
