"""The Authorization header, Content-MD5, unknown keys, and the round trip of any request."""

import hmac
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daas.signing import mechanism
from daas.signing.daas_scheme import DIRECT, content_md5, content_md5_matches
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

from ..support.tables import each_case

KEYS = KeyPair("f" * 64, "0123456789abcdef" * 4)
REQUEST = RequestToSign(
    method="POST",
    uri="/direct/messages/move/format/json",
    date="06/03/2013 12:13:56 EST",
    content_type="application/x-www-form-urlencoded; charset=UTF-8",
)
SIGNED = sign(DIRECT, REQUEST, KEYS)
SIGNATURE = SIGNED.signatures[mechanism.BASE64_OF_HEX.name]
RAW_SIGNATURE = SIGNED.signatures[mechanism.BASE64_OF_RAW.name]


def check(scheme: Any, request: Any, credentials: Any, private_key: Any) -> None:
    verify(scheme, scheme.strings_to_sign(request), credentials, private_key)


def reason_of(call: Any, *arguments: Any) -> str | None:
    """Gives the reason with which a call refuses, or None if it does not."""
    try:
        call(*arguments)
    except SignatureRejected as refused:
        return refused.reason
    return None


# --- The Authorization header -------------------------------------------------------------------------


@each_case(
    "header",
    [
        pytest.param("DAAS key:signature", id="as documented"),
        pytest.param("daas key:signature", id="small letters"),
        pytest.param("DaAs key:signature", id="mixed letters"),
        pytest.param("DAAS    key:signature", id="several blanks"),
        pytest.param("DAAS\tkey:signature", id="tab"),
        pytest.param("DAAS \t key:signature", id="blanks and tab"),
        pytest.param(" \tDAAS key:signature\t ", id="blanks around"),
    ],
)
def test_an_authorization_header_is_read(header: str) -> None:
    assert read_authorization(DIRECT, header) == Credentials("key", "signature")


@each_case("key", ["a", "A", "clinic,01+a=b/c~", "!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~", "f" * 128])
def test_a_key_may_be_any_printable_ascii_but_colon_and_blank(key: str) -> None:
    assert read_authorization(DIRECT, f"DAAS {key}:abc+/=") == Credentials(key, "abc+/=")


def test_the_public_key_keeps_its_case() -> None:
    assert read_authorization(DIRECT, "DAAS AbC:signature").public_key == "AbC"


def test_no_authorization_header_is_told_apart_in_the_log() -> None:
    assert reason_of(read_authorization, DIRECT, None) == "authorization-missing"


MALFORMED = [
    ("blank", ""),
    ("blanks", " \t "),
    ("the word alone", "DAAS"),
    ("the word and a blank", "DAAS "),
    ("no word", "key:signature"),
    ("a blank for the word", " key:signature"),
    ("no blank", "DAASkey:signature"),
    ("a colon for the blank", "DAAS:key:signature"),
    ("a comma for the blank", "DAAS,key:signature"),
    ("another word", "RCWS key:signature"),
    ("Basic", "Basic key:signature"),
    ("a longer word", "DAASX key:signature"),
    ("a word before it", "X DAAS key:signature"),
    ("a part of the word", "AAS key:signature"),
    ("the word twice", "DAAS DAAS key:signature"),
    ("no colon", "DAAS keysignature"),
    ("a blank for the colon", "DAAS key signature"),
    ("the colon alone", "DAAS :"),
    ("no key", "DAAS :signature"),
    ("no signature", "DAAS key:"),
    ("a blank signature", "DAAS key: "),
    ("a blank before the colon", "DAAS key :signature"),
    ("a blank after the colon", "DAAS key: signature"),
    ("a blank in the key", "DAAS k ey:signature"),
    ("a blank in the signature", "DAAS key:sign ature"),
    ("a further value", "DAAS key:signature extra"),
    ("a comma after it", "DAAS key:signature,"),
    ("a comma in the signature", "DAAS key:signature,x"),
    ("a second header", "DAAS key:signature, DAAS key:signature"),
    ("a second header, joined without a blank", "DAAS key:signature,DAAS key:signature"),
    ("a second header of another kind", "DAAS key:signature, Basic eDp5"),
    ("a second header before it", "Basic eDp5, DAAS key:signature"),
    ("a second header before it, joined without a blank", "Basic eDp5,DAAS key:signature"),
    ("a second header that is blank", "DAAS key:signature, "),
    ("a letter beyond ASCII in the key", "DAAS k\xe9y:signature"),
    ("a letter beyond ASCII in the signature", "DAAS key:sign\xe4ture"),
    ("a letter beyond ASCII in the word", "D\xc4\xc4S key:signature"),
    ("a long s in the word", "DAA\u017f key:signature"),
    ("a full-width colon", "DAAS key\uff1asignature"),
    ("an unpaired surrogate", "DAAS key:\ud800"),
    ("a no-break blank", "DAAS\xa0key:signature"),
    ("a no-break blank around", "DAAS key:signature\xa0"),
    ("NUL in the key", "DAAS k\0ey:signature"),
    ("NUL in the signature", "DAAS key:signature\0"),
    ("DEL in the key", "DAAS k\x7fey:signature"),
    ("DEL in the signature", "DAAS key:sign\x7fature"),
    ("a newline after it", "DAAS key:signature\n"),
    ("a newline for the blank", "DAAS\nkey:signature"),
    ("a newline in the signature", "DAAS key:sign\nature"),
    ("a carriage return after it", "DAAS key:signature\r"),
    ("a vertical tab for the blank", "DAAS\vkey:signature"),
    ("a tab in the key", "DAAS k\tey:signature"),
]


