"""The `RCWS` scheme against vectors that PHP and openssl computed, stage by stage and spoiled part by part."""
# ruff: noqa: RUF001 - Greek letters are what some of these tests are about.

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
from hypothesis import assume, given
from hypothesis import strategies as st

from daas import signing
from daas.signing.json_pairs import JsonObject, without_byte_order_mark
from daas.signing.mechanism import (
    Credentials,
    KeyPair,
    RequestToSign,
    SignatureRejected,
    make_key_pair,
    read_authorization,
    sign,
    verify,
)
from daas.signing.rcws_scheme import (
    MAX_BYTES_OF_LETTERS,
    MAX_VALUES,
    NO_DATA,
    RCWS,
    is_no_data,
    read_posted,
    strings_to_sign,
)

from ..support.tables import each_case

FOLDER = Path(signing.__file__).parent / "vectors"

Vector = dict[str, Any]

VECTORS: list[Vector] = json.loads((FOLDER / "migomail.json").read_text(encoding="utf-8"))
BY_PHP = [vector for vector in VECTORS if vector["php"] is not None]

every_vector = each_case("vector", VECTORS, ids=lambda vector: vector["name"])
vectors_by_php = each_case("vector", BY_PHP, ids=lambda vector: vector["name"])
needs_php = pytest.mark.skipif(
    not shutil.which("php"), reason="Signatures are made with PHP: install it, as with `apt-get install php-cli`."
)


def request_of(vector: Vector) -> RequestToSign:
    body = vector["body"].encode()
    form = JsonObject(parse_qsl(vector["body"])) if vector["signs"] == "a form" else None
    return RequestToSign(vector["method"], vector["uri"], content_type=vector["content_type"], body=body, form=form)


def posted_of(vector: Vector) -> dict[str, Any]:
    request = request_of(vector)
    return dict(request.form) if request.form is not None else json.loads(without_byte_order_mark(request.body))


def posts_nothing(body: bytes) -> bool:
    return is_no_data(body, read_posted(body))


def keys_of(vector: Vector) -> KeyPair:
    return KeyPair(vector["public_key"], vector["private_key"])


def fault_of(vector: Vector, signature: str, request: RequestToSign | None = None) -> str | None:
    """Gives the reason for which verify() refuses the signature, or None if it accepts it."""
    credentials = Credentials(vector["public_key"], signature)
    try:
        verify(RCWS, RCWS.strings_to_sign(request or request_of(vector)), credentials, vector["private_key"])
    except SignatureRejected as refused:
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
        "each letter lower-cased by itself",
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
@each_case("slashes", [True, False])
@each_case("unicode", [True, False])
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
    verify(RCWS, RCWS.strings_to_sign(request), Credentials(keys.public_key, signature), keys.private_key)


# --- Each stage ---------------------------------------------------------------------------------------


@every_vector
def test_the_string_to_sign_is_one_of_the_scheme(vector: dict[str, Any]) -> None:
    strings = strings_to_sign(request_of(vector))
    assert vector["string_to_sign"].encode("latin-1") in strings
    assert len(strings) == len({*strings}) <= 14


DEFAULT = [
    vector for vector in BY_PHP if vector["php"]["slashes"] and vector["php"]["unicode"] and vector["signs"] != "null"
]


@each_case("vector", DEFAULT, ids=lambda vector: vector["name"])
def test_our_own_signature_is_that_of_php(vector: dict[str, Any]) -> None:
    stages = sign(RCWS, request_of(vector), keys_of(vector))
    assert stages.string_to_sign == vector["string_to_sign"].encode("latin-1")
    assert stages.authorization == vector["authorization"].replace("MMWS", "RCWS")
    assert [*stages.signatures.values()] == signatures_of(vector)


@every_vector
def test_the_authorization_header_is_read_back(vector: dict[str, Any]) -> None:
    assert read_authorization(RCWS, vector["authorization"]) == Credentials(
        vector["public_key"], vector["signature_hex"]
    )


@each_case("header", ["DAAS key:abc", "RCW key:abc", "RCWS key", "RCWS key:a,b", "RCWSkey:a"])
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(SignatureRejected):
        read_authorization(RCWS, header)


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
    "something posted": lambda request: replace(request, body=b'{"a":"b"}', form=None),
    "an array posted": lambda request: replace(request, body=b"[1]", form=None),
    "a blank after the method": lambda request: replace(request, method=request.method + " "),
}


@each_case("spoil", SPOILED_REQUESTS.values(), ids=SPOILED_REQUESTS)
@every_vector
def test_a_request_with_one_part_changed_is_refused(vector: dict[str, Any], spoil: Callable[..., Any]) -> None:
    spoiled = spoil(request_of(vector))
    assert spoiled != request_of(vector)
    assert [fault_of(vector, signature, spoiled) for signature in signatures_of(vector)] == ["signature-mismatch"] * 3


POSTED = [vector for vector in VECTORS if not posts_nothing(vector["body"].encode())]

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


