"""The receiver keeps RFC 2033, stores mail byte for byte, and logs every delivery."""

import itertools
import json
import resource
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from daas.delivery import receiver, session
from daas.delivery.application import create_delivery_app
from daas.mailboxes.administration import find_mailbox, suspend_mailbox
from daas.mailboxes.messages import read_content
from daas.mailboxes.models import Message
from daas.monitoring import logs
from daas.reasons import Reason
from daas.records.request_log import RequestLogRow
from daas.settings import SettingError, Settings, load_settings
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.database import before_statements
from ..support.servers import environment
from ..support.triggers import rejecting
from .client import DOMAIN, Lmtp, receiving

pytestmark = pytest.mark.both_databases

Connect = Callable[..., Lmtp]
_numbers = itertools.count(1)
MAX_BYTES = 200_000


def mail(body: bytes = b"Body\r\n") -> bytes:
    """Return a message that no other test sends."""
    return b"From: zoe@example.org\r\nSubject: Secret subject %d\r\n\r\n%b" % (next(_numbers), body)


@pytest.fixture(scope="module")
def delivery_app(database_kind: str, settings: Settings) -> Flask:
    environ = environment(settings, DAAS_LMTP_BIND="127.0.0.1:0", DAAS_MAX_MESSAGE_BYTES=str(MAX_BYTES))
    return create_delivery_app(load_settings(environ))


@pytest.fixture(scope="module")
def address(delivery_app: Flask) -> Iterator[str]:
    with receiving(delivery_app) as address:
        yield address


@pytest.fixture
def connect() -> Iterator[Callable[..., Lmtp]]:
    """Yield a function that connects to an address; the connections are closed at the end."""
    with ExitStack() as at_end:

        def connect(address: str, **options: bool) -> Lmtp:
            connection = Lmtp(address, **options)
            at_end.callback(connection.close)
            return connection

        yield connect


@pytest.fixture
def lmtp(address: str, connect: Connect) -> Lmtp:
    return connect(address)


@pytest.fixture
def box(build: Builder) -> str:
    return build.mailbox(messages=0).name


def id_in(reply: str, mailbox: str) -> int:
    """Return the id of the message that was stored."""
    told, _, message_id = reply.rpartition(" ")
    assert told == f"250 2.0.0 {mailbox} stored as"
    return int(message_id)


def raw_of(app: Flask, message_id: int) -> bytes:
    with app.app_context():
        return read_content(message_id)


def count_in(app: Flask, mailbox: str) -> int:
    with app.app_context():
        mailbox_id = find_mailbox(mailbox).id
        return db.session.scalar(select(func.count()).select_from(Message).where(Message.mailbox_id == mailbox_id))


def rows_of(app: Flask, mailbox: str) -> list[tuple[Any, ...]]:
    """Return reason, status, message and folder of the deliveries to a mailbox in the log."""
    with app.app_context():
        row = RequestLogRow
        columns = (row.reason, row.status, row.message, row.folder_from, row.folder_to)
        query = select(*columns).where(row.mailbox == mailbox, row.method == "LMTP", row.path == "").order_by(row.id)
        return [tuple(each) for each in db.session.execute(query)]


def test_greeting_and_extensions(connect: Connect, address: str) -> None:
    connection = connect(address, greet=False)
    assert connection.greeting == f"220 {DOMAIN} LMTP ready"
    told = connection.ask("lhlo mta.example.org").splitlines()
    assert {line[4:] for line in told} == {
        DOMAIN,
        "PIPELINING",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "SMTPUTF8",
        f"SIZE {MAX_BYTES}",
    }
    assert connection.ask("QUIT") == "221 2.0.0 Bye"
    with pytest.raises(EOFError):
        connection.reply()


def test_message_is_in_inbox_when_250_comes(app: Flask, build: Builder, lmtp: Lmtp, box: str) -> None:
    raw = mail()
    (reply,) = lmtp.deliver(raw, box)
    message_id = id_in(reply, box)
    assert raw_of(app, message_id) == raw
    assert build.folder_of(str(message_id)) == "Inbox"
    assert rows_of(app, box) == [("delivered", 250, str(message_id), None, "Inbox")]


