"""Figures of the run, printed at its end; a migrated database to begin with; how much is asked for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashkit import tally

from storage.database import FILE_NAME, Database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.crash)
            if sys.platform == "win32":
                item.add_marker(pytest.mark.skip(reason="Windows knows no fork, SIGKILL or SIGSTOP"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := tally.table():
        terminalreporter.section("crash suite")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether to go on for hours."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the newest schema with nothing in it."""

    async def make(folder: Path) -> None:
        await (await Database.open(folder)).close()

    folder = tmp_path_factory.mktemp("blank")
    asyncio.run(make(folder))
    return folder / FILE_NAME


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Path]:
    """Where a data folder may stand: in memory where there is such a place, for a flush there costs nothing."""
    import shutil
    import tempfile

    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path / "site"
        return
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=memory))
    yield folder / "site"
    shutil.rmtree(folder, ignore_errors=True)
