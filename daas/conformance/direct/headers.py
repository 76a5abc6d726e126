"""Cases about Content-Type, Content-MD5, and headers that are ignored."""

from dataclasses import replace

from ..case import DENIED, FORM, JSON, MOVED, MULTIPART, UNSUPPORTED, RequestSpec, denied, note, page, table
from .multipart import GOOD_PARTS

_JSON_BODY = '{"mailbox":"$mailbox","id":$id,"folder":"$folder"}'

_NO_TYPE = denied("content-type-missing")
_NO_TYPE = replace(_NO_TYPE, headers={**_NO_TYPE.headers, "X-Daas-String-To-Sign": None})

_TYPES = [
    ("form", "a form is accepted", RequestSpec(content_type=FORM), MOVED),
    ("json", "JSON is accepted", RequestSpec(content_type=JSON, body=_JSON_BODY), MOVED),
    ("multipart", "a multipart form is accepted", RequestSpec(content_type=MULTIPART, body=GOOD_PARTS), MOVED),
    (
        "json-upper-case",
        "the media type is accepted in any case",
        RequestSpec(content_type="Application/JSON", body=_JSON_BODY),
        MOVED,
    ),
    (
        "json-charset",
        "parameters do not change how a body is decoded",
        RequestSpec(content_type=f"{JSON}; charset=iso-8859-1", body=_JSON_BODY),
        MOVED,
    ),
    (
        "missing",
        "a content type is required; a signature without it is explained",
        RequestSpec(content_type=None),
        _NO_TYPE,
    ),
    (
        "missing-unsigned",
        "a content type that was lost after signing is not named as missing",
        RequestSpec(content_type=None, signed={"content_type": FORM}),
        replace(DENIED, headers={"X-Daas-Error": None, "X-Daas-String-To-Sign": None}),
    ),
    (
        "missing-before-date",
        "a missing content type is named before an unreadable date",
        RequestSpec(content_type=None, date="yesterday"),
        _NO_TYPE,
    ),
    ("blank", "an empty content type counts as missing", RequestSpec(content_type=""), _NO_TYPE),
    (
        "blank-unsigned",
        "an empty content type counts as missing",
        RequestSpec(content_type="", signed={"content_type": None}),
        _NO_TYPE,
    ),
    *(
        (f"other-{name}", "a body of another type is not supported", RequestSpec(content_type=text), UNSUPPORTED)
        for name, text in {
            "text": "text/plain",
            "xml": "application/xml",
            "jsonx": "application/jsonx",
            "json-like": "text/json",
            "octets": "application/octet-stream",
            "multipart": "multipart/mixed; boundary=bound",
            "no-type": "form",
        }.items()
    ),
    (
        "other-unsigned",
        "authentication comes before the content type",
        RequestSpec(content_type="text/plain", encoding="cut"),
        DENIED,
    ),
]

_MISMATCH = denied("content-md5-mismatch")