def test_same_bytes_again_keep_id_and_folder(app: Flask, build: Builder, lmtp: Lmtp) -> None:
    application = build.application(mailboxes=[build.mailbox(messages=0)])
    box, raw = application.mailbox.name, mail()
    (first,) = lmtp.deliver(raw, box)
    message_id = str(id_in(first, box))
    assert application.move(id=message_id, folder="Archived").status_code == 200
    assert lmtp.deliver(raw, box) == [first]
    assert build.folder_of(message_id) == "Archived"
    assert rows_of(app, box)[1:] == [("delivered-before", 250, message_id, None, None)]


def test_one_reply_for_each_recipient_in_their_order(app: Flask, build: Builder, lmtp: Lmtp) -> None:
    boxes = [build.mailbox(messages=0).name for _ in range(3)]
    raw = mail()
    replies = lmtp.deliver(raw, boxes[2], boxes[0], boxes[1], boxes[0])
    ids = [id_in(reply, box) for reply, box in zip(replies, [boxes[2], boxes[0], boxes[1], boxes[0]], strict=True)]
    assert ids[1] == ids[3]
    assert len({*ids}) == 3
    assert [count_in(app, box) for box in boxes] == [1, 1, 1]
    assert [row[0] for row in rows_of(app, boxes[0])] == ["delivered", "delivered-before"]


def test_message_for_many_recipients_is_stored_for_each(app: Flask, build: Builder, lmtp: Lmtp) -> None:
    boxes = [build.mailbox(messages=0, folders=0).name for _ in range(45)]
    replies = lmtp.deliver(mail(), *boxes)
    assert len({id_in(reply, box) for reply, box in zip(replies, boxes, strict=True)}) == 45


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b".\r\n",
        b"..\r\n...\r\n.\r\n",
        b".a\r\n",
        b"\n.\n\r.\r\n",
        b"\r.\r\n\n.\r\n\r\n.\n\r\n",
        b"a\n.\r\nb\r\n.\nc\r\n",
        b"\0\xff\xfe \x80\r\n",
        b"x" * 100_000 + b"\r\n",
        b"\r" * 500 + b"\r\n",
        b"\r\n" * 500,
        b"\r\n.." * 40_000 + b"\r\n",
    ],
    ids=range(12),
)
def test_bytes_are_kept_as_sent(app: Flask, lmtp: Lmtp, box: str, body: bytes) -> None:
    raw = mail(body)
    assert raw_of(app, id_in(lmtp.deliver(raw, box)[0], box)) == raw
    assert lmtp.ask("NOOP") == "250 2.0.0 OK"


@pytest.mark.only("sqlite")
def test_message_cut_anywhere_is_the_same(connect: Connect, app: Flask, lmtp: Lmtp, box: str) -> None:
    raw = mail(b".\r\n..x\r\n\r\n.\n\r.\r\n")
    stuffed = raw.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    for cut in range(len(stuffed) - 25, len(stuffed)):
        assert lmtp.ask("MAIL FROM:<>").startswith("250")
        assert lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>").startswith("250")
        assert lmtp.ask("DATA").startswith("354")
        lmtp.send(stuffed[:cut])
        # The receiver answers another connection only after it has read what was sent here.
        other = connect("{}:{}".format(*lmtp.connection.getpeername()[:2]))
        other.close()
        lmtp.send(stuffed[cut:])
        assert raw_of(app, id_in(lmtp.reply(), box)) == raw
    assert count_in(app, box) == 1


def test_pipelined_commands_are_answered_in_order(app: Flask, lmtp: Lmtp, box: str) -> None:
    raw = mail()
    lmtp.send(
        f"MAIL FROM:<a@example.org> SIZE={len(raw)} BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<nobody@{DOMAIN}>\r\n"
        f"RCPT TO:<{box.upper()}@{DOMAIN.upper()}>\r\nDATA\r\n".encode()
    )
    assert [lmtp.reply()[:9] for _ in range(4)] == ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354 End t"]
    lmtp.send(raw + b".\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\nQUIT\r\n")
    assert raw_of(app, id_in(lmtp.reply(), box)) == raw
    assert [lmtp.reply()[:9] for _ in range(4)] == ["250 2.1.0", "250 2.0.0", "250 2.0.0", "221 2.0.0"]


