import contextlib
import io
import os
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daas.mail.files import MAX_MESSAGE_BYTES, FoundMessage, SkippedFile, find_messages
from daas.mail.header import read_envelope
from daas.mail.mbox import find_parts, is_mbox

POSTMARK = b"From zoe@clinic.example.org Mon Jun  3 12:13:56 2013\n"

LAB_RESULTS = (
    b"From: Zoe <zoe@clinic.example.org>\n"
    b"To: ejaffee@direct.example.org\n"
    b"Subject: Lab results\n"
    b"Date: Mon, 3 Jun 2013 12:13:56 -0500\n"
    b"\n"
    b"Potassium is back to normal.\n"
    b"\n"
    b"From now on take 5 mg, at 10:30, until 3 Jun 2014.\n"
)
REFERRAL = (
    b"From: Lee <lee@clinic.example.org>\n"
    b"To: ejaffee@direct.example.org\n"
    b"Subject: Referral\n"
    b"\n"
    b"The patient wrote:\n"
    b"\n"
    b">From the start it hurt.\n"
    b">From lee@clinic.example.org Mon Jun  3 12:13:56 2013\n"
    b"\n"
    b"\n"
)
DISCHARGE = b"From: Kim <kim@clinic.example.org>\nSubject: Discharge\n\nGone home.\n"

