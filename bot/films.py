"""What people can do with films that stand: look at them once more, cover them, delete them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from bot.chat import View
from bot.kept import film_files
from bot.wording import table
from bot.wording.refusals import film_gone, unknown_film, wrong_state
from bot.wording.table import Table
from bot.wording.views import film_view
from storage.errors import UnknownRequest
from storage.jobs import JobState, Member, MessageRef, Place, Status
from storage.media import Media
from storage.settings import Settings
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, where, and under which key: what a button or a reaction brings along."""

    member: Member
    place: Place
    idem: str
    status_ref: MessageRef | None = None
    """A message that stands already and becomes the new request's status."""
    origin: str = ""
    """What the adapter wants back with every Status of the new request."""


class Films:
    """The desk's half that takes nothing new down."""

    def __init__(self, store: Store, media: Media, settings: Settings) -> None:
        self._store = store
        self._media = media
        self._settings = settings

    async def unreroll(self, request_id: int, member: Member, *, place: Place | None = None) -> Status | None:
        """The member takes their reroll of this film back: cancelled while it waits; None where none waits."""
        return await self._store.unreroll(request_id, by=member, place=place)

    async def cancel(
        self, request_id: int, by: Member, *, everyone: bool = False, place: Place | None = None
    ) -> Status:
        """Cancel while queued at once, while drawn as a wish.

        everyone: for moderators. place: where it is wished; what was asked for in another community is unknown there.
        """
        return await self._store.cancel(request_id, by=by, everyone=everyone, place=place)

    async def delete(
        self, request_id: int, by: Member, *, everyone: bool = False, place: Place | None = None
    ) -> tuple[MessageRef, ...]:
        """Requester or moderator (`everyone`): nothing of the film is kept, and the relay takes its messages away.

        A moderator where only copies stand takes those away, no more. The answer: what still stands, also when asked
        again. Raises UnknownRequest where it is not theirs to delete; RequestRejected while it is open.
        """
        return await self._store.let_go(request_id, by=by, everyone=everyone, place=place)

    async def take_away(self, request_id: int, message: MessageRef) -> None:
        """A message that nobody wrote down shows this film and must go too: the relay takes it away."""
        await self._store.remove_later(request_id, message)

    async def still_standing(self, request_id: int, *, within_s: float) -> tuple[MessageRef, ...]:
        """Messages that must go and have not gone within this time; empty as soon as all are gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while await self._store.removals_owed(request_id):
                    await self._store.changed(timeout_s=within_s)
        return await self._store.removals_owed(request_id)

    async def hide(self, request_id: int, by: Member, *, everyone: bool = False, place: Place | None = None) -> Status:
        """Cover a film: requester or moderator (`everyone`) at once, others by `reactions.hide_votes` votes.

        `hidden` in the answer says whether it is covered now; then the relay edits its message, not the adapter.
        Raises UnknownRequest, and RequestRejected where no film is kept.
        """
        votes = self._settings.reactions.hide_votes
        return await self._store.hide(request_id, by=by, everyone=everyone, place=place, votes=votes)

    async def film(self, request_id: int, asker: Asker) -> View:
        """A film of the asker's own once more, wherever they ask; `posted_again` writes down where. Nothing is charged.

        Raises UnknownRequest where it is not theirs; RequestRejected where it is not finished or no longer kept.
        """
        words = await self._words(asker.member)
        if not await self._store.owns(request_id, asker.member):
            raise unknown_film(words, request_id)
        status = await self._store.status(request_id)
        if status.state is not JobState.DONE:
            raise wrong_state(words.not_done, words, status)
        files = None
        if status.result is not None and not status.film_lost:
            files = await asyncio.to_thread(film_files, self._media, status.result)
        if files is None:
            raise film_gone(words, request_id)
        return film_view(status, film=files.film, gif=files.gif)

    async def posted_again(self, view: View, ref: MessageRef) -> None:
        """A `film` was posted as this message: from now on it is hidden, deleted and erased with the others.

        Also where that has happened while it was on its way: then the relay covers it, or takes it away.
        """
        await self._store.copy_posted(view.status.request_id, ref, view.status.rev)

    async def seen(self, request_id: int, member: Member, place: Place) -> Status:
        """The request, where it was made in the place's community, or where its requester has a copy of it.

        Raises UnknownRequest: a button from elsewhere finds nothing.
        """
        words = await self._words(member)
        try:
            status = await self._store.status(request_id)
        except UnknownRequest as exc:
            raise unknown_film(words, request_id) from exc
        there = status.place
        if (there.platform, there.community_id) != (place.platform, place.community_id) and not (
            await self._store.owns(request_id, member) and await self._store.copy_stands_in(request_id, place)
        ):
            raise unknown_film(words, request_id)
        return status

    async def request_of(self, message: MessageRef) -> int | None:
        """Which request a message of the bot, status or film, is about."""
        return await self._store.request_of(message)

    async def status(self, request_id: int) -> Status:
        return await self._store.status(request_id)

    async def history(self, member: Member, *, limit: int = 20, before_id: int | None = None) -> list[Status]:
        return await self._store.history(member, limit=limit, before_id=before_id)

    async def locale(self, member: Member) -> str:
        """The language the member came with, else the one they last came with; empty where nobody knows."""
        return member.locale or await self._store.locale(member)

    async def _words(self, member: Member) -> Table:
        return table(await self.locale(member))
