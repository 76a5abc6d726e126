"""The `RCWS` scheme against vectors that PHP and openssl computed, stage by stage and spoiled part by part."""

import base64
import hmac
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from daas import signing
from daas.signing.mechanism import (
    Credentials,
    KeyPair,
    RequestToSign,
    SignatureRefused,
    make_key_pair,
    read_authorization,
    sign,
    verify,
)
from daas.signing.rcws_scheme import MIGOMAIL, NO_DATA, as_json, is_no_data, strings_to_sign

FOLDER = Path(signing.__file__).parent / "vectors"

Vector = dict[str, Any]

VECTORS: list[Vector] = json.loads((FOLDER / "migomail.json").read_text(encoding="utf-8"))
BY_PHP = [vector for vector in VECTORS if vector["php"] is not None]

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
vectors_by_php = pytest.mark.parametrize("vector", BY_PHP, ids=lambda vector: vector["name"])
needs_php = pytest.mark.skipif(
    not shutil.which("php"), reason="Signatures are made with PHP: install it, as with `apt-get install php-cli`."
)


def request_of(vector: Vector) -> RequestToSign:
    body = vector["body"].encode()
    if vector["signs"] == "a form":
        body = as_json(parse_qsl(vector["body"]))
    return RequestToSign(vector["method"], vector["uri"], content_type=vector["content_type"], body=body)


def keys_of(vector: Vector) -> KeyPair:
    return KeyPair(vector["public_key"], vector["private_key"])


def fault_of(vector: Vector, signature: str, request: RequestToSign | None = None) -> str | None:
    """Gives the reason for which verify() refuses the signature, or None if it accepts it."""
    credentials = Credentials(vector["public_key"], signature)
    try:
        verify(MIGOMAIL, MIGOMAIL.strings_to_sign(request or request_of(vector)), credentials, vector["private_key"])
    except SignatureRefused as refused:
        return refused.reason
    return None


def signatures_of(vector: Vector) -> list[str]:
    return [vector["signature_hex"], vector["signature_hex"].upper(), vector["signature_base64_of_raw"]]


def test_the_file_holds_vectors_of_every_kind() -> None:
    names = [vector["name"] for vector in VECTORS]
    assert len(set(names)) == len(names) >= 20
    assert {vector["method"] for vector in VECTORS} == {"GET", "POST", "DELETE"}
    assert {vector["signs"] for vector in VECTORS} == {
        "PHP's JSON",
        "null",
        "a form",
        "the body as sent",
        "all letters lower-cased",
    }
    assert {vector["authorization"].split()[0] for vector in VECTORS} == {"RCWS", "MMWS"}
    assert {vector["answer"] for vector in VECTORS} == {None, '"Contact removed"'}
    flags = {(vector["php"]["slashes"], vector["php"]["unicode"]) for vector in BY_PHP}
    assert len(flags) == 4


def run_php(**request: Any) -> tuple[str, str]:
    """Gives the string to sign and the signature that PHP makes."""
    computed = subprocess.run(
        ["php", FOLDER / "compute.php"], input=json.dumps(request).encode(), capture_output=True, check=True
    )
    string, signature = json.loads(computed.stdout)
    return string, signature


@pytest.mark.processes
@needs_php
@vectors_by_php
def test_php_computes_the_same_string_and_signature(vector: dict[str, Any]) -> None:
    parts = {name: vector[name] for name in ("method", "uri", "private_key")}
    string, signature = run_php(**parts, **vector["php"])
    assert (string.encode(), signature) == (vector["string_to_sign"].encode("latin-1"), vector["signature_hex"])


