"""What makes schemathesis an application of the service; it is loaded by its command."""

import base64
import hashlib
import itertools
import os
from typing import Any

import requests
import schemathesis

from daas.signing.mechanism import KeyPair

from .actors import authorization, now

KEYS = KeyPair(os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"])
#: What there is to find and to move, by the argument that names it.
KNOWN = {name: os.environ[f"KNOWN_{name.upper()}"] for name in ("mailbox", "id", "folder")}
_turns = itertools.count()


class Signed(requests.auth.AuthBase):
    """Signs a request as it is about to go over the wire, body and all."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        headers = request.headers
        headers["X-Daas-Date"] = now()
        if "Content-MD5" in headers:
            body = as_bytes(request.body or b"")
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        content_type = headers.get("Content-Type")
        headers["Authorization"] = authorization(
            KEYS,
            method=str(request.method),
            date=headers["X-Daas-Date"],
            md5=headers.get("Content-MD5"),
            content_type=content_type and as_bytes(content_type).decode("latin-1").partition(";")[0].strip(),
            uri=request.path_url,
        )
        return request


def as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


schemathesis.auth.set_from_requests(Signed())


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Let every second request that fits the document name what there is, so that it is not refused for that alone."""
    fits = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    if fits and next(_turns) % 2:
        for arguments in (case.query, case.body):
            if isinstance(arguments, dict):
                arguments.update({name: KNOWN[name] for name in KNOWN.keys() & arguments.keys()})
