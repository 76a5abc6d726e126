"""The one mechanism behind every signature: what a server checks is what a client makes."""

import base64
import functools
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .json_pairs import JsonObject


@dataclass(frozen=True)
class RequestToSign:
    """The parts of an HTTP request that a signature may cover, each as it is sent.

    `uri` is the path and, if there is a `?`, all that follows it, never decoded. A header that is not sent
    is None, one that is sent blank is an empty string. Text is one character per byte (Latin-1), as WSGI
    hands headers over. `body` is the whole body, empty if there is none; `form` holds its names and values, if it is
    a form.
    """

    method: str
    uri: str
    date: str | None = None
    content_type: str | None = None
    content_md5: str | None = None
    body: bytes = b""
    form: JsonObject | None = None


@dataclass(frozen=True)
class DigestEncoding:
    """A way to write the hash of a string to sign: a name for people, and the function from 32 bytes to text."""

    name: str
    encode: Callable[[bytes], bytes]


@dataclass(frozen=True)
class SigningScheme:
    """A kind of signature, as a value.

    `words` stand before the key in an Authorization header; a client writes the first. `strings_to_sign`
    gives every string that a server accepts for a request, the documented one first. `encodings` are those
    accepted of the hash; a client writes the first.
    """

    words: tuple[str, ...]
    strings_to_sign: Callable[[RequestToSign], Sequence[bytes]]
    encodings: tuple[DigestEncoding, ...]


@dataclass(frozen=True)
class KeyPair:
    """The public and the private key of an application, as text; repr() does not show the private one."""

    public_key: str
    private_key: str = field(repr=False)


@dataclass(frozen=True)
class Credentials:
    """What an Authorization header claims: who signed, and the signature's text. Nothing in it is verified."""

    public_key: str
    signature: str


@dataclass(frozen=True)
class Stages:
    """Every step of one signature, for people who compare theirs: all texts, `signatures` by encoding's name."""

    string_to_sign: bytes
    hash: bytes
    signatures: dict[str, str]
    authorization: str


class SignatureRejected(Exception):
    """A request whose signature does not hold; `reason` is for the log, never for the caller."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


BASE64_OF_HEX = DigestEncoding("base64 of the hexadecimal text", lambda digest: base64.b64encode(digest.hex().encode()))
BASE64_OF_RAW = DigestEncoding("base64 of the raw bytes", base64.b64encode)


def make_key_pair() -> KeyPair:
    """Return a new key pair: 64 lower-case hexadecimal characters each, from a cryptographic source."""
    return KeyPair(secrets.token_hex(32), secrets.token_hex(32))


def sign(scheme: SigningScheme, request: RequestToSign, keys: KeyPair) -> Stages:
    """Return every stage of the signature that a client of the scheme makes of a request."""
    string_to_sign = scheme.strings_to_sign(request)[0]
    digest = _digest(keys.private_key.encode(), string_to_sign)
    signatures = {encoding.name: encoding.encode(digest).decode() for encoding in scheme.encodings}
    first = signatures[scheme.encodings[0].name]
    return Stages(string_to_sign, digest, signatures, f"{scheme.words[0]} {keys.public_key}:{first}")


def read_authorization(scheme: SigningScheme, header: str | None) -> Credentials:
    """Return the credentials of an Authorization header: `WORD key:signature`, the word in any case, spaces or tabs.

    Raises SignatureRejected for anything else: no header, another word, no colon, an empty part, a further
    value, bytes outside printable ASCII.
    """
    if header is None:
        raise SignatureRejected("authorization-missing")
    match = _authorization_form(scheme.words).fullmatch(header.strip(" \t"))
    if match is None:
        raise SignatureRejected("authorization-malformed")
    return Credentials(match[1], match[2])


def verify(
    scheme: SigningScheme, strings_to_sign: Sequence[bytes], credentials: Credentials, private_key: str | None
) -> None:
    """Raise SignatureRejected unless the credentials' signature is that of a request under the private key.

    `strings_to_sign` are those of the scheme for the request. Each is hashed and every accepted encoding
    compared, as bytes and in constant time; the signature is never decoded. With no private key (the public
    key is unknown) the same work is done with a key that nobody has, so that time does not tell an unknown
    key from a wrong signature. Raises SignatureRejected.
    """
    key = (private_key or _NOBODYS_KEY).encode()
    signature = credentials.signature.encode()
    matches = False
    for string_to_sign in strings_to_sign:
        digest = _digest(key, string_to_sign)
        for encoding in scheme.encodings:
            matches |= hmac.compare_digest(encoding.encode(digest), signature)
    if private_key is None:
        raise SignatureRejected("unknown-public-key")
    if not matches:
        raise SignatureRejected("signature-mismatch")


_NOBODYS_KEY = make_key_pair().private_key


@functools.cache
def _authorization_form(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?ai:{'|'.join(map(re.escape, words))})[ \t]+([!-9;-~]+):([!-+\--~]+)")


def _digest(key: bytes, string_to_sign: bytes) -> bytes:
    return hmac.digest(key, string_to_sign, hashlib.sha256)