@pytest.mark.processes
@pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("bash")),
    reason="The vectors are computed anew with openssl and bash; install both, as with `apt-get install bash openssl`.",
)
@every_vector
def test_openssl_computes_the_same_hash(vector: dict[str, Any]) -> None:
    computed = subprocess.run(
        ["bash", FOLDER / "compute.sh", vector["private_key"]],
        input=vector["string_to_sign"].encode("latin-1"),
        capture_output=True,
        check=True,
    )
    hexadecimal, _, raw = computed.stdout.decode().splitlines()
    assert [hexadecimal, hexadecimal, raw] == [
        vector["hash"],
        vector["signature_hex"],
        vector["signature_base64_of_raw"],
    ]


@pytest.mark.processes
@needs_php
@pytest.mark.parametrize("slashes", [True, False])
@pytest.mark.parametrize("unicode", [True, False])
def test_what_php_signs_with_a_new_key_is_accepted(slashes: bool, unicode: bool) -> None:
    keys = make_key_pair()
    posted = '{"name":"Åse/Ötzi","email_address":"a@x.org","address":"1\\/2 \\u20ac"}'
    uri = "/v1/contacts.json/1/contacts/?b=2&a=1"
    _, signature = run_php(
        method="POST",
        uri=uri,
        body=posted,
        no_data=None,
        slashes=slashes,
        unicode=unicode,
        private_key=keys.private_key,
    )
    request = RequestToSign("POST", uri, body=posted.encode())
    verify(MIGOMAIL, MIGOMAIL.strings_to_sign(request), Credentials(keys.public_key, signature), keys.private_key)


# --- Each stage ---------------------------------------------------------------------------------------


@every_vector
def test_the_string_to_sign_is_one_of_the_scheme(vector: dict[str, Any]) -> None:
    strings = strings_to_sign(request_of(vector))
    assert vector["string_to_sign"].encode("latin-1") in strings
    assert len(strings) == len({*strings}) <= 10


DEFAULT = [
    vector for vector in BY_PHP if vector["php"]["slashes"] and vector["php"]["unicode"] and vector["signs"] != "null"
]


@pytest.mark.parametrize("vector", DEFAULT, ids=lambda vector: vector["name"])
def test_our_own_signature_is_that_of_php(vector: dict[str, Any]) -> None:
    stages = sign(MIGOMAIL, request_of(vector), keys_of(vector))
    assert stages.string_to_sign == vector["string_to_sign"].encode("latin-1")
    assert stages.authorization == vector["authorization"].replace("MMWS", "RCWS")
    assert [*stages.signatures.values()] == signatures_of(vector)


@every_vector
def test_the_authorization_header_is_read_back(vector: dict[str, Any]) -> None:
    assert read_authorization(MIGOMAIL, vector["authorization"]) == Credentials(
        vector["public_key"], vector["signature_hex"]
    )


@pytest.mark.parametrize("header", ["DAAS key:abc", "RCW key:abc", "RCWS key", "RCWS key:a,b", "RCWSkey:a"])
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(SignatureRefused):
        read_authorization(MIGOMAIL, header)


@every_vector
def test_the_signature_is_accepted_in_each_encoding(vector: dict[str, Any]) -> None:
    assert [fault_of(vector, signature) for signature in signatures_of(vector)] == [None, None, None]


# --- Each part spoiled --------------------------------------------------------------------------------

Spoil = Callable[[RequestToSign], RequestToSign]


def spoil_uri(old: str, new: str) -> Spoil:
    return lambda request: replace(request, uri=request.uri.replace(old, new, 1))


SPOILED_REQUESTS: dict[str, Spoil] = {
    "another method": lambda request: replace(request, method="PUT"),
    "the method that some samples sign": lambda request: replace(
        request, method="POST" if request.method == "GET" else "GET"
    ),
    "another path": spoil_uri("/v1", "/v2"),
    "a point more, as one sample signs": lambda request: replace(
        request, uri=request.uri.replace("/lists", "/lists.", 1).replace("/contacts", "/contacts.", 1)
    ),
    "a slash after the path": lambda request: replace(request, uri=request.uri.replace("?", "/?", 1) + "/"),
    "a query more": lambda request: replace(request, uri=request.uri + ("&x" if "?" in request.uri else "?x")),
    "the host before the path": spoil_uri("/v1", "http://127.0.0.1/v1"),
    "a letter percent-encoded": spoil_uri("/v1/", "/%761/"),
    "something posted": lambda request: replace(request, body=b'{"a":"b"}'),
    "an array posted": lambda request: replace(request, body=b"[1]"),
    "a blank after the method": lambda request: replace(request, method=request.method + " "),
}


