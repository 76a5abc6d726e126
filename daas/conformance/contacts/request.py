"""Writes the request that a case of lists and contacts asks for, signed, as the bytes that go over the wire."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from ...signing.mechanism import KeyPair, make_key_pair
from ..request import NotOnStage, Written, fill
from ..stage import Stage
from .case import NO_DATA, Ask

_UNKNOWN = make_key_pair()

#: How the hash is written: the three accepted ways, and others.
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
    "none": lambda text: text.encode(),
}


def write(ask: Ask, stage: Stage, names: Mapping[str, str], host: str) -> Written:
    """Write a request; `names` are what its texts may name. Raises NotOnStage."""
    target = fill(ask.target, names)
    posted = None if ask.posted is None else fill(ask.posted, names)
    url = target if ask.signed_url is None else fill(ask.signed_url, names)
    signed = (posted or NO_DATA) if ask.signed_json is None else fill(ask.signed_json, names)
    string = _LOWERED[ask.lowered](f"{ask.signed_method or ask.method}::{url}::{signed}")
    keys = _keys(ask.key, stage)
    signature = ENCODINGS[ask.encoding](hmac.digest(keys.private_key.encode(), string, hashlib.sha256))
    known = {**names, "public_key": keys.public_key, "signature": signature}
    headers = [("Host", host), ("Connection", "close"), *ask.headers]
    if ask.authorization is not None:
        headers.append(("Authorization", fill(ask.authorization, known)))
    body = (posted or "").encode()
    if posted is not None:
        headers += [("Content-Type", ask.content_type), ("Content-Length", str(len(body)))]
    head = "\r\n".join([f"{ask.method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers)])
    return Written(f"{head}\r\n\r\n".encode() + body, string.decode(), signature)


def _keys(name: str, stage: Stage) -> KeyPair:
    keys = {"granted": stage.granted, "other": stage.other, "refused": stage.refused, "unknown": _UNKNOWN}[name]
    if keys is None:
        raise NotOnStage(f"application that is the {name} one")
    return keys
