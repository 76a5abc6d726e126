"""Build the bytes of a signed request from its specification."""

import base64
import datetime
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from string import Template

from ..signing.content_type import without_boundary
from ..signing.daas_scheme import DIRECT
from ..signing.mechanism import KeyPair, RequestToSign, make_key_pair, sign
from .case import Date, RequestSpec
from .target import Target

_BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

_MAX_SHOWN = 1000

_UNKNOWN = make_key_pair()


class MissingFromTarget(Exception):
    """A case needs something that the target does not have; the text names it."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _respelled(text: str) -> str:
    """Return another spelling of padded base64: the last letter has unused bits, so it decodes to the same bytes."""
    letters = text.rstrip("=")
    return letters[:-1] + _BASE64_ALPHABET[_BASE64_ALPHABET.index(letters[-1]) + 1] + text[len(letters) :]


#: Encodings of the hash: the two accepted ones, and others.
ENCODINGS: Mapping[str, Callable[[bytes], str]] = {
    "hex": lambda digest: _base64(digest.hex().encode()),
    "raw": _base64,
    "hex, upper case": lambda digest: _base64(digest.hex().upper().encode()),
    "hex, unpadded": lambda digest: _base64(digest.hex().encode()).rstrip("="),
    "raw, unpadded": lambda digest: _base64(digest).rstrip("="),
    "hex, respelled": lambda digest: _respelled(_base64(digest.hex().encode())),
    "raw, respelled": lambda digest: _respelled(_base64(digest)),
    "hex alone": lambda digest: digest.hex(),
    "twice": lambda digest: _base64(base64.b64encode(digest)),
    "cut": lambda digest: _base64(digest.hex().encode())[:-4],
}

#: Encodings of the body's MD5: the accepted ones, and others.
MD5_FORMS: Mapping[str, Callable[[bytes], str]] = {
    "base64": _base64,
    "hex": lambda digest: digest.hex(),
    "HEX": lambda digest: digest.hex().upper(),
    "base64 of hex": lambda digest: _base64(digest.hex().encode()),
    "base64 of HEX": lambda digest: _base64(digest.hex().upper().encode()),
    "unpadded": lambda digest: _base64(digest).rstrip("="),
    "respelled": lambda digest: _respelled(_base64(digest)),
}


@dataclass(frozen=True)
class SignedRequest:
    """The bytes of a request, the string that was signed, and the signature's text.

    `is_cut` says that the bytes end early, and that the sending side of the connection is closed after them.
    """

    data: bytes
    string_to_sign: str
    signature: str
    is_cut: bool = False

    def __str__(self) -> str:
        """Return the request for people: its signature is masked, a long body is shortened."""
        head, _, body = self.data.decode("latin-1").replace(self.signature, "(signature)").partition("\r\n\r\n")
        shown = body if len(body) <= _MAX_SHOWN else f"{body[:_MAX_SHOWN]}... ({len(body):,} bytes)"
        return head.replace("\r\n", "\n") + "\n\n" + shown


def build_request(spec: RequestSpec, target: Target, names: Mapping[str, str], host: str, now: float) -> SignedRequest:
    """Return a signed request; raise MissingFromTarget.

    `names` holds the values of the names in its texts, `now` is the server's clock in seconds since 1970.
    """
    body = None if spec.body is None else fill(spec.body, names).encode("latin-1").ljust(spec.size or 0, b"&")
    uri = fill(spec.uri, names)
    date = spec.date if not isinstance(spec.date, Date) else _format_date(spec.date, now)
    md5 = spec.md5
    if md5 is not None and md5 in MD5_FORMS:
        md5 = MD5_FORMS[md5](hashlib.md5(body or b"", usedforsecurity=False).digest())
    # A character stands for a byte.
    dates = {"date": date or "", "date_as_utf_8": (date or "").encode().decode("latin-1")}
    parts = {
        "method": spec.method,
        "date": date or "",
        "md5": md5,
        "content_type": None if spec.content_type is None else without_boundary(spec.content_type),
        "uri": uri,
        **{name: value and fill(value, {**names, **dates}) for name, value in spec.signed.items()},
    }
    string = spec.joint.join(part for line in spec.lines if (part := parts[line]) is not None) + spec.end
    keys = _keys(spec.key, target)
    signature = ENCODINGS[spec.encoding](_hash(string, keys))
    known = {
        "now": _format_date(Date(), now),
        "date": date or "",
        "md5": md5 or "",
        "public_key": keys.public_key,
        "signature": signature,
    }
    authorization = spec.authorization and fill(spec.authorization, {**names, **known})
    headers = [
        ("Host", host),
        ("Connection", "close"),
        ("Authorization", authorization),
        (spec.date_header, date),
        ("Content-Type", spec.content_type),
        ("Content-MD5", md5),
        *((name, fill(text, {**names, **known, "authorization": authorization or ""})) for name, text in spec.headers),
    ]
    return SignedRequest(_frame(spec, uri, headers, body), string, signature, spec.cut > 0)


def fill(text: str, names: Mapping[str, str]) -> str:
    """Return a text with its names replaced by their values; raise MissingFromTarget for a name without a value."""
    try:
        return Template(text).substitute(names)
    except KeyError as error:
        raise MissingFromTarget(str(error.args[0])) from error


def _frame(spec: RequestSpec, uri: str, headers: list[tuple[str, str | None]], body: bytes | None) -> bytes:
    sent = body or b""
    if spec.chunks is not None:
        headers.append(("Transfer-Encoding", "chunked"))
        pieces = [sent[at : at + spec.chunks] for at in range(0, len(sent), spec.chunks)]
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    elif body is not None and spec.framed is None:
        headers.append(("Content-Length", str(len(body))))
    lines = [f"{name}: {value}" for name, value in headers if value is not None]
    head = "\r\n".join([f"{spec.method} {uri} HTTP/1.1", *lines]) + "\r\n\r\n"
    for before, after in spec.replacements:
        if before not in head:
            raise ValueError(f"{before!r} is not in the head of the request")
        head = head.replace(before, after, 1)
    if spec.framed is not None:
        size = f"{len(sent):x}".encode()
        sent = spec.framed.encode("latin-1").replace(b"<size>", size).replace(b"<body>", sent)
    data = head.encode("latin-1") + sent
    return data[: len(data) - spec.cut]


def _keys(name: str, target: Target) -> KeyPair:
    if name == "unknown":
        return _UNKNOWN
    if name == "refused without Content-MD5" and not target.refused_needs_md5:
        raise MissingFromTarget("application that must send Content-MD5")
    keys = target.refused if name in {"refused", "refused without Content-MD5"} else target.granted
    if keys is None:
        raise MissingFromTarget("application that may not use the service")
    if not name.startswith("upper"):
        return keys
    upper = {part: getattr(keys, part).upper() for part in [name.removeprefix("upper ") + "_key"]}
    if replace(keys, **upper) == keys:
        raise MissingFromTarget("key with small letters")
    return replace(keys, **upper)


def _hash(string: str, keys: KeyPair) -> bytes:
    scheme = replace(DIRECT, strings_to_sign=lambda _: [string.encode("latin-1")])
    return sign(scheme, RequestToSign("", ""), keys).hash


def _format_date(date: Date, now: float) -> str:
    unix = int(now) + date.seconds
    at = datetime.datetime.fromtimestamp(unix, datetime.UTC) + datetime.timedelta(minutes=date.minutes)
    return date.form.format(at=at, unix=unix)