MBOX = (
    POSTMARK
    + LAB_RESULTS
    + b"\nFrom - Tue Jun  4 08:00:00 2013\n"
    + REFERRAL
    + b"\nFrom kim@clinic.example.org Wed Jun  5 09:30 2013\n"
    + DISCHARGE
    + b"\n"
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def find_raw(path: Path) -> list[bytes]:
    return [found.raw for found in find_messages(path) if isinstance(found, FoundMessage)]


@contextlib.contextmanager
def measured_memory() -> Iterator[Any]:
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    directory = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (directory / name).mkdir(parents=True)
    return directory


def test_file_is_one_message_byte_for_byte(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbfSubject: x\r\n\r\nFrom \r\n\0\xff\n\nFrom - Mon Jun  3 12:13:56 2013\nbody\n\n"
    path = write(tmp_path / "lab.eml", raw)
    assert list(find_messages(path)) == [FoundMessage(str(path), raw)]


def test_file_is_no_mbox_if_its_first_line_is_indented_text(tmp_path: Path) -> None:
    raw = b" " * 20_000 + b"x\n" + POSTMARK + DISCHARGE
    path = write(tmp_path / "letter", raw)
    assert list(find_messages(path)) == [FoundMessage(str(path), raw)]


def test_empty_file_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "empty", b"")
    assert list(find_messages(path)) == [FoundMessage(str(path), b"")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_mbox_messages_keep_their_bytes(tmp_path: Path, line_end: Any) -> None:
    path = write(tmp_path / "inbox", MBOX.replace(b"\n", line_end))
    assert list(find_messages(path)) == [
        FoundMessage(f"{path}#1", LAB_RESULTS.replace(b"\n", line_end)),
        FoundMessage(f"{path}#2", REFERRAL.replace(b"\n", line_end)),
        FoundMessage(f"{path}#3", DISCHARGE.replace(b"\n", line_end)),
    ]


def test_mbox_messages_can_be_read(tmp_path: Path) -> None:
    envelopes = [read_envelope(raw) for raw in find_raw(write(tmp_path / "inbox", MBOX))]
    assert [envelope.subject for envelope in envelopes] == ["Lab results", "Referral", "Discharge"]


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        pytest.param(POSTMARK + b"To: b\n\nbody", [b"To: b\n\nbody"], id="no line end"),
        pytest.param(POSTMARK + b"To: b\n\nbody\n", [b"To: b\n\nbody\n"], id="no empty line"),
        pytest.param(POSTMARK + b"To: b\n\n\n", [b"To: b\n\n"], id="one of two empty lines"),
        pytest.param(
            POSTMARK + b"To: b\n \n" + POSTMARK + b"To: c\n", [b"To: b\n \n", b"To: c\n"], id="spaces are kept"
        ),
        pytest.param(POSTMARK * 2 + b"To: b\n", [POSTMARK + b"To: b\n"], id="a From line after the first"),
        pytest.param(POSTMARK + b"To: b\n\n" + POSTMARK, [b"To: b\n\n" + POSTMARK], id="nothing after a From line"),
        pytest.param(
            POSTMARK + b"To: b\n\n" + POSTMARK * 2 + b"To: c\n",
            [b"To: b\n", POSTMARK + b"To: c\n"],
            id="a From line after the second",
        ),
        pytest.param(
            POSTMARK + b"To: b\n\n" + POSTMARK + b"\n" + POSTMARK + b"To: c\n",
            [b"To: b\n\n" + POSTMARK, b"To: c\n"],
            id="an empty message is text of the one before",
        ),
        pytest.param(POSTMARK + b"To: b\n" + POSTMARK, [b"To: b\n" + POSTMARK], id="a From line at the end"),
        pytest.param(
            POSTMARK + b"To: b\n\nFrom now on\n" + POSTMARK + b"To: c\n",
            [b"To: b\n\nFrom now on\n", b"To: c\n"],
            id="a sentence before a From line",
        ),
        pytest.param(
            POSTMARK + b"To: b\n\n" + POSTMARK + b"A: b\n" + POSTMARK + b"To: c\n",
            [b"To: b\n\n" + POSTMARK + b"A: b\n", b"To: c\n"],
            id="a From line among fields",
        ),
        pytest.param(
            POSTMARK + b"To: b\r\n\r\n" + POSTMARK + b"To: d\n", [b"To: b\r\n", b"To: d\n"], id="CRLF beside LF"
        ),
        pytest.param(
            POSTMARK + b"To: b\n" + b"x" * 65_536 + b"\nFrom -\nTo: c\n",
            [b"To: b\n" + b"x" * 65_536 + b"\nFrom -\nTo: c\n"],
            id="after a long line",
        ),
        pytest.param(
            POSTMARK + b"To: b\n\n" + b"x" * 65_536 + POSTMARK + b"To: c\n",
            [b"To: b\n\n" + b"x" * 65_536 + POSTMARK + b"To: c\n"],
            id="within a long line",
        ),
        pytest.param(
            POSTMARK + b"To: b\n" + b" " * 99_999 + b"\nFrom -\nTo: c\n",
            [b"To: b\n" + b" " * 99_999 + b"\n", b"To: c\n"],
            id="after a long line of spaces",
        ),
        pytest.param(
            POSTMARK + b"To: b\n" + b" " * 99_999 + b"From -\nTo: c\n",
            [b"To: b\n" + b" " * 99_999 + b"From -\nTo: c\n"],
            id="after many spaces",
        ),
        pytest.param(
            POSTMARK + b"To: b\n" + b" " * 99_999 + b"x\nFrom -\nTo: c\n",
            [b"To: b\n" + b" " * 99_999 + b"x\nFrom -\nTo: c\n"],
            id="after many spaces and a letter",
        ),
        pytest.param(
            POSTMARK + b"To: b\n\n" + b"\0" * 99_999 + b"From -\nTo: c\n",
            [b"To: b\n", b"To: c\n"],
            id="after many NULs",
        ),
    ],
)
def test_only_the_separating_empty_line_is_left_out(tmp_path: Path, content: bytes, messages: Any) -> None:
    assert find_raw(write(tmp_path / "inbox", content)) == messages


@pytest.mark.parametrize("shift", range(5))
def test_line_end_at_the_edge_of_a_read_is_one(tmp_path: Path, shift: Any) -> None:
    beginning = POSTMARK.replace(b"\n", b"\r\r\n") + b"To: b\r\r\n"
    padding = b"x" * (65_536 - len(beginning) - shift)
    content = beginning + padding + b"\r\r\nFrom -\r\r\nTo: c\r\r\n"
    # No empty line is before the second From line, so that it is text.
    assert find_raw(write(tmp_path / "inbox", content)) == [content[len(POSTMARK) + 2 :]]


@pytest.mark.parametrize("shift", range(5))
def test_indented_from_line_at_the_edge_of_a_read_is_text(tmp_path: Path, shift: Any) -> None:
    beginning = POSTMARK + b"To: b\n\n"
    content = beginning + b" " * (65_536 - len(beginning) - shift) + b"From -\nTo: c\n"
    assert find_raw(write(tmp_path / "inbox", content)) == [content[len(POSTMARK) :]]


