"""Decodes text by the label of its charset: those of the WHATWG Encoding Standard, and what programs write under them.

`webencodings` knows the labels. Python's codecs lack some characters that are common in East Asian mail: the rows that
NEC and IBM added to JIS X 0208, half-width kana in ISO-2022-JP, the euro sign in GBK, ETEN's rows of Big5.
"""

import codecs
import re
from collections.abc import Callable

import webencodings

_REPLACE = "daas.mail.replace"

# ASCII says nothing about bytes beyond it. The others are Python's own, not charsets of mail: they warn, or take
# quadratic time.
_CODECS_NOT_BELIEVED = {"ascii", "idna", "punycode", "unicode-escape", "raw-unicode-escape"}
_ASCII_LABELS = {"ascii", "us-ascii", "ansi_x3.4-1968"}


def decode_labelled(raw: bytes, label: str, declared: str = "") -> str:
    """Return text by its label; a wrong byte is U+FFFD, a wrong or unknown label is ignored.

    The label is wrong if the bytes do not fit it and are UTF-8. Text without a usable label is decoded as
    `decode_unlabelled` does, with the charset that the message declares.
    """
    text = _decode(raw, label)
    if text is None:
        return decode_unlabelled(raw, declared)
    if "\ufffd" in text:
        return _decode_utf_8(raw) or text
    return text


def decode_unlabelled(raw: bytes, declared: str = "") -> str:
    """Return text that has no label of its own: as UTF-8, else by the declared charset, else as Windows-1252.

    Windows-1252 is Latin-1 with printable characters in place of control characters, and can stand for any bytes.
    ISO-2022-JP is recognised by its escape sequences, which mean nothing else.
    """
    if raw.isascii():
        return _decode_iso_2022_jp(raw) if b"\x1b$" in raw else raw.decode("ascii")
    text = raw.decode("utf-8", _REPLACE)
    if _is_nearly_utf_8(raw, text):
        return text
    declared_text = _decode(raw, declared)
    return raw.decode("cp1252", _REPLACE) if declared_text is None else declared_text


def _decode_utf_8(raw: bytes) -> str:
    """Return text if it is UTF-8, else an empty one."""
    try:
        return raw.decode("utf-8")
    except ValueError:
        return ""


def _is_nearly_utf_8(raw: bytes, text: str) -> bool:
    """Return whether characters of several bytes outnumber errors, as they do in UTF-8 that was cut or damaged."""
    errors = text.count("\ufffd") - raw.count("\ufffd".encode())
    return len(re.findall(r"[^\x00-\x7f\ufffd]", text)) > errors or errors <= 0


def _decode(raw: bytes, label: str) -> str | None:
    """Return text by a label, with U+FFFD for wrong bytes; None if the label is unknown or says nothing."""
    label = label.strip(" \t\"'").lower()
    if label in _ASCII_LABELS:
        return None
    if decode := _DECODERS.get(label):
        return decode(raw)
    try:
        if encoding := webencodings.lookup(label):
            if decode := _DECODERS.get(encoding.name):
                return decode(raw)
            return encoding.codec_info.decode(raw, _REPLACE)[0].removeprefix("\ufeff")
        codec = codecs.lookup(label).name
        return None if codec in _CODECS_NOT_BELIEVED else raw.decode(codec, _REPLACE)
    except (LookupError, ValueError):
        return None


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return the characters for bytes that a codec does not know, and where decoding goes on.

    One U+FFFD stands for one wrong byte, or for both bytes of a pair: taking a pair apart would misread the next ones.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if error.encoding.startswith("utf"):
        return "\ufffd", error.end
    if error.encoding in ("gbk", "gb18030") and pair[0] == 0x80:
        return "€", error.start + 1
    if len(pair) < 2 or pair[0] not in _LEAD_BYTES.get(error.encoding, b"") or pair[1] < 0x80:
        return "\ufffd", error.start + 1
    if error.encoding == "big5hkscs":
        return pair.decode("cp950", "ignore") or "\ufffd", error.start + 2
    if error.encoding == "euc_jp" and min(pair) >= 0xA1:
        return _to_shift_jis(pair).decode("cp932", "ignore") or "\ufffd", error.start + 2
    return "\ufffd", error.start + 2


# The first bytes of pairs, by the codec's name.
_LEAD_BYTES = {
    **dict.fromkeys(["gbk", "gb18030", "big5hkscs", "cp949"], range(0x81, 0xFF)),
    "cp932": bytes([*range(0x81, 0xA0), *range(0xE0, 0xFD)]),
    "euc_jp": range(0xA1, 0xFF),
}
codecs.register_error(_REPLACE, _replace)


def _to_shift_jis(pair: bytes) -> bytes:
    """Return a character of EUC-JP's two-byte set in Shift_JIS, whose codec has the rows of NEC and IBM as well."""
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead = row // 2 + (0x81 if row < 62 else 0xC1)
    if row % 2:
        return bytes([lead, cell + 0x9F])
    return bytes([lead, cell + (0x40 if cell < 63 else 0x41)])


# Python's cp932 has private characters for bytes that Shift_JIS does not use.
_NOT_SHIFT_JIS = dict.fromkeys(range(0xF8F0, 0xF8F4), "\ufffd")


def _decode_shift_jis(raw: bytes) -> str:
    return raw.decode("cp932", _REPLACE).translate(_NOT_SHIFT_JIS)


