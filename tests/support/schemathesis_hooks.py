"""Hooks that make schemathesis sign its requests; its command loads this module."""

import base64
import hashlib
import itertools
import os
from contextlib import suppress
from typing import Any

import requests
import schemathesis

from daas.errors import ApiError
from daas.signing.json_pairs import JsonObject
from daas.signing.mechanism import KeyPair, RequestToSign, sign
from daas.signing.rcws_scheme import RCWS
from daas.web.arguments import read_pairs

from .actors import authorization, now

KEYS = KeyPair(os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"])
#: What there is to find and to move, by the argument that names it.
KNOWN = {name: os.environ[f"KNOWN_{name.upper()}"] for name in ("mailbox", "id", "folder")}
#: The same in the paths of lists and contacts: the second list is the one that is removed.
KNOWN_IN_PATHS = {"list_id": "1", "name_or_id": "2"}
CONTACTS = 200
_turns = itertools.count()


class Signed(requests.auth.AuthBase):
    """Signs a complete request immediately before it is sent."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        headers = request.headers
        if request.path_url.startswith("/v1"):
            headers["Authorization"] = rcws_authorization(request)
            return request
        headers["X-Daas-Date"] = now()
        if "Content-MD5" in headers:
            body = as_bytes(request.body or b"")
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        content_type = headers.get("Content-Type")
        headers["Authorization"] = authorization(
            KEYS,
            method=str(request.method),
            date=str(headers["X-Daas-Date"]),
            md5=headers.get("Content-MD5"),  # type: ignore[arg-type]
            content_type=content_type and as_bytes(content_type).decode("latin-1").partition(";")[0].strip(),  # type: ignore[arg-type]
            uri=request.path_url,
        )
        return request


def rcws_authorization(request: requests.PreparedRequest) -> str:
    """Sign a call for lists and contacts; the fields of a form are signed as JSON."""
    content_type, body = as_bytes(request.headers.get("Content-Type", "")).decode("latin-1"), request.body or b""
    body, form = as_bytes(body), None
    if body and not body.startswith(b"{") and "json" not in content_type:
        with suppress(ApiError):  # A malformed body is signed as it is.
            form = JsonObject((name, str(value)) for name, value in read_pairs(content_type, body))
    return sign(RCWS, RequestToSign(str(request.method), request.path_url, body=body, form=form), KEYS).authorization


def as_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else value


schemathesis.auth.set_from_requests(Signed())  # type: ignore[attr-defined]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make every second valid request name existing objects, so that it is not rejected only for unknown ones."""
    fits = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
    turn = next(_turns)
    if fits and turn % 2:
        there_is = {**KNOWN, "part": "1", "email_address": f"{turn}@y.org"}
        # Another contact each time, since a contact can be removed only once.
        in_path = {**KNOWN_IN_PATHS, "contact_id": str(1 + turn % CONTACTS)}
        for arguments, known in ((case.query, there_is), (case.body, there_is), (case.path_parameters, in_path)):
            if isinstance(arguments, dict):
                for name in known.keys() & arguments.keys():
                    arguments[name] = [known[name]] if isinstance(arguments[name], list) else known[name]
