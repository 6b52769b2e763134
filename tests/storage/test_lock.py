"""One bot for a data folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import DatabaseRefused
from storage.lock import hold

HOLDER = """
import sys
from pathlib import Path
from storage.lock import hold

with hold(Path(sys.argv[1]), "bot"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_bot_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    with start_holder(tmp_path) as process:
        with (
            pytest.raises(DatabaseRefused, match="Another bot already works on the data folder"),
            hold(tmp_path, "bot"),
        ):
            pass
        with hold(tmp_path, "engine-cuda0"):
            pass
        # However it dies.
        process.kill()
    with hold(tmp_path, "bot"):
        pass


def test_lock_is_free_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path / "new folder", "bot"):
            pass
