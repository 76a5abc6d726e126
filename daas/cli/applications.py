"""The commands `daas application`."""

import datetime
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ..applications import policy
from ..applications import registry as applications
from ..applications.models import Application
from ..mailboxes.administration import find_mailbox, names_of_granted_mailboxes
from ..storage.engine import db
from .confirm import YES, confirm
from .context import uses_database
from .keys import IMPORT_KEY, describe_key, read_key_pair, working_key
from .output import Row, prints_result, prints_table
from .times import Duration, format_time


def _permissions(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in [
        click.option("--all-mailboxes", is_flag=True, help="Every mailbox, future ones too."),
        click.option("--mailbox", "mailboxes", multiple=True, metavar="M", help="A mailbox; can be repeated."),
        click.option(
            "--service",
            "services",
            multiple=True,
            type=click.Choice(applications.SERVICES),
            help="A service; can be repeated.",
        ),
    ]:
        command = option(command)
    return command


@click.group()
def application() -> None:
    """Manage applications and their permissions."""


@application.command()
@click.argument("name")
@_permissions
@click.option("--require-content-md5", is_flag=True, help="Reject its requests that have no Content-MD5.")
@IMPORT_KEY
@uses_database
@prints_result
def register(
    name: str,
    services: tuple[str, ...],
    mailboxes: tuple[str, ...],
    all_mailboxes: bool,
    require_content_md5: bool,
    import_key: Path | None,
) -> Row:
    """Register an application and print its keys.

    The private key is shown only once.
    """
    keys = None if import_key is None else read_key_pair(import_key)
    made, private_key = applications.register_application(
        name,
        services=services or applications.DEFAULT_SERVICES,
        mailbox_ids=_mailbox_ids(mailboxes),
        all_mailboxes=all_mailboxes,
        require_content_md5=require_content_md5,
        keys=keys,
    )
    row = _describe(made)
    return {"name": row.pop("name"), "public_key": row.pop("public_key"), "private_key": private_key, **row}


def _summary(row: Row) -> Row:
    """Return what the table for people has: a line for each application that fits a terminal."""
    mailboxes = row["mailboxes"]
    more = [f"and {len(mailboxes) - 3} more"] if len(mailboxes) > 3 else []
    working = sum(key["works"] for key in row["keys"])
    return {
        "name": row["name"],
        "state": "suspended" if row["suspended"] else "active",
        "keys": f"{working} of {len(row['keys'])} work",
        "last_used": max((key["last_used"] or "" for key in row["keys"]), default="") or None,
        "mailboxes": ["all"] if row["all_mailboxes"] else mailboxes[:3] + more,
        "services": row["services"],
    }


@application.command("list")
@uses_database
@prints_table(_summary)
def list_() -> Iterable[Row]:
    """List all applications."""
    return [_describe_fully(each) for each in applications.list_applications()]


@application.command()
@click.argument("name")
@uses_database
@prints_result
def show(name: str) -> Row:
    """Show an application, its permissions, requirements and keys.

    `calls_unbound` counts the requests with a body and without Content-MD5, whose signature does not cover the body, in
    the last 100,000 rows of the request log.
    """
    found = applications.find_application(name)
    exposure = policy.exposure_of(found)
    return {
        **_describe_fully(found),
        "calls_with_body": exposure.calls,
        "calls_unbound": exposure.body_unsigned,
        "calls_since": format_time(exposure.since),
    }


@application.command()
@click.argument("name")
@uses_database
@prints_result
def suspend(name: str) -> Row:
    """Reject all requests of an application."""
    return _describe(applications.suspend_application(name, suspended=True))


@application.command()
@click.argument("name")
@uses_database
@prints_result
def resume(name: str) -> Row:
    """Accept the requests of a suspended application again."""
    return _describe(applications.suspend_application(name, suspended=False))


@application.command()
@click.argument("name")
@_permissions
@uses_database
@prints_result
def grant(name: str, services: tuple[str, ...], mailboxes: tuple[str, ...], all_mailboxes: bool) -> Row:
    """Grant an application services or mailboxes."""
    _require_one(services, mailboxes, all_mailboxes)
    return _describe(applications.grant(name, services, _mailbox_ids(mailboxes), all_mailboxes=all_mailboxes))


@application.command()
@click.argument("name")
@_permissions
@uses_database
@prints_result
def revoke(name: str, services: tuple[str, ...], mailboxes: tuple[str, ...], all_mailboxes: bool) -> Row:
    """Withdraw services or mailboxes from an application.

    --all-mailboxes leaves the mailboxes that were granted by name.
    """
    _require_one(services, mailboxes, all_mailboxes)
    return _describe(applications.revoke(name, services, _mailbox_ids(mailboxes), all_mailboxes=all_mailboxes))


@application.command()
@click.argument("name")
@click.argument("new_name", metavar="NEWNAME")
@YES
@uses_database
@prints_result
def rename(name: str, new_name: str, yes: bool) -> Row:
    """Rename an application; the log keeps its old name.

    Over the API it can no longer read its earlier requests, which have the old name. The new name must be one that the
    log does not have.
    """
    applications.find_application(name)
    db.session.rollback()
    confirm(f"Rename the application {name!r} to {new_name!r}?", yes=yes)
    return _describe(applications.rename_application(name, new_name))


@application.command()
@click.argument("name")
@YES
@uses_database
@prints_result
def remove(name: str, yes: bool) -> Row:
    """Remove an application with its keys, lists and contacts.

    The request log stays, and no other application can get the name while the log has it.
    """
    from ..contacts.remove_application import remove_application

    applications.find_application(name)
    db.session.rollback()
    confirm(f"Remove the application {name!r} with its keys, lists and contacts for good?", yes=yes)
    remove_application(name)
    return {"removed": name}


@application.command("policy")
@click.argument("name")
@click.option(
    "--content-md5",
    type=click.Choice(policy.CONTENT_MD5),
    help="Whether it must send Content-MD5; warn: responses say that it is missing.",
)
@click.option(
    "--allow-network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="The only network it may call from, such as 10.0.0.0/8; can be repeated.",
)
@click.option("--any-network", is_flag=True, help="It may call from anywhere.")
@click.option("--rate-limit", help="Its rate limit, such as '600 per minute'; '' for the general limit.")
@uses_database
@prints_result
def policy_(
    name: str, content_md5: str | None, networks: tuple[str, ...], any_network: bool, rate_limit: str | None
) -> Row:
    """Change the requirements for an application.

    Requirements without an option do not change; the networks replace all earlier networks.
    """
    if networks and any_network:
        raise click.UsageError("Give --allow-network or --any-network, not both.")
    allowed = networks if networks or any_network else None
    if content_md5 is None and allowed is None and rate_limit is None:
        raise click.UsageError("Name --content-md5, --allow-network, --any-network or --rate-limit.")
    changed = policy.set_policy(name, content_md5=content_md5, networks=allowed, rate_limit=rate_limit)
    return _describe_fully(changed)


@application.command()
@click.argument("name")
@click.option("--for", "span", type=Duration(), required=True, help="For how long from now: 90m, 24h; 0s ends it.")
@uses_database
@prints_result
def explain(name: str, span: datetime.timedelta) -> Row:
    """Temporarily explain its 401 responses to an application.

    They include the string to sign that the server built.
    """
    return _describe_fully(policy.explain_for(name, span))


def _require_one(services: tuple[str, ...], mailboxes: tuple[str, ...], all_mailboxes: bool) -> None:
    if not (services or mailboxes or all_mailboxes):
        raise click.UsageError("Name a --service, a --mailbox or --all-mailboxes.")


def _mailbox_ids(names: Iterable[str]) -> list[int]:
    return [find_mailbox(name).id for name in names]


def _describe(application: Application) -> dict[str, Any]:
    """Return an application's permissions, and the first of its keys that works."""
    return {
        "name": application.name,
        "public_key": working_key(application),
        "services": sorted(row.service for row in application.services),
        "mailboxes": names_of_granted_mailboxes(application.id),
        "all_mailboxes": application.all_mailboxes,
        "require_content_md5": application.require_content_md5,
        "suspended": application.suspended,
    }


def _describe_fully(application: Application) -> Row:
    """Return everything about an application except its private keys."""
    return {
        **_describe(application),
        "content_md5": policy.content_md5_of(application),
        "networks": (application.networks or "").split(),
        "rate_limit": application.rate_limit,
        "explain_401": application.explain_401,
        "explain_until": format_time(application.explain_until),
        "keys": [describe_key(key) for key in application.keys],
    }
