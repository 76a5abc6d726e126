"""What Prometheus can ask for, summed over all processes: they write it to files in a directory that they share."""

import os
from contextlib import suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from flask import Flask, current_app
from sqlalchemy import event

from ..settings import Settings
from ..storage.engine import db

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

    from ..web.context import Call

#: Names the directory that the processes share; where it is not set, a process counts for itself.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

# In seconds; the last are those of a database that makes callers wait.
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6, 30)


def init_metrics(app: Flask, settings: Settings) -> None:
    """Let the app count its requests, and the use of its connections to the database."""
    found = app.extensions["daas_metrics"] = Metrics(settings.workers * settings.threads)
    with app.app_context():
        event.listen(db.engine, "checkout", lambda _connection, record, _proxy: found.take_connection(record.info))
        event.listen(db.engine, "checkin", lambda _connection, record: found.give_connection_back(record.info))


def metrics() -> "Metrics":
    """Give the running app's metrics."""
    found: Metrics = current_app.extensions["daas_metrics"]
    return found


class Metrics:
    """The metrics of an app. No label takes a value that a request brings: services, statuses and reasons are few.

    Where processes share a directory they lie in files, made at the first use. A full disk must cost no caller the
    answer, so that what cannot be counted is not. `pool_size` is how many connections to the database all processes
    may use at once.
    """

    def __init__(self, pool_size: int) -> None:
        # When it is imported it looks whether processes share a directory.
        from prometheus_client import CollectorRegistry, Counter, Histogram

        registry = self._registry = CollectorRegistry()
        self._pool_size = pool_size
        self._gauges: dict[str, Gauge] = {}
        self._making_gauges = Lock()
        self._requests = Counter(
            "daas_requests", "Requests that were answered.", ["service", "status", "reason"], registry=registry
        )
        self._durations = Histogram(
            "daas_request_duration_seconds",
            "From the arrival of a whole request until its answer was made.",
            ["service"],
            buckets=_DURATIONS,
            registry=registry,
        )
        self._unbound = Counter(
            "daas_unbound_requests",
            "Well signed requests whose body no Content-MD5 binds to the signature.",
            ["service"],
            registry=registry,
        )
        self._limited = Counter(
            "daas_limited_requests",
            "Requests that were refused for a limit, by its kind.",
            ["limit"],
            registry=registry,
        )

    def count(self, call: "Call", status: int, seconds: float) -> None:
        """Count a request that was answered."""
        entry = call.entry
        service = entry.service or ("unknown" if call.api else "page")
        with suppress(OSError):
            answered, took = self._labelled(service, status, entry.reason)
            answered.inc()
            took.observe(seconds)
            if entry.unbound:
                self._unbound.labels(service).inc()

    def count_limited(self, kind: str) -> None:
        """Count a request that was refused for a limit."""
        with suppress(OSError):
            self._limited.labels(kind).inc()

    def take_connection(self, info: dict[str, Any]) -> None:
        """Count a connection to the database that is taken from the pool; `info` is what the pool keeps with it."""
        with suppress(OSError):
            self._pool_in_use().inc()
            info["counted"] = True

    def give_connection_back(self, info: dict[str, Any]) -> None:
        """Count a connection to the database that is given back to the pool, if it was counted when it was taken."""
        if info.pop("counted", False):
            self._pool_in_use().dec()

    def expose(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        with suppress(OSError):
            size = self._gauge("daas_pool_size", "Connections to the database that may be in use at once.", "max")
            size.set(self._pool_size)
        registry = self._registry
        if DIRECTORY in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    @cache  # noqa: B019 - an app has one of these, for as long as it lives.
    def _labelled(self, service: str, status: int, reason: str) -> "tuple[Counter, Histogram]":
        """Find what counts a kind of request, which takes several times what counting does."""
        return self._requests.labels(service, status, reason), self._durations.labels(service)

    def _pool_in_use(self) -> "Gauge":
        return self._gauge("daas_pool_in_use", "Connections to the database that are in use now.", "livesum")

    def _gauge(self, name: str, documentation: str, mode: Literal["livesum", "max"]) -> "Gauge":
        """Find a gauge or make it: it has no labels, so that its file is made with it."""
        from prometheus_client import Gauge

        with self._making_gauges:
            if name not in self._gauges:
                self._gauges[name] = Gauge(name, documentation, multiprocess_mode=mode, registry=self._registry)
            return self._gauges[name]