def test_rejected_recipients_have_code_and_row(app: Flask, build: Builder, lmtp: Lmtp) -> None:
    suspended = build.mailbox(messages=0, suspended=True).name
    unknown = f"nobody{next(_numbers)}"
    lmtp.ask("MAIL FROM:<a@example.org>")
    assert lmtp.ask(f"RCPT TO:<{unknown}@{DOMAIN}>") == "550 5.1.1 No such mailbox"
    assert lmtp.ask(f"RCPT TO:<{unknown}@example.com>").startswith("550 5.1.2 ")
    assert lmtp.ask(f"RCPT TO:<{unknown}>").startswith("550 5.1.2 ")
    assert lmtp.ask(f"RCPT TO:<{suspended}@{DOMAIN}>").startswith("450 4.2.1 ")
    assert lmtp.ask("DATA").startswith("503 5.5.1 ")
    assert rows_of(app, unknown) == [("mailbox-unknown", 550, None, None, None)]
    assert rows_of(app, f"{unknown}@example.com") == [("domain-unknown", 550, None, None, None)]
    assert rows_of(app, suspended) == [("mailbox-suspended", 450, None, None, None)]


def test_mailbox_suspended_after_rcpt_gets_450(app: Flask, lmtp: Lmtp, box: str) -> None:
    lmtp.ask("MAIL FROM:<a@example.org>")
    lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>")
    with app.app_context():
        suspend_mailbox(box, suspended=True)
    assert lmtp.data(mail(), 1)[0].startswith("450 4.2.1 ")
    assert (count_in(app, box), rows_of(app, box)[0][0]) == (0, "mailbox-suspended")


def test_too_large_message_is_552_at_mail_or_after_data(app: Flask, lmtp: Lmtp, box: str) -> None:
    assert lmtp.ask(f"MAIL FROM:<a@example.org> SIZE={MAX_BYTES + 1}").startswith("552 5.3.4 ")
    assert lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>").startswith("503 ")
    head = mail(b"")
    (reply,) = lmtp.deliver(head + b"x" * (MAX_BYTES - len(head) - 1) + b"\r\n", box)
    assert reply.startswith("552 5.3.4 ")
    (reply,) = lmtp.deliver(head + b"x" * (MAX_BYTES - len(head) - 2) + b"\r\n", box)
    assert id_in(reply, box)
    assert [row[:2] for row in rows_of(app, box)] == [("message-too-large", 552), ("delivered", 250)]


@pytest.mark.parametrize("raw", [b"", b"\x89PNG\r\n", b"no header\r\n\r\n"], ids=["empty", "picture", "text"])
def test_bytes_without_a_mail_header_are_554(app: Flask, lmtp: Lmtp, box: str, raw: bytes) -> None:
    assert lmtp.deliver(raw, box, box) == ["554 5.6.0 Not a mail message"] * 2
    assert (count_in(app, box), rows_of(app, box)[0]) == (0, ("not-a-message", 554, None, None, None))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("", "500"),
        ("EHLO mta", "500"),
        ("HELO mta", "500"),
        ("STARTTLS", "500"),
        ("MAIL", "501"),
        ("MAIL FROM:", "501"),
        ("MAIL FROM:a@example.org", "501"),
        ("MAIL FROM:<a@example.org", "501"),
        ("MAIL FROM:<a@example.org> SIZE=x", "501"),
        ("MAIL FROM:<a@example.org> BODY=BINARYMIME", "555"),
        ("MAIL FROM:<a@example.org> RET=HDRS", "555"),
        ("RCPT TO:<a@direct.example.org>", "503"),
        ("DATA", "503"),
        ("LHLO", "501"),
        ("NOOP\nQUIT", "500"),
        ("NOOP\rQUIT", "500"),
        ("NO\0OP", "500"),
        ("x" * 5000, "500"),
        ("VRFY someone", "252"),
        ("MAIL FROM:<" + '"' * 4000, "501"),
        (b"\xff\xfe\x80 \xff", "500"),
    ],
    ids=range(21),
)
def test_malformed_command_is_an_error_and_the_next_works(lmtp: Lmtp, command: str | bytes, code: str) -> None:
    assert lmtp.ask(command)[:3] == code
    assert lmtp.ask("MAIL FROM:<>").startswith("250 ")


