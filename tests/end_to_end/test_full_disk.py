"""A disk that is really full while a real engine draws: a small file system of its own, filled to the last byte."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from enginekit.processes import PATIENCE_S, hall
from sqlalchemy import select

from storage.jobs import JobState, Status
from storage.schema import request


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """100 MB in memory. Only root may make one, and not everywhere."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT TESTED: a file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with suppress(OSError):
                while file.write(b"\xff" * size) == size:
                    pass
    assert shutil.disk_usage(path.parent).free < 4096


def drawing(status: Status) -> bool:
    return status.progress is not None and status.sections_done >= 1


async def test_a_film_outlives_a_full_disk_without_losing_a_try(small_disk: Path, tmp_path: Path) -> None:
    filler, log = small_disk / "filler", tmp_path / "engine.log"
    async with hall(small_disk) as house:
        film = await house.ask("full")
        command = ("-m", "engine", "run", "--settings", str(house.settings_path), "--worker", "engine-1")
        with log.open("wb") as said:  # where there is room
            engine = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=said, stderr=said
            )
        async with asyncio.timeout(PATIENCE_S):
            while not drawing(await house.store.status(film.request_id)):
                await house.store.changed(timeout_s=1)
            fill(filler)
            while "disk is full" not in (words := log.read_text("utf-8")):
                await house.store.changed(timeout_s=0.2)
                assert engine.returncode is None, words
            filler.unlink()
            while not (film := await house.store.status(film.request_id)).state.terminal:
                await house.store.changed(timeout_s=1)
                assert engine.returncode is None, log.read_text("utf-8")
        assert film.state is JobState.DONE, log.read_text("utf-8")
        assert await house.stop(engine) == 0
        tries = select(request.c.tries).where(request.c.id == film.request_id)
        assert await house.database.read(lambda db: db.execute(tries).scalar_one()) == 0