@pytest.mark.parametrize("spoil", SPOILED_REQUESTS.values(), ids=SPOILED_REQUESTS)
@every_vector
def test_a_request_with_one_part_changed_is_refused(vector: dict[str, Any], spoil: Callable[..., Any]) -> None:
    spoiled = spoil(request_of(vector))
    assert spoiled != request_of(vector)
    assert [fault_of(vector, signature, spoiled) for signature in signatures_of(vector)] == ["signature-mismatch"] * 3


POSTED = [vector for vector in VECTORS if not is_no_data(vector["body"].encode())]

SPOILED_BODIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "a value changed": lambda posted: {**posted, "email_address": "other@x.org"},
    "a value longer by a blank": lambda posted: {**posted, "email_address": posted["email_address"] + " "},
    "a value as a number": lambda posted: {**posted, "email_address": 1},
    "a value as null": lambda posted: {**posted, "email_address": None},
    "a name changed": lambda posted: {name.replace("_", "-"): value for name, value in posted.items()},
    "one more": lambda posted: {**posted, "phone": "1"},
    "one less": lambda posted: {name: value for name, value in posted.items() if name != "email_address"},
    "nothing": lambda _: {},
    "a nested object": lambda posted: {"posted_data": posted},
}


@pytest.mark.parametrize("spoil", SPOILED_BODIES.values(), ids=SPOILED_BODIES)
@pytest.mark.parametrize("vector", POSTED, ids=lambda vector: vector["name"])
def test_a_body_with_one_thing_changed_is_refused(vector: dict[str, Any], spoil: Callable[..., Any]) -> None:
    posted = spoil(json.loads(request_of(vector).body))
    spoiled = replace(request_of(vector), body=json.dumps(posted).encode())
    assert fault_of(vector, vector["signature_hex"], spoiled) == "signature-mismatch"


def test_a_name_that_is_posted_twice_is_signed_twice() -> None:
    vector = next(vector for vector in POSTED if vector["name"] == "the same body by the formula")
    twice = replace(request_of(vector), body=b'{"company":"Evil","company":"A/B","email_address":"a@x.org"}')
    assert fault_of(vector, vector["signature_hex"], twice) == "signature-mismatch"


def test_a_body_as_sent_is_accepted_only_if_its_keys_are_sorted() -> None:
    body = b'{"name": "a", "email_address": "a@x.org"}'
    strings = strings_to_sign(RequestToSign("POST", "/v1/x", body=body))
    assert b"post::/v1/x::" + body not in strings
    assert b'post::/v1/x::{"email_address":"a@x.org","name":"a"}' in strings


def test_equal_names_of_the_query_are_not_sorted_by_their_values() -> None:
    (string, _) = strings_to_sign(RequestToSign("GET", "/v1/x?b=2&b=1&a=9&A=0"))
    assert string.startswith(b"get::/v1/x?a=0&a=9&b=2&b=1::")


def test_an_empty_query_has_no_question_mark() -> None:
    assert strings_to_sign(RequestToSign("GET", "/v1/x?"))[0].startswith(b"get::/v1/x::")


