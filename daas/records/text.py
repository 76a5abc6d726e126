"""Text as the log and the audit hold it."""

#: The longest text of a column, in characters.
MAX_TEXT = 128


def printable(value: str | None) -> str | None:
    """Return a text cut to 128 characters, with U+FFFD for what a database or a terminal would not take."""
    if value is None or (len(value) <= MAX_TEXT and value.isprintable()):
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:MAX_TEXT])
