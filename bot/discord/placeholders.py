"""Acknowledged, not yet accepted: noted on the disk, so that a bot that was killed in between can say so later.

A note is written before Discord is told "thinking…" and torn up once the request is committed or refused. What is
found at a start is what a kill left: a message that promises something that nobody will do.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = "discord-placeholders"
LEFTOVERS_MAX = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One interaction. No token: the message is found again by the interaction's number."""

    interaction_id: int
    channel_id: int
    locale: str


class Placeholders:
    """Notes in the data folder, one small file each; read and written in threads."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / FOLDER

    async def note(self, placeholder: Placeholder) -> None:
        await asyncio.to_thread(self._write, placeholder)

    async def forget(self, interaction_id: int) -> None:
        await asyncio.to_thread(self._path(interaction_id).unlink, missing_ok=True)

    async def leftovers(self) -> list[Placeholder]:
        """Everything noted, oldest first; a note that cannot be read is torn up."""
        return await asyncio.to_thread(self._read)

    def _path(self, interaction_id: int) -> Path:
        return self._folder / f"{interaction_id}.json"

    def _write(self, placeholder: Placeholder) -> None:
        self._folder.mkdir(exist_ok=True)
        self._path(placeholder.interaction_id).write_text(json.dumps(asdict(placeholder)), "utf-8")

    def _read(self) -> list[Placeholder]:
        found: list[Placeholder] = []
        for path in sorted(self._folder.glob("*.json"))[:LEFTOVERS_MAX]:
            try:
                found.append(Placeholder(**json.loads(path.read_text("utf-8"))))
            except (OSError, ValueError, TypeError):
                # Killed while it was written: the interaction was not answered yet.
                log.info("a damaged note is let go", extra={"file": path.name})
                path.unlink(missing_ok=True)
        return found
