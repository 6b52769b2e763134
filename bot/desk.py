"""What a member can ask for, whatever the platform: each wish is one call, each refusal one sentence."""

from __future__ import annotations

import asyncio
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bot import intake
from bot.chat import Incoming, View
from bot.intake import Options, Rules
from bot.kept import film_files, keep_pictures, last_frame, still_kept
from bot.link import Links
from bot.wording import table
from bot.wording.refusals import film_gone, unknown_film, wrong_state
from bot.wording.table import Table
from bot.wording.views import film_view
from storage.errors import QueueFull, RequestRejected, Rule, UnknownRequest
from storage.failpoints import reach
from storage.jobs import FilmParams, JobState, Member, MessageRef, Place, Request, RequestKind, Status
from storage.media import Media
from storage.models import model_card
from storage.quota import Allowance
from storage.settings import Settings
from storage.store import Store
from storage.store.erasure import Erased


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that is committed and paid for."""

    status: Status
    notes: tuple[str, ...] = ()
    """What of the pictures was left out, and the member should know: sentences."""


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


class Desk:
    """Platform-free. Pictures and films are read in threads; files are durable before the store names them."""

    def __init__(self, store: Store, media: Media, *, settings: Settings, draw: random.Random) -> None:
        """`draw` is where seeds come from."""
        self._store = store
        self._media = media
        self._settings = settings
        self._draw = draw
        self.links = Links(store)
        # A large picture takes up to 0.8 GB while it is read: two at a time, however many come at once.
        self._reading = asyncio.Semaphore(2)
        card = model_card(settings.engine.model)
        self._rules = Rules(
            intake=settings.intake,
            film=settings.film,
            model=card,
            size=settings.engine.size or card.size,
            steps=settings.engine.steps or card.steps,
        )

    async def check(self, incoming: Incoming) -> None:
        """Refuse what can be refused without the pictures, which may be b"" here; what passes may still be refused.

        For the moment before a platform must be answered: a few reads. Raises as `submit` does.
        """
        await self._foreseen(incoming)

    async def submit(self, incoming: Incoming) -> Accepted:
        """Accept a picture and its words. Again, by its key: the request as it stands, nothing charged.

        A `status_ref` belongs to the request once this returns, and not where it raises; nor where the key was known
        before, with another message: `request_of` tells. Raises RequestRejected (with QuotaExceeded) and QueueFull;
        then nothing is stored or charged.
        """
        options = await self._foreseen(incoming)
        async with self._reading:
            pictures = await asyncio.to_thread(intake.read_pictures, incoming, self._rules)
        start, end = await asyncio.to_thread(keep_pictures, self._media, pictures)
        reach("desk.kept")
        engine = self._settings.engine
        params = FilmParams(
            prompt=options.prompt,
            picture=start,
            duration_ms=options.duration_ms,
            seed=options.seed,
            model=self._rules.model.name,
            schedule=options.schedule,
            steps=options.steps,
            size=options.size,
            end_picture=end,
            negative_prompt=engine.negative_prompt,
            guidance_scale=engine.guidance_scale,
            true_cfg_scale=engine.true_cfg_scale,
            guidance_rescale=engine.guidance_rescale,
        )
        request = Request(
            idem=incoming.idem,
            member=incoming.member,
            place=incoming.place,
            params=params,
            status_ref=incoming.status_ref,
            origin=incoming.origin,
            spoiler=incoming.spoiler,
        )
        shown = (pictures.start,) if pictures.end is None else (pictures.start, pictures.end)
        words = table(incoming.member.locale)
        notes = tuple(words.first_frame for picture in shown if picture.animated)
        return Accepted(status=await self._store.submit(request), notes=notes)

    async def reroll(self, request_id: int, asker: Asker, *, prompt: str | None = None) -> Accepted:
        """The same film with a new seed, paid by who asks; `prompt` replaces the words where given.

        A member has one reroll of a film open at a time, waits a little between two, and a film has so many in all.
        """
        words = table(asker.member.locale)
        parent = await self._finished(request_id, asker, words)
        params = replace(parent.params, seed=intake.draw_seed(self._draw))
        if prompt is not None:
            params = replace(params, prompt=intake.read_prompt(prompt, self._rules, words))
        return await self._again(parent, params, asker, RequestKind.REROLL)

    async def unreroll(self, request_id: int, member: Member, *, place: Place | None = None) -> Status | None:
        """The member takes their reroll of this film back: cancelled while it waits; None where none waits."""
        return await self._store.unreroll(request_id, by=member, place=place)

    async def retry(self, request_id: int, asker: Asker) -> Accepted:
        """Exactly the same request once more, after it ended without a film."""
        words = table(asker.member.locale)
        old = await self._seen(request_id, asker, words)
        if not old.state.terminal or (old.state is JobState.DONE and not old.film_lost):
            raise wrong_state(words.not_ended, words, old)
        self._check_kept(old, words)
        self._check_model(old, words)
        return await self._again(old, old.params, asker, RequestKind.NEW)

    async def extend(
        self, request_id: int, asker: Asker, *, prompt: str | None = None, seconds: str | None = None
    ) -> Accepted:
        """A new film that starts at the last frame of a finished one. Only its requester may."""
        words = table(asker.member.locale)
        parent = await self._finished(request_id, asker, words)
        if not await self._store.owns(request_id, asker.member):
            sentence = words.not_yours.format(request_id=request_id)
            raise RequestRejected(sentence, field="request")
        params = parent.params
        if prompt is not None:
            params = replace(params, prompt=intake.read_prompt(prompt, self._rules, words))
        if seconds is not None:
            params = replace(params, duration_ms=intake.read_seconds(seconds, self._settings.film, words))
        result = parent.result
        if result is None:
            raise film_gone(words, request_id)
        start = await asyncio.to_thread(last_frame, self._media, result.film, self._settings.data.folder)
        if start is None:
            raise film_gone(words, request_id)
        # The end picture was the aim of the parent, which has reached it.
        params = replace(params, picture=start, end_picture=None, seed=intake.draw_seed(self._draw))
        return await self._again(parent, params, asker, RequestKind.EXTEND)

    async def erase(self, member: Member) -> Erased:
        """Forget a person: what is open is cancelled; what they asked for, made and were called goes at once.

        Files, freed pages and older backups follow within minutes. The messages in the answer are all that is left
        of them in chats: the platform's own to remove.
        """
        return await self._store.erase(member)

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
        """Requester or moderator (`everyone`): nothing of the film is kept. The adapter removes the messages returned.

        Again: none. Raises UnknownRequest where it is not theirs to delete; RequestRejected while it is open.
        """
        return await self._store.let_go(request_id, by=by, everyone=everyone, place=place)

    async def hide(self, request_id: int, by: Member, *, everyone: bool = False, place: Place | None = None) -> Status:
        """Cover a film: requester or moderator (`everyone`) at once, others by `reactions.hide_votes` votes.

        `hidden` in the answer says whether it is covered now; then the relay edits its message, not the adapter.
        Raises UnknownRequest, and RequestRejected where no film is kept.
        """
        votes = self._settings.reactions.hide_votes
        return await self._store.hide(request_id, by=by, everyone=everyone, place=place, votes=votes)

    async def film(self, request_id: int, asker: Asker) -> View:
        """A film of the asker's own once more, wherever they ask. Nothing is charged or written down.

        Raises UnknownRequest where it is not theirs; RequestRejected where it is not finished or no longer kept.
        """
        words = table(asker.member.locale)
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

    async def request_of(self, message: MessageRef) -> int | None:
        """Which request a message of the bot, status or film, is about."""
        return await self._store.request_of(message)

    async def status(self, request_id: int) -> Status:
        return await self._store.status(request_id)

    async def history(self, member: Member, *, limit: int = 20, before_id: int | None = None) -> list[Status]:
        return await self._store.history(member, limit=limit, before_id=before_id)

    async def queue(self, *, limit: int = 50) -> list[Status]:
        return await self._store.queue(limit=limit)

    async def allowance(self, member: Member, community_id: str) -> Allowance:
        return await self._store.allowance(member, community_id)

    async def move_chat(self, platform: str, old_id: str, new_id: str) -> bool:
        """The platform knows a chat under another number now. False where that was known."""
        return await self._store.move_chat(platform, old_id, new_id)

    async def former_chats(self, platform: str, chat_id: str) -> tuple[str, ...]:
        """Numbers that a chat had before: settings may still name one of them."""
        return await self._store.former_chats(platform, chat_id)

    async def _foreseen(self, incoming: Incoming) -> Options:
        """Everything but the pictures, checked."""
        options = intake.read_options(incoming, self._rules, self._draw)
        await self._check_room(table(incoming.member.locale))
        await self._store.foresee(incoming.idem, incoming.member, incoming.place, options.duration_ms)
        return options

    async def _finished(self, request_id: int, asker: Asker, words: Table) -> Status:
        parent = await self._seen(request_id, asker, words)
        if parent.state is not JobState.DONE:
            raise wrong_state(words.not_done, words, parent)
        self._check_kept(parent, words)
        self._check_model(parent, words)
        return parent

    async def _seen(self, request_id: int, asker: Asker, words: Table) -> Status:
        """The request, if it was made in the community that asks: a button from elsewhere finds nothing."""
        try:
            status = await self._store.status(request_id)
        except UnknownRequest as exc:
            raise unknown_film(words, request_id) from exc
        there, here = status.place, asker.place
        if (there.platform, there.community_id) != (here.platform, here.community_id):
            raise unknown_film(words, request_id)
        return status

    def _check_kept(self, parent: Status, words: Table) -> None:
        """Refuse to go on from what retention or erasure took."""
        if parent.purged:
            raise film_gone(words, parent.request_id)

    def _check_model(self, parent: Status, words: Table) -> None:
        """Refuse what this host's engine would have to draw with other weights than the parent's."""
        served = self._rules.model.name
        if parent.params.model != served:
            sentence = words.other_model.format(request_id=parent.request_id, drawn=parent.params.model, served=served)
            raise RequestRejected(sentence, field="request")

    async def _again(self, parent: Status, params: FilmParams, asker: Asker, kind: RequestKind) -> Accepted:
        words = table(asker.member.locale)
        await self._check_room(words)
        if not await asyncio.to_thread(still_kept, self._media, params):
            raise film_gone(words, parent.request_id)
        request = Request(
            idem=asker.idem,
            member=asker.member,
            place=asker.place,
            params=params,
            kind=kind,
            parent_id=None if kind is RequestKind.NEW else parent.request_id,
            status_ref=asker.status_ref,
            origin=asker.origin,
            # What is covered stays so in everything that comes of it.
            spoiler=parent.spoiler or parent.hidden,
        )
        return Accepted(status=await self._store.submit(request, rerolls=self._settings.reroll))

    async def _check_room(self, words: Table) -> None:
        data = self._settings.data
        free = await asyncio.to_thread(_free_bytes, data.folder)
        # Twice: a film is there once in its parts and once joined while it is put together.
        if free < max(data.free_bytes_min, 2 * await self._store.largest_result_bytes()):
            raise QueueFull(words.disk_full, rule=Rule.DISK_FULL)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