@every_vector
def test_a_signature_written_otherwise_is_refused(vector: dict[str, Any]) -> None:
    hexadecimal, raw = vector["signature_hex"], vector["signature_base64_of_raw"]
    mixed = hexadecimal[:32] + hexadecimal[32:].upper()
    spoiled = [
        mixed,
        hexadecimal[:-1],
        hexadecimal + "0",
        hexadecimal[:-1] + ("0" if hexadecimal[-1] != "0" else "1"),
        raw.rstrip("="),
        raw.swapcase(),
        base64.b64encode(hexadecimal.encode()).decode(),
    ]
    assert mixed not in {hexadecimal, hexadecimal.upper()}
    assert [text for text in spoiled if fault_of(vector, text) is None] == []


@every_vector
def test_another_private_key_is_refused(vector: dict[str, Any]) -> None:
    spoiled = {**vector, "private_key": vector["private_key"][:-1] + "b"}
    assert fault_of(spoiled, vector["signature_hex"]) == "signature-mismatch"


def test_an_unknown_key_is_told_as_such_after_the_same_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []
    digest = hmac.digest

    def noting(key: bytes, string: bytes, algorithm: str) -> bytes:
        hashed.append(string)
        return digest(key, string, algorithm)

    monkeypatch.setattr(hmac, "digest", noting)
    vector = next(vector for vector in POSTED if vector["name"] == "a contact as PHP writes it")
    for private_key in (vector["private_key"], None):
        with pytest.raises(SignatureRefused):
            verify(MIGOMAIL, MIGOMAIL.strings_to_sign(request_of(vector)), Credentials("k" * 16, "x"), private_key)
    assert hashed[: len(hashed) // 2] == hashed[len(hashed) // 2 :]
    assert len(hashed) // 2 == len(strings_to_sign(request_of(vector)))


# --- What is posted -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"posted_data":"[]"}', b'{"posted_data":"null"}', b" [] ", b'{ "posted_data": "[]" }']
)
def test_these_post_nothing_and_may_sign_either_text(body: bytes) -> None:
    strings = strings_to_sign(RequestToSign("DELETE", "/v1/x", body=body))
    assert is_no_data(body)
    assert strings[:2] == [b'delete::/v1/x::{"posted_data":"[]"}', b'delete::/v1/x::{"posted_data":"null"}']
    assert {*strings[2:]} <= {b"delete::/v1/x::" + body}


@pytest.mark.parametrize(
    "body", [b"null", b"0", b"[0]", b'{"posted_data":[]}', b'{"posted_data":null}', b'{"posted_data":"[]","a":"b"}']
)
def test_these_post_something(body: bytes) -> None:
    strings = strings_to_sign(RequestToSign("DELETE", "/v1/x", body=body))
    assert not is_no_data(body)
    assert not {b"delete::/v1/x::" + text for text in NO_DATA} & {*strings}


@pytest.mark.parametrize(
    "body",
    [b"\xff", b'{"a":NaN}', b'{"a":', b'{"a":"b"}x', b"[" * 60_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000],
    ids=["not UTF-8", "NaN", "cut", "more behind it", "deep", "deep objects"],
)
def test_what_is_no_object_signs_as_it_is(body: bytes) -> None:
    assert strings_to_sign(RequestToSign("POST", "/v1/x", body=body)) == [b"post::/v1/x::" + body.lower()]


def test_numbers_are_signed_as_they_are_written() -> None:
    body = b'{"a":1.0,"b":-0,"c":1e2,"d":%s}' % (b"9" * 5000)
    assert strings_to_sign(RequestToSign("POST", "/v1/x", body=body)) == [b"post::/v1/x::" + body]


def test_an_unpaired_surrogate_is_signed_as_it_is_written() -> None:
    body = rb'{"a":"\ud800"}'
    assert b"post::/v1/x::" + body in strings_to_sign(RequestToSign("POST", "/v1/x", body=body))


def test_bytes_of_a_path_that_are_not_utf_8_are_lower_cased_in_ascii_alone() -> None:
    strings = strings_to_sign(RequestToSign("GET", "/v1/\xc9A"))
    assert strings[0] == b'get::/v1/\xc9a::{"posted_data":"[]"}'
