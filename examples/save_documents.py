"""Save each clinical document (C-CDA) that arrives in a mailbox, and archive its message: a job that runs for years.

Usage: save_documents.py URL MAILBOX FOLDER [--once]
The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY. The application needs the services
direct/messages, direct/messages/read and direct/messages/move.

It can be killed at any time and started again, and then loses and doubles nothing: a document has one file name,
made of the ids of its message and part; its file appears when all its bytes are on disk; and a message is archived
after all its documents are. Messages without a document stay in the Inbox. Two at a time in a folder are prevented.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from daas.client import CallFailed, DirectClient

POLL_SECONDS = 10


def save_part(direct: DirectClient, mailbox: str, message_id: str, part: str, sha256: str, folder: Path) -> None:
    """Save a document in the folder, unless it is there already."""
    path = folder / f"{message_id}-{part.replace('/', '-')}.xml"
    if path.exists():
        return
    # After a crash, the next attempt writes this file again from its beginning.
    unfinished = folder / ".unfinished"
    with unfinished.open("wb") as file:
        saved = direct.part(mailbox, message_id, part, file)
        file.flush()
        os.fsync(file.fileno())
    if saved.sha256 != sha256:
        raise ValueError(f"part {part} of message {message_id} is not what was listed")
    unfinished.rename(path)
    sync(folder)


def sync(folder: Path) -> None:
    """Write the names of the folder's files to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_and_archive(direct: DirectClient, mailbox: str, message_id: str, folder: Path) -> bool:
    """Save all documents of a message and archive it; return whether it has any."""
    documents = [part for part in direct.read(mailbox, message_id).parts if part.document == "C-CDA"]
    for document in documents:
        save_part(direct, mailbox, message_id, document.part, document.sha256, folder)
    if documents:
        direct.move(mailbox, message_id, "Archived")
        print(f"Archived message {message_id}: {len(documents)} documents.", flush=True)
    return bool(documents)


def ids_in_inbox(direct: DirectClient, mailbox: str) -> Iterator[str]:
    """Yield the ids of the messages in the Inbox, a page at a time."""
    for page in direct.messages(mailbox, folder="Inbox"):
        yield from (message.id for message in page.messages)


def main(url: str, mailbox: str, folder: Path, *, single_run: bool) -> None:
    """Look for messages again and again; a message that fails is tried again, and holds up no other."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    keys = os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"]
    # What a message holds never changes.
    without_document: set[str] = set()
    with DirectClient(url, *keys) as direct:
        while True:
            try:
                for message_id in ids_in_inbox(direct, mailbox):
                    if message_id not in without_document:
                        try:
                            if not save_and_archive(direct, mailbox, message_id, folder):
                                without_document.add(message_id)
                        except (CallFailed, ValueError) as failure:
                            print(f"Message {message_id}: {failure}", file=sys.stderr, flush=True)
            except CallFailed as failure:
                print(failure, file=sys.stderr, flush=True)
            if single_run:
                return
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), single_run="--once" in sys.argv[4:])