_MD5 = [
    ("base64", "Content-MD5 is base64 of the 16 bytes", RequestSpec(md5="base64"), MOVED),
    ("hex", "hexadecimal text is accepted too", RequestSpec(md5="hex"), MOVED),
    ("hex-upper", "hexadecimal text is accepted in either case", RequestSpec(md5="HEX"), MOVED),
    ("base64-of-hex", "base64 of lower-case hexadecimal text is accepted too", RequestSpec(md5="base64 of hex"), MOVED),
    ("absent", "Content-MD5 is optional", RequestSpec(), MOVED),
    (
        "json",
        "the MD5 is that of the body's bytes",
        RequestSpec(md5="base64", content_type=JSON, body=_JSON_BODY),
        MOVED,
    ),
    (
        "multipart",
        "the MD5 is that of the whole body",
        RequestSpec(md5="base64", content_type=MULTIPART, body=GOOD_PARTS),
        MOVED,
    ),
    ("chunks", "the MD5 is that of the body without chunk headers", RequestSpec(md5="base64", chunks=7), MOVED),
    ("wrong", "the MD5 must match the body", RequestSpec(md5="CY9rzUYh03PK3k6DJie09g=="), _MISMATCH),
    ("wrong-hex", "the MD5 must match the body", RequestSpec(md5="098f6bcd4621d373cade4e832627b4f6"), _MISMATCH),
    ("of-nothing", "the MD5 must match the body", RequestSpec(md5="1B2M2Y8AsgTpgAmY7PhCfg=="), _MISMATCH),
    ("base64-of-upper-hex", "no other encoding of the MD5 is accepted", RequestSpec(md5="base64 of HEX"), _MISMATCH),
    ("unpadded", "no other encoding of the MD5 is accepted", RequestSpec(md5="unpadded"), _MISMATCH),
    ("respelled", "no other encoding of the MD5 is accepted", RequestSpec(md5="respelled"), _MISMATCH),
    ("byte", "no other encoding of the MD5 is accepted", RequestSpec(md5="\xe9"), _MISMATCH),
    ("blank", "an empty header counts as present", RequestSpec(md5=""), _MISMATCH),
    ("blank-unsigned", "an empty header counts as present", RequestSpec(md5="", signed={"md5": None}), DENIED),
    ("unsigned", "a Content-MD5 that is sent must be signed", RequestSpec(md5="base64", signed={"md5": None}), DENIED),
    (
        "repeated",
        "a repeated Content-MD5 is rejected",
        RequestSpec(md5="base64", headers=[("Content-MD5", "$md5")]),
        DENIED,
    ),
    (
        "repeated-signed",
        "a repeated Content-MD5 is rejected, even if both are signed",
        RequestSpec(
            md5="CY9rzUYh03PK3k6DJie09g==",
            body="test",
            headers=[("Content-MD5", "$md5")],
            signed={"md5": "CY9rzUYh03PK3k6DJie09g==,CY9rzUYh03PK3k6DJie09g=="},
        ),
        DENIED,
    ),
    (
        "joined",
        "two Content-MD5 values joined by a comma are rejected",
        RequestSpec(md5="CY9rzUYh03PK3k6DJie09g==, CY9rzUYh03PK3k6DJie09g==", body="test"),
        DENIED,
    ),
    (
        "blanks-around",
        "spaces around a header's value are not part of it",
        RequestSpec(md5="base64", replacements=[("Content-MD5: ", "Content-MD5:  \t")]),
        MOVED,
    ),
    (
        "required",
        "an application can be required to send Content-MD5",
        RequestSpec(key="refused without Content-MD5"),
        denied("content-md5-required"),
    ),
]

_OTHERS = [
    (
        "case",
        "header names are accepted in any case",
        RequestSpec(replacements=[("Date", "dATE"), ("Content-Type", "content-type")]),
        MOVED,
    ),
    (
        "x-request-id",
        "a client's own X-Request-Id is ignored",
        RequestSpec(headers=[("X-Request-Id", "4611686018427387904")]),
        MOVED,
    ),
    (
        "override",
        "only the request line sets the method",
        RequestSpec(headers=[("X-HTTP-Method-Override", "DELETE")]),
        MOVED,
    ),
    (
        "original-url",
        "only the request line sets the path",
        RequestSpec(headers=[("X-Original-URL", "/"), ("X-Rewrite-URL", "/")]),
        MOVED,
    ),
    ("script-name", "only the request line sets the path", RequestSpec(headers=[("Script-Name", "/direct")]), MOVED),
    ("byte", "an unused header may contain any bytes", RequestSpec(headers=[("X-Note", "\xe9\xff")]), MOVED),
]

CASES = [
    *table("content-type", page("authentication#content-type"), _TYPES),
    *table("md5", page("authentication#content-md5"), _MD5),
    *table("header", note("0003-requests-arrive-whole"), _OTHERS),
]
