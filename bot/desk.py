"""What a member can ask for, whatever the platform: each wish is one call, each refusal one sentence."""

from __future__ import annotations

import asyncio
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bot import intake
from bot.chat import Incoming
from bot.films import Asker, Films
from bot.intake import Changes, Options, Rules
from bot.kept import keep_pictures, kept_pictures, last_frame, still_kept
from bot.link import Links
from bot.picture.readers import Readers
from bot.wording import table
from bot.wording.refusals import film_gone, wrong_state
from bot.wording.table import Table
from storage.errors import QueueFull, RequestRejected, Rule
from storage.failpoints import reach
from storage.jobs import FilmParams, JobState, Member, Place, Request, RequestKind, Status, drawn_ms
from storage.media import Media
from storage.models import model_card
from storage.quota import Allowance
from storage.settings import Settings
from storage.store import Store
from storage.store.queries import Line

__all__ = ["Accepted", "Asker", "Desk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that is committed and paid for."""

    status: Status
    notes: tuple[str, ...] = ()
    """What of the pictures was left out or of the words was not understood: sentences."""


class Desk(Films):
    """Platform-free. Pictures are read in processes of their own, films in threads; files are durable before the
    store names them."""

    def __init__(
        self, store: Store, media: Media, readers: Readers, *, settings: Settings, draw: random.Random
    ) -> None:
        """`draw` is where seeds come from."""
        super().__init__(store, media, settings)
        self._readers = readers
        self._draw = draw
        self._closed = False
        self.links = Links(store)
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
        await self._foreseen(await self._spoken(incoming))

    async def submit(self, incoming: Incoming) -> Accepted:
        """Accept a picture and its words. Again, by its key: the request as it stands, nothing charged.

        A `status_ref` belongs to the request once this returns, and not where it raises; nor where the key was known
        before, with another message: `request_of` tells. Raises RequestRejected (with QuotaExceeded) and QueueFull;
        then nothing is stored or charged.
        """
        incoming = await self._spoken(incoming)
        options = await self._foreseen(incoming)
        whose = f"{incoming.member.platform}:{incoming.member.user_id}"
        letterbox = options.size if options.letterbox else None
        pictures = await self._readers.read(incoming.picture, incoming.end_picture, whose=whose, letterbox=letterbox)
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
            style=options.style,
            form=options.form,
        )
        request = Request(
            idem=incoming.idem,
            member=incoming.member,
            place=incoming.place,
            params=params,
            status_ref=incoming.status_ref,
            origin=incoming.origin,
            spoiler=options.spoiler,
        )
        notes = intake.picture_notes(pictures, options, table(incoming.member.locale)) + options.notes
        return Accepted(status=await self._store.submit(request), notes=notes)

    async def reroll(self, request_id: int, asker: Asker, *, prompt: str | None = None) -> Accepted:
        """The same film with a new seed, paid by who asks; `prompt`: other words, options or both.

        A member has one reroll of a film open at a time, waits a little between two, and a film has so many in all.
        """
        words = await self._words(asker.member)
        parent = await self._finished(request_id, asker, words)
        changes = intake.read_changes(prompt or "", self._rules, self._draw, words)
        if changes.same_film and not self._rules.model.seed_varies:
            raise RequestRejected(words.seed_varies_nothing, field="seed")
        params = changes.applied(parent.params)
        if changes.letterbox:
            params = await self._letterboxed(params, parent, asker, words)
            changes = replace(changes, notes=(words.letterboxed, *changes.notes))
        return await self._again(parent, params, asker, RequestKind.REROLL, changes=changes)

    async def retry(self, request_id: int, asker: Asker, *, shorter: bool = False) -> Accepted:
        """The same request once more, after it ended without a film.

        shorter: half as long; what was too much for the card may be done then.
        """
        words = await self._words(asker.member)
        old = await self.seen(request_id, asker.member, asker.place)
        if not old.state.terminal or (old.state is JobState.DONE and not old.film_lost):
            raise wrong_state(words.not_ended, words, old)
        self._check_kept(old, words)
        self._check_model(old, words)
        params = old.params
        if shorter:
            params = replace(params, duration_ms=drawn_ms(params.duration_ms // 2))
        return await self._again(old, params, asker, RequestKind.NEW)

    async def extend(
        self, request_id: int, asker: Asker, *, prompt: str | None = None, seconds: str | None = None
    ) -> Accepted:
        """A new film that starts at the last frame of a finished one. Only its requester may."""
        words = await self._words(asker.member)
        parent = await self._finished(request_id, asker, words)
        if not await self._store.owns(request_id, asker.member):
            sentence = words.not_yours.format(request_id=request_id)
            raise RequestRejected(sentence, field="request")
        changes = intake.read_changes(prompt or "", self._rules, self._draw, words, seconds=seconds)
        result = parent.result
        if result is None:
            raise film_gone(words, request_id)
        start = await asyncio.to_thread(last_frame, self._media, result.film, self._settings.data.folder)
        if start is None:
            raise film_gone(words, request_id)
        # The end picture was the aim of the parent, which has reached it.
        params = replace(changes.applied(parent.params), picture=start, end_picture=None)
        return await self._again(parent, params, asker, RequestKind.EXTEND, changes=changes)

    async def queue(self, *, limit: int = 50) -> list[Status]:
        """Of the whole host."""
        return await self._store.queue(limit=limit)

    async def line(self, place: Place, *, limit: int = 50) -> Line:
        """What is drawn and what waits in the place's community, and how many they are."""
        return await self._store.line(place, limit=limit)

    async def allowance(self, member: Member, community_id: str) -> Allowance:
        return await self._store.allowance(member, community_id)

    async def accepted(self, idem: str) -> bool:
        """Whether a request was taken down under this key."""
        return await self._store.accepted_as(idem) is not None

    async def move_chat(self, platform: str, old_id: str, new_id: str) -> bool:
        """The platform knows a chat under another number now. False where that was known."""
        return await self._store.move_chat(platform, old_id, new_id)

    async def former_chats(self, platform: str, chat_id: str) -> tuple[str, ...]:
        """Numbers that a chat had before: settings may still name one of them."""
        return await self._store.former_chats(platform, chat_id)

    async def _spoken(self, incoming: Incoming) -> Incoming:
        """In the language of its member, where the platform did not say it."""
        return replace(incoming, member=replace(incoming.member, locale=await self.locale(incoming.member)))

    async def _foreseen(self, incoming: Incoming) -> Options:
        """Everything but the pictures, checked."""
        options = intake.read_options(incoming, self._rules, self._draw)
        await self._check_room(table(incoming.member.locale))
        await self._store.foresee(incoming.idem, incoming.member, incoming.place, options.duration_ms)
        return options

    async def _finished(self, request_id: int, asker: Asker, words: Table) -> Status:
        parent = await self.seen(request_id, asker.member, asker.place)
        if parent.state is not JobState.DONE:
            raise wrong_state(words.not_done, words, parent)
        self._check_kept(parent, words)
        self._check_model(parent, words)
        return parent

    async def _letterboxed(self, params: FilmParams, parent: Status, asker: Asker, words: Table) -> FilmParams:
        """With the kept pictures whole, between black bars, where the film would crop them."""
        kept = await asyncio.to_thread(kept_pictures, self._media, params)
        if kept is None:
            raise film_gone(words, parent.request_id)
        whose = f"{asker.member.platform}:{asker.member.user_id}"
        pictures = await self._readers.read(*kept, whose=whose, letterbox=params.size)
        start, end = await asyncio.to_thread(keep_pictures, self._media, pictures)
        return replace(params, picture=start, end_picture=end)

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

    async def _again(
        self,
        parent: Status,
        params: FilmParams,
        asker: Asker,
        kind: RequestKind,
        *,
        changes: Changes | None = None,
    ) -> Accepted:
        words = await self._words(asker.member)
        await self._check_room(words)
        if not await asyncio.to_thread(still_kept, self._media, params):
            raise film_gone(words, parent.request_id)
        request = Request(
            idem=asker.idem,
            member=asker.member,
            place=asker.place,
            params=params,
            kind=kind,
            parent_id=parent.request_id,
            status_ref=asker.status_ref,
            origin=asker.origin,
            # What is covered stays so in everything that comes of it.
            spoiler=parent.spoiler or parent.hidden or (changes is not None and changes.spoiler),
        )
        status = await self._store.submit(request, rerolls=self._settings.reroll)
        return Accepted(status=status, notes=() if changes is None else changes.notes)

    def close(self) -> None:
        """The bot stops: no new film is taken down any more. What was, goes on at the next start."""
        self._closed = True

    async def _check_room(self, words: Table) -> None:
        if self._closed:
            raise QueueFull(words.stopping)
        data = self._settings.data
        free = await asyncio.to_thread(_free_bytes, data.folder)
        # Twice: a film is there once in its parts and once joined while it is put together.
        if free < max(data.free_bytes_min, 2 * await self._store.largest_result_bytes()):
            raise QueueFull(words.disk_full, rule=Rule.DISK_FULL)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
