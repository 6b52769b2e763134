"""/queue, /quota, /history and the like: answers for one member, whose controls hold all they need in their ids."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import discord
from discord import app_commands

from bot.discord.answers import first_answer, guarded, member_of, place_of, reply, words_of
from bot.discord.controls import OURS
from bot.discord.front import Front, front_of
from bot.discord.permissions import Interaction
from bot.discord.reposting import AgainSelect
from bot.discord.text import content
from bot.discord.translation import said
from bot.wording import en
from bot.wording.pages import history_page, privacy_page, queue_page, quota_page
from storage.jobs import JobState

QUEUE_SHOWN = 10
PAGE_FILMS = 8
PAGE_ID = r"fb:page:(?P<before>[0-9]{1,18})"
"""The page of films below this number; 0 for the newest."""


def style_choices() -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=said(f"styles.{key}.name"), value=key) for key in en.TABLE.styles]


async def show_queue(front: Front, interaction: Interaction) -> None:
    """What is drawn and what waits in this community, the member's own films marked."""
    async with guarded(interaction, front.clock):
        here, me = place_of(interaction), member_of(interaction)
        line = await front.desk.line(here, limit=QUEUE_SHOWN)
        await reply(interaction, queue_page(words_of(interaction), line.films, me, count=line.count))


async def show_quota(front: Front, interaction: Interaction) -> None:
    async with guarded(interaction, front.clock):
        allowance = await front.desk.allowance(member_of(interaction), place_of(interaction).community_id)
        await reply(interaction, quota_page(words_of(interaction), allowance))


async def show_help(front: Front, interaction: Interaction) -> None:
    async with guarded(interaction, front.clock):
        await reply(interaction, words_of(interaction).discord.help_text)


async def show_privacy(front: Front, interaction: Interaction) -> None:
    async with guarded(interaction, front.clock):
        await reply(interaction, privacy_page(words_of(interaction), front.settings.retention))


async def link(front: Front, interaction: Interaction, code: str | None) -> None:
    """A code to send on another platform, or the code that was shown there."""
    async with guarded(interaction, front.clock):
        own, me = words_of(interaction).discord, member_of(interaction)
        if code is None:
            offer = await front.desk.links.offer(me)
            await reply(interaction, own.link_code.format(code=offer.code, minutes=offer.minutes))
        else:
            await front.desk.links.redeem(me, code)
            await reply(interaction, own.linked)


async def show_history(front: Front, interaction: Interaction) -> None:
    async with guarded(interaction, front.clock):
        text, view = await _page(front, interaction, before_id=None)
        await reply(interaction, text, view=view)


class PageButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=PAGE_ID):
    """Turns a page of the history in place."""

    def __init__(self, before_id: int, label: str = "…", emoji: str | None = None) -> None:
        item = discord.ui.Button[discord.ui.View](
            label=label, emoji=emoji, custom_id=f"{OURS}page:{before_id}", style=discord.ButtonStyle.secondary
        )
        super().__init__(item)
        self._before_id = before_id

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> PageButton:
        return cls(int(match["before"]))

    async def callback(self, interaction: Interaction) -> None:
        front = front_of(interaction)
        async with guarded(interaction, front.clock):
            text, view = await _page(front, interaction, before_id=self._before_id or None)
            turned = partial(interaction.response.edit_message, content=content(text), view=view)
            await first_answer(interaction, turned)


async def _page(front: Front, interaction: Interaction, *, before_id: int | None) -> tuple[str, discord.ui.View]:
    """The member's films below a number, newest first, and what leads on from there."""
    words, me = words_of(interaction), member_of(interaction)
    found = await front.desk.history(me, limit=PAGE_FILMS + 1, before_id=before_id)
    films = found[:PAGE_FILMS]
    own = words.discord
    view = discord.ui.View(timeout=None)
    kept = [status for status in films if status.state is JobState.DONE and not status.purged and not status.film_lost]
    if kept:
        view.add_item(AgainSelect(words, kept))
    if before_id is not None:
        view.add_item(PageButton(0, own.newest, "⏮️"))
    if len(found) > PAGE_FILMS:
        view.add_item(PageButton(films[-1].request_id, own.earlier, "▶️"))
    return history_page(words, films), view
