"""The `DAAS` scheme against vectors that another implementation computed, stage by stage and spoiled part by part."""

import base64
import hashlib
import hmac
import json
import shutil
import string
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daas import signing
from daas.signing.daas_scheme import DIRECT
from daas.signing.mechanism import (
    BASE64_OF_HEX,
    BASE64_OF_RAW,
    Credentials,
    KeyPair,
    RequestToSign,
    SignatureRejected,
    read_authorization,
    sign,
    verify,
)

from ..support.tables import each_case

FOLDER = Path(signing.__file__).parent / "vectors"

Vector = dict[str, Any]

ALL: list[Vector] = json.loads((FOLDER / "direct.json").read_text(encoding="utf-8"))
VECTORS = [vector for vector in ALL if "mistake" not in vector]
MISTAKEN = [vector for vector in ALL if "mistake" in vector]
DOCUMENTED = [vector for vector in VECTORS if vector["signs"] == "content type without its boundary"]
BARE = [vector for vector in VECTORS if vector["signs"] == "bare media type"]
IN_UTF_8 = [vector for vector in VECTORS if vector["signs"] == "date in UTF-8"]

every_vector = each_case("vector", VECTORS, ids=lambda vector: vector["name"])
documented_vectors = each_case("vector", DOCUMENTED, ids=lambda vector: vector["name"])
bare_vectors = each_case("vector", BARE, ids=lambda vector: vector["name"])
mistaken_vectors = each_case("vector", MISTAKEN, ids=lambda vector: vector["name"])
both_encodings = each_case("encoding", ["signature_base64_of_hex", "signature_base64_of_raw"])


def request_of(vector: Vector) -> RequestToSign:
    return RequestToSign(
        method=vector["method"],
        uri=vector["uri"],
        date=vector["date"],
        content_type=vector["content_type"],
        content_md5=vector["content_md5"],
    )


def keys_of(vector: Vector) -> KeyPair:
    return KeyPair(vector["public_key"], vector["private_key"])


def fault_of(
    vector: Vector, signature: str, request: RequestToSign | None = None, key: str | None = None
) -> str | None:
    """Gives the reason for which verify() refuses the signature, or None if it accepts it."""
    credentials = Credentials(vector["public_key"], signature)
    try:
        verify(DIRECT, DIRECT.strings_to_sign(request or request_of(vector)), credentials, key or vector["private_key"])
    except SignatureRejected as refused:
        return refused.reason
    return None


def test_the_folder_holds_vectors_of_every_kind() -> None:
    names = [vector["name"] for vector in ALL]
    assert len(set(names)) == len(names) == len(DOCUMENTED) + len(BARE) + len(IN_UTF_8) + len(MISTAKEN)
    assert len(MISTAKEN) > len(DOCUMENTED) > 11
    assert {vector["method"] for vector in VECTORS} == {"POST", "GET"}
    assert BARE
    assert IN_UTF_8
    assert [vector["name"] for vector in VECTORS if "the public document's example" in vector["source"]] == [
        "the document's example, with EST",
        "the document's example, with EDT",
    ]


with_openssl = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("bash")),
    reason="The vectors are computed anew with openssl and bash; install both, as with `apt-get install bash openssl`.",
)


def computed_with_openssl(vector: Vector) -> list[str]:
    """Gives the hash of the string to sign, and both signatures."""
    computed = subprocess.run(
        ["bash", FOLDER / "compute.sh", vector["private_key"]],
        input=vector["string_to_sign"].encode("latin-1"),
        capture_output=True,
        check=True,
    )
    return computed.stdout.decode().splitlines()


@pytest.mark.processes
@with_openssl
@every_vector
def test_openssl_computes_the_same_hash_and_signatures(vector: dict[str, str | None]) -> None:
    assert computed_with_openssl(vector) == [
        vector["hash"],
        vector["signature_base64_of_hex"],
        vector["signature_base64_of_raw"],
    ]


