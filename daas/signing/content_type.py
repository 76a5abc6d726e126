"""Reads the parts of a Content-Type header that signing and body parsing must agree on."""

import re

# Quoted text hides a semicolon; a quote that is never closed runs to the end.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)|;|[^";]+', re.DOTALL)
_BOUNDARY = re.compile(
    r';[ \t]*boundary[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^ \t;"]*))[ \t]*', re.I
)


def media_type(content_type: str) -> str:
    """Give the text before the first `;`, without the blanks around it."""
    return content_type.partition(";")[0].strip(" \t")


def without_boundary(content_type: str) -> str:
    """Take out every `boundary` parameter, its `;` and the blanks around that `;`; nothing else changes."""
    kept, *parameters = _split(content_type)
    for parameter in parameters:
        if _is_boundary(parameter):
            # The blanks after the value stand before the next `;`, and stay with it.
            kept = kept.rstrip(" \t") + parameter[len(parameter.rstrip(" \t")) :]
        else:
            kept += parameter
    return kept


def boundary(content_type: str) -> str | None:
    """Give the boundary of a multipart type; None if there is none, more than one, or it cannot be read."""
    found = [parameter for parameter in _split(content_type)[1:] if _is_boundary(parameter)]
    if len(found) != 1 or (match := _BOUNDARY.fullmatch(found[0])) is None:
        return None
    if match["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", match["quoted"])
    return match["plain"]


def _is_boundary(parameter: str) -> bool:
    return re.match(r";[ \t]*boundary[ \t]*=", parameter, re.IGNORECASE) is not None


def _split(content_type: str) -> list[str]:
    """Cut a content type into the media type and its parameters, each with the `;` before it."""
    parts = [""]
    for piece in _PIECE.findall(content_type):
        if piece == ";":
            parts.append(piece)
        else:
            parts[-1] += piece
    return parts
