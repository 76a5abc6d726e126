"""gunicorn's settings, from the same table as the rest."""

import gc
import sys

from gunicorn.workers.base import Worker

from daas.errors import OperatorError
from daas.monitoring import logs
from daas.server import start_checks as server
from daas.server.worker import BufferingWorker
from daas.settings import SettingError, load_settings

logs.configure_logs()
try:
    settings = load_settings()
    worker_class = BufferingWorker.configured(settings)
    server.check_start(settings)
except (SettingError, OperatorError) as error:
    # Found here, a bad value is one sentence; found later, it is a traceback of every worker.
    sys.exit(str(error))

bind = settings.bind
workers = settings.workers
threads = settings.threads
preload_app = True
http_parser = "python"
# A thread that sends a file by this waits for the client.
sendfile = False
keepalive = 5
# Below the number of files that a process may open by default, 1024.
worker_connections = 800
graceful_timeout = 30
# What a client may say of itself and its proxies: nothing is believed.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers = {}
# Two servers of one user would share the socket that this opens in the home directory.
control_socket_disable = True

logger_class = server.Logger

server.refuse_in_json()
server.keep_requests_out_of_logs()
server.share_metrics()


def pre_fork(arbiter: object, worker: object) -> None:
    """Keep what is loaded by now out of the garbage collector's sight: looking at it would make each worker copy it."""
    gc.freeze()


def child_exit(arbiter: object, worker: Worker) -> None:
    """Take a worker that has ended out of the metrics that tell of now."""
    server.forget_process(worker.pid)


def on_exit(arbiter: object) -> None:
    """Leave nothing behind."""
    server.forget_metrics()
