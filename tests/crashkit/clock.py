"""One clock for all processes of a data folder, which the driver can set: real time plus what is written in a file."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from storage.clock import SystemClock

_FIELDS = struct.Struct("<qqq")


class SharedClock:
    """Wall time, lease time and boot: each moves on by itself and can be moved for everybody at once."""

    def __init__(self, folder: Path) -> None:
        path = folder / "clock"
        if not path.exists():
            path.write_bytes(_FIELDS.pack(0, 0, 0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FIELDS.size)
        self._system = SystemClock()

    def now_ms(self) -> int:
        return self._system.now_ms() + self._read()[0]

    def lease_ms(self) -> int:
        return self._system.lease_ms() + self._read()[1]

    def boot_id(self) -> str:
        return f"boot-{self._read()[2]}"

    def pass_lease(self, seconds: float) -> None:
        """Time passes for leases: a process that stands still loses its own."""
        wall, lease, boot = self._read()
        self._write(wall, lease + round(seconds * 1000), boot)

    def set_wall(self, change_s: float) -> None:
        wall, lease, boot = self._read()
        self._write(wall + round(change_s * 1000), lease, boot)

    def reboot(self) -> None:
        """The lease clock starts anew, five seconds after the machine did."""
        wall, _, boot = self._read()
        self._write(wall, 5000 - self._system.lease_ms(), boot + 1)

    def _read(self) -> tuple[int, int, int]:
        return _FIELDS.unpack(self._map[: _FIELDS.size])

    def _write(self, *fields: int) -> None:
        self._map[: _FIELDS.size] = _FIELDS.pack(*fields)
