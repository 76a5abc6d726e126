"""Builders of mailboxes, folders, messages and applications; every name is new, so that tests can share a database."""

import itertools
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from daas.applications import registry as applications
from daas.mailboxes import administration as mailboxes
from daas.mailboxes.message_import import import_messages
from daas.mailboxes.models import Folder, Message
from daas.records.request_log import RequestLogRow
from daas.signing.mechanism import KeyPair
from daas.storage.engine import db

from .actors import Application

_numbers = itertools.count(1)


@dataclass
class Mailbox:
    """A mailbox as tests name it; `folders` are its custom folders' ids, `messages` its messages' ids."""

    name: str
    folders: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        return self.messages[0]

    @property
    def folder(self) -> str:
        return self.folders[0]


class Builder:
    def __init__(self, app: Flask) -> None:
        self.app = app

    def mailbox(self, *, folders: int = 1, messages: int = 1, suspended: bool = False) -> Mailbox:
        """Make a mailbox with custom folders, and messages in its Inbox."""
        made = Mailbox(f"box{next(_numbers)}.{os.getpid()}")
        with self.app.app_context():
            row = mailboxes.add_mailbox(made.name)
            made.folders = [str(mailboxes.add_folder(row, f"Custom {n}").id) for n in range(folders)]
        made.messages = [self.message(made) for _ in range(messages)]
        if suspended:
            with self.app.app_context():
                mailboxes.suspend_mailbox(made.name, suspended=True)
        return made

    def message(self, mailbox: Mailbox, *, subject: str = "A message") -> str:
        """Import a message into the Inbox and return its id."""
        return self.raw_message(
            mailbox, f"From: a@example.org\r\nSubject: {subject} {next(_numbers)}\r\n\r\nBody\r\n".encode()
        )

    def raw_message(self, mailbox: Mailbox, raw: bytes) -> str:
        """Import the bytes of a message into the Inbox and return its id."""
        with tempfile.TemporaryDirectory() as directory, self.app.app_context():
            Path(directory, "one.eml").write_bytes(raw)
            inbox = mailboxes.find_folder(mailboxes.find_mailbox(mailbox.name), "Inbox")
            (outcome,) = import_messages(inbox, [Path(directory, "one.eml")])
        return str(outcome.id)  # type: ignore[union-attr]

    def application(
        self,
        *,
        mailboxes: list[Mailbox] | tuple[Mailbox, ...] = (),
        services: tuple[str, ...] = applications.DEFAULT_SERVICES,
        suspended: bool = False,
        keys: KeyPair | None = None,
        **options: bool,
    ) -> Application:
        """Register an application; `options` are arguments of register_application()."""
        from daas.mailboxes.administration import find_mailbox

        name = f"app{next(_numbers)}.{os.getpid()}"
        with self.app.app_context():
            row, private_key = applications.register_application(
                name,
                services=services,
                mailbox_ids=[find_mailbox(mailbox.name).id for mailbox in mailboxes],
                keys=keys,
                **options,
            )
            keys = KeyPair(row.public_key, private_key)
            if suspended:
                applications.suspend_application(name, suspended=True)
        return Application(self.app, name, keys, [*mailboxes])

    def folder_of(self, message_id: str) -> str:
        """Return the folder of a message: a standard folder's name or a custom folder's id."""
        with self.app.app_context():
            query = select(Folder).join(Message, Message.folder_id == Folder.id).where(Message.id == int(message_id))
            folder = db.session.scalars(query).one()
            return folder.name if folder.standard else str(folder.id)

    def previous_folder_of(self, message_id: str) -> str | None:
        """Return the folder in which a message was before it changed its folder, None if it never did."""
        with self.app.app_context():
            query = select(Folder).join(Message, Message.previous_folder_id == Folder.id)
            folder = db.session.scalars(query.where(Message.id == int(message_id))).one_or_none()
            return None if folder is None else folder.name if folder.standard else str(folder.id)

    def state_of(self, message_ids: list[str]) -> list[tuple[int, int, int | None]]:
        """Return the folder and the previous folder of messages, by their ids."""
        with self.app.app_context():
            query = select(Message.id, Message.folder_id, Message.previous_folder_id)
            rows = db.session.execute(query.where(Message.id.in_([*map(int, message_ids)])).order_by(Message.id))
            return [(row.id, row.folder_id, row.previous_folder_id) for row in rows]

    def batch_rows(self, request_id: int) -> list[RequestLogRow]:
        """Return the rows of the messages of a batch, in the order of their ids."""
        with self.app.app_context():
            query = select(RequestLogRow).where(RequestLogRow.batch == request_id).order_by(RequestLogRow.id)
            rows = [*db.session.scalars(query)]
            db.session.expunge_all()
            return rows

    def log_row(self, request_id: str) -> RequestLogRow:
        """Return the row of the log with a request_id."""
        with self.app.app_context():
            row = db.session.get(RequestLogRow, int(request_id))
            assert row is not None
            db.session.expunge(row)
            return row

    def log_rows(self, message_id: str) -> list[RequestLogRow]:
        """Return the rows of the log that name a message, in the order of their ids."""
        with self.app.app_context():
            query = select(RequestLogRow).where(RequestLogRow.message == message_id).order_by(RequestLogRow.id)
            rows = [*db.session.scalars(query)]
            db.session.expunge_all()
            return rows
