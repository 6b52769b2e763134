"""Messages that must not stay as they are, noted on the disk, so that a bot that starts again can see to them.

A note is written before Discord is told "thinking…" and torn up once the request is committed; where it is refused,
once the refusal is taken away. What is found at a start is what a stop or a kill left: a message that promises
something that nobody will do, or one that has said what it had to say.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.notes import Notes

FOLDER = "discord-placeholders"
LEFTOVERS_MAX = 500

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
    """Notes in the data folder. A note comes before an acknowledgement, which Discord awaits for three seconds."""

    def __init__(self, data_folder: Path) -> None:
        self._notes = Notes(data_folder / FOLDER, notes_max=LEFTOVERS_MAX)

    async def note(self, placeholder: Placeholder) -> None:
        await self._notes.write(placeholder.interaction_id, asdict(placeholder))

    async def forget(self, interaction_id: int) -> None:
        await self._notes.tear_up(interaction_id)

    async def leftovers(self) -> list[Placeholder]:
        """Everything noted, oldest first; a note that says nothing is torn up."""
        found: list[Placeholder] = []
        for number, content in (await self._notes.read()).items():
            placeholder = _placeholder(number, content)
            if placeholder is None:
                log.info("a damaged note is let go", extra={"note": number})
                await self.forget(number)
            else:
                found.append(placeholder)
        return found

    def close(self) -> None:
        """What is under way is finished; nothing is noted any more."""
        self._notes.close()


def _placeholder(number: int, content: Mapping[str, object]) -> Placeholder | None:
    channel_id, locale, message_id = (content.get(key) for key in ("channel_id", "locale", "message_id"))
    if not isinstance(channel_id, int) or not isinstance(locale, str) or not isinstance(message_id, int | None):
        return None
    said = content.get("said") is True
    return Placeholder(interaction_id=number, channel_id=channel_id, locale=locale, message_id=message_id, said=said)
