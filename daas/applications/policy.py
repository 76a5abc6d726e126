"""Per-application requirements (Content-MD5, networks, rate limit), and how many requests would fail Content-MD5."""

import datetime
import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select

from ..errors import OperatorError
from ..records.audit import audit
from ..records.request_log import RequestLogRow
from ..storage.engine import db
from .models import Application
from .registry import find_application

#: The requirements for Content-MD5.
CONTENT_MD5 = ("off", "warn", "require")

_MAX_EXPLANATION = datetime.timedelta(days=7)
_MAX_NETWORKS = 100
# The number of the latest rows of the log in which an application's requests are counted.
_COUNTED_ROWS = 100_000

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Exposure:
    """How many requests with a body an application has signed since a time, and how many without Content-MD5."""

    calls: int
    body_unsigned: int
    since: datetime.datetime | None


def set_policy(
    name: str,
    *,
    content_md5: str | None = None,
    networks: Sequence[str] | None = None,
    rate_limit: str | None = None,
) -> Application:
    """Change an application's requirements: None leaves one unchanged, an empty value removes it.

    `networks` are those from which it may call, such as `10.0.0.0/8`; `rate_limit` is a text such as `600 per minute`.
    """
    application = find_application(name)
    if content_md5 is not None:
        application.warn_content_md5 = content_md5 == "warn"
        application.require_content_md5 = content_md5 == "require"
    if networks is not None:
        application.networks = _read_networks(networks)
    if rate_limit is not None:
        application.rate_limit = _read_rate_limit(rate_limit)
    requested = {"content_md5": content_md5, "networks": networks, "rate_limit": rate_limit}
    audit("application policy", name, **{part: value for part, value in requested.items() if value is not None})
    db.session.commit()
    return application


def explain_for(name: str, span: datetime.timedelta) -> Application:
    """Add the string to sign to an application's 401 responses for a duration from now; 0 ends it."""
    if span > _MAX_EXPLANATION:
        raise OperatorError("A 401 can be explained for 7 days at most.")
    application = find_application(name)
    application.explain_until = datetime.datetime.now(datetime.UTC) + span if span else None
    audit("application explain", name, seconds=span.total_seconds())
    db.session.commit()
    return application


def content_md5_of(application: Application) -> str:
    """Return an application's requirement for Content-MD5, one of CONTENT_MD5."""
    if application.require_content_md5:
        return "require"
    return "warn" if application.warn_content_md5 else "off"


def exposure_of(application: Application) -> Exposure:
    """Count an application's requests whose signature did not cover the body, in the last 100,000 rows of the log."""
    latest = (
        select(RequestLogRow.application, RequestLogRow.unbound, RequestLogRow.at)
        .order_by(RequestLogRow.id.desc())
        .limit(_COUNTED_ROWS)
        .subquery()
    )
    own = (latest.c.application == application.name) & latest.c.unbound.is_not(None)
    counts = select(func.count(case((own, 1))), func.count(case((own & latest.c.unbound, 1))), func.min(latest.c.at))
    return Exposure(*db.session.execute(counts).one())


def is_allowed_from(networks: str | None, address: str) -> bool:
    """Return whether a client's address is in one of the networks (stored as text); None allows all."""
    if networks is None:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False  # A client on a Unix socket has no address.
    client = getattr(client, "ipv4_mapped", None) or client
    return any(client in network for network in _stored_networks(networks))


def _read_networks(networks: Iterable[str]) -> str | None:
    try:
        read = dict.fromkeys(str(ipaddress.ip_network(network)) for network in networks)
    except ValueError as error:
        raise OperatorError(f"A network must be like 10.0.0.0/8 or 2001:db8::/32: {error}.") from error
    if len(read) > _MAX_NETWORKS:
        raise OperatorError(f"An application can have {_MAX_NETWORKS} networks at most.")
    return " ".join(read) or None


def _read_rate_limit(text: str) -> str | None:
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8} per (second|minute|hour|day)", text):
        raise OperatorError(
            f"Invalid rate limit {text!r}. Use for example '600 per minute'; or per second, hour or day."
        )
    return text


@functools.lru_cache
def _stored_networks(networks: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in networks.split())
