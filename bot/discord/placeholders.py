"""Messages that must not stay as they are, noted on the disk, so that a bot that starts again can see to them.

A note is written before Discord is told "thinking…" and torn up once the request is committed; where it is refused,
once the refusal is taken away. What is found at a start is what a stop or a kill left: a message that promises
something that nobody will do, or one that has said what it had to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

FOLDER = "discord-placeholders"
LEFTOVERS_MAX = 500

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One message. No token: where its own number is not known, it is found by that of the interaction it answers."""

    interaction_id: int
    """Of the interaction, or of the message that answers none: the name of the note."""
    channel_id: int
    locale: str
    message_id: int | None = None
    said: bool = False
    """Its text says what there is to say: all that is left is to take it away."""


class Placeholders:
    """Notes in the data folder, one small file each; read and written in a thread of their own.

    A note comes before an acknowledgement, which Discord awaits for three seconds: it must not queue behind pictures.
    """

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / FOLDER
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="placeholders")

    async def note(self, placeholder: Placeholder) -> None:
        await self._run(self._write, placeholder)

    async def forget(self, interaction_id: int) -> None:
        await self._run(self._path(interaction_id).unlink, True)

    async def leftovers(self) -> list[Placeholder]:
        """Everything noted, oldest first; a note that cannot be read is torn up."""
        return await self._run(self._read)

    def close(self) -> None:
        """What is under way is finished; nothing is noted any more."""
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

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