@each_case("header", [pytest.param(header, id=name) for name, header in MALFORMED])
def test_an_authorization_header_of_another_form_is_refused(header: str) -> None:
    assert reason_of(read_authorization, DIRECT, header) == "authorization-malformed"


def admit(header: str) -> None:
    """Judges a header as the server does."""
    check(DIRECT, REQUEST, read_authorization(DIRECT, header), KEYS.private_key)


def test_a_good_header_is_admitted() -> None:
    assert reason_of(admit, f"DAAS {KEYS.public_key}:{SIGNATURE}") is None


@each_case(
    "form",
    [
        pytest.param("DAAS {key}:{signature}:", id="a colon after it"),
        pytest.param("DAAS {key}:{signature}:x", id="a third part"),
        pytest.param("DAAS {key}::{signature}", id="two colons"),
        pytest.param("DAAS {key}:{key}:{signature}", id="the key twice"),
        pytest.param('DAAS {key}:"{signature}"', id="the signature in quotes"),
        pytest.param("DAAS {signature}:{key}", id="the wrong way round"),
        pytest.param("DAAS {key}:{signature}={signature}", id="the signature twice"),
    ],
)
def test_a_good_signature_with_something_added_is_refused(form: str) -> None:
    assert reason_of(admit, form.format(key=KEYS.public_key, signature=SIGNATURE)) == "signature-mismatch"


@given(
    st.one_of(
        st.text(),
        st.text("DAS das:,\t\xe9\0\n=+/k", max_size=20),
        st.text(st.characters(max_codepoint=255)).map(lambda rest: "DAAS " + rest),
        st.text().map(lambda rest: "DAAS key:" + rest),
    )
)
def test_any_header_is_read_or_refused(header: Any) -> None:
    try:
        credentials = read_authorization(DIRECT, header)
    except SignatureRejected:
        return
    for part in (credentials.public_key, credentials.signature):
        assert re.fullmatch(r"[!-~]+", part)
    word, _, rest = header.strip(" \t").replace("\t", " ").partition(" ")
    assert (word.upper(), rest.lstrip(" ")) == ("DAAS", f"{credentials.public_key}:{credentials.signature}")
    assert word.isascii()


# --- Content-MD5 --------------------------------------------------------------------------------------

BODY = b"mailbox=ejaffee&id=23&folder=5"
# What `printf %s 'mailbox=ejaffee&id=23&folder=5' | openssl md5` gives, and base64 of it.
HEX = "f9dc075932aefeecec7abec3ed816b0e"
MD5 = "+dwHWTKu/uzser7D7YFrDg=="
BASE64_OF_HEX = "ZjlkYzA3NTkzMmFlZmVlY2VjN2FiZWMzZWQ4MTZiMGU="