# --- Each stage ---------------------------------------------------------------------------------------


@documented_vectors
def test_the_string_to_sign_is_the_first_of_the_scheme(vector: dict[str, str | None]) -> None:
    assert DIRECT.strings_to_sign(request_of(vector))[0] == vector["string_to_sign"].encode("latin-1")


@bare_vectors
def test_the_string_with_the_bare_media_type_comes_second(vector: dict[str, str]) -> None:
    assert DIRECT.strings_to_sign(request_of(vector))[1:] == [vector["string_to_sign"].encode("latin-1")]


@each_case("vector", IN_UTF_8, ids=lambda vector: vector["name"])
def test_the_string_with_the_date_in_utf_8_comes_second(vector: dict[str, Any]) -> None:
    assert DIRECT.strings_to_sign(request_of(vector))[1:] == [vector["string_to_sign"].encode("latin-1")]


@documented_vectors
def test_signing_shows_the_string_the_hash_and_both_signatures(vector: dict[str, str | None]) -> None:
    stages = sign(DIRECT, request_of(vector), keys_of(vector))
    assert stages.string_to_sign == vector["string_to_sign"].encode("latin-1")
    assert stages.hash.hex() == vector["hash"]
    assert stages.signatures == {
        BASE64_OF_HEX.name: vector["signature_base64_of_hex"],
        BASE64_OF_RAW.name: vector["signature_base64_of_raw"],
    }


@documented_vectors
def test_signing_writes_the_authorization_header_with_base64_of_the_hexadecimal_text(
    vector: dict[str, str | None],
) -> None:
    assert sign(DIRECT, request_of(vector), keys_of(vector)).authorization == vector["authorization"]


@every_vector
def test_the_authorization_header_is_read_back(vector: dict[str, str | None]) -> None:
    assert read_authorization(DIRECT, vector["authorization"]) == Credentials(
        vector["public_key"], vector["signature_base64_of_hex"]
    )


@both_encodings
@every_vector
def test_the_signature_is_accepted(vector: dict[str, str | None], encoding: str) -> None:
    assert fault_of(vector, vector[encoding]) is None


# --- Each part spoiled --------------------------------------------------------------------------------

Spoil = Callable[[RequestToSign], RequestToSign]

