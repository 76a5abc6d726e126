import contextlib
import os
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daas.mail.files import MAX_MESSAGE_BYTES, FoundMessage, SkippedFile, find_messages
from daas.mail.header import read_envelope

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


def write(path, content):
    path.write_bytes(content)
    return path


def find_raw(path):
    return [found.raw for found in find_messages(path)]


@contextlib.contextmanager
def measured_memory():
    peak = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.fixture
def maildir(tmp_path):
    directory = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (directory / name).mkdir(parents=True)
    return directory


def test_a_file_is_one_message_byte_for_byte(tmp_path):
    raw = b"\xef\xbb\xbfSubject: x\r\n\r\nFrom \r\n\0\xff\n\nFrom - Mon Jun  3 12:13:56 2013\nbody\n\n"
    path = write(tmp_path / "lab.eml", raw)
    assert list(find_messages(path)) == [FoundMessage(str(path), raw)]


def test_an_empty_file_is_left_to_the_reader_of_messages(tmp_path):
    path = write(tmp_path / "empty", b"")
    assert list(find_messages(path)) == [FoundMessage(str(path), b"")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_an_mbox_is_its_messages_byte_for_byte(tmp_path, line_end):
    path = write(tmp_path / "inbox", MBOX.replace(b"\n", line_end))
    assert list(find_messages(path)) == [
        FoundMessage(f"{path}#1", LAB_RESULTS.replace(b"\n", line_end)),
        FoundMessage(f"{path}#2", REFERRAL.replace(b"\n", line_end)),
        FoundMessage(f"{path}#3", DISCHARGE.replace(b"\n", line_end)),
    ]


def test_messages_of_an_mbox_can_be_read(tmp_path):
    envelopes = [read_envelope(raw) for raw in find_raw(write(tmp_path / "inbox", MBOX))]
    assert [envelope.subject for envelope in envelopes] == ["Lab results", "Referral", "Discharge"]


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        pytest.param(POSTMARK + b"A: b\n\nbody", [b"A: b\n\nbody"], id="no line end"),
        pytest.param(POSTMARK + b"A: b\n\nbody\n", [b"A: b\n\nbody\n"], id="no blank line"),
        pytest.param(POSTMARK + b"A: b\n\n\n", [b"A: b\n\n"], id="one of two blank lines"),
        pytest.param(POSTMARK, [b""], id="nothing but a postmark"),
        pytest.param(POSTMARK + b"\n" + POSTMARK + b"A: b\n", [b"", b"A: b\n"], id="an empty message"),
        pytest.param(POSTMARK + b"\n" + POSTMARK, [b"", b""], id="two empty messages"),
        pytest.param(POSTMARK + POSTMARK + b"A: b\n", [POSTMARK + b"A: b\n"], id="a postmark after the first"),
        pytest.param(POSTMARK + b"A: b\n\n" + POSTMARK * 2, [b"A: b\n", POSTMARK], id="a postmark after the second"),
        pytest.param(POSTMARK + b"A: b\n" + POSTMARK, [b"A: b\n" + POSTMARK], id="a postmark after a line"),
        pytest.param(POSTMARK + b"A: b\r\n\r\n" + POSTMARK + b"C: d\n", [b"A: b\r\n", b"C: d\n"], id="CRLF beside LF"),
        pytest.param(POSTMARK + b"x" * 65_536 + b"\n" + POSTMARK, [b"x" * 65_536 + b"\n" + POSTMARK], id="long line"),
        pytest.param(
            POSTMARK + b"\n" + b"x" * 65_536 + POSTMARK,
            [b"\n" + b"x" * 65_536 + POSTMARK],
            id="within a long line",
        ),
    ],
)
def test_only_the_blank_line_that_separates_is_left_out(tmp_path, content, messages):
    assert find_raw(write(tmp_path / "inbox", content)) == messages


