"""What a data folder of the suite is run under: a value that the driver hands to every process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.clock import Clock, SystemClock
from storage.database import Database
from storage.settings import DataSettings, EngineSettings, ProgressSettings, QueueSettings, QuotaSettings, Settings
from storage.store import Store

BURST_S = 1_000_000
"""With no refill: what is left of it and what was charged must always add up to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    folder: Path
    tries_max: int = 1_000_000
    """Far more than there are kills: every film gets done, and every section drawn again can be counted."""
    lease_s: float = 30.0
    shared_clock: bool = True
    two_calls: bool = False
    """The platform knows no nonce, and a film takes a line first and then its media."""
    drawing_s: float = 0.0
    """How long the stand-in for the drawing takes over a section."""

    def clock(self) -> Clock:
        from crashkit.clock import SharedClock

        return SharedClock(self.folder) if self.shared_clock else SystemClock()

    def settings(self) -> Settings:
        return Settings(
            data=DataSettings(folder=self.folder, free_bytes_min=0),
            queue=QueueSettings(
                lease_s=self.lease_s,
                tries_max=self.tries_max,
                queued_max=100_000,
                queued_per_member_max=100_000,
                # Two thousand films of moments, of which nobody shall be refused one.
                wait_hours_promised_max=48.0,
            ),
            quota=QuotaSettings(burst_s=BURST_S, refill_s_per_day=0),
            engine=EngineSettings(model="tiny", device="cpu", size=64, steps=2, step_checkpoint_s=0.001),
            progress=ProgressSettings(interval_s=0.05),
        )

    def store(self, database: Database, clock: Clock) -> Store:
        settings = self.settings()
        return Store.of(database, settings, clock)
