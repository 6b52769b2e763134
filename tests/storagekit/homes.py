"""Where a test's database is: what a process of its own must be told to open the same one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    folder: Path
    address: str | None = None
    """Of a PostgreSQL database; None where a file in the folder is meant."""

    async def open(self) -> Database:
        return await Database.open(self.folder, self.address)

    def arguments(self) -> tuple[str, str]:
        """For a command line."""
        return str(self.folder), self.address or ""

    @classmethod
    def of(cls, folder: str, address: str) -> Home:
        return cls(folder=Path(folder), address=address or None)
