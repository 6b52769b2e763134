"""A placeholder's first status goes through the interaction that it answers: the bot's token is for what comes later.

That ends "thinking…" in the documented way, and spares the channel's few edits where two hundred members ask at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

import aiohttp
import discord

from bot.chat import View
from bot.discord.controls import controls
from bot.discord.permissions import Interaction
from storage.jobs import MessageRef

KEPT_MAX = 2000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Greeting:
    """A first status on its way, or there."""

    rev: int
    task: asyncio.Task[bool]
    """Whether Discord took it."""


class Greetings:
    """Placeholders that nothing was put into yet, and first statuses that the relay has not caught up with."""

    def __init__(self) -> None:
        self._fresh: OrderedDict[str, Interaction] = OrderedDict()
        self._begun: OrderedDict[str, _Greeting] = OrderedDict()

    def welcome(self, message: MessageRef, interaction: Interaction) -> None:
        """The placeholder that an interaction has just been answered with."""
        self._fresh[message.message_id] = interaction
        while len(self._fresh) > KEPT_MAX:
            self._fresh.popitem(last=False)

    async def greet(self, message: MessageRef, view: View, text: str) -> None:
        """Put the first status in at once, before the relay comes to it among everything else."""
        interaction = self._fresh.pop(message.message_id, None)
        if interaction is None:
            return  # the relay was faster
        task = asyncio.create_task(_answer(interaction, view, text), name="greet")
        self._begun[message.message_id] = _Greeting(view.status.rev, task)
        while len(self._begun) > KEPT_MAX:
            self._begun.popitem(last=False)
        await asyncio.shield(task)

    async def shows(self, message: MessageRef, view: View, text: str) -> bool:
        """Whether the message shows this revision now. False: what there is to show is still to be put into it.

        Waits for a greeting that is under way: two edits at once could change places.
        """
        greeting = self._begun.pop(message.message_id, None)
        if greeting is not None:
            taken = await asyncio.shield(greeting.task)
            return taken and greeting.rev == view.status.rev and view.media is None
        interaction = self._fresh.pop(message.message_id, None)
        return interaction is not None and view.media is None and await _answer(interaction, view, text)

    def forget(self, message: MessageRef) -> None:
        self._fresh.pop(message.message_id, None)


async def _answer(interaction: Interaction, view: View, text: str) -> bool:
    """Show the view in the interaction's own answer. False where that fails: the bot's token can do the same."""
    try:
        await interaction.edit_original_response(content=text, view=controls(view))
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError):
        log.info("placeholder not answered through its interaction", extra={"request_id": view.status.request_id})
        return False
    return True