def test_a_message_is_the_same_bytes_once_another_was_delivered_after_it(tmp_path):
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
def test_a_postmark_after_a_blank_line_begins_a_message(tmp_path, line):
    content = POSTMARK + b"A: b\n\n" + line.encode() + b"\nC: d\n"
    assert find_raw(write(tmp_path / "inbox", content)) == [b"A: b\n", b"C: d\n"]
    assert find_raw(write(tmp_path / "inbox", line.encode() + b"\nC: d\n")) == [b"C: d\n"]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "From now on take 5 mg",
            "From",
            "From: a@example.org",
            "From : a@example.org",
            "from a@example.org",
        ),
        *(
            "From a@example.org",
            "From a@example.org Mon Jun  3 2013",
            "From a@example.org Mon Jun  3 12:13:56",
        ),
        *(
            "From a@example.org Mon 3 12:13:56 2013",
            "From Jun@example.org Mon 3 12:13:56 2013",
            "From Dr. Lee, seen at 10:30 on 3 Jun 2013",
        ),
        *("From today (12:30) take it until Jun 2025.", "From WARD TO ICU AT 10:30 3 JUN 2013"),
        *("From 10:30 on 3 Jun 2013 the patient slept", ">From a@example.org Mon Jun  3 12:13:56 2013"),
        *(" From a@example.org Mon Jun  3 12:13:56 2013", "From a Mon Jun  3 12:13:56 2013 as follows"),
    ],
)
def test_a_line_that_is_no_postmark_stays_in_its_message(tmp_path, line):
    content = b"A: b\n\n" + line.encode() + b"\nC: d\n"
    assert find_raw(write(tmp_path / "inbox", POSTMARK + content)) == [content]
    single = line.encode() + b"\nC: d\n"
    assert list(find_messages(write(tmp_path / "one", single))) == [FoundMessage(str(tmp_path / "one"), single)]


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


@settings(deadline=None)
@given(st.lists(st.lists(LINES, max_size=8).map(b"".join), min_size=1, max_size=5))
def test_what_was_written_to_an_mbox_is_found_in_it(tmp_path_factory, messages):
    path = tmp_path_factory.getbasetemp() / "written"
    write(path, b"".join(POSTMARK + message + b"\n" for message in messages))
    assert find_raw(path) == messages


def test_lines_that_nearly_are_postmarks_are_read_in_good_time(tmp_path):
    lines = [b"From " + b" " * 60_000 + b"x y", b"From " + b"x" * 60_000 + b" Jun 1:00 2000 q"]
    lines += [b'From "' + b'\\"' * 30_000, b"From x Jun 1:00 2000 " + b"1 " * 30_000 + b"q"]
    message = b"A: b\n" + b"".join(b"\n" + line + b"\n" for line in lines * 20)
    path = write(tmp_path / "inbox", POSTMARK + message)
    began = time.thread_time()
    assert find_raw(path) == [message]
    assert time.thread_time() - began < 5


def test_a_maildir_is_the_files_in_cur_and_new(maildir):
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


def test_folders_within_a_maildir_are_skipped_by_name(maildir):
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


def test_one_bad_file_does_not_keep_the_rest_of_a_maildir_out(maildir):
    (maildir / "cur" / "1").symlink_to("1")
    (maildir / "cur" / "2").symlink_to("nowhere")
    (maildir / "cur" / "3").mkdir()
    os.mkfifo(maildir / "cur" / "4")
    write(maildir / "cur" / ".5", b"")
    (maildir / "cur" / "6").symlink_to(write(maildir.parent / "lab.eml", LAB_RESULTS))
    cur = maildir / "cur"
    assert list(find_messages(maildir)) == [
        SkippedFile(str(cur / ".5"), "its name begins with a dot, as no message's in a Maildir does"),
        SkippedFile(str(cur / "1"), "it cannot be read: Too many levels of symbolic links"),
        SkippedFile(str(cur / "2"), "it does not exist"),
        SkippedFile(str(cur / "3"), "it is a directory"),
        SkippedFile(str(cur / "4"), "it is no file but a device, pipe or socket"),
        FoundMessage(str(cur / "6"), LAB_RESULTS),
    ]


