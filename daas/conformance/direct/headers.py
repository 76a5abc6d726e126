"""Content-Type, Content-MD5, and headers that mean nothing."""

from ..case import DENIED, FORM, JSON, MOVED, MULTIPART, UNSUPPORTED, Ask, denied, note, page, table
from .parts import GOOD_PARTS

_JSON_BODY = '{"mailbox":"$mailbox","id":$id,"folder":"$folder"}'

_TYPES = [
    ("form", "a form is read", Ask(content_type=FORM), MOVED),
    ("json", "JSON is read", Ask(content_type=JSON, body=_JSON_BODY), MOVED),
    ("multipart", "a form in parts is read", Ask(content_type=MULTIPART, body=GOOD_PARTS), MOVED),
    (
        "json-upper-case",
        "the media type counts in any case",
        Ask(content_type="Application/JSON", body=_JSON_BODY),
        MOVED,
    ),
    (
        "json-charset",
        "parameters do not change how a body is read",
        Ask(content_type=f"{JSON}; charset=iso-8859-1", body=_JSON_BODY),
        MOVED,
    ),
    ("missing", "a content type is required", Ask(content_type=None), DENIED),
    ("blank", "a blank content type is as good as none", Ask(content_type=""), DENIED),
    (
        "blank-unsigned",
        "a blank content type is as good as none",
        Ask(content_type="", signed={"content_type": None}),
        DENIED,
    ),
    *(
        (f"other-{name}", "a body of another type is not supported", Ask(content_type=text), UNSUPPORTED)
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
        "only who is authenticated is told that a type is not supported",
        Ask(content_type="text/plain", encoding="cut"),
        DENIED,
    ),
]

_MISMATCH = denied("content-md5-mismatch")

_MD5 = [
    ("base64", "Content-MD5 is base64 of the 16 bytes", Ask(md5="base64"), MOVED),
    ("hex", "hexadecimal text is read too", Ask(md5="hex"), MOVED),
    ("hex-upper", "hexadecimal text is read in either case", Ask(md5="HEX"), MOVED),
    ("base64-of-hex", "base64 of lower-case hexadecimal text is read too", Ask(md5="base64 of hex"), MOVED),
    ("absent", "Content-MD5 is optional", Ask(), MOVED),
    ("json", "the MD5 is that of the body as it is sent", Ask(md5="base64", content_type=JSON, body=_JSON_BODY), MOVED),
    (
        "multipart",
        "the MD5 is that of the entire body",
        Ask(md5="base64", content_type=MULTIPART, body=GOOD_PARTS),
        MOVED,
    ),
    ("chunks", "the MD5 is that of the body without its chunks", Ask(md5="base64", chunks=7), MOVED),
    ("wrong", "the MD5 must match the body", Ask(md5="CY9rzUYh03PK3k6DJie09g=="), _MISMATCH),
    ("wrong-hex", "the MD5 must match the body", Ask(md5="098f6bcd4621d373cade4e832627b4f6"), _MISMATCH),
    ("of-nothing", "the MD5 must match the body", Ask(md5="1B2M2Y8AsgTpgAmY7PhCfg=="), _MISMATCH),
    ("base64-of-upper-hex", "no other spelling of the MD5 is read", Ask(md5="base64 of HEX"), _MISMATCH),
    ("unpadded", "no other spelling of the MD5 is read", Ask(md5="unpadded"), _MISMATCH),
    ("respelled", "no other spelling of the MD5 is read", Ask(md5="respelled"), _MISMATCH),
    ("byte", "no other spelling of the MD5 is read", Ask(md5="\xe9"), _MISMATCH),
    ("blank", "a header that is sent blank is present", Ask(md5=""), _MISMATCH),
    ("blank-unsigned", "a header that is sent blank is present", Ask(md5="", signed={"md5": None}), DENIED),
    ("unsigned", "a Content-MD5 that is sent is signed", Ask(md5="base64", signed={"md5": None}), DENIED),
    ("repeated", "a repeated Content-MD5 is refused", Ask(md5="base64", headers=[("Content-MD5", "$md5")]), DENIED),
    (
        "repeated-signed",
        "a repeated Content-MD5 is refused, though both are signed",
        Ask(
            md5="CY9rzUYh03PK3k6DJie09g==",
            body="test",
            headers=[("Content-MD5", "$md5")],
            signed={"md5": "CY9rzUYh03PK3k6DJie09g==,CY9rzUYh03PK3k6DJie09g=="},
        ),
        DENIED,
    ),
    (
        "joined",
        "a Content-MD5 that a server has joined of two is refused",
        Ask(md5="CY9rzUYh03PK3k6DJie09g==, CY9rzUYh03PK3k6DJie09g==", body="test"),
        DENIED,
    ),
    (
        "blanks-around",
        "blanks around a header's value are not part of it",
        Ask(md5="base64", spoil=[("Content-MD5: ", "Content-MD5:  \t")]),
        MOVED,
    ),
    (
        "required",
        "an application may be held to send Content-MD5",
        Ask(key="held to Content-MD5"),
        denied("content-md5-required"),
    ),
]

_OTHERS = [
    (
        "case",
        "the names of headers count in any case",
        Ask(spoil=[("Date", "dATE"), ("Content-Type", "content-type")]),
        MOVED,
    ),
    (
        "x-request-id",
        "a client's own X-Request-Id is ignored",
        Ask(headers=[("X-Request-Id", "4611686018427387904")]),
        MOVED,
    ),
    ("override", "the method is that of the request line", Ask(headers=[("X-HTTP-Method-Override", "DELETE")]), MOVED),
    (
        "original-url",
        "the path is that of the request line",
        Ask(headers=[("X-Original-URL", "/"), ("X-Rewrite-URL", "/")]),
        MOVED,
    ),
    ("script-name", "the path is that of the request line", Ask(headers=[("Script-Name", "/direct")]), MOVED),
    ("byte", "a header that does not count may hold any bytes", Ask(headers=[("X-Note", "\xe9\xff")]), MOVED),
]

CASES = [
    *table("content-type", page("authentication#content-type"), _TYPES),
    *table("md5", page("authentication#content-md5"), _MD5),
    *table("header", note("0003-requests-arrive-whole"), _OTHERS),
]
