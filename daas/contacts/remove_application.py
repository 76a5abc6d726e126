"""Remove an application with everything that belongs to it."""

import time

from sqlalchemy.exc import IntegrityError

from ..applications import registry
from ..errors import OperatorError
from ..mailboxes.removal import remove_idempotency_keys
from ..records.audit import audit
from ..storage.engine import db
from .lists import remove_all_lists

# Servers may know an application for a second after it was suspended: until then, it can still add something.
_MAX_TRIES = 10
_PAUSE_SECONDS = 0.25


def remove_application(name: str) -> None:
    """Remove an application with its keys, permissions, lists, contacts and idempotency keys.

    It is suspended first, and everything that can be large is deleted in steps; an interrupted removal can be repeated.
    The request log keeps its name. Raise OperatorError if there is none.
    """
    registry.find_application(name).suspended = True
    audit("application remove", name)
    db.session.commit()
    for _ in range(_MAX_TRIES):
        application = registry.find_application(name)
        application_id = application.id
        remove_all_lists(application)
        remove_idempotency_keys(application_id)
        try:
            registry.remove_application(name)
        except IntegrityError:
            db.session.rollback()
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise OperatorError(f"The application {name!r} is suspended, but still in use: repeat the command.")
