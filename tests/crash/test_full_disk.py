"""A disk that is full at any moment: refusals, not losses; and everything goes on once there is room."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from crashkit import tally
from crashkit.processes import Stuck
from crashkit.site import Site, site

POINTS = 50
DISK_BYTES = 6 << 20
FREE_BYTES_MAX = 96 << 10
TRIES_MAX = 150
FAILPOINTS = ("store.commit.before", "media.written", "media.rename.before", "media.renamed", "desk.kept")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """A small disk of its own, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        mounted = sys.platform == "linux" and subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_loses_nothing(disk: Path | None, ground: Path, blank: Path, long: bool):
    chance = random.Random(20_261_123)
    points = POINTS * (20 if long else 1)
    tally.notes.append(f"full disks were {'a small tmpfs' if disk else 'failpoints (no right to mount a tmpfs)'}")
    hits = 0
    round_ = 0
    while hits < points:
        round_ += 1
        folder = (disk or ground) / str(round_)
        with site(folder, blank) as here:
            for _ in range(10):
                hits += starve(here, disk, chance) if disk else starve_at_failpoint(here, chance, hits)
                here.check()
            here.come_to_rest()
            here.check(rested=True)
        if disk:
            import shutil

            shutil.rmtree(folder)
        assert round_ < TRIES_MAX
    tally.done["full disks"] += hits


def starve(here: Site, disk: Path, chance: random.Random) -> bool:
    """Leave a little room, ask for films, and give the room back. Whether anything failed for want of it."""
    if here.bot is None or not here.bot.alive:
        here.start_bot()
    if here.worker is None or not here.worker.alive:
        here.start_worker()
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    room = chance.randrange(0, FREE_BYTES_MAX, 4096)
    with ballast.open("wb") as file, suppress(OSError):
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - room)))
    failed = False
    try:
        for _ in range(2):
            here.ask(wait=False)
            said = here.answered()
            failed |= said is None or said[0] != "acknowledged"
            if not here.bot.alive:
                break
        with suppress(Stuck):
            here.until_done(timeout_s=0.5)
    finally:
        ballast.unlink()
    return _recover(here) or failed


def starve_at_failpoint(here: Site, chance: random.Random, number: int) -> bool:
    for child in (here.bot, here.worker):
        if child is not None:
            child.kill()
    if here.worker is not None:
        here.bury_worker()
    failpoint = f"{FAILPOINTS[number % len(FAILPOINTS)]}=enospc@{chance.randint(1, 6)}"
    roles = (failpoint, "") if number % 2 else ("", failpoint.replace("desk.kept", "media.kept"))
    here.start_bot(roles[0])
    here.start_worker(roles[1])
    for _ in range(3):
        here.ask()
    with suppress(Stuck):
        here.until_done(timeout_s=1)
    _recover(here)
    return True


def _recover(here: Site) -> bool:
    """What a supervisor does; whether there was need of it."""
    assert here.bot is not None
    assert here.worker is not None
    died = False
    if not here.bot.alive:
        died = True
        here.start_bot()
    if not here.worker.alive:
        died = True
        here.bury_worker()
        here.start_worker()
    return died
