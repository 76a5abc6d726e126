"""Text in the request log and the audit: short and printable."""

#: The maximum length of a text column, in characters.
MAX_TEXT = 128


def printable(value: str | None) -> str | None:
    """Return a text cut to MAX_TEXT characters, with U+FFFD in place of every unprintable character."""
    if value is None or (len(value) <= MAX_TEXT and value.isprintable()):
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:MAX_TEXT])