# The sets of 94 characters, or 94 times 94, that escape sequences choose: in the bytes 21 to 7E, which are A1 to FE in
# the codec that has them.
_HIGH = bytes(byte | 0x80 if 0x21 <= byte <= 0x7E else byte for byte in range(256))


def _of_set(codec: str, before_each: bytes = b"") -> Callable[[bytes], str]:
    def decode(raw: bytes) -> str:
        high = raw.translate(_HIGH)
        if before_each:
            high = re.sub(rb"[\xa1-\xfe]{2}", lambda pair: before_each + pair[0], high)
        return high.decode(codec, _REPLACE)

    return decode


def _of_codec(codec: str) -> Callable[[bytes], str]:
    return lambda raw: raw.decode(codec, _REPLACE)


def _japanese_roman(raw: bytes) -> str:
    return _decode_shift_jis(raw).replace("\\", "¥").replace("~", "‾")


_JIS_X_0208 = _of_set("euc_jp")
_KANA = _of_set("cp932")
_JAPANESE_SETS = {
    # Eight-bit kana and Shift_JIS occur beside the escape sequences.
    **dict.fromkeys([b"\x1b(B", b"\x1b(H", b"\x0f"], _decode_shift_jis),
    b"\x1b(J": _japanese_roman,
    **dict.fromkeys([b"\x1b(I", b"\x0e"], _KANA),
    **dict.fromkeys([b"\x1b$@", b"\x1b$B", b"\x1b$(@", b"\x1b$(B"], _JIS_X_0208),
    b"\x1b$(D": _of_set("euc_jp", b"\x8f"),
    **dict.fromkeys([b"\x1b$(O", b"\x1b$(Q"], _of_set("euc_jis_2004")),
    b"\x1b$(P": _of_set("euc_jis_2004", b"\x8f"),
    b"\x1b$A": _of_set("gb18030"),
    b"\x1b$(C": _of_set("cp949"),
}
_JAPANESE_SWITCH = re.compile(rb"(\x1b(?:\([BHIJ]|\$(?:[@AB]|\([@BCDOPQ]))|\x0e|\x0f)")
_KOREAN_SETS = {b"\x1b$)C": _of_codec("cp949"), b"\x0e": _of_set("cp949"), b"\x0f": _of_codec("cp949")}
_KOREAN_SWITCH = re.compile(rb"(\x1b\$\)C|\x0e|\x0f)")
# Of the sets of ISO-2022-CN, Python has GB 2312 alone; the characters of the others are U+FFFD.
_CHINESE_SETS = {b"\x1b$)A": _of_codec("gb18030"), b"\x0e": _of_set("gb18030"), b"\x0f": _of_codec("gb18030")}
_CHINESE_SWITCH = re.compile(rb"(\x1b\$\)A|\x0e|\x0f)")
_HZ_SETS = {b"~{": _of_set("gb18030"), b"~}": _of_codec("gb18030"), b"~~": lambda raw: "~" + _of_codec("gb18030")(raw)}
_HZ_SWITCH = re.compile(rb"(~\{|~\}|~~)")


def _decode_switched(
    raw: bytes, switch: re.Pattern[bytes], sets: dict[bytes, Callable[[bytes], str]], first: bytes
) -> str:
    """Return text in which switches choose the set of the characters after them; `first` is the one it begins with."""
    begin, *switched = switch.split(raw)
    pieces = [sets[first](begin)]
    pieces += [sets[which](piece) for which, piece in zip(switched[::2], switched[1::2], strict=True)]
    return "".join(pieces)


def _decode_iso_2022_jp(raw: bytes) -> str:
    return _decode_switched(raw, _JAPANESE_SWITCH, _JAPANESE_SETS, b"\x1b(B")


def _decode_iso_2022_kr(raw: bytes) -> str:
    return _decode_switched(raw, _KOREAN_SWITCH, _KOREAN_SETS, b"\x0f")


def _decode_iso_2022_cn(raw: bytes) -> str:
    return _decode_switched(raw, _CHINESE_SWITCH, _CHINESE_SETS, b"\x0f")


def _decode_hz(raw: bytes) -> str:
    return _decode_switched(raw, _HZ_SWITCH, _HZ_SETS, b"~}")


def _decode_utf_16(raw: bytes) -> str:
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", _REPLACE)
    return raw.removeprefix(b"\xff\xfe").decode("utf-16-le", _REPLACE)


# By label or by the name that the WHATWG's standard has for it. It gives the labels of the older switched charsets no
# decoder, because of attacks on web pages; mail is written in them.
_DECODERS: dict[str, Callable[[bytes], str]] = {
    **dict.fromkeys(
        ["iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-jp-ext", "cp50220", "cp50221"],
        _decode_iso_2022_jp,
    ),
    **dict.fromkeys(["iso-2022-kr", "csiso2022kr"], _decode_iso_2022_kr),
    **dict.fromkeys(["iso-2022-cn", "iso-2022-cn-ext"], _decode_iso_2022_cn),
    **dict.fromkeys(["hz", "hz-gb-2312"], _decode_hz),
    **dict.fromkeys(["gbk", "gb2312"], _of_codec("gb18030")),
    **dict.fromkeys(["shift_jis", "cp932"], _decode_shift_jis),
    "utf-16le": _decode_utf_16,
}
