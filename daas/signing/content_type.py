"""Takes a Content-Type header apart, alike for signing and for reading bodies."""

import re

#: A longer content type is taken as it is: no client sends one, and to take one apart is work for anybody who asks.
MAX_LENGTH = 1000

# Quoted text hides a semicolon; a quote that is never closed runs to the end.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)|;|[^";]+', re.DOTALL)
_BOUNDARY = re.compile(
    r';[ \t]*boundary[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^ \t;"]*))[ \t]*', re.I
)


def media_type(content_type: str) -> str:
    """Return the text before the first `;`, without the spaces around it."""
    return content_type.partition(";")[0].strip(" \t")


def without_boundary(content_type: str) -> str:
    """Return a content type without its `boundary` parameters, each with its `;` and the spaces around that `;`."""
    kept, *parameters = _split(content_type)
    for parameter in parameters:
        if _is_boundary(parameter):
            # The spaces after the value are before the next `;`, and stay with it.
            kept = kept.rstrip(" \t") + parameter[len(parameter.rstrip(" \t")) :]
        else:
            kept += parameter
    return kept


def boundary(content_type: str) -> str | None:
    """Return the boundary of a multipart type; None if there is none, more than one, or one that is malformed."""
    found = [parameter for parameter in _split(content_type)[1:] if _is_boundary(parameter)]
    if len(found) != 1 or (match := _BOUNDARY.fullmatch(found[0])) is None:
        return None
    if match["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", match["quoted"])
    return match["plain"]


def _is_boundary(parameter: str) -> bool:
    return re.match(r";[ \t]*boundary[ \t]*=", parameter, re.IGNORECASE) is not None


def _split(content_type: str) -> list[str]:
    """Return the media type and the parameters, each with the `;` before it."""
    if len(content_type) > MAX_LENGTH:
        return [content_type]
    parts = [""]
    for piece in _PIECE.findall(content_type):
        if piece == ";":
            parts.append(piece)
        else:
            parts[-1] += piece
    return parts
