"""The long-lived parts of an application, in one typed place: create_app() builds them in this order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import current_app

from .settings import Settings

# Types only: these rooms lie above this module, and they import it.
if TYPE_CHECKING:
    from .applications.keys import KeyUses
    from .applications.lookup import CallerCache
    from .mailboxes.find_messages import RunningSearches
    from .monitoring.metrics import Metrics
    from .storage.encryption import PrivateKeyCipher
    from .storage.timeouts import Timeouts
    from .storage.transactions import Transactions
    from .web.context import ApiDefinition
    from .web.rate_limits import RateLimits


@dataclass(kw_only=True, slots=True)
class Services:
    """The shared parts of an application; the class of each field describes it.

    `clock` returns the current time in seconds since 1970, with which the dates of requests are compared. Only an
    application that serves requests has the fields from `callers` on: create_app() sets them.
    """

    settings: Settings
    clock: Callable[[], float]
    timeouts: "Timeouts"
    transactions: "Transactions"
    cipher: "PrivateKeyCipher"
    callers: "CallerCache" = field(init=False)
    key_uses: "KeyUses" = field(init=False)
    metrics: "Metrics" = field(init=False)
    rate_limits: "RateLimits" = field(init=False)
    searches: "RunningSearches" = field(init=False)
    apis: Sequence["ApiDefinition"] = field(init=False)


def services() -> Services:
    """Return the services of the running application; needs Flask's application context."""
    found: Services = current_app.extensions["daas"]
    return found