def test_appending_a_message_does_not_change_the_one_before(tmp_path: Path) -> None:
    before = find_raw(write(tmp_path / "inbox", POSTMARK + LAB_RESULTS + b"\n"))
    after = find_raw(write(tmp_path / "inbox", POSTMARK + LAB_RESULTS + b"\n" + POSTMARK + DISCHARGE + b"\n"))
    assert after[:1] == before


@pytest.mark.parametrize(
    "line",
    [
        *("From a@example.org Mon Jun  3 12:13:56 2013", "From a@example.org  Mon Jun  3 12:13 2013"),
        *(
            "From MAILER-DAEMON Mon Jun 13 12:13:56 2013",
            "From - Mon Jun  3 12:13:56 2013",
            "From ",
            "From \t ",
        ),
        *(
            "From a@example.org Mon Jun  3 12:13:56 EDT 2013",
            "From a@example.org Mon Jun 03 12:13:56 +0000 2013",
        ),
        *("From a@example.org Mon, 3 Jun 2013 12:13:56 +0200 (CEST)", "From Mon Jun  3 12:13:56 2013"),
        *(
            'From "a \\" b"@example.org Mon Jun  3 12:13:56 2013',
            "From a!b Mon Jun  3 12:13:56 2013 remote from c",
        ),
    ],
)
def test_from_line_before_a_header_begins_a_message(tmp_path: Path, line: Any) -> None:
    content = POSTMARK + b"To: b\n\n" + line.encode() + b"\nTo: d\n"
    assert find_raw(write(tmp_path / "inbox", content)) == [b"To: b\n", b"To: d\n"]
    assert find_raw(write(tmp_path / "inbox", line.encode() + b"\nTo: d\n")) == [b"To: d\n"]


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        pytest.param("\n", "From now on take 5 mg", "three times daily\n", id="a sentence"),
        pytest.param("\n", "From the lab:", "Potassium: 5.2\nSodium: 140\n", id="a heading before values"),
        pytest.param("\n", "From", "To: d\n", id="no space"),
        pytest.param("\n", "From : a@example.org", "To: d\n", id="a field"),
        pytest.param("\n", "from a@example.org", "To: d\n", id="lower case"),
        pytest.param("\n", "From a@example.org Mon Jun  3 12:13:56 2013", "See you\nTo: d\n", id="a quoted From line"),
        pytest.param(
            "\n", "From a@example.org Mon Jun  3 12:13:56 2013", " Subject: x\n  Folder: y\nTo: d\n", id="a log"
        ),
        pytest.param("\n", "From a@example.org", "the ward: closed\nTo: d\nSubject: e\n", id="prose before a field"),
        pytest.param("x\n", "From a@example.org", "To: d\n", id="no empty line and no date"),
        pytest.param("x\n", "From a@example.org Mon Jun  3 2013", "To: d\n", id="no empty line and no time"),
        pytest.param("x\n", "From a@example.org Mon Jun  3 12:13:56", "To: d\n", id="no empty line and no year"),
        pytest.param("x\n", "From Monday 3 Jun 2013 08:00", "To: d\n", id="no empty line and a date in words"),
        pytest.param("x\n", "From a Mon Jun  3 12:13:56 2013 as follows", "To: d\n", id="words after a date"),
        pytest.param("\n", ">From a@example.org Mon Jun  3 12:13:56 2013", "To: d\n", id="quoted"),
        pytest.param("\n", " From a@example.org Mon Jun  3 12:13:56 2013", "To: d\n", id="indented"),
    ],
)
def test_other_lines_stay_in_their_message(tmp_path: Path, before: Any, line: Any, after: Any) -> None:
    message = f"To: b\n\n{before}{line}\n{after}".encode()
    assert find_raw(write(tmp_path / "inbox", POSTMARK + message)) == [message]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"From now on take 5 mg\nthree times daily\n", id="a letter"),
        pytest.param(b"From the lab:\nPotassium: 5.2\n", id="a table"),
        pytest.param(POSTMARK, id="nothing after the From line"),
        pytest.param(b"\xef\xbb\xbf\0\n" + POSTMARK + b"\n", id="white space around the From line"),
        pytest.param(b"From \nlee\n" + REFERRAL, id="something else before the header"),
        pytest.param(b"From a b\nBEGIN:VCALENDAR\nX-A: b\n", id="a calendar"),
    ],
)
def test_mbox_that_cannot_be_split_is_skipped(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "inbox", content)
    reason = "it begins with `From `, but no header of a message follows such a line"
    assert list(find_messages(path)) == [SkippedFile(str(path), reason)]


