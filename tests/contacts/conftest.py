"""Applications that may use lists and contacts."""

import pytest

from .caller import NAMED, Caller


@pytest.fixture
def make_caller(build):
    """Registers an application that may use both services, or those that are named."""
    return lambda *services, **options: Caller(build.application(services=services or NAMED, **options))


@pytest.fixture
def caller(make_caller) -> Caller:
    return make_caller()