def test_our_clients_send_base64_of_the_raw_bytes() -> None:
    assert content_md5(BODY) == MD5


def test_the_md5_of_an_empty_body_is_that_of_nothing() -> None:
    assert content_md5(b"") == "1B2M2Y8AsgTpgAmY7PhCfg=="
    assert content_md5_matches("1B2M2Y8AsgTpgAmY7PhCfg==", b"")


@each_case(
    "header",
    [
        pytest.param(MD5, id="base64 of the raw bytes"),
        pytest.param(HEX, id="hexadecimal"),
        pytest.param(HEX.upper(), id="hexadecimal, upper case"),
        pytest.param(HEX[:16].upper() + HEX[16:], id="hexadecimal, mixed case"),
        pytest.param(BASE64_OF_HEX, id="base64 of the hexadecimal text"),
    ],
)
def test_a_content_md5_of_the_body_matches_in_each_form(header: str) -> None:
    assert content_md5_matches(header, BODY)
    assert not content_md5_matches(header, BODY + b"0")
    assert not content_md5_matches(header, b"")


@each_case(
    "header",
    [
        pytest.param("", id="blank"),
        pytest.param("RjlEQzA3NTkzMkFFRkVFQ0VDN0FCRUMzRUQ4MTZCMEU=", id="base64 of the upper-case hexadecimal text"),
        pytest.param(MD5.rstrip("="), id="no padding"),
        pytest.param(MD5.rstrip("=") + "=", id="half of the padding"),
        pytest.param(MD5.replace("/", "_").replace("+", "-"), id="url-safe alphabet"),
        pytest.param(MD5.lower(), id="base64 in small letters"),
        pytest.param(MD5.swapcase(), id="base64 in the other case"),
        pytest.param("+dwHWTKu/uzser7D7YFrDh==", id="another spelling of the same bytes"),
        pytest.param(BASE64_OF_HEX.upper(), id="base64 of the hexadecimal text in capitals"),
        pytest.param(BASE64_OF_HEX.rstrip("="), id="base64 of the hexadecimal text without padding"),
        pytest.param("0x" + HEX, id="0x before it"),
        pytest.param(f'"{MD5}"', id="quotes"),
        pytest.param(" " + MD5, id="a blank before it"),
        pytest.param(MD5 + "\n", id="a newline after it"),
        pytest.param(HEX + "\n", id="a newline after the hexadecimal text"),
        pytest.param(f"{MD5},{MD5}", id="two joined by a comma"),
        pytest.param(f"{MD5}, {MD5}", id="two joined by comma and blank"),
        pytest.param(":".join(HEX[place : place + 2] for place in range(0, 32, 2)), id="hexadecimal with colons"),
        pytest.param(HEX[:31], id="hexadecimal, one digit short"),
        pytest.param(HEX + "0", id="hexadecimal, one digit more"),
        pytest.param("\xe9", id="a letter beyond ASCII"),
        pytest.param("1B2M2Y8AsgTpgAmY7PhCfg==", id="that of an empty body"),
        pytest.param("KMeqDyL4vjKera0HI3Iv3J7PQS/mX8kj+NZV7qrdAp0=", id="SHA-256"),
    ],
)
def test_any_other_content_md5_does_not_match(header: str) -> None:
    assert not content_md5_matches(header, BODY)


@given(st.binary(), st.binary())
def test_a_content_md5_matches_its_own_body_alone(body: Any, other: Any) -> None:
    assert content_md5_matches(content_md5(body), body)
    assert content_md5_matches(content_md5(body), other) == (body == other)


@given(st.text(st.characters(max_codepoint=255)))
def test_any_content_md5_header_can_be_judged(header: Any) -> None:
    assert not content_md5_matches(header, BODY)


# --- Unknown keys -------------------------------------------------------------------------------------


