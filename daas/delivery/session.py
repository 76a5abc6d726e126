"""One LMTP connection (RFC 2033): its commands, and the bytes of its messages."""

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from typing import IO, Protocol, TypeVar

from ..reasons import Reason
from ..records.request_log import RequestRecord
from .commands import read_mail, read_recipient
from .deliver import Result, find_error_of_mailbox, make_record, reason_of, reject, report
from .replies import REPLIES
from .storing_queue import ReceivedMessage

T = TypeVar("T")

#: A connection on which nothing happens for so long is closed.
STALL_SECONDS = 300
# More bytes are in memory of no message while it arrives; what follows goes to a file.
_MAX_IN_MEMORY = 65_536
_READ_BYTES = 131_072
# RFC 5321, 4.5.3.1.4, with room for parameters.
_MAX_LINE_BYTES = 4096
_MAX_RECIPIENTS = 1000
_MAX_ERRORS = 50
# A line ends in CR LF alone: what another program takes for two commands is none.
_NOT_IN_A_LINE = re.compile(rb"[\r\n\0]")
_STUFFED_DOT = re.compile(rb"\r\n\.")


class Shared(Protocol):
    """What all connections of a receiver share."""

    domain: str
    max_message_bytes: int
    spool_directory: str | None
    is_stopping: bool

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a function that uses the database on another thread."""

    async def store(self, message: ReceivedMessage) -> list[Result]:
        """Store a message and return the result for each recipient."""


class Session:
    """The conversation on one connection; `is_busy` while a message arrives or is stored."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, remote_address: str, shared: Shared
    ) -> None:
        self.is_busy = False
        self._reader = reader
        self._writer = writer
        self._remote_address = remote_address
        self._shared = shared
        self._buffer = bytearray()
        self._has_greeted = False
        self._has_sender = False
        self._recipients: list[tuple[str, RequestRecord]] = []
        self._errors = 0
        self._commands = {
            "LHLO": self._lhlo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._noop,
            "VRFY": self._vrfy,
        }

    async def run(self) -> None:
        """Answer commands until the client quits or the receiver stops.

        Raises OSError if the connection breaks, EOFError if it ends, TimeoutError if it stalls.
        """
        self._reply(f"220 {self._shared.domain} LMTP ready")
        while not self._shared.is_stopping:
            line = await self._read_line()
            if line is None:
                self._reject("500 5.5.2 Line is too long")
                continue
            verb, _, argument = line.decode("utf-8", errors="replace").partition(" ")
            if _NOT_IN_A_LINE.search(line):
                self._reject("500 5.5.2 Malformed command")
            elif verb.upper() == "QUIT":
                self._reply("221 2.0.0 Bye")
                break
            elif command := self._commands.get(verb.upper()):
                await command(argument.strip(" "))
            else:
                self._reject("500 5.5.1 Unknown command")
            if self._errors > _MAX_ERRORS:
                self._reply("421 4.7.0 Too many errors")
                break
        else:
            self.say_stopping()
        await self._flush()

    def say_stopping(self) -> None:
        """Tell the client that the receiver stops; it will send its messages again later."""
        self._reply("421 4.3.2 Service is stopping")

    async def _lhlo(self, argument: str) -> None:
        if not argument:
            self._reject("501 5.5.4 LHLO needs a name")
            return
        self._reset()
        self._has_greeted = True
        extensions = ["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"]
        for line in (self._shared.domain, *extensions):
            self._reply(f"250-{line}")
        self._reply(f"250 SIZE {self._shared.max_message_bytes}")

    async def _mail(self, argument: str) -> None:
        if not self._has_greeted or self._has_sender:
            self._reject("503 5.5.1 " + ("MAIL was sent already" if self._has_sender else "Send LHLO first"))
            return
        parameters = read_mail(argument)
        if parameters is None:
            self._reject("501 5.5.4 Malformed address")
        elif (
            parameters.keys() - {"SIZE", "BODY", "SMTPUTF8"}
            or parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}
            or parameters.get("SMTPUTF8")
        ):
            self._reject("555 5.5.4 Unknown parameter")
        elif not re.fullmatch(r"[0-9]{1,20}", parameters.get("SIZE", "0")):
            self._reject("501 5.5.4 Malformed SIZE")
        elif int(parameters.get("SIZE", "0")) > self._shared.max_message_bytes:
            record = make_record("LMTP", self._remote_address, None)
            await self._reject_recipients([record], Reason.MESSAGE_TOO_LARGE, int(parameters["SIZE"]))
            self._reply(str(REPLIES[Reason.MESSAGE_TOO_LARGE]))
        else:
            self._has_sender = True
            self._reply("250 2.1.0 OK")

    async def _rcpt(self, argument: str) -> None:
        if not self._has_sender:
            self._reject("503 5.5.1 Send MAIL first")
            return
        recipient = read_recipient(argument)
        if recipient is None:
            self._reject("501 5.5.4 Malformed address")
            return
        local, domain, parameters = recipient
        if parameters:
            self._reject("555 5.5.4 Unknown parameter")
            return
        if len(self._recipients) >= _MAX_RECIPIENTS:
            self._reject("452 4.5.3 Too many recipients")
            return
        is_ours = domain == self._shared.domain
        record = make_record("LMTP", self._remote_address, local if is_ours else f"{local}@{domain}")
        error = await self._find_error(local) if is_ours else Reason.DOMAIN_UNKNOWN
        if error is None:
            self._recipients.append((local, record))
            self._reply("250 2.1.5 OK")
        else:
            await self._reject_recipients([record], error, None)
            self._reply(str(REPLIES[error]))

    async def _find_error(self, mailbox: str) -> Reason | None:
        try:
            return await self._shared.in_thread(lambda: find_error_of_mailbox(mailbox))
        except Exception as error:
            return reason_of(error)

    async def _data(self, argument: str) -> None:
        if argument or not self._recipients:
            # RFC 2033, 4.2: DATA fails if no recipient was accepted.
            self._reject("501 5.5.4 DATA has no argument" if argument else "503 5.5.1 No recipient was accepted")
            return
        self.is_busy = True
        self._reply("354 End the message with a line of one dot")
        recipients = self._recipients
        with tempfile.SpooledTemporaryFile(_MAX_IN_MEMORY, dir=self._shared.spool_directory) as file:
            size, error = await self._receive(file)
            started = time.perf_counter()
            for _, record in recipients:
                record.started = started
            if error is None:
                results = await self._shared.store(ReceivedMessage(file, size, recipients))
            else:
                results = await self._reject_recipients([record for _, record in recipients], error, size)
        for (mailbox, _), result in zip(recipients, results, strict=True):
            if result.message_id is None:
                self._reply(str(REPLIES[result.reason]))
            else:
                self._reply(f"250 2.0.0 {mailbox} stored as {result.message_id}")
        self._reset()
        await self._flush()
        self.is_busy = False

    async def _receive(self, file: IO[bytes]) -> tuple[int, Reason | None]:
        """Write the message that arrives to a file, without the dots added for the transport.

        Only CR LF dot CR LF ends it. Return its size, and why it cannot be stored, None if it can.
        """
        # The message begins as if after a line, so that a dot at its beginning is treated like all others.
        self._buffer[:0] = b"\r\n"
        size = -2
        error: Reason | None = None
        while (end := self._buffer.find(b"\r\n.\r\n")) < 0:
            # Keep what may be the beginning of the end: from the first CR of the last four bytes on.
            length = len(self._buffer)
            keep_from = self._buffer.find(b"\r", max(0, length - 4))
            piece = bytes(self._buffer[: length if keep_from < 0 else keep_from])
            del self._buffer[: len(piece)]
            size, error = await self._write(file, piece, size, error)
            await self._fill()
        piece = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 5]
        return await self._write(file, piece, size, error)

    async def _write(self, file: IO[bytes], piece: bytes, size: int, error: Reason | None) -> tuple[int, Reason | None]:
        text = _STUFFED_DOT.sub(b"\r\n", piece)
        if size < 0:
            text, size = text[-size:], size + min(len(text), -size)
        size += len(text)
        if size > self._shared.max_message_bytes:
            return size, Reason.MESSAGE_TOO_LARGE
        if error is None:
            try:
                if size <= _MAX_IN_MEMORY:
                    file.write(text)
                else:
                    await asyncio.to_thread(file.write, text)
            except OSError:
                # The rest of the message is read and forgotten: only then can the client hear of it.
                error = Reason.DISK_FULL
        return size, error

    async def _reject_recipients(self, records: list[RequestRecord], reason: Reason, size: int | None) -> list[Result]:
        def log() -> list[Result]:
            results = reject(records, reason)
            for record, result in zip(records, results, strict=True):
                report(record, result, size)
            return results

        return await self._shared.in_thread(log)

    async def _rset(self, _argument: str) -> None:
        self._reset()
        self._reply("250 2.0.0 OK")

    async def _noop(self, _argument: str) -> None:
        self._reply("250 2.0.0 OK")

    async def _vrfy(self, _argument: str) -> None:
        self._reply("252 2.1.5 Send the mail to find out")

    def _reset(self) -> None:
        self._has_sender = False
        self._recipients = []

    def _reject(self, reply: str) -> None:
        self._errors += 1
        self._reply(reply)

    def _reply(self, line: str) -> None:
        self._writer.write(line.encode("ascii", errors="replace") + b"\r\n")

    async def _read_line(self) -> bytes | None:
        """Return the next line without its CR LF; None for one that is too long."""
        is_too_long = False
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_LINE_BYTES:
                is_too_long = True
                del self._buffer[:-1]
            await self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return None if is_too_long or len(line) > _MAX_LINE_BYTES else line

    async def _fill(self) -> None:
        """Send the replies so far, and wait for more from the client."""
        await self._flush()
        async with asyncio.timeout(STALL_SECONDS):
            received = await self._reader.read(_READ_BYTES)
        if not received:
            raise EOFError
        self._buffer += received

    async def _flush(self) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await self._writer.drain()
