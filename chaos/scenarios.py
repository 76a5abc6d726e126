"""The scenarios by name, and a function that runs one."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .clock_jumps import clock_jumps
from .contention import connections_drained, contention, deadlocks_and_serialization_failures
from .disk_full import disk_full, file_size_limited
from .kills import kills
from .many_clients import many_messages, one_message
from .nodes import node_killed, rolling_restart
from .postgresql import PostgreSQL
from .postgresql_stops import postgresql_stops
from .retries import retries
from .searches import searches
from .slow_clients import floods, slow_readers, slow_senders
from .termination import termination
from .trial import POSTGRESQL, SQLITE, Report, Trial


@dataclass(frozen=True)
class Scenario:
    """A kind of failure, and the databases on which it can occur."""

    run: Callable[[Trial], None]
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)

    @property
    def name(self) -> str:
        """The scenario's name on the command line."""
        return self.run.__name__.replace("_", "-")


SCENARIOS = {
    scenario.name: scenario
    for scenario in [
        Scenario(kills),
        Scenario(retries),
        Scenario(postgresql_stops, (POSTGRESQL,)),
        Scenario(contention),
        Scenario(connections_drained, (POSTGRESQL,)),
        Scenario(deadlocks_and_serialization_failures, (POSTGRESQL,)),
        Scenario(disk_full, (SQLITE,)),
        Scenario(file_size_limited, (SQLITE,)),
        Scenario(slow_senders),
        Scenario(slow_readers),
        Scenario(floods),
        Scenario(searches),
        Scenario(one_message),
        Scenario(many_messages),
        Scenario(clock_jumps),
        Scenario(termination),
        Scenario(node_killed, (POSTGRESQL,)),
        Scenario(rolling_restart, (POSTGRESQL,)),
    ]
}


def run(scenario: Scenario, database: str, postgresql: PostgreSQL | None, *, quick: bool) -> Report:
    """Run a scenario on one database and return its report; raise Missing if something is not installed.

    `postgresql` is the server to use if `database` is PostgreSQL.
    """
    report = Report(scenario.name, database)
    with tempfile.TemporaryDirectory(prefix="daas-chaos-") as directory, ExitStack() as at_end:
        server = postgresql if database == POSTGRESQL else None
        trial = Trial(report, Path(directory), server, at_end, quick=quick)
        try:
            scenario.run(trial)
        except (OSError, RuntimeError) as error:
            report.errors.append(f"{type(error).__name__}: {error}")
    return report
