"""Options and databases of the whole suite."""

from __future__ import annotations

import pytest
from storagekit.fixtures import blank, home, kind, server

__all__ = ["blank", "home", "kind", "server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="crash suite: 10,000 kills instead of what a CI run affords")