@each_case("spoil", SPOILED_BODIES.values(), ids=SPOILED_BODIES)
@each_case("vector", POSTED, ids=lambda vector: vector["name"])
def test_a_body_with_one_thing_changed_is_refused(vector: dict[str, Any], spoil: Callable[..., Any]) -> None:
    spoiled = replace(request_of(vector), body=json.dumps(spoil(posted_of(vector))).encode(), form=None)
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
        with pytest.raises(SignatureRejected):
            verify(RCWS, RCWS.strings_to_sign(request_of(vector)), Credentials("k" * 16, "x"), private_key)
    assert hashed[: len(hashed) // 2] == hashed[len(hashed) // 2 :]
    assert len(hashed) // 2 == len(strings_to_sign(request_of(vector)))


# --- What is posted -----------------------------------------------------------------------------------


@each_case(
    "body", [b"", b"[]", b"{}", b'{"posted_data":"[]"}', b'{"posted_data":"null"}', b" [] ", b'{ "posted_data": "[]" }']
)
def test_these_post_nothing_and_may_sign_either_text(body: bytes) -> None:
    strings = strings_to_sign(RequestToSign("DELETE", "/v1/x", body=body))
    assert posts_nothing(body)
    assert strings[:2] == [b'delete::/v1/x::{"posted_data":"[]"}', b'delete::/v1/x::{"posted_data":"null"}']
    assert {*strings[2:]} <= {b"delete::/v1/x::" + body}


@each_case(
    "body", [b"null", b"0", b"[0]", b'{"posted_data":[]}', b'{"posted_data":null}', b'{"posted_data":"[]","a":"b"}']
)
def test_these_post_something(body: bytes) -> None:
    strings = strings_to_sign(RequestToSign("DELETE", "/v1/x", body=body))
    assert not posts_nothing(body)
    assert not {b"delete::/v1/x::" + text for text in NO_DATA} & {*strings}


@each_case(
    "body",
    [b"\xff", b'{"a":NaN}', b'{"a":', b'{"a":"b"}x', b"[" * 60_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000],
    ids=["not UTF-8", "NaN", "cut", "more behind it", "deep", "deep objects"],
)
def test_what_is_no_object_signs_as_it_is(body: bytes) -> None:
    assert strings_to_sign(RequestToSign("POST", "/v1/x", body=body)) == [b"post::/v1/x::" + body.lower()]


def lowered_to(text: str, **parts: Any) -> list[str]:
    """Return what of the strings to sign a contact with a name is signed as, in UTF-8."""
    body = json.dumps({"name": text, **parts}, ensure_ascii=False).encode()
    strings = [string.decode() for string in strings_to_sign(RequestToSign("POST", "/v1/x", body=body))]
    return [string.removeprefix("post::/v1/x::") for string in strings]


# A name, and its lower case by PHP 8's strtolower, by JavaScript, by Ruby, and by Go.
SMALL_LETTERS = [
    ("ΓΕΩΡΓΙΟΣ", "ΓΕΩΡΓΙΟΣ", "γεωργιο\u03c2", "γεωργιο\u03c3", "γεωργιο\u03c3"),
    ("ΣΑΣ ΣΟΦΟΣ", "ΣΑΣ ΣΟΦΟΣ", "σα\u03c2 σοφο\u03c2", "σα\u03c3 σοφο\u03c3", "σα\u03c3 σοφο\u03c3"),
    ("Σ", "Σ", "\u03c3", "\u03c3", "\u03c3"),
    ("ΟΣ'Α", "ΟΣ'Α", "οσ'α", "οσ'α", "οσ'α"),
    ("İzmir", "İzmir", "i\u0307zmir", "i\u0307zmir", "izmir"),
    ("İΣ", "İΣ", "i\u0307\u03c2", "i\u0307\u03c3", "i\u03c3"),
    ("ÉLOÏSE", "ÉloÏse", "éloïse", "éloïse", "éloïse"),
    ("GROẞ", "groẞ", "groß", "groß", "groß"),
    ("\u212aELVIN", "\u212aelvin", "kelvin", "kelvin", "kelvin"),
    ("ДЖОН", "ДЖОН", "джон", "джон", "джон"),
    ("𐐀", "𐐀", "𐐨", "𐐨", "𐐨"),
    ("ǅ", "ǅ", "ǆ", "ǆ", "ǆ"),
]


@each_case(("name", *"pjrg"), SMALL_LETTERS, ids=[ascii(name) for name, *_ in SMALL_LETTERS])
def test_small_letters_are_those_of_each_language(name: str, p: str, j: str, r: str, g: str) -> None:
    strings = lowered_to(name)
    for lowered in (p, j, r, g):
        assert f'{{"name":"{lowered}"}}' in strings
    assert len(strings) == len({*strings})


@needs_php
def test_php_lower_cases_as_assumed() -> None:
    names = [name for name, *_ in SMALL_LETTERS]
    program = "foreach (json_decode($argv[1]) as $n) echo strtolower($n), PHP_EOL;"
    ran = subprocess.run(["php", "-r", program, json.dumps(names)], capture_output=True, check=True)
    assert ran.stdout.decode().splitlines() == [php for _, php, *_ in SMALL_LETTERS]


def test_ascii_needs_no_more_than_three_strings() -> None:
    assert len(lowered_to("A/B", email="a")) == 2
    assert len(strings_to_sign(RequestToSign("POST", "/v1/x", body=b'{ "a": "/" }'))) == 3
    assert len(strings_to_sign(RequestToSign("POST", "/v1/x", body=b'{"a":"b"}'))) == 1


def test_a_byte_order_mark_is_not_signed() -> None:
    body = b'{"a": "B/"}'
    assert strings_to_sign(RequestToSign("POST", "/v1/x", body=b"\xef\xbb\xbf" + body)) == strings_to_sign(
        RequestToSign("POST", "/v1/x", body=body)
    )
    assert strings_to_sign(RequestToSign("GET", "/v1/x", body=b"\xef\xbb\xbf"))[0].endswith(NO_DATA[0])


def test_an_escaped_slash_and_an_escaped_letter_are_the_same_as_plain_ones() -> None:
    escaped, plain = rb'{"a":"\/\u00e9\ud83d\ude00"}', '{"a":"/é😀"}'.encode()
    assert {*strings_to_sign(RequestToSign("POST", "/v1/x", body=escaped))} == {
        *strings_to_sign(RequestToSign("POST", "/v1/x", body=plain))
    }


def is_signed_as_sent(body: bytes) -> bool:
    strings = strings_to_sign(RequestToSign("POST", "/v1/x", body=body))
    return body.isascii() and strings == [b"post::/v1/x::" + body.lower()]


@each_case("unit", [b'"",', b"{},", b"[],", b"1,", b"1.5,", b"null,", b"true,"], ids=ascii)
def test_a_body_of_too_many_values_is_signed_as_it_is(unit: bytes) -> None:
    # The name and the list are two of them.
    body = b'{ "a":[' + unit * (MAX_VALUES - 4) + b'"/"%s]}'
    assert not is_signed_as_sent(body % b"")
    assert is_signed_as_sent(body % b",0")


def test_commas_in_a_text_are_no_values() -> None:
    assert not is_signed_as_sent(b'{ "a":"%s/"}' % (b'\\", {[1' * 3000))


@each_case("depth", [8, 9])
def test_a_body_that_nests_too_deep_is_signed_as_it_is(depth: int) -> None:
    body = b'{ "a":' + b"[" * (depth - 1) + b'"/"' + b"]" * (depth - 1) + b"}"
    assert is_signed_as_sent(body) == (depth > 8)


def test_letters_beyond_ascii_are_varied_up_to_a_size() -> None:
    small, large = (b'{ "a":"%s"}' % ("é".encode() * count) for count in (8187, 8190))
    assert len(b'{"a":""}') + 2 * 8187 < MAX_BYTES_OF_LETTERS < len(b'{"a":""}') + 2 * 8190
    assert len(strings_to_sign(RequestToSign("POST", "/v1/x", body=small))) > 3
    assert {*strings_to_sign(RequestToSign("POST", "/v1/x", body=large))} == {b"post::/v1/x::" + large}
    assert len(strings_to_sign(RequestToSign("POST", "/v1/x", body=b'{ "a":"%s/"}' % (b"A" * 32_000)))) == 3


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    ).flatmap(lambda value: st.fixed_dictionaries({"b": st.just(value), "a": st.text(max_size=20)})),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]),
)
def test_what_python_writes_is_signed_as_python_would_sign_it(
    posted: dict[str, Any], in_ascii: bool, separators: tuple[str, str]
) -> None:
    body = json.dumps(posted, ensure_ascii=in_ascii, separators=separators).encode("utf-8", "surrogatepass")
    assume(len(body.decode("utf-8", "ignore").encode()) == len(body))  # No half of a pair in UTF-8.
    by_name = dict(sorted(posted.items()))
    strings = strings_to_sign(RequestToSign("POST", "/v1/x", body=body))
    for ascii_only in (True, False):
        text = json.dumps(by_name, ensure_ascii=ascii_only, separators=(",", ":"))
        for spelling in (text, text.replace("/", r"\/")):
            signed = f"post::/v1/x::{spelling.lower()}".encode("utf-8", "surrogatepass")
            assert signed in strings


def test_numbers_are_signed_as_they_are_written() -> None:
    body = b'{"a":1.0,"b":-0,"c":1e2,"d":%s}' % (b"9" * 5000)
    assert strings_to_sign(RequestToSign("POST", "/v1/x", body=body)) == [b"post::/v1/x::" + body]


def test_an_unpaired_surrogate_is_signed_as_it_is_written() -> None:
    body = rb'{"a":"\ud800"}'
    assert b"post::/v1/x::" + body in strings_to_sign(RequestToSign("POST", "/v1/x", body=body))


def test_bytes_of_a_path_that_are_not_utf_8_are_lower_cased_in_ascii_alone() -> None:
    strings = strings_to_sign(RequestToSign("GET", "/v1/\xc9A"))
    assert strings[0] == b'get::/v1/\xc9a::{"posted_data":"[]"}'
