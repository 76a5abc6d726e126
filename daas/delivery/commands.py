"""The arguments of LMTP's MAIL and RCPT (RFC 5321, 4.1.2 and 4.1.1.11)."""

import re

# A quoted local part may hold any character, < and > too; the angle brackets end what is not quoted.
_PATH = r'<((?:"(?:[^"\\]|\\.)*+"|[^<>"])*+)>'
_MAIL = re.compile(rf"FROM: *{_PATH}((?: +[^ ]+)*) *", re.IGNORECASE)
_RCPT = re.compile(rf"TO: *{_PATH}((?: +[^ ]+)*) *", re.IGNORECASE)
# Relays that a sender once could name before the address; they are ignored (RFC 5321, appendix C).
_SOURCE_ROUTE = re.compile(r"@[^:]*:")


def read_mail(argument: str) -> dict[str, str] | None:
    """Return the parameters of MAIL, by their names in upper case; None for a malformed argument."""
    found = _MAIL.fullmatch(argument)
    return None if found is None else _parameters(found[2])


def read_recipient(argument: str) -> tuple[str, str, dict[str, str]] | None:
    """Return local part and domain of the address of RCPT, in lower case, and the parameters; None if malformed."""
    found = _RCPT.fullmatch(argument)
    if found is None:
        return None
    local, _, domain = _SOURCE_ROUTE.sub("", found[1], count=1).rpartition("@")
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    return local.lower(), domain.lower(), _parameters(found[2])


def _parameters(text: str) -> dict[str, str]:
    pairs = (parameter.partition("=") for parameter in text.split())
    return {name.upper(): value for name, _, value in pairs}
