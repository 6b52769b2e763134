"""Options and databases of the whole suite."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from storagekit.fixtures import blank, home, kind, server

from storage.logs import LogHandler

__all__ = ["blank", "home", "kind", "server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="crash suite: 10,000 kills instead of what a CI run affords")


@pytest.fixture(autouse=True, scope="session")
def _own_notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Bots that tests start leave their notes here and not among those of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_STATE_HOME", "LOCALAPPDATA"):
            patch.setenv(variable, str(tmp_path_factory.mktemp("state")))
        # run.py sets the second for sentences that name commands; what it is called by here is no matter of theirs.
        for variable in ("FLIPBOOK_CONFIG", "FLIPBOOK_PROGRAM"):
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A program that a test runs in this process sets up its log on a stream that ends with the test."""
    loggers = [logging.getLogger(name) for name in (None, "bot", "engine", "storage")]
    levels = [logger.level for logger in loggers]
    yield
    for handler in [handler for handler in loggers[0].handlers if isinstance(handler, LogHandler)]:
        loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
