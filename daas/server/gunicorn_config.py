"""gunicorn's settings, from the same table as all others; `gunicorn.conf.py` in the checkout imports them."""

import gc
import os
import sys

from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from ..errors import OperatorError
from ..monitoring import logs
from ..settings import SettingError, load_settings
from .log import Logger
from .metrics_directory import make_metrics_directory, remove_metrics_directory, remove_process
from .rejections import JsonRejectingWorker
from .start_checks import check_start

logs.configure_logs()
try:
    settings = load_settings()
    demo_text = check_start(settings)
except (SettingError, OperatorError) as error:
    # Here an invalid value is one sentence; later it would be a traceback of every worker.
    sys.exit(str(error))

bind = settings.bind
workers = settings.workers
threads = settings.threads
worker_class = JsonRejectingWorker
logger_class = Logger
preload_app = True
http_parser = "python"
keepalive = 5
# Below the number of files that a process may open by default, 1024.
worker_connections = 800
graceful_timeout = 30
# gunicorn trusts no header about proxies or TLS: daas.web.proxies decides which proxies to trust.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# Two servers of one user would share the socket that this opens in the home directory.
control_socket_disable = True
# The workers' heartbeat files are in memory too, so that a worker can start while the disk is full.
worker_tmp_dir = make_metrics_directory()


def pre_fork(arbiter: object, worker: object) -> None:
    """Exclude the objects that exist by now from garbage collection: a visit would copy their memory to each worker."""
    gc.freeze()


def post_worker_init(worker: Worker) -> None:
    """Print the demo's commands once the first worker has started, so that the log's first lines are above them."""
    if demo_text is not None and worker.age == 1:
        print(demo_text, flush=True)


def pre_request(worker: Worker, request: Request) -> None:
    """Prepare a request for the application, and close the connection after it if the master has died.

    Then the port is soon free for a new master. A repeated Idempotency-Key becomes malformed: gunicorn would join its
    values with a comma, which a key may contain.
    """
    if os.getppid() != worker.ppid:
        request.force_close()
    keys = [value for name, value in request.headers if name == "IDEMPOTENCY-KEY"]
    if len(keys) > 1:
        others = [header for header in request.headers if header[0] != "IDEMPOTENCY-KEY"]
        request.headers = [*others, ("IDEMPOTENCY-KEY", ", ".join(keys))]


def child_exit(arbiter: object, worker: Worker) -> None:
    """Remove an ended worker from the gauges of the metrics."""
    remove_process(int(worker.pid))


def on_exit(arbiter: object) -> None:
    """Remove the directory of the metrics."""
    remove_metrics_directory()
