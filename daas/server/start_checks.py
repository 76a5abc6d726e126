"""gunicorn's side: what is checked before it starts, and its own refusals in JSON."""

import logging
import os
import re
import secrets
import shutil
import socket
import tempfile

import gunicorn.util
from gunicorn import glogging
from gunicorn.config import Config
from sqlalchemy.exc import SQLAlchemyError

from .. import migrations
from ..app import create_command_app
from ..applications.keys import stored_keys_decrypt
from ..errors import OperatorError, message_of, to_json
from ..monitoring import logs
from ..monitoring.metrics import DIRECTORY
from ..seeds.demo import demo_is_active
from ..settings import SettingError, Settings
from ..storage.engine import db
from ..storage.timeouts import is_unavailable

logger = logging.getLogger(__name__)


def check_start(settings: Settings) -> None:
    """Raise SettingError or OperatorError for what would make every request fail.

    A database that is away now may come back: that is logged, and requests are told until then.
    """
    if settings.requires_https and not settings.trusted_proxies:
        raise SettingError(
            "DAAS_BIND is an address that other machines reach, in plain HTTP: name the proxy that speaks TLS in "
            "DAAS_TRUSTED_PROXIES, or give a DAAS_TLS_CERTIFICATE and DAAS_TLS_KEY, or say DAAS_ALLOW_PLAIN_HTTP=1."
        )
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingError("DAAS_TLS_CERTIFICATE and DAAS_TLS_KEY are given together or not at all.")
    app = create_command_app(settings)
    with app.app_context():
        try:
            if migrations.current_revision() != migrations.head_revision():
                raise OperatorError("The database is not of this release: run `daas db upgrade` first.")
            if (settings.trusted_proxies or not settings.binds_loopback) and demo_is_active():
                raise OperatorError(
                    "The demo application is for this machine alone: run `daas application suspend demo` first."
                )
            if not stored_keys_decrypt():
                raise SettingError("DAAS_ENCRYPTION_KEYS lacks a key that private keys are encrypted with.")
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                cause = type(getattr(error, "orig", error)).__name__
                raise SettingError(f"DAAS_DATABASE_URL names a database that cannot be used ({cause}).") from error
            logger.warning("The database is unavailable; requests are answered 503 until it is back.")
        finally:
            db.engine.dispose()
    if os.geteuid() == 0:
        logger.warning("The service runs as root: give it a user of its own, who may do nothing else.")


class Logger(glogging.Logger):
    """gunicorn's words, among all others; it writes no line for a request, since the application does."""

    def setup(self, cfg: Config) -> None:
        """Set up what gunicorn does, then take its own handlers away."""
        super().setup(cfg)
        logs.configure_logs()


def refuse_in_json() -> None:
    """Make gunicorn refuse what is no well-formed HTTP in the shape of the API's errors, not in HTML.

    Such a request never reaches the application and has no row in the log; its request_id is random.
    gunicorn offers no setting for this; every refusal of its workers goes through this one function.
    """
    gunicorn.util.write_error = _write_error


def share_metrics() -> None:
    """Make a directory in which the processes of this server share their metrics; forget_metrics() removes it."""
    os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="daas-metrics-")
    from prometheus_client import values  # Not before the directory is there.

    from ..monitoring.metric_files import AllocatedFile

    # prometheus_client offers no setting for the kind of its files.
    values.MmapedDict = AllocatedFile  # type: ignore[attr-defined]


def forget_metrics() -> None:
    """Remove the directory of the metrics."""
    shutil.rmtree(os.environ[DIRECTORY], ignore_errors=True)


def forget_process(process_id: int) -> None:
    """Take a process that has ended out of the metrics that tell of now; what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # Not before the directory is there.

    mark_process_dead(process_id)  # type: ignore[no-untyped-call]


def keep_requests_out_of_logs() -> None:
    """Make gunicorn's log say that a request was refused, but not what it held: that may be what was looked for."""
    logging.getLogger("gunicorn.error").addFilter(_leave_out_request)


def _leave_out_request(record: logging.LogRecord) -> bool:
    told = re.match(r"Invalid request from ip=[^:]*(?::[0-9a-f:.]*)?(?=: )|Error handling request", str(record.msg))
    if told:
        record.msg, record.args = told[0], ()
    return True


def _write_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    request_id = secrets.token_hex(16)
    logs.write_refusal(request_id=request_id, status=status_int)
    body = to_json({"request_id": request_id, "message": message_of(status_int)})
    head = (
        f"HTTP/1.1 {status_int} {message_of(status_int)}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-Id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    gunicorn.util.write_nonblock(sock, head.encode("latin-1") + body)