def test_text_before_the_first_message_is_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "inbox", b"\n\nFrom the archive of 2013\n\n" + POSTMARK + DISCHARGE)
    reason = "it is before the first message, and no header of a message follows its first line"
    assert list(find_messages(path)) == [SkippedFile(f"{path}#1", reason), FoundMessage(f"{path}#2", DISCHARGE)]


LINES = st.sampled_from(
    [
        *(
            b"\n",
            b"\r\n",
            b"A: b\n",
            b"From now on\n",
            b">From \n",
            b"From\n",
            b"\rFrom - \n",
            b"\0\xff\r\n",
            b" \n",
        ),
        *(
            b"x" * 65_535 + b"\n",
            b"x" * 65_536 + b"\n",
            b"From " + b"x" * 65_531 + b"\n",
            b"x" * 65_535 + b"\r\n",
        ),
    ]
)


@given(st.lists(st.lists(LINES, max_size=8).map(b"".join), min_size=1, max_size=5))
def test_messages_written_to_an_mbox_are_found(tmp_path_factory: pytest.TempPathFactory, messages: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "written"
    messages = [b"To: b\n" + message for message in messages]
    write(path, b"".join(POSTMARK + message + b"\n" for message in messages))
    assert find_raw(path) == messages


# Of From lines, headers and text, with every line end.
PIECES = st.sampled_from(
    [
        *(
            POSTMARK[:-1],
            b"From -",
            b"From now on",
            b"From ",
            b">From x",
            b"From: a@example.org",
            b"Subject: x",
            b"A: b",
        ),
        *(
            b"odd line: x",
            b"text",
            b" ",
            b"\t",
            b"\0",
            b"\xef\xbb\xbf",
            b"BEGIN:VCALENDAR",
            b"[section]",
            b"x" * 20_000,
        ),
        *(b" " * 20_000, b"\0" * 20_000),
    ]
)
LINE_ENDS = st.sampled_from([b"\n", b"\n\n", b"\r\n", b"\r\n\r\n", b"\r", b"\r\r", b"\r\r\n", b"\r\r\n\r\r\n", b""])
LINE_END = rb"(?:\n|\r(?:\r?\n)?)"
SEPARATOR = re.compile(rb"%b?(?:\0|\xef\xbb\xbf)*From [^\r\n]*%b" % (LINE_END, LINE_END))
WHITE_SPACE = re.compile(rb"[ \t\0\xef\xbb\xbf\r\n]*")


@given(st.lists(st.tuples(PIECES, LINE_ENDS).map(b"".join), max_size=40).map(b"".join))
def test_splitting_an_mbox_loses_nothing(content: bytes) -> None:
    file = io.BytesIO(content)
    if not is_mbox(file):
        return
    end = 0
    for number, part in enumerate(find_parts(file)):
        between = content[end : part.start]
        if number == 0:
            between = between[WHITE_SPACE.match(between).end() :]
            assert not between or part.is_message
        if number > 0 or between:
            assert SEPARATOR.fullmatch(between)
        if part.is_message:
            read_envelope(content[part.start : part.end])
        else:
            assert number == 0
        end = part.end
    assert re.fullmatch(LINE_END + b"?", content[end:])


def test_every_byte_of_an_mbox_is_read_once() -> None:
    """Counted, not timed: a reader that looks ahead from each From line would read some bytes many times."""
    content = POSTMARK + b"To: b\n" + POSTMARK * 1000 + b"A: b\n" + (b"\nFrom -\nA: b\n" + POSTMARK) * 1000
    file = CountingFile(content)
    assert len([*find_parts(file)]) == 1
    assert file.bytes_read == len(content)


class CountingFile(io.BytesIO):
    bytes_read = 0

    def read(self, size: Any = -1) -> Any:
        chunk = super().read(size)
        self.bytes_read += len(chunk)
        return chunk


def test_long_from_lines_take_linear_time(tmp_path: Path) -> None:
    lines = [b"From " + b" " * 60_000 + b"x y", b"From " + b"x" * 60_000 + b" Jun 1:00 2000 q"]
    lines += [b'From "' + b'\\"' * 30_000, b"From x Jun 1:00 2000 " + b"1 " * 30_000 + b"q"]
    message = b"To: b\n" + b"".join(b"\n" + line + b"\n" for line in lines * 20)
    path = write(tmp_path / "inbox", POSTMARK + message)
    began = time.thread_time()
    assert find_raw(path) == [message]
    assert time.thread_time() - began < 5


def test_maildir_gives_files_in_cur_and_new(maildir: Any) -> None:
    write(maildir / "new" / "1370279640.M2P1.host", DISCHARGE)
    write(maildir / "cur" / "1370279638.M9P1.host:2,S", b"From \n\nFrom \n")
    write(maildir / "cur" / "1370279636.M1P1.host:2,RS", LAB_RESULTS)
    write(maildir / "tmp" / "1370279642.M3P1.host", b"half a mess")
    write(maildir / "dovecot-uidlist", b"3 V1\n")
    assert list(find_messages(maildir)) == [
        FoundMessage(str(maildir / "cur" / "1370279636.M1P1.host:2,RS"), LAB_RESULTS),
        FoundMessage(str(maildir / "cur" / "1370279638.M9P1.host:2,S"), b"From \n\nFrom \n"),
        FoundMessage(str(maildir / "new" / "1370279640.M2P1.host"), DISCHARGE),
    ]


def test_folders_within_a_maildir_are_skipped(maildir: Any) -> None:
    for name in (".Sent", ".Sent.2013", "Archive"):
        for part in ("cur", "new", "tmp"):
            (maildir / name / part).mkdir(parents=True)
    write(maildir / ".Sent" / "cur" / "1", DISCHARGE)
    (maildir / ".Drafts").mkdir()
    (maildir / "courierimapkeywords").mkdir()
    reason = "it is a folder of its own: import it by its own path"
    assert list(find_messages(maildir)) == [
        SkippedFile(str(maildir / name), reason) for name in (".Drafts", ".Sent", ".Sent.2013", "Archive")
    ]
    assert find_raw(maildir / ".Sent") == [DISCHARGE]


def test_bad_files_do_not_stop_a_maildir(maildir: Any) -> None:
    (maildir / "cur" / "1").symlink_to("1")
    (maildir / "cur" / "2").symlink_to("nowhere")
    (maildir / "cur" / "3").mkdir()
    os.mkfifo(maildir / "cur" / "4")
    write(maildir / "cur" / ".5", b"")
    (maildir / "cur" / "6").symlink_to(write(maildir / "new" / "7", LAB_RESULTS))
    cur = maildir / "cur"
    assert list(find_messages(maildir)) == [
        SkippedFile(str(cur / ".5"), "its name begins with a dot, as no message's in a Maildir does"),
        SkippedFile(str(cur / "1"), "it cannot be read: Too many levels of symbolic links", is_error=True),
        SkippedFile(str(cur / "2"), "it does not exist", is_error=True),
        SkippedFile(str(cur / "3"), "it is a directory"),
        SkippedFile(str(cur / "4"), "it is no file but a device, pipe or socket"),
        FoundMessage(str(cur / "6"), LAB_RESULTS),
        FoundMessage(str(maildir / "new" / "7"), LAB_RESULTS),
    ]


def test_links_that_lead_out_of_a_maildir_are_not_followed(maildir: Any, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.eml", LAB_RESULTS)
    (maildir / "cur" / "1").symlink_to(secret)
    (maildir / "cur" / "2").symlink_to("../../secret.eml")
    (maildir / "cur" / "3").symlink_to(maildir / "cur" / "1")
    (maildir / "new").rmdir()
    (maildir / "new").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere" / "4", LAB_RESULTS)
    places = [maildir / "cur" / "1", maildir / "cur" / "2", maildir / "cur" / "3", maildir / "new" / "4"]
    assert list(find_messages(maildir)) == [
        SkippedFile(str(place), "it is a link that leads out of the Maildir") for place in places
    ]


def test_messages_are_read_one_at_a_time(maildir: Any) -> None:
    write(maildir / "cur" / "1", DISCHARGE)
    write(maildir / "cur" / "2", DISCHARGE)
    messages = find_messages(maildir)
    assert next(messages) == FoundMessage(str(maildir / "cur" / "1"), DISCHARGE)
    (maildir / "cur" / "2").unlink()
    assert list(messages) == [SkippedFile(str(maildir / "cur" / "2"), "it does not exist", is_error=True)]


# Each makes something that gives no message and returns the reason, and whether it is an error.
def make_dangling_symlink(path: Any) -> Any:
    path.symlink_to("nowhere")
    return "it does not exist", True


def make_below_a_file(path: Any) -> Any:
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    return "it cannot be read: Not a directory", True


def make_directory(path: Any) -> Any:
    (path / "cur").mkdir(parents=True)
    (path / "new").mkdir()
    return "it is a directory but no Maildir (with cur, new and tmp)", False


def make_symlink_loop(path: Any) -> Any:
    path.symlink_to(path)
    return "it cannot be read: Too many levels of symbolic links", True


def make_fifo(path: Any) -> Any:
    os.mkfifo(path)
    return "it is no file but a device, pipe or socket", False


def make_device(path: Any) -> Any:
    path.symlink_to("/dev/zero")
    return "it is no file but a device, pipe or socket", False


def make_large(path: Any) -> Any:
    path.touch()
    os.truncate(path, MAX_MESSAGE_BYTES + 1)
    return "it is larger than 100 MiB", False


@pytest.mark.parametrize(
    "make",
    [make_dangling_symlink, make_below_a_file, make_directory, make_symlink_loop, make_fifo, make_device, make_large],
)
def test_path_without_messages_is_skipped_with_a_reason(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "folder" / "mail"
    path.parent.mkdir()
    reason, is_error = make(path)
    assert list(find_messages(path)) == [SkippedFile(str(path), reason, is_error)]


@pytest.fixture
def closed_to_others() -> Iterator[Callable[..., Any]]:
    """Go on as a user who is not root, for root may read every file."""
    user = os.geteuid()
    yield lambda: os.seteuid(65534 if user == 0 else user)
    os.seteuid(user)


@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_path_without_permission_is_an_error(tmp_path: Path, closed_to_others: Any, is_directory: Any) -> None:
    path = tmp_path / "mail"
    path.mkdir() if is_directory else path.touch()
    path.chmod(0)
    closed_to_others()
    assert list(find_messages(path)) == [SkippedFile(str(path), "it cannot be read: Permission denied", is_error=True)]


def test_path_that_is_not_utf_8_is_printable(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"Zo\xeb.eml")
    assert list(find_messages(path)) == [
        SkippedFile(str(tmp_path / "Zo\ufffd.eml"), "it does not exist", is_error=True)
    ]


def test_link_to_a_file_or_maildir_is_followed(tmp_path: Path, maildir: Any) -> None:
    write(maildir / "new" / "1", DISCHARGE)
    for name, target in (("a", maildir), ("b", maildir / "new" / "1")):
        (tmp_path / name).symlink_to(target)
        assert find_raw(tmp_path / name) == [DISCHARGE]


def test_message_of_the_maximum_size_is_found(tmp_path: Path) -> None:
    path = tmp_path / "large.eml"
    path.touch()
    os.truncate(path, MAX_MESSAGE_BYTES)
    assert [len(raw) for raw in find_raw(path)] == [MAX_MESSAGE_BYTES]


def test_too_large_message_of_an_mbox_is_skipped_unread(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    with path.open("wb") as file:
        file.write(POSTMARK + DISCHARGE + b"\n" + POSTMARK + b"To: b\n")
        file.seek(MAX_MESSAGE_BYTES, os.SEEK_CUR)
        file.write(b"\n\n" + POSTMARK + LAB_RESULTS + b"\n")
    with measured_memory() as peak:
        assert list(find_messages(path)) == [
            FoundMessage(f"{path}#1", DISCHARGE),
            SkippedFile(f"{path}#2", "it is larger than 100 MiB"),
            FoundMessage(f"{path}#3", LAB_RESULTS),
        ]
    assert max(peak) < 1_000_000


@pytest.mark.slow
def test_mbox_is_streamed(tmp_path: Path) -> None:
    message = b"Subject: x\n\n" + b"a line of an attachment\n" * 20_000
    path = write(tmp_path / "inbox", (POSTMARK + message + b"\n") * 20)
    with measured_memory() as peak:
        assert all(found.raw == message for found in find_messages(path))  # type: ignore[union-attr]
    assert max(peak) < 3 * len(message)
