"""Applications that may use lists and contacts."""

from collections.abc import Callable
from typing import Any

import pytest

from ..support.builders import Builder
from .caller import NAMED, Caller


@pytest.fixture
def make_caller(build: Builder) -> Callable[..., Any]:
    """Registers an application that may use both services, or those that are named."""
    return lambda *services, **options: Caller(build.application(services=services or NAMED, **options))


@pytest.fixture
def caller(make_caller: Callable[..., Any]) -> Caller:
    return make_caller()