def test_commands_out_of_order_are_503(connect: Connect, address: str, lmtp: Lmtp, box: str) -> None:
    assert connect(address, greet=False).ask("MAIL FROM:<>").startswith("503 ")
    assert lmtp.ask("MAIL FROM:<>").startswith("250 ")
    assert lmtp.ask("MAIL FROM:<>").startswith("503 ")
    assert lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}> NOTIFY=NEVER").startswith("555 ")
    assert lmtp.ask(f'RCPT TO:<@relay.example.org:"{box}"@{DOMAIN}>').startswith("250 ")
    assert lmtp.ask("LHLO again").startswith("250")
    assert lmtp.ask("DATA").startswith("503 ")


def test_connection_with_too_many_errors_is_closed(lmtp: Lmtp) -> None:
    lmtp.send(b"WHAT\r\n" * 52)
    assert [lmtp.reply()[:9] for _ in range(52)] == ["500 5.5.1"] * 51 + ["421 4.7.0"]
    with pytest.raises(EOFError):
        lmtp.reply()


def test_connection_that_ends_within_a_message_stores_nothing(
    connect: Connect, app: Flask, address: str, box: str
) -> None:
    connection = connect(address)
    connection.ask("MAIL FROM:<>")
    connection.ask(f"RCPT TO:<{box}@{DOMAIN}>")
    connection.ask("DATA")
    connection.send(mail() + b".\r")
    connection.close()
    connect(address).close()
    assert count_in(app, box) == 0


def test_deliveries_at_once_share_a_transaction_and_none_is_lost(
    connect: Connect, app: Flask, address: str, box: str
) -> None:
    connections = [connect(address) for _ in range(8)]
    messages = [mail() for _ in range(40)]
    for connection in connections:
        lines = [f"MAIL FROM:<>\r\nRCPT TO:<{box}@{DOMAIN}>\r\nDATA\r\n".encode()]
        for raw in messages:
            connection.send(lines[0] + raw + b".\r\n")
    ids: dict[int, set[int]] = {}
    for connection in connections:
        for number in range(len(messages)):
            replies = [connection.reply() for _ in range(4)]
            ids.setdefault(number, set()).add(id_in(replies[3], box))
        connection.close()
    assert [len(each) for each in ids.values()] == [1] * len(messages)
    assert count_in(app, box) == len(messages)
    reasons = [row[0] for row in rows_of(app, box)]
    assert (reasons.count("delivered"), reasons.count("delivered-before")) == (40, 280)


def test_message_and_its_row_are_one_transaction(app: Flask, delivery_app: Flask, lmtp: Lmtp, box: str) -> None:
    with rejecting(app, "INSERT", "request_log", f"NEW.mailbox = '{box}'"):
        (reply,) = lmtp.deliver(mail(), box)
    assert reply == "451 4.3.0 Internal error"
    assert count_in(app, box) == 0


def test_database_away_is_451_and_back_again_250(delivery_app: Flask, lmtp: Lmtp, box: str) -> None:
    def fail(_sql: str) -> None:
        raise OperationalError("", None, Exception("away"))

    lmtp.ask("MAIL FROM:<>")
    lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>")
    with before_statements(delivery_app, fail):
        assert lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>") == "451 4.3.0 Database is unavailable"
        assert lmtp.data(mail(), 1) == ["451 4.3.0 Database is unavailable"]
    assert id_in(lmtp.deliver(mail(), box)[0], box)


def test_too_many_connections_are_421(connect: Connect, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "MAX_CONNECTIONS", 0)
    assert connect(address, greet=False).greeting == "421 4.3.2 Too many connections"


def test_stalled_connection_is_closed(connect: Connect, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "STALL_SECONDS", 0.01)
    with pytest.raises(EOFError):
        connect(address).reply()


