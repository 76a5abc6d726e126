"""An empty Debian for the tests of this room."""

from pathlib import Path

import pytest

from .machine import make_debian


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive of an empty Debian."""
    return make_debian(tmp_path_factory.mktemp("debian"))
