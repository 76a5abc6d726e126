"""Registered applications, their keys and permissions: register, find, change and suspend them."""

import datetime
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..errors import OperatorError
from ..records.audit import audit
from ..records.request_log import RequestLogRow
from ..signing.mechanism import KeyPair, make_key_pair
from ..storage.encryption import encrypt
from ..storage.engine import db
from .models import Application, ApplicationKey, ApplicationMailbox, ApplicationService

#: Every service that an application can be granted, named by its URL.
SERVICES = (
    *("direct/messages/move", "direct/messages", "direct/folders"),
    "direct/messages/read",
    *("direct/messages/history", "direct/messages/restore", "direct/requests"),
    *("v1/lists", "v1/contacts"),
)
#: The services that `register` grants by default.
DEFAULT_SERVICES = SERVICES[:3]


def register_application(
    name: str,
    *,
    services: Iterable[str] = DEFAULT_SERVICES,
    mailbox_ids: Iterable[int] = (),
    all_mailboxes: bool = False,
    require_content_md5: bool = False,
    explain_401: bool = False,
    keys: KeyPair | None = None,
    reuse_name: bool = False,
) -> tuple[Application, str]:
    """Register an application and return it with its private key, which is shown only this once.

    `reuse_name` accepts a name that the request log has of an earlier application, whose requests the new one can then
    read. Raise OperatorError if a name, key or service cannot be used.
    """
    services, mailbox_ids = [*dict.fromkeys(services)], [*dict.fromkeys(mailbox_ids)]
    name = _read_name(name)
    if not reuse_name:
        check_name_is_new(name)
    keys = keys or make_key_pair()
    encrypted = encrypt(keys.private_key)
    key = ApplicationKey(
        name="1",
        public_key=keys.public_key,
        private_key_encrypted=encrypted,
        created_at=datetime.datetime.now(datetime.UTC),
    )
    application = Application(
        name=name,
        public_key=keys.public_key,
        private_key_encrypted=encrypted,
        all_mailboxes=all_mailboxes,
        require_content_md5=require_content_md5,
        explain_401=explain_401,
        keys=[key],
        services=[ApplicationService(service=service) for service in services],
        mailboxes=[ApplicationMailbox(mailbox_id=mailbox_id) for mailbox_id in mailbox_ids],
    )
    db.session.add(application)
    permissions = {"services": services, "mailbox_ids": mailbox_ids, "all_mailboxes": all_mailboxes}
    audit(
        "application register", name, public_key=keys.public_key, require_content_md5=require_content_md5, **permissions
    )
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        taken = "name" if db.session.scalar(select(Application.id).where(Application.name == name)) else "public key"
        raise OperatorError(f"There is an application with this {taken} already.") from error
    return application, keys.private_key


def check_name_is_new(name: str) -> None:
    """Raise OperatorError if an application has a name, or had it according to the request log.

    The log names applications, and each can read its own requests: an application with an earlier one's name could read
    the earlier one's requests too.
    """
    if db.session.scalar(select(Application.id).where(Application.name == name)) is not None:
        raise OperatorError("There is an application with this name already.")
    if db.session.scalar(select(RequestLogRow.id).where(RequestLogRow.application == name).limit(1)) is not None:
        raise OperatorError(
            f"The request log has requests of an earlier application {name!r}: choose another name, or prune the log."
        )


def find_application(name: str) -> Application:
    """Return the application with a name; raise OperatorError if there is none."""
    application = db.session.scalar(select(Application).where(Application.name == name))
    if application is None:
        raise OperatorError(f"There is no application {name!r}.")
    return application


def list_applications() -> Sequence[Application]:
    """Return all applications, ordered by name."""
    return db.session.scalars(select(Application).order_by(Application.name)).all()


def suspend_application(name: str, *, suspended: bool) -> Application:
    """Suspend or resume an application; all requests of a suspended application are rejected."""
    application = find_application(name)
    application.suspended = suspended
    audit("application suspend" if suspended else "application resume", name)
    db.session.commit()
    return application


def grant(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Grant an application services and mailboxes, in addition to its present permissions."""
    application = find_application(name)
    services, mailbox_ids = {*services}, {*mailbox_ids}
    granted_services = {row.service for row in application.services}
    granted_mailboxes = {row.mailbox_id for row in application.mailboxes}
    application.services += [ApplicationService(service=service) for service in services - granted_services]
    application.mailboxes += [ApplicationMailbox(mailbox_id=id_) for id_ in mailbox_ids - granted_mailboxes]
    application.all_mailboxes |= all_mailboxes
    _audit_permissions("application grant", name, services, mailbox_ids, all_mailboxes)
    db.session.commit()
    return application


def revoke(name: str, services: Iterable[str], mailbox_ids: Iterable[int], *, all_mailboxes: bool) -> Application:
    """Withdraw services and mailboxes from an application; `all_mailboxes` withdraws the permission for all, not the
    mailboxes granted by name.
    """
    application = find_application(name)
    services, mailbox_ids = {*services}, {*mailbox_ids}
    application.services = [row for row in application.services if row.service not in services]
    application.mailboxes = [row for row in application.mailboxes if row.mailbox_id not in mailbox_ids]
    application.all_mailboxes &= not all_mailboxes
    _audit_permissions("application revoke", name, services, mailbox_ids, all_mailboxes)
    db.session.commit()
    return application


def rename_application(name: str, new_name: str) -> Application:
    """Rename an application; it can no longer read the requests that the log has under its old name.

    Raise OperatorError if there is no such application, or if the log or another application has the new name.
    """
    application = find_application(name)
    new_name = _read_name(new_name)
    check_name_is_new(new_name)
    audit("application rename", name, new_name=new_name)
    application.name = new_name
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise OperatorError("There is an application with this name already.") from error
    return application


def remove_application(name: str) -> None:
    """Remove an application with its keys and permissions; the caller has removed the rest, and written the audit."""
    db.session.delete(find_application(name))
    db.session.commit()


def _read_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise OperatorError("The name of an application must be 1 to 100 printable characters.")
    return name


def _audit_permissions(
    act: str, name: str, services: Iterable[str], mailbox_ids: Iterable[int], all_mailboxes: bool
) -> None:
    audit(act, name, services=sorted(services), mailbox_ids=sorted(mailbox_ids), all_mailboxes=all_mailboxes)
