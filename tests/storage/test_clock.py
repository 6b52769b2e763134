"""The machine's clocks: one lease clock and one boot for all processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.clock import SystemClock

ROOT = Path(__file__).parents[2]


def test_wall_time_is_in_milliseconds_since_the_epoch() -> None:
    before = time.time() * 1000 - 1
    now = SystemClock().now_ms()
    assert before <= now <= time.time() * 1000 + 1


def test_every_process_reads_the_same_lease_clock_and_boot() -> None:
    clock = SystemClock()
    before = clock.lease_ms()
    code = "from storage.clock import SystemClock as C; print(C().lease_ms(), C().boot_id())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    lease_ms, boot_id = answer.stdout.split()
    assert before <= int(lease_ms) <= clock.lease_ms()
    assert boot_id == clock.boot_id()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_boot_is_the_one_that_linux_names() -> None:
    assert SystemClock().boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(SystemClock().lease_ms() / 1000 - uptime_s) < 1
