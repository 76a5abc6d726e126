"""Writes the request that a case asks for, signed, as the bytes that go over the wire."""

import base64
import datetime
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from string import Template

from ..signing.content_type import without_boundary
from ..signing.daas_scheme import DIRECT
from ..signing.mechanism import KeyPair, RequestToSign, make_key_pair, sign
from .case import Ask, Date
from .stage import Stage

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

_LONGEST_SHOWN = 1000

_UNKNOWN = make_key_pair()


class NotOnStage(Exception):
    """A case needs what the stage does not have; the text names it."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _respelled(text: str) -> str:
    """Write padded base64 in another way that decodes to the same bytes: its last letter has bits that mean nothing."""
    letters = text.rstrip("=")
    return letters[:-1] + _ALPHABET[_ALPHABET.index(letters[-1]) + 1] + text[len(letters) :]


#: How the hash is written: the two accepted ways, and others.
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

#: How the MD5 of the body is written: the accepted ways, and others.
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
class Written:
    """A request as it is sent, the string that was signed, and the signature's text."""

    data: bytes
    string_to_sign: str
    signature: str

    def __str__(self) -> str:
        """Give it for people: without its signature, and no more of a long body than shows what it is."""
        head, _, body = self.data.decode("latin-1").replace(self.signature, "(signature)").partition("\r\n\r\n")
        shown = body if len(body) <= _LONGEST_SHOWN else f"{body[:_LONGEST_SHOWN]}... ({len(body):,} bytes)"
        return head.replace("\r\n", "\n") + "\n\n" + shown


def write(ask: Ask, stage: Stage, names: Mapping[str, str], host: str, now: float) -> Written:
    """Write a request; `names` are what its texts may name, `now` is the server's clock. Raises NotOnStage."""
    body = None if ask.body is None else fill(ask.body, names).encode("latin-1").ljust(ask.size or 0, b"&")
    target = fill(ask.target, names)
    date = ask.date if not isinstance(ask.date, Date) else _write_date(ask.date, now)
    md5 = ask.md5
    if md5 is not None and md5 in MD5_FORMS:
        md5 = MD5_FORMS[md5](hashlib.md5(body or b"", usedforsecurity=False).digest())
    parts = {
        "method": ask.method,
        "date": date or "",
        "md5": md5,
        "content_type": None if ask.content_type is None else without_boundary(ask.content_type),
        "uri": target,
        **{name: value and fill(value, {**names, "date": date or ""}) for name, value in ask.signed.items()},
    }
    string = ask.joint.join(part for line in ask.lines if (part := parts[line]) is not None) + ask.end
    keys = _keys(ask.key, stage)
    signature = ENCODINGS[ask.encoding](_hash(string, keys))
    known = {
        "now": _write_date(Date(), now),
        "date": date or "",
        "md5": md5 or "",
        "public_key": keys.public_key,
        "signature": signature,
    }
    authorization = ask.authorization and fill(ask.authorization, {**names, **known})
    headers = [
        ("Host", host),
        ("Connection", "close"),
        ("Authorization", authorization),
        (ask.date_header, date),
        ("Content-Type", ask.content_type),
        ("Content-MD5", md5),
        *((name, fill(text, {**names, **known, "authorization": authorization or ""})) for name, text in ask.headers),
    ]
    return Written(_frame(ask, target, headers, body), string, signature)


def fill(text: str, names: Mapping[str, str]) -> str:
    """Put the stage's names into a text; raises NotOnStage for one that it lacks."""
    try:
        return Template(text).substitute(names)
    except KeyError as error:
        raise NotOnStage(str(error.args[0])) from error


def _frame(ask: Ask, target: str, headers: list[tuple[str, str | None]], body: bytes | None) -> bytes:
    sent = body or b""
    if ask.chunks is not None:
        headers.append(("Transfer-Encoding", "chunked"))
        pieces = [sent[at : at + ask.chunks] for at in range(0, len(sent), ask.chunks)]
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    elif body is not None and ask.framed is None:
        headers.append(("Content-Length", str(len(body))))
    lines = [f"{name}: {value}" for name, value in headers if value is not None]
    head = "\r\n".join([f"{ask.method} {target} HTTP/1.1", *lines]) + "\r\n\r\n"
    for before, after in ask.spoil:
        if before not in head:
            raise ValueError(f"{before!r} does not stand in the head of the request")
        head = head.replace(before, after, 1)
    if ask.framed is not None:
        size = f"{len(sent):x}".encode()
        sent = ask.framed.encode("latin-1").replace(b"<size>", size).replace(b"<body>", sent)
    data = head.encode("latin-1") + sent
    return data[: len(data) - ask.cut]


def _keys(name: str, stage: Stage) -> KeyPair:
    if name == "unknown":
        return _UNKNOWN
    if name == "held to Content-MD5" and not stage.refused_needs_md5:
        raise NotOnStage("application that must send Content-MD5")
    keys = stage.refused if name in {"refused", "held to Content-MD5"} else stage.granted
    if keys is None:
        raise NotOnStage("application that may not use the service")
    if not name.startswith("upper"):
        return keys
    upper = {part: getattr(keys, part).upper() for part in [name.removeprefix("upper ") + "_key"]}
    if replace(keys, **upper) == keys:
        raise NotOnStage("key with small letters")
    return replace(keys, **upper)


def _hash(string: str, keys: KeyPair) -> bytes:
    scheme = replace(DIRECT, strings_to_sign=lambda _: [string.encode("latin-1")])
    return sign(scheme, RequestToSign("", ""), keys).hash


def _write_date(date: Date, now: float) -> str:
    unix = int(now) + date.seconds
    at = datetime.datetime.fromtimestamp(unix, datetime.UTC) + datetime.timedelta(minutes=date.minutes)
    return date.form.format(at=at, unix=unix)
