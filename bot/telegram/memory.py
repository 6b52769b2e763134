"""What the bot's own messages show, as far as this process knows.

Telegram edits texts and captions by different calls, and refuses an edit that changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bot.chat import Action
from storage.jobs import MessageRef

SHOWN_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message."""

    plain: bool
    """A text, not a caption."""
    text: str = ""
    actions: tuple[Action, ...] = ()


class Memory:
    """The messages written last. Lost in a restart, which costs an edit or two."""

    def __init__(self) -> None:
        self._shown: OrderedDict[MessageRef, Shown] = OrderedDict()

    def keep(self, ref: MessageRef, shown: Shown) -> None:
        self._shown[ref] = shown
        self._shown.move_to_end(ref)
        while len(self._shown) > SHOWN_MAX:
            self._shown.popitem(last=False)

    def forget(self, ref: MessageRef) -> None:
        self._shown.pop(ref, None)

    def of(self, ref: MessageRef) -> Shown | None:
        return self._shown.get(ref)