def test_stopping_finishes_a_message_and_closes_idle_connections(
    connect: Connect, app: Flask, delivery_app: Flask, box: str
) -> None:
    raw = mail()
    with receiving(delivery_app) as address:
        idle, busy = connect(address), connect(address)
        busy.ask("MAIL FROM:<>")
        busy.ask(f"RCPT TO:<{box}@{DOMAIN}>")
        busy.ask("DATA")

        def finish_once_idle_is_told() -> None:
            idle.reply()
            busy.send(raw + b".\r\n")

        finish = threading.Thread(target=finish_once_idle_is_told, daemon=True)
        finish.start()
    finish.join()
    assert raw_of(app, id_in(busy.reply(), box)) == raw
    assert busy.reply().startswith("421 4.3.2 ")
    with pytest.raises(EOFError):
        idle.reply()


def test_line_of_a_delivery_has_no_address_and_no_subject(
    app: Flask, lmtp: Lmtp, box: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logs, "write_delivery", lambda **facts: lines.append(facts))
    (reply,) = lmtp.deliver(mail(), box)
    (line,) = lines
    assert (line["reason"], line["status"], line["message"]) == ("delivered", 250, str(id_in(reply, box)))
    assert not {word for word in ("zoe", "Secret", "example", box) if word in json.dumps(line)}


@pytest.mark.parametrize("reason", [Reason.DELIVERED, Reason.DELIVERED_BEFORE])
def test_deliveries_are_counted_by_reason(delivery_app: Flask, lmtp: Lmtp, box: str, reason: Reason) -> None:
    raw = mail()
    for _ in range(2):
        lmtp.deliver(raw, box)
    text = delivery_app.extensions["daas"].metrics.expose().decode()
    assert f'daas_deliveries_total{{reason="{reason}"}}' in text
    assert box not in text


def test_large_message_is_in_a_private_file_while_it_arrives(
    delivery_app: Flask, lmtp: Lmtp, box: str, database_kind: str
) -> None:
    lmtp.ask("MAIL FROM:<>")
    lmtp.ask(f"RCPT TO:<{box}@{DOMAIN}>")
    lmtp.ask("DATA")
    lmtp.send(mail(b"x" * 150_000))
    deadline = time.monotonic() + 20
    found: list[Path] = []
    while not found and time.monotonic() < deadline:
        links = [path for path in Path("/proc/self/fd").iterdir() if path.exists() or path.is_symlink()]
        found = [path for path in links if _is_deleted_file(path)]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in found} == {"0o600"}
    file = delivery_app.extensions["daas"].settings.embedded_database
    folder = tempfile.gettempdir() if file is None else str(file.parent)
    assert {str(path.readlink().parent) for path in found} == {folder}
    lmtp.send(b"\r\n.\r\n")
    assert id_in(lmtp.reply(), box)


def _is_deleted_file(path: Path) -> bool:
    try:
        return str(path.readlink()).endswith(" (deleted)") and 100_000 < path.stat().st_size < 200_000
    except OSError:
        return False


def test_full_disk_of_the_spool_is_452(app: Flask, lmtp: Lmtp, box: str, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        (reply,) = lmtp.deliver(mail(b"x" * 150_000 + b"\r\n"), box)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert reply.startswith("452 4.3.1 ")
    assert id_in(lmtp.deliver(mail(), box)[0], box)


@pytest.mark.parametrize("bind", ["0.0.0.0:2424", "192.168.1.5:2424", "[::]:2424"])
def test_address_that_others_reach_is_refused(bind: str) -> None:
    with pytest.raises(SettingError, match=r"DAAS_LMTP_BIND must be a loopback address"):
        load_settings({"DAAS_LMTP_BIND": bind})


def test_unix_socket_receives_and_goes_away(connect: Connect, settings: Settings, tmp_path: Path, box: str) -> None:
    path = tmp_path / "lmtp"
    app = create_delivery_app(load_settings(environment(settings, DAAS_LMTP_BIND=f"unix:{path}")))
    with receiving(app), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        assert connection.recv(100).startswith(b"220 ")
    assert not path.exists()