SPOILED_REQUESTS: dict[str, Spoil] = {
    "another method": lambda request: replace(request, method="PUT"),
    "GET for POST and the reverse": lambda request: replace(
        request, method="GET" if request.method == "POST" else "POST"
    ),
    "a newline after the method": lambda request: replace(request, method=request.method + "\n"),
    "the date a second later": lambda request: replace(request, date=request.date.replace("3", "4", 1)),
    "the date without its last character": lambda request: replace(request, date=request.date[:-1]),
    "a blank after the date": lambda request: replace(request, date=request.date + " "),
    "no date": lambda request: replace(request, date=None),
    "a newline after the date": lambda request: replace(request, date=request.date + "\n"),
    "another Content-MD5": lambda request: replace(request, content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="),
    "Content-MD5 left out or added": lambda request: replace(
        request, content_md5="1B2M2Y8AsgTpgAmY7PhCfg==" if request.content_md5 is None else None
    ),
    "Content-MD5 blank for left out and the reverse": lambda request: replace(
        request, content_md5=None if request.content_md5 == "" else ""
    ),
    "another content type": lambda request: replace(request, content_type="text/plain"),
    "the content type in another case": lambda request: replace(
        request, content_type="Application/json" if request.content_type is None else request.content_type.swapcase()
    ),
    # A blank one for none is rejected for that, with the reason that the signature is good for none.
    "no content type, or another": lambda request: replace(
        request, content_type="x/y" if request.content_type is None else None
    ),
    "a letter of the URI in another case": lambda request: replace(
        request, uri=request.uri.replace("messages", "Messages")
    ),
    "a slash after the URI": lambda request: replace(request, uri=request.uri + "/"),
    "a question mark after the URI": lambda request: replace(request, uri=request.uri + "?"),
    "a query more": lambda request: replace(request, uri=request.uri + "&x"),
    "a slash of the URI doubled": lambda request: replace(request, uri=request.uri.replace("/direct", "//direct")),
    "a letter of the URI percent-encoded": lambda request: replace(
        request, uri=request.uri.replace("messages", "%6Dessages")
    ),
    "the host before the URI": lambda request: replace(request, uri="http://127.0.0.1" + request.uri),
    "a newline at the end": lambda request: replace(request, uri=request.uri + "\n"),
}


@both_encodings
@each_case("spoil", SPOILED_REQUESTS.values(), ids=SPOILED_REQUESTS.keys())
@every_vector
def test_a_request_with_one_part_changed_is_refused(
    vector: dict[str, str | None], spoil: Callable[..., Any], encoding: str
) -> None:
    spoiled = spoil(request_of(vector))
    assert spoiled != request_of(vector)
    assert fault_of(vector, vector[encoding], spoiled) == "signature-mismatch"


def with_percent_encodings_decoded(uri: str) -> str:
    return uri.replace("%20", " ").replace("%2F", "/").replace("%2b", "+")


@each_case(
    "spoil",
    [
        pytest.param(with_percent_encodings_decoded, id="decoded"),
        pytest.param(lambda uri: uri.replace("+", "%20"), id="plus as a blank"),
        pytest.param(lambda uri: uri.replace("%c3", "%C3"), id="other hexadecimal digits"),
        pytest.param(lambda uri: uri.replace("//", "/"), id="slashes merged"),
        pytest.param(lambda uri: uri.replace("&=&", ""), id="empty parameters dropped"),
        pytest.param(lambda uri: uri.split("?")[0], id="query left out"),
    ],
)
def test_a_uri_that_was_normalised_is_refused(spoil: Callable[..., Any]) -> None:
    [vector] = [vector for vector in VECTORS if "percent-encodings" in vector["name"]]
    spoiled = replace(request_of(vector), uri=spoil(vector["uri"]))
    assert spoiled.uri != vector["uri"]
    assert fault_of(vector, vector["signature_base64_of_hex"], spoiled) == "signature-mismatch"


SPOILED_KEYS: dict[str, Callable[[Vector], str]] = {
    "in upper case": lambda vector: vector["private_key"].upper(),
    "first character off": lambda vector: vector["private_key"][1:],
    "last character changed": lambda vector: vector["private_key"][:-1] + "#",
    "a newline after it": lambda vector: vector["private_key"] + "\n",
    "the public key": lambda vector: vector["public_key"],
}


@both_encodings
@each_case("spoil", SPOILED_KEYS.values(), ids=SPOILED_KEYS.keys())
@every_vector
def test_another_private_key_is_refused(
    vector: dict[str, str | None], spoil: Callable[..., Any], encoding: str
) -> None:
    assert spoil(vector) != vector["private_key"]
    assert fault_of(vector, vector[encoding], key=spoil(vector)) == "signature-mismatch"


def test_the_private_key_is_not_decoded_from_hexadecimal() -> None:
    vector = VECTORS[0]
    key = bytes.fromhex(vector["private_key"])
    decoded = hmac.new(key, vector["string_to_sign"].encode(), hashlib.sha256).digest()
    assert fault_of(vector, base64.b64encode(decoded).decode()) == "signature-mismatch"
    assert fault_of(vector, base64.b64encode(decoded.hex().encode()).decode()) == "signature-mismatch"


BASE64 = string.ascii_letters + string.digits + "+/="


@both_encodings
@every_vector
def test_a_signature_with_one_character_changed_is_refused(vector: dict[str, str | None], encoding: str) -> None:
    signature = vector[encoding]
    # Each place takes its neighbour in the alphabet; the last before the padding takes every character,
    # because three of them decode to the same bytes.
    last = len(signature.rstrip("=")) - 1
    spoiled = [
        signature[:place] + other + signature[place + 1 :]
        for place, character in enumerate(signature)
        for other in (BASE64 if place == last else BASE64[BASE64.index(character) - 1])
        if other != character
    ]
    assert len(spoiled) == len(signature) - 1 + 64
    assert [text for text in spoiled if fault_of(vector, text) is None] == []


SPOILED_SIGNATURES: dict[str, Callable[[str, bytes], str]] = {
    "padding removed": lambda text, _: text.rstrip("="),
    "padding doubled": lambda text, _: text + "=",
    "last character off": lambda text, _: text[:-1],
    "first character off": lambda text, _: text[1:],
    "twice": lambda text, _: text * 2,
    "in another case": lambda text, _: text.swapcase(),
    "a newline after it": lambda text, _: text + "\n",
    "a blank before it": lambda text, _: " " + text,
    "percent-encoded": lambda text, _: text.replace("=", "%3D"),
    "base64 of itself": lambda text, _: base64.b64encode(text.encode()).decode(),
    "base64 of the upper-case hexadecimal text": lambda _, digest: base64.b64encode(
        digest.hex().upper().encode()
    ).decode(),
    "base64 of the hexadecimal text and a newline": lambda _, digest: base64.b64encode(
        f"{digest.hex()}\n".encode()
    ).decode(),
    "hexadecimal text": lambda _, digest: digest.hex(),
    "upper-case hexadecimal text": lambda _, digest: digest.hex().upper(),
    "half of the hash": lambda _, digest: base64.b64encode(digest[:16]).decode(),
    "nothing": lambda *_: "",
}


@both_encodings
@each_case("spoil", SPOILED_SIGNATURES.values(), ids=SPOILED_SIGNATURES.keys())
@every_vector
def test_a_signature_written_otherwise_is_refused(
    vector: dict[str, str | None], spoil: Callable[..., Any], encoding: str
) -> None:
    assert fault_of(vector, spoil(vector[encoding], bytes.fromhex(vector["hash"]))) == "signature-mismatch"


URL_SAFE = [vector for vector in VECTORS if {"+", "/"} & set(vector["signature_base64_of_raw"])]


def test_some_signatures_differ_in_the_url_safe_alphabet() -> None:
    assert len(URL_SAFE) > 3


@each_case("vector", URL_SAFE, ids=lambda vector: vector["name"])
def test_a_signature_in_the_url_safe_alphabet_is_refused(vector: dict[str, str | None]) -> None:
    spoiled = vector["signature_base64_of_raw"].replace("+", "-").replace("/", "_")
    assert fault_of(vector, spoiled) == "signature-mismatch"


# --- The mistakes that the file holds -----------------------------------------------------------------


def is_refused(vector: Vector, authorization: str) -> bool:
    try:
        credentials = read_authorization(DIRECT, authorization)
        verify(DIRECT, DIRECT.strings_to_sign(request_of(vector)), credentials, vector["private_key"])
    except SignatureRejected:
        return True
    return credentials.public_key != vector["public_key"]


@mistaken_vectors
def test_a_mistake_is_refused_and_the_same_request_without_it_is_not(vector: dict[str, str | None]) -> None:
    assert is_refused(vector, vector["authorization"])
    assert not is_refused(vector, sign(DIRECT, request_of(vector), keys_of(vector)).authorization)


@pytest.mark.processes
@with_openssl
@mistaken_vectors
def test_the_mistake_is_the_one_that_the_vector_tells_of(vector: dict[str, str | None]) -> None:
    """A right string was hashed or written otherwise; a wrong one was signed as well as can be."""
    string_is_right = vector["string_to_sign"].encode("latin-1") in DIRECT.strings_to_sign(request_of(vector))
    right = f"DAAS {vector['public_key']}:{computed_with_openssl(vector)[1]}"
    assert (vector["authorization"] != right) == string_is_right
