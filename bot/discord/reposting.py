"""A film of a member's own once more, from their history: a new message, charged to nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import discord

from bot.chat import PlaceClosed
from bot.delivery import TooLarge
from bot.desk import Asker
from bot.discord.answers import acknowledge, guarded, idem_of, member_of, place_of, reply, words_of
from bot.discord.front import Front, front_of
from bot.discord.permissions import Interaction, check_interaction
from bot.wording import en
from bot.wording.table import Table
from storage.errors import QueueFull, RequestRejected
from storage.jobs import Status

AGAIN_ID = r"fb:again"
LABEL_CHARS_MAX = 100
NONCE_CHARS_MAX = 25


class AgainSelect(discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=AGAIN_ID):
    """Posts a film of the member's own once more, where they are."""

    def __init__(self, words: Table | None = None, films: list[Status] | None = None) -> None:
        own = (words or en.TABLE).discord
        options = [
            discord.SelectOption(
                label=own.post_again_film.format(request_id=status.request_id),
                description=status.params.prompt[:LABEL_CHARS_MAX],
                value=str(status.request_id),
            )
            for status in films or ()
        ]
        item = discord.ui.Select[discord.ui.View](
            custom_id=AGAIN_ID, placeholder=own.post_again, options=options or discord.utils.MISSING
        )
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> AgainSelect:
        return cls()

    async def callback(self, interaction: Interaction) -> None:
        front = front_of(interaction)
        if front.first_time(interaction):
            await post_again(front, interaction)


async def post_again(front: Front, interaction: Interaction) -> None:
    """The film as a new message here, written down as a copy of it. One at a time for each member."""
    async with guarded(interaction, front.clock):
        await acknowledge(interaction)
        words = words_of(interaction)
        own = words.discord
        if front.closing:
            raise QueueFull(words.stopping)
        request_id = _chosen(interaction)
        check_interaction(interaction, words)
        async with front.reposts.turn(str(interaction.user.id), own.again_soon):
            asker = Asker(member=member_of(interaction), place=place_of(interaction), idem=idem_of(interaction))
            view = await front.desk.film(request_id, asker)
            nonce = f"fb.again.{interaction.id}"[-NONCE_CHARS_MAX:]
            try:
                copy = await front.chat.repost(asker.place, view, nonce=nonce)
            except TooLarge as exc:
                raise RequestRejected(own.again_too_large.format(request_id=request_id), field="request") from exc
            except PlaceClosed as exc:
                raise RequestRejected(own.again_closed, field="place") from exc
            await front.desk.posted_again(view, copy)
        await reply(interaction, own.posted_again.format(request_id=request_id))


def _chosen(interaction: Interaction) -> int:
    """The film that was picked. Raises RequestRejected for what is no number: a list of ours offers nothing else."""
    data = cast(Mapping[str, Any], interaction.data or {})
    first = str(next(iter(data.get("values") or ()), ""))
    if not first.isdecimal() or len(first) > 18:
        raise RequestRejected(words_of(interaction).discord.forged, field="request")
    return int(first)
