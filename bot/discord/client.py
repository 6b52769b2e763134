"""The connection: what Discord sends, handed to whoever answers it.

Always the sharded client: it asks Discord how many shards it recommends, and one is a number like any other. Its first
handshake may fail as often as it likes, where the plain client breaks.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import discord

from bot.discord.answers import reply, words_of
from bot.discord.buttons import FilmButton, words_sent
from bot.discord.commands import FlipbookTree, add_commands
from bot.discord.controls import OURS, ids_in
from bot.discord.forms import EDIT_ID, FORM_ID, Offers, form_sent
from bot.discord.front import Front
from bot.discord.leftovers import REFUSAL_SHOWN_S, call_out, settle_leftovers
from bot.discord.pages import PageButton
from bot.discord.permissions import Interaction
from bot.discord.placeholders import Placeholder
from bot.discord.reactions import Reactions
from bot.discord.reposting import AgainSelect
from bot.discord.syncing import sync_if_changed

RATE_LIMIT_S_MAX = 30.0
"""A longer wait is the relay's to plan: until then other messages go on."""

ITEMS = (FilmButton, PageButton, AgainSelect)
"""What the library makes of custom_ids."""

log = logging.getLogger(__name__)


def intents() -> discord.Intents:
    """Servers with their channels, and reactions. Nothing privileged, no member's messages."""
    return discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)


class FlipbookClient(discord.AutoShardedClient):
    """One connection, from login to close."""

    def __init__(self, front: Front, *, ready_timeout_s: float) -> None:
        """ready_timeout_s: how long a server may keep the first list of servers waiting."""
        super().__init__(
            intents=intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            proxy=front.settings.discord.proxy,
            max_messages=None,
            max_ratelimit_timeout=RATE_LIMIT_S_MAX,
            guild_ready_timeout=ready_timeout_s,
        )
        self.front = front
        self._offers = Offers()
        self._reactions = Reactions(front)
        self._tree = FlipbookTree(self)
        self._leftovers: Sequence[Placeholder] = ()

    async def setup_hook(self) -> None:
        """Logged in, not connected: REST works from here on."""
        front = self.front
        # Before the gateway brings anything: what is noted now is an earlier process's.
        self._leftovers = await front.placeholders.leftovers()
        await add_commands(self._tree, front, self._offers)
        self.add_dynamic_items(*ITEMS)
        application_id = self.application_id
        if front.settings.discord.sync_commands and application_id is not None:
            folder = front.settings.data.folder
            front.errand(self._sync(application_id), name=f"sync commands in {folder.name}")

    async def _sync(self, application_id: int) -> None:
        await sync_if_changed(self._tree, application_id, self.front.settings.data.folder)

    async def on_ready(self) -> None:
        log.info("connected", extra={"servers": len(self.guilds), "shards": self.shard_count})
        leftovers, self._leftovers = self._leftovers, ()
        if leftovers:
            self.front.errand(settle_leftovers(self.front, leftovers), name="settle leftovers")

    async def on_interaction(self, interaction: Interaction) -> None:
        """Forms, and buttons that no item of ours answers: the library would leave them without a word."""
        data: dict[str, Any] = dict(interaction.data or {})
        custom_id = str(data.get("custom_id", ""))
        if not custom_id.startswith(OURS):
            return
        if interaction.type is discord.InteractionType.modal_submit:
            await self._form(interaction, custom_id)
        elif interaction.type is discord.InteractionType.component and not _answered(interaction, custom_id):
            log.warning("forged control refused", extra={"user": interaction.user.id})
            await reply(interaction, words_of(interaction).discord.forged)

    async def call_out(self, interaction: Interaction, sentence: str) -> None:
        """To the member of an interaction that takes no answer any more."""
        await call_out(
            self.front,
            interaction.channel_id or 0,
            interaction.user.id,
            sentence,
            locale=interaction.locale.value,
            shown_s=REFUSAL_SHOWN_S,
        )

    async def _form(self, interaction: Interaction, custom_id: str) -> None:
        number = custom_id.removeprefix(EDIT_ID)
        if custom_id.startswith(FORM_ID):
            await form_sent(self.front, self._offers, interaction, custom_id.removeprefix(FORM_ID))
        elif custom_id.startswith(EDIT_ID) and number.isdecimal() and len(number) <= 18:
            await words_sent(self.front, interaction, int(number))
        else:
            await reply(interaction, words_of(interaction).discord.forged)

    async def on_shard_connect(self, shard_id: int) -> None:
        """A new session, not a resumed one."""
        self._reactions.session_began(shard_id)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        await self._reactions.added(self, event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        await self._reactions.removed(event)


def _answered(interaction: Interaction, custom_id: str) -> bool:
    """Whether the library finds an item for the control: its id is one of ours, and its message really carries it."""
    known = any(item.__discord_ui_compiled_template__.fullmatch(custom_id) for item in ITEMS)
    return known and interaction.message is not None and custom_id in ids_in(interaction.message.components)
