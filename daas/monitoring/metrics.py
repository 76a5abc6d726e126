"""Metrics for Prometheus, summed over all processes of a server: they write them to files in a directory they share."""

import os
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from flask import Flask
from sqlalchemy import event

from ..storage.engine import db

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

#: The environment variable with the directory that the processes share; without it, a process counts only its own.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

# Upper bounds in seconds; the last ones are for requests that wait for the database.
_DURATIONS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6, 30)


def init_metrics(app: Flask, metrics: "Metrics") -> None:
    """Count the use of the app's connections to the database."""
    with app.app_context():
        event.listen(db.engine, "checkout", lambda _connection, record, _proxy: metrics.take_connection(record.info))
        event.listen(db.engine, "checkin", lambda _connection, record: metrics.give_connection_back(record.info))


class _Instruments:
    """The counters and histograms, created together, since each registers itself once."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "daas_requests", "Requests that were answered.", ["service", "status", "reason"], registry=registry
        )
        self.durations = Histogram(
            "daas_request_duration_seconds",
            "From the arrival of a whole request until its response was made.",
            ["service"],
            buckets=_DURATIONS,
            registry=registry,
        )
        self.unbound = Counter(
            "daas_unbound_requests",
            "Requests with a good signature that does not cover their body.",
            ["service"],
            registry=registry,
        )
        self.limited = Counter(
            "daas_limited_requests", "Requests that a limit rejected, by its kind.", ["limit"], registry=registry
        )
        self.deliveries = Counter(
            "daas_deliveries", "Recipients of mail that arrived, by reason.", ["reason"], registry=registry
        )
        self.delivery_durations = Histogram(
            "daas_delivery_duration_seconds",
            "From the end of a message until its deliveries were on disk or rejected.",
            buckets=_DURATIONS,
            registry=registry,
        )


class Metrics:
    """The metrics of an application. No label has a value from a request: services, statuses and reasons are few.

    Nothing is made before the first use: prometheus_client looks when it is imported whether processes share a
    directory. `pool_size` is how many connections to the database all processes may use at once.
    """

    def __init__(self, pool_size: int) -> None:
        self._pool_size = pool_size
        self._gauges: dict[str, Gauge] = {}
        self._made: _Instruments | None = None
        self._making = Lock()

    def count(self, service: str, status: int, reason: str, seconds: float, *, body_unsigned: bool) -> None:
        """Count a response, and the seconds since its request arrived."""
        requests, durations = self._labelled(service, status, reason)
        requests.inc()
        durations.observe(seconds)
        if body_unsigned:
            self._instruments.unbound.labels(service).inc()

    def count_limited(self, kind: str) -> None:
        """Count a request that a limit rejected."""
        self._instruments.limited.labels(kind).inc()

    def count_delivery(self, reason: str, seconds: float) -> None:
        """Count a recipient of mail that arrived, and the seconds since the whole message arrived."""
        self._instruments.deliveries.labels(reason).inc()
        self._instruments.delivery_durations.observe(seconds)

    def take_connection(self, info: dict[str, Any]) -> None:
        """Count a connection taken from the pool; `info` is the pool's dictionary for it."""
        self._pool_in_use().inc()
        info["counted"] = True

    def give_connection_back(self, info: dict[str, Any]) -> None:
        """Count a connection returned to the pool, if it was counted when it was taken."""
        if info.pop("counted", False):
            self._pool_in_use().dec()

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        size = self._gauge("daas_pool_size", "Connections to the database that may be in use at once.", "max")
        size.set(self._pool_size)
        registry = self._instruments.registry
        if DIRECTORY in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    @cache  # noqa: B019 - an app has one of these, for as long as it lives.
    def _labelled(self, service: str, status: int, reason: str) -> "tuple[Counter, Histogram]":
        """Return the counter and histogram of a kind of request; cached, since finding them costs more."""
        made = self._instruments
        return made.requests.labels(service, status, reason), made.durations.labels(service)

    @property
    def _instruments(self) -> _Instruments:
        with self._making:
            if self._made is None:
                self._made = _Instruments()
            return self._made

    def _pool_in_use(self) -> "Gauge":
        return self._gauge("daas_pool_in_use", "Connections to the database that are in use now.", "livesum")

    def _gauge(self, name: str, documentation: str, mode: Literal["livesum", "max"]) -> "Gauge":
        """Return a gauge, which is made on first use: without labels, its file is written when it is made."""
        from prometheus_client import Gauge

        registry = self._instruments.registry
        with self._making:
            if name not in self._gauges:
                self._gauges[name] = Gauge(name, documentation, multiprocess_mode=mode, registry=registry)
            return self._gauges[name]