@each_case(
    "guess",
    [
        pytest.param("", id="empty"),
        pytest.param(" ", id="blank"),
        pytest.param("None", id="None"),
        pytest.param("null", id="null"),
        pytest.param("0", id="0"),
        pytest.param("0" * 64, id="zeros"),
        pytest.param("\0" * 64, id="NULs"),
        pytest.param(KEYS.public_key, id="the public key"),
        pytest.param("nobody", id="nobody"),
        pytest.param(mechanism._NOBODYS_KEY, id="the dummy itself"),
    ],
)
def test_an_unknown_key_is_refused_whatever_it_was_signed_with(guess: str) -> None:
    for signature in sign(DIRECT, REQUEST, KeyPair("unknown", guess)).signatures.values():
        credentials = Credentials("unknown", signature)
        assert reason_of(check, DIRECT, REQUEST, credentials, None) == "unknown-public-key"


@pytest.mark.processes
def test_the_dummy_key_is_as_long_as_a_real_one_and_no_constant() -> None:
    show = "from daas.signing import mechanism; print(mechanism._NOBODYS_KEY)"
    other = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch(r"[0-9a-f]{64}", other)
    assert other != mechanism._NOBODYS_KEY


def test_an_empty_private_key_opens_nothing() -> None:
    signature = sign(DIRECT, REQUEST, KeyPair("key", "")).signatures[mechanism.BASE64_OF_HEX.name]
    assert reason_of(check, DIRECT, REQUEST, Credentials("key", signature), "") == "signature-mismatch"


def test_good_wrong_and_unknown_take_the_same_hashes_and_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def counted(name: Any) -> None:
        original = getattr(hmac, name)

        def count(*arguments: Any) -> Any:
            done.append((name, *[len(argument) for argument in arguments if isinstance(argument, bytes)]))
            return original(*arguments)

        monkeypatch.setattr(hmac, name, count)

    counted("digest")
    counted("compare_digest")

    def work(signature: Any, key: Any) -> Any:
        done.clear()
        reason = reason_of(check, DIRECT, REQUEST, Credentials(KEYS.public_key, signature), key)
        return reason, list(done)

    good, work_of_good = work(SIGNATURE, KEYS.private_key)
    wrong, work_of_wrong = work(SIGNATURE[::-1], KEYS.private_key)
    unknown, work_of_unknown = work(SIGNATURE, None)
    assert (good, wrong, unknown) == (None, "signature-mismatch", "unknown-public-key")
    assert work_of_good == work_of_wrong == work_of_unknown
    assert [name for name, *_ in work_of_good].count("digest") == 2
    assert [name for name, *_ in work_of_good].count("compare_digest") == 4


# --- Keys ---------------------------------------------------------------------------------------------


def test_a_new_pair_is_64_hexadecimal_characters_each_and_never_the_same() -> None:
    pairs = [make_key_pair() for _ in range(50)]
    keys = [key for pair in pairs for key in (pair.public_key, pair.private_key)]
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in keys)
    assert len(set(keys)) == 100


def test_a_pair_does_not_show_its_private_key() -> None:
    assert KEYS.private_key not in repr(KEYS)
    assert KEYS.private_key not in str(KEYS)
    assert KEYS.public_key in repr(KEYS)


def test_the_stages_of_a_signature_do_not_show_the_private_key() -> None:
    assert KEYS.private_key not in repr(SIGNED)


# --- Any request --------------------------------------------------------------------------------------

texts = st.text(st.characters(max_codepoint=255, exclude_characters="\n"), max_size=30)
requests = st.builds(
    RequestToSign,
    method=st.sampled_from(["POST", "GET", "DELETE", "post"]),
    uri=texts,
    date=st.none() | texts,
    content_type=st.none() | texts,
    content_md5=st.none() | texts,
    body=st.binary(max_size=5),
)
key_pairs = st.builds(
    KeyPair,
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
)


@given(requests, key_pairs)
def test_what_is_signed_is_verified_in_both_encodings(request: Any, keys: Any) -> None:
    stages = sign(DIRECT, request, keys)
    credentials = read_authorization(DIRECT, stages.authorization)
    assert credentials.public_key == keys.public_key
    assert reason_of(check, DIRECT, request, credentials, keys.private_key) is None
    for signature in stages.signatures.values():
        assert reason_of(check, DIRECT, request, Credentials("", signature), keys.private_key) is None


def covered(request: RequestToSign) -> tuple[str | None, ...]:
    # A request without a date is refused before its signature counts; here it is signed as a blank one.
    return request.method.upper(), request.uri, request.date or "", request.content_md5


