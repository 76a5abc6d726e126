"""The checks before gunicorn starts: settings that contradict each other, the database, its encryption keys."""

import logging
import os

from sqlalchemy.exc import SQLAlchemyError

from .. import migrations
from ..applications.keys import stored_keys_decrypt
from ..command_app import create_command_app
from ..errors import OperatorError
from ..seeds.demo import demo_is_active, demo_text
from ..settings import SettingError, Settings, unknown_settings
from ..storage.engine import db
from ..storage.timeouts import is_unavailable

logger = logging.getLogger(__name__)


def check_start(settings: Settings) -> str | None:
    """Raise SettingError or OperatorError if every request would fail, or the demo would be public.

    Return the demo's commands for a first move, None without a demo.

    An unavailable database may come back, so that it is only logged: until then requests get a 503.
    """
    _check_settings(settings)
    for name, known in unknown_settings().items():
        logger.warning("%s is not a setting%s", name, f"; did you mean {known}?" if known else ".")
    text = None
    app = create_command_app(settings)
    with app.app_context():
        try:
            if migrations.current_revision() != migrations.head_revision():
                raise OperatorError("The database is not of this release: run `daas db upgrade` first.")
            if (settings.trusted_proxies or not settings.binds_loopback) and demo_is_active():
                raise OperatorError(
                    "The demo application is only for this machine: run `daas application suspend demo` first."
                )
            if not stored_keys_decrypt():
                raise SettingError("DAAS_ENCRYPTION_KEYS lacks a key that private keys are encrypted with.")
            text = demo_text(settings)
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                cause = type(getattr(error, "orig", error)).__name__
                raise SettingError(f"DAAS_DATABASE_URL names a database that cannot be used ({cause}).") from error
            logger.warning("The database is unavailable; requests get a 503 until it is back.")
        finally:
            db.engine.dispose()
    if os.geteuid() == 0:
        logger.warning("The service runs as root: give it a user of its own without other permissions.")
    return text


def _check_settings(settings: Settings) -> None:
    if settings.requires_https and not settings.trusted_proxies:
        raise SettingError(
            "DAAS_BIND is an address that other machines can reach: put a proxy that speaks TLS in front, such as "
            "nginx with deploy/nginx.conf, and name its address in DAAS_TRUSTED_PROXIES."
        )
    if settings.embedded_database and settings.workers > 1:
        raise SettingError(
            f"DAAS_WORKERS is {settings.workers}, but an SQLite database is served by one process: "
            "set DAAS_WORKERS=1, or use PostgreSQL."
        )
