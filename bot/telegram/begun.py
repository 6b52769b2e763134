"""How often each update was begun without an end: one that kills or hangs the bot must not do so for ever.

Telegram sends an update again until it is acknowledged, and that is done when it has been dealt with. So an update on
which the process ends comes again at every start.
"""

from __future__ import annotations

import logging
from pathlib import Path

from bot.notes import Notes

FOLDER = "telegram-updates"
UPDATES_MAX = 1_000
KEPT_S = 2 * 86_400.0
"""Telegram keeps an update for a day."""

log = logging.getLogger(__name__)


class Begun:
    """A note for each update from its beginning to its end. A disk that takes no notes stops no update."""

    def __init__(self, data_folder: Path) -> None:
        self._notes = Notes(data_folder / FOLDER, notes_max=UPDATES_MAX, kept_s=KEPT_S)
        self._before: dict[int, int] = {}
        self._failing = False

    async def recall(self) -> None:
        """Read what an earlier process has left; once, before the first update."""
        try:
            notes = await self._notes.read()
        except OSError as exc:
            self._complain(exc)
            return
        for number, content in notes.items():
            times = content.get("times")
            self._before[number] = times if isinstance(times, int) and times > 0 else 1

    def before(self, update: int) -> int:
        """How often it was begun and not ended, by earlier processes."""
        return self._before.get(update, 0)

    async def begin(self, update: int) -> None:
        try:
            await self._notes.write(update, {"times": self.before(update) + 1})
        except OSError as exc:
            self._complain(exc)

    async def end(self, update: int) -> None:
        """It is dealt with, or an orderly stop has left it for the next start: nothing is held against it."""
        self._before.pop(update, None)
        try:
            await self._notes.tear_up(update)
        except OSError as exc:
            self._complain(exc)
        else:
            self._failing = False

    def close(self) -> None:
        self._notes.close()

    def _complain(self, error: OSError) -> None:
        """Once, until it works again: a full disk is no reason to fill it with lines."""
        if not self._failing:
            log.warning("updates under way cannot be noted on the disk", extra={"reason": error.strerror})
        self._failing = True