@given(requests, requests, key_pairs, st.sampled_from(["method", "uri", "date", "content_md5"]))
def test_a_request_that_differs_in_a_signed_part_is_refused(request: Any, other: Any, keys: Any, part: Any) -> None:
    changed = replace(request, **{part: getattr(other, part)})
    # Without a content type a request is rejected, whatever signature it has.
    assume(covered(changed) != covered(request) and request.content_type)
    credentials = read_authorization(DIRECT, sign(DIRECT, request, keys).authorization)
    assert reason_of(check, DIRECT, changed, credentials, keys.private_key) == "signature-mismatch"


@given(requests, key_pairs, key_pairs)
def test_another_key_is_refused(request: Any, keys: Any, other: Any) -> None:
    # HMAC fills a short key up with NULs, which no key holds.
    assume(keys.private_key != other.private_key)
    credentials = read_authorization(DIRECT, sign(DIRECT, request, keys).authorization)
    assert reason_of(check, DIRECT, request, credentials, other.private_key) == "signature-mismatch"


@each_case(
    ("signed", "sent", "reason"),
    [
        pytest.param("x/y", "x/y; charset=UTF-8", None, id="a charset that was not signed"),
        pytest.param("x/y", "x/y ;a=b; c=d; boundary=e", None, id="no parameter was signed"),
        pytest.param("multipart/form-data; boundary=a", "multipart/form-data; boundary=b", None, id="another boundary"),
        pytest.param("x/y; charset=UTF-8", "x/y", "signature-mismatch", id="a signed charset left out"),
        pytest.param("x/y; charset=UTF-8", "x/y; charset=utf-8", "signature-mismatch", id="a signed charset's case"),
        pytest.param("x/y; charset=UTF-8", "x/y;charset=UTF-8", "signature-mismatch", id="a signed charset's blank"),
        pytest.param("x/y; a=b", "x/y; a=b; c=d", "signature-mismatch", id="one of two parameters was signed"),
        pytest.param("x/y", "X/y", "signature-mismatch", id="the media type's case"),
        pytest.param("x/y", "x/z; a=b", "signature-mismatch", id="another media type"),
        pytest.param("x/y;", "x/y", "signature-mismatch", id="a signed semicolon left out"),
        pytest.param("x/y; boundary=a", "x/y;", None, id="a semicolon added"),
    ],
)
def test_of_a_content_type_the_boundary_or_all_parameters_may_be_unsigned(
    signed: str, sent: str, reason: str | None
) -> None:
    made = sign(DIRECT, replace(REQUEST, content_type=signed), KEYS)
    credentials = read_authorization(DIRECT, made.authorization)
    assert reason_of(check, DIRECT, replace(REQUEST, content_type=sent), credentials, KEYS.private_key) == reason


def test_the_method_is_signed_in_upper_case() -> None:
    assert sign(DIRECT, replace(REQUEST, method="post"), KEYS) == SIGNED


def test_the_body_is_signed_by_its_content_md5_alone() -> None:
    assert sign(DIRECT, replace(REQUEST, body=b"x"), KEYS) == SIGNED


# --- What it stands on --------------------------------------------------------------------------------

IMPORT_ALL = """
import importlib, pkgutil, sys
import daas.signing
for module in pkgutil.iter_modules(daas.signing.__path__):
    importlib.import_module(f"daas.signing.{module.name}")
print(*sorted(sys.modules))
"""


@pytest.mark.processes
def test_signing_imports_nothing_else_of_the_project_nor_flask_nor_a_database() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=True)
    imported = ran.stdout.split()
    files = {f"daas.signing.{path.stem}" for path in Path(mechanism.__file__).parent.glob("*.py")}
    assert {name for name in imported if name.partition(".")[0] == "daas"} == {
        "daas",
        "daas.signing",
        *files - {"daas.signing.__init__"},
    }
    # What the interpreter itself brings in at its start, before it runs anything.
    at_start = {
        "__main__",
        "_distutils_hack",
        "sitecustomize",
        *(name for name in imported if name.startswith("__editable__")),
    }
    outside = {name for name in imported if name.partition(".")[0] not in {*sys.stdlib_module_names, "daas"}}
    assert outside - at_start == set()
