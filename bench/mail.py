"""The mail that is moved, the applications that move it, and their signed requests."""

import base64
import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import sqlalchemy
from sqlalchemy import create_engine, text

from daas.settings import Settings
from daas.signing.mechanism import KeyPair
from tests.support.actors import FORM, MOVE, authorization, now

from .checkouts import THIS, Checkout

_STANDARD = ("Inbox", "Sent", "Archived", "Draft")
# Folders of a mailbox: the standard ones and a custom one.
_FOLDERS = len(_STANDARD) + 1
_MESSAGES_OF_MAILBOX = 100
# Coprime to every number of messages that is used, so that each message is moved once before any is moved again.
_STEP = 7919
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows) "
_ZEROS = 64 * "0"
# Seconds without a new row after which a server has no request in progress.
_SETTLED_SECONDS = 0.1


@dataclass(frozen=True)
class Mail:
    """The size of the data; each application may move the messages of each mailbox.

    Ids count from 1 without gaps. The applications share one private key, which is stored for each of them.
    """

    messages: int = 10_000
    applications: int = 10
    log_rows: int = 1_000
    private_key: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def mailboxes(self) -> int:
        """The number of mailboxes."""
        return self.messages // _MESSAGES_OF_MAILBOX

    def keys(self, number: int) -> KeyPair:
        """Return the keys of an application, counted from 0."""
        return KeyPair(f"{number % self.applications + 1:064d}", self.private_key)

    def fill(self, settings: Settings, checkout: Checkout = THIS) -> None:
        """Create the tables of a checkout in an empty database, and fill them."""
        checkout.run(settings, "db", "upgrade")
        keys = self.keys(0)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"public_key": keys.public_key, "private_key": keys.private_key}, file)
            file.flush()
            checkout.run(settings, "application", "register", "bench 0", "--import-key", file.name)
        engine = create_engine(settings.database_url)
        with engine.begin() as connection:
            for statement, rows in self._statements(connection.dialect.name):
                connection.execute(text(_NUMBERS + statement), {"rows": rows})
            if connection.dialect.name == "postgresql":
                for table in ("mailbox", "folder", "message", "application"):
                    connection.execute(text(f"SELECT setval('{table}_id_seq', max(id)) FROM {table}"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            tidy = "VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"
            connection.execute(text(tidy))
        engine.dispose()

    def _statements(self, dialect: str) -> Iterator[tuple[str, int]]:
        yield "INSERT INTO mailbox (id, name, suspended) SELECT n, 'bench.' || n, false FROM numbers", self.mailboxes
        for place, name in enumerate((*_STANDARD, "Custom"), start=1):
            yield (
                "INSERT INTO folder (id, mailbox_id, name, standard) "
                f"SELECT (n - 1) * {_FOLDERS} + {place}, n, '{name}', {name in _STANDARD} FROM numbers",
                self.mailboxes,
            )
        mailbox = f"(n - 1) / {_MESSAGES_OF_MAILBOX}"
        yield (
            "INSERT INTO message (id, mailbox_id, folder_id) "
            f"SELECT n, {mailbox} + 1, {mailbox} * {_FOLDERS} + 1 FROM numbers",
            self.messages,
        )
        yield (
            "INSERT INTO application (id, name, public_key, private_key_encrypted, suspended, all_mailboxes, "
            "require_content_md5, explain_401) SELECT n + 1, 'bench ' || n, "
            f"substr('{_ZEROS}' || (n + 1), length('{_ZEROS}' || (n + 1)) - 63), private_key_encrypted, "
            "suspended, all_mailboxes, require_content_md5, explain_401 FROM numbers, application WHERE id = 1",
            self.applications - 1,
        )
        yield (
            "INSERT INTO application_key (application_id, name, public_key, private_key_encrypted) "
            "SELECT n + 1, '1', public_key, private_key_encrypted FROM numbers, application WHERE id = n + 1",
            self.applications - 1,
        )
        yield (
            "INSERT INTO application_service (application_id, service) SELECT n + 1, service "
            "FROM numbers, application_service WHERE application_id = 1",
            self.applications - 1,
        )
        yield (
            "INSERT INTO application_mailbox (application_id, mailbox_id) SELECT n, id FROM numbers, mailbox",
            self.applications,
        )
        at = {
            "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + n, 'unixepoch')",
            "postgresql": "to_timestamp(1700000000 + n)",
        }
        yield (
            "INSERT INTO request_log (at, remote_address, application, service, method, path, status, reason, "
            "duration_ms, mailbox, message, folder, folder_from, folder_to) "
            f"SELECT {at[dialect]}, '127.0.0.1', 'bench ' || n, 'direct/messages/move', 'POST', '{MOVE}', 200, "
            f"'moved', 1.5, 'bench.' || ({mailbox} + 1), '' || n, 'Sent', 'Inbox', 'Sent' FROM numbers",
            self.log_rows,
        )


class Moves:
    """Signed requests that move the messages in turn, each to another folder than before."""

    def __init__(self, mail: Mail, keys: KeyPair | None = None) -> None:
        """Sign with the keys of each application in turn, or always with the given ones."""
        self._mail = mail
        self._keys = keys
        self._sent = 0

    def sign(self, count: int) -> list[bytes]:
        """Return the next requests, signed now; until sent() is called, they stay the next ones."""
        date = now()
        return [self._request(number, date) for number in range(self._sent, self._sent + count)]

    def sent(self, count: int) -> None:
        """Continue after the first `count` of the next requests."""
        self._sent += count

    def _request(self, number: int, date: str) -> bytes:
        turn, place = divmod(number, self._mail.messages)
        message = place * _STEP % self._mail.messages
        mailbox = message // _MESSAGES_OF_MAILBOX
        folder = (*_STANDARD, str((mailbox + 1) * _FOLDERS))[(turn + 1) % _FOLDERS]
        body = urlencode({"mailbox": f"bench.{mailbox + 1}", "id": message + 1, "folder": folder})
        md5 = base64.b64encode(hashlib.md5(body.encode(), usedforsecurity=False).digest()).decode()
        keys = self._keys or self._mail.keys(number)
        head = (
            f"POST {MOVE} HTTP/1.1\r\nHost: 127.0.0.1\r\nDate: {date}\r\nContent-Type: {FORM}\r\n"
            f"Content-MD5: {md5}\r\nAuthorization: {authorization(keys, date=date, md5=md5)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


class Ledger:
    """Compare the request log with the responses that the load generator got."""

    def __init__(self, settings: Settings) -> None:
        self._engine = create_engine(settings.database_url, poolclass=sqlalchemy.NullPool)
        self._last = 0

    def go_on(self) -> None:
        """Wait for the requests in progress, and from now on consider only later rows."""
        last = -1
        while last != self._last:
            last = self._last
            time.sleep(_SETTLED_SECONDS)
            with self._engine.connect() as connection:
                self._last = connection.execute(text("SELECT coalesce(max(id), 0) FROM request_log")).scalar_one()

    def check(self, answers: dict[int, int], connections: int) -> None:
        """Raise RuntimeError if the rows since go_on() do not match the number of responses of each status.

        What was under way when the generator stopped, a request for each connection, may have its row too.
        """
        counts = "SELECT status, count(*), sum(CASE WHEN folder_from = folder_to THEN 1 ELSE 0 END)"
        with self._engine.connect() as connection:
            rows = connection.execute(
                text(f"{counts} FROM request_log WHERE id > :last GROUP BY status"), {"last": self._last}
            ).all()
        found = {status: count for status, count, _ in rows}
        if found.keys() - answers.keys() or any(
            not count <= found.get(status, 0) <= count + connections for status, count in answers.items()
        ):
            raise RuntimeError(f"the log has these rows by status: {found}; these answers were counted: {answers}")
        if any(standing for status, _, standing in rows if status == 200):
            raise RuntimeError("some moves moved nothing: the message was in that folder")
