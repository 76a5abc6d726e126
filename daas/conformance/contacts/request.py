"""Build the bytes of a signed request about lists or contacts from its specification."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from ...signing.mechanism import KeyPair, make_key_pair
from ..request import MissingFromTarget, SignedRequest, fill
from ..target import Target
from .case import NO_DATA, RequestSpec

_UNKNOWN = make_key_pair()

#: Encodings of the hash: the three accepted ones, and others.
ENCODINGS: Mapping[str, Callable[[bytes], str]] = {
    "hex": lambda digest: digest.hex(),
    "HEX": lambda digest: digest.hex().upper(),
    "raw": lambda digest: base64.b64encode(digest).decode(),
    "both cases": lambda digest: re.sub("[a-f]", lambda letter: letter[0].upper(), digest.hex(), count=1),
    "base64 of hex": lambda digest: base64.b64encode(digest.hex().encode()).decode(),
    "cut": lambda digest: digest.hex()[:-1],
}

_LOWERED: Mapping[str, Callable[[str], bytes]] = {
    "ascii": lambda text: text.encode().lower(),
    "all": lambda text: text.lower().encode(),
    "each": lambda text: "".join(map(str.lower, text)).encode(),
    "each to one": lambda text: "".join(letter.lower()[0] for letter in text).encode(),
    "none": lambda text: text.encode(),
}


def build_request(spec: RequestSpec, target: Target, names: Mapping[str, str], host: str) -> SignedRequest:
    """Return a signed request, with the values of the names in its texts; raise MissingFromTarget."""
    uri = fill(spec.uri, names)
    posted = None if spec.posted is None else fill(spec.posted, names)
    url = uri if spec.signed_url is None else fill(spec.signed_url, names)
    signed = (posted or NO_DATA) if spec.signed_json is None else fill(spec.signed_json, names)
    string = _LOWERED[spec.lowered](f"{spec.signed_method or spec.method}::{url}::{signed}")
    keys = _keys(spec.key, target)
    signature = ENCODINGS[spec.encoding](hmac.digest(keys.private_key.encode(), string, hashlib.sha256))
    known = {**names, "public_key": keys.public_key, "signature": signature}
    headers = [("Host", host), ("Connection", "close"), *spec.headers]
    if spec.authorization is not None:
        headers.append(("Authorization", fill(spec.authorization, known)))
    body = (posted or "").encode()
    if posted is not None:
        headers += [("Content-Type", spec.content_type), ("Content-Length", str(len(body)))]
    head = "\r\n".join([f"{spec.method} {uri} HTTP/1.1", *(f"{name}: {text}" for name, text in headers)])
    return SignedRequest(f"{head}\r\n\r\n".encode() + body, string.decode(), signature)


def _keys(name: str, target: Target) -> KeyPair:
    keys = {"granted": target.granted, "other": target.other, "refused": target.refused, "unknown": _UNKNOWN}[name]
    if keys is None:
        raise MissingFromTarget(f"application {name!r}")
    return keys
