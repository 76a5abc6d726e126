"""Applications that may use lists and contacts."""

from collections.abc import Callable
from typing import Any

import pytest

from ..support.builders import Builder
from .caller import NAMED, Caller


@pytest.fixture
def make_caller(build: Builder) -> Callable[..., Any]:
    """Return a function that registers an application for both services, or for those that are given."""
    return lambda *services, **options: Caller(build.application(services=services or NAMED, **options))


@pytest.fixture
def caller(make_caller: Callable[..., Any]) -> Caller:
    return make_caller()
