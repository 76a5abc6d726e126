"""The application context of commands that use the database."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ..errors import OperatorError

P = ParamSpec("P")
R = TypeVar("R")


def uses_database(command: Callable[P, R]) -> Callable[P, R]:
    """Return the command, run in an application context with the database of the settings.

    Raise OperatorError if the database is unavailable or belongs to another release.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from sqlalchemy.exc import SQLAlchemyError

        from ..command_app import create_command_app
        from ..storage.engine import db

        with create_command_app().app_context():
            try:
                return command(*args, **kwargs)
            except SQLAlchemyError as error:
                cause = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
                raise OperatorError(
                    f"The database cannot be used ({cause}). Is it up, and `daas db upgrade` done?"
                ) from error
            finally:
                db.session.remove()
                db.engine.dispose()

    return run
