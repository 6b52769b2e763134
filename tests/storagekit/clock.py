"""Time in the test's hands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ManualClock:
    """Wall and lease time pass together, unless the wall clock is set or the machine boots."""

    wall_ms: int = 1_800_000_000_000
    up_ms: int = 1_000_000
    boot: str = "boot-1"

    def now_ms(self) -> int:
        return self.wall_ms

    def lease_ms(self) -> int:
        return self.up_ms

    def boot_id(self) -> str:
        return self.boot

    def pass_s(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)
        self.up_ms += round(seconds * 1000)

    def set_wall(self, change_s: float) -> None:
        """Somebody sets the wall clock."""
        self.wall_ms += round(change_s * 1000)

    def set_lease(self, ms: int) -> None:
        """The lease clock stands elsewhere, as after a boot that the system does not name."""
        self.up_ms = ms

    def reboot(self) -> None:
        self.boot = f"{self.boot}+"
        self.up_ms = 5_000