def test_messages_are_read_one_after_the_other(maildir):
    write(maildir / "cur" / "1", DISCHARGE)
    write(maildir / "cur" / "2", DISCHARGE)
    messages = find_messages(maildir)
    assert next(messages) == FoundMessage(str(maildir / "cur" / "1"), DISCHARGE)
    (maildir / "cur" / "2").unlink()
    assert list(messages) == [SkippedFile(str(maildir / "cur" / "2"), "it does not exist")]


def make_dangling_symlink(path):
    path.symlink_to("nowhere")
    return "it does not exist"


def make_below_a_file(path):
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    return "it cannot be read: Not a directory"


def make_directory(path):
    (path / "cur").mkdir(parents=True)
    (path / "new").mkdir()
    return "it is a directory but no Maildir (with cur, new and tmp)"


def make_symlink_loop(path):
    path.symlink_to(path)
    return "it cannot be read: Too many levels of symbolic links"


def make_fifo(path):
    os.mkfifo(path)
    return "it is no file but a device, pipe or socket"


def make_device(path):
    path.symlink_to("/dev/zero")
    return "it is no file but a device, pipe or socket"


def make_large(path):
    path.touch()
    os.truncate(path, MAX_MESSAGE_BYTES + 1)
    return "it is larger than 100 MiB"


@pytest.mark.parametrize(
    "make",
    [make_dangling_symlink, make_below_a_file, make_directory, make_symlink_loop, make_fifo, make_device, make_large],
)
def test_what_holds_no_messages_is_skipped_with_a_reason(tmp_path, make):
    path = tmp_path / "folder" / "mail"
    path.parent.mkdir()
    reason = make(path)
    assert list(find_messages(path)) == [SkippedFile(str(path), reason)]


@pytest.fixture
def closed_to_others():
    """Go on as a user who is not root, for root may read every file."""
    user = os.geteuid()
    yield lambda: os.seteuid(65534 if user == 0 else user)
    os.seteuid(user)


@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_what_may_not_be_read_is_skipped_with_a_reason(tmp_path, closed_to_others, is_directory):
    path = tmp_path / "mail"
    path.mkdir() if is_directory else path.touch()
    path.chmod(0)
    closed_to_others()
    assert list(find_messages(path)) == [SkippedFile(str(path), "it cannot be read: Permission denied")]


def test_a_path_that_is_not_utf_8_is_given_as_text_that_can_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"Zo\xeb.eml")
    assert list(find_messages(path)) == [SkippedFile(str(tmp_path / "Zo\ufffd.eml"), "it does not exist")]


def test_a_symlink_to_a_file_or_maildir_is_followed(tmp_path, maildir):
    write(maildir / "new" / "1", DISCHARGE)
    for name, target in (("a", maildir), ("b", maildir / "new" / "1")):
        (tmp_path / name).symlink_to(target)
        assert find_raw(tmp_path / name) == [DISCHARGE]


def test_a_message_of_the_largest_size_is_found(tmp_path):
    path = tmp_path / "large.eml"
    path.touch()
    os.truncate(path, MAX_MESSAGE_BYTES)
    assert [len(raw) for raw in find_raw(path)] == [MAX_MESSAGE_BYTES]


def test_a_message_that_is_too_large_is_skipped_unread_amid_an_mbox(tmp_path):
    path = tmp_path / "inbox"
    with path.open("wb") as file:
        file.write(POSTMARK + DISCHARGE + b"\n" + POSTMARK)
        file.seek(MAX_MESSAGE_BYTES, os.SEEK_CUR)
        file.write(b"\n\n" + POSTMARK + LAB_RESULTS + b"\n")
    with measured_memory() as peak:
        assert list(find_messages(path)) == [
            FoundMessage(f"{path}#1", DISCHARGE),
            SkippedFile(f"{path}#2", "it is larger than 100 MiB"),
            FoundMessage(f"{path}#3", LAB_RESULTS),
        ]
    assert max(peak) < 1_000_000


def test_an_mbox_is_streamed(tmp_path):
    message = b"Subject: x\n\n" + b"a line of an attachment\n" * 20_000
    path = write(tmp_path / "inbox", (POSTMARK + message + b"\n") * 20)
    with measured_memory() as peak:
        assert all(found.raw == message for found in find_messages(path))
    assert max(peak) < 3 * len(message)
