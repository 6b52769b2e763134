"""Time as an argument: wall time for people, lease time for leases."""

from __future__ import annotations

import ctypes
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch. May jump."""
        ...

    def lease_ms(self) -> int:
        """Milliseconds on a clock that no wall-clock change moves; comparable only under one `boot_id`."""
        ...

    def boot_id(self) -> str:
        """Changes with every boot of the machine: leases of another boot are void."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clocks, the same for every process on it."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def lease_ms(self) -> int:
        return _lease_ns() // 1_000_000

    def boot_id(self) -> str:
        return _boot_id()


def _lease_ns() -> int:
    """A clock that stands still while the machine sleeps: bot and engine sleep together, and no lease is lost by it.

    On Linux and macOS that is the monotonic clock; Windows' counts through sleep, so there it is another one.
    """
    if sys.platform == "win32":
        ticks = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
        return ticks.value * 100
    return time.monotonic_ns()


@cache
def _boot_id() -> str:
    """Named by the system, never computed from the wall clock: all processes must agree, whenever they start.

    Where the system has no name for its boots, the constant leaves the judgement to the lease's own end,
    which no later boot can have granted.
    """
    if sys.platform == "linux":
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text("ascii").strip() if path.is_file() else "boot"
    if sys.platform == "darwin":
        return _mac_boot_session()
    if sys.platform == "win32":
        return _windows_boot_number()
    return "boot"


def _mac_boot_session() -> str:
    text = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(ctypes.sizeof(text))
    library = ctypes.CDLL(None)
    failed = library.sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, ctypes.c_size_t(0))
    return "boot" if failed else text.value.decode("ascii")


def _windows_boot_number() -> str:
    """Windows counts its boots for the prefetcher."""
    if sys.platform != "win32":
        return "boot"
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return f"boot-{winreg.QueryValueEx(opened, 'BootId')[0]}"
    except OSError:
        return "boot"
