"""What Prometheus can ask for, summed over all processes: they write it to files in a directory that they share."""

import os
from functools import cache
from typing import TYPE_CHECKING

from flask import Flask, current_app
from sqlalchemy import event

from .database import db
from .settings import Settings

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

    from .call import Call

#: Names the directory that the processes share; where it is not set, a process counts for itself.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

# In seconds; the last are those of a database that makes callers wait.
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6, 30)


def init_metrics(app: Flask, settings: Settings) -> None:
    """Let the app count its requests, and the use of its connections to the database."""
    found = app.extensions["daas_metrics"] = Metrics()
    found.pool_size.set(settings.workers * settings.threads)
    with app.app_context():
        event.listen(db.engine, "checkout", lambda *_: found.pool_in_use.inc())
        event.listen(db.engine, "checkin", lambda *_: found.pool_in_use.dec())


def metrics() -> "Metrics":
    """Give the running app's metrics."""
    found: Metrics = current_app.extensions["daas_metrics"]
    return found


class Metrics:
    """The metrics of an app. No label takes a value that a request brings: services, statuses and reasons are few."""

    def __init__(self) -> None:
        # When it is imported it looks whether processes share a directory.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "daas_requests", "Requests that were answered.", ["service", "status", "reason"], registry=registry
        )
        self._durations = Histogram(
            "daas_request_duration_seconds",
            "From the arrival of a whole request until its answer was sent.",
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
        self.limited = Counter(
            "daas_limited_requests",
            "Requests that were refused for a limit, by its kind.",
            ["limit"],
            registry=registry,
        )
        self.pool_in_use = Gauge(
            "daas_pool_in_use",
            "Connections to the database that are in use now.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.pool_size = Gauge(
            "daas_pool_size",
            "Connections to the database that may be in use at once.",
            multiprocess_mode="max",
            registry=registry,
        )

    def count(self, call: "Call", status: int, seconds: float) -> None:
        """Count a request that was answered."""
        entry = call.entry
        service = entry.service or ("unknown" if call.api else "page")
        answered, took = self._labelled(service, status, entry.reason)
        answered.inc()
        took.observe(seconds)
        if call.signer is not None and call.body and "HTTP_CONTENT_MD5" not in call.environ:
            self._unbound.labels(service).inc()

    @cache  # noqa: B019 - an app has one of these, for as long as it lives.
    def _labelled(self, service: str, status: int, reason: str) -> "tuple[Counter, Histogram]":
        """Find what counts a kind of request, which takes several times what counting does."""
        return self._requests.labels(service, status, reason), self._durations.labels(service)

    def expose(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self._registry
        if DIRECTORY in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
