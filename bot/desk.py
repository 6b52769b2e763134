"""What a member can ask for, whatever the platform: each wish is one call, each refusal one sentence."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bot import intake
from bot.chat import Incoming
from bot.intake import Pictures, Rules
from bot.wording import table
from bot.wording.table import Table
from storage import film
from storage.errors import QueueFull, RequestRejected, UnknownRequest
from storage.failpoints import reach
from storage.jobs import Blob, FilmParams, JobState, Member, Place, Request, RequestKind, Status
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
    """What intake did to the pictures and the member should know, such as "first frame of an animation"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, where, and under which key: what a button or a reaction brings along."""

    member: Member
    place: Place
    idem: str


class Desk:
    """Platform-free. Pictures and films are read in threads; files are durable before the store names them."""

    def __init__(self, store: Store, media: Media, *, settings: Settings, draw: random.Random) -> None:
        """`draw` is where seeds come from."""
        self._store = store
        self._media = media
        self._settings = settings
        self._draw = draw
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

    async def submit(self, incoming: Incoming) -> Accepted:
        """Accept a picture and its words.

        Raises RequestRejected (with QuotaExceeded) and QueueFull; then nothing is stored or charged.
        """
        options = intake.read_options(incoming, self._rules, self._draw)
        await self._check_room(table(incoming.member.locale))
        await self._store.foresee(incoming.idem, incoming.member, incoming.place, options.duration_ms)
        async with self._reading:
            pictures = await asyncio.to_thread(intake.read_pictures, incoming, self._rules)
        start, end = await asyncio.to_thread(self._keep, pictures)
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
        request = Request(idem=incoming.idem, member=incoming.member, place=incoming.place, params=params)
        shown = (pictures.start,) if pictures.end is None else (pictures.start, pictures.end)
        notes = tuple(picture.note for picture in shown if picture.note)
        return Accepted(status=await self._store.submit(request), notes=notes)

    async def reroll(self, request_id: int, asker: Asker, *, prompt: str | None = None) -> Accepted:
        """The same film with a new seed, paid by who asks; `prompt` replaces the words where given."""
        words = table(asker.member.locale)
        parent = await self._finished(request_id, asker, words)
        params = replace(parent.params, seed=intake.draw_seed(self._draw))
        if prompt is not None:
            params = replace(params, prompt=intake.read_prompt(prompt, self._rules, words))
        return await self._again(parent, params, asker, RequestKind.REROLL)

    async def retry(self, request_id: int, asker: Asker) -> Accepted:
        """Exactly the same request once more, after it ended without a film."""
        words = table(asker.member.locale)
        old = await self._seen(request_id, asker, words)
        if not old.state.terminal or (old.state is JobState.DONE and not old.film_lost):
            raise _refused(words.not_ended, words, old)
        self._check_kept(old, words)
        self._check_model(old, words)
        return await self._again(old, old.params, asker, RequestKind.NEW)

    async def extend(
        self, request_id: int, asker: Asker, *, prompt: str | None = None, seconds: str | None = None
    ) -> Accepted:
        """A new film that starts at the last frame of a finished one. Only its requester may."""
        words = table(asker.member.locale)
        parent = await self._finished(request_id, asker, words)
        if not _same_person(parent.member, asker.member):
            sentence = words.not_yours.format(request_id=request_id)
            raise RequestRejected(sentence, field="request")
        params = parent.params
        if prompt is not None:
            params = replace(params, prompt=intake.read_prompt(prompt, self._rules, words))
        if seconds is not None:
            params = replace(params, duration_ms=intake.read_seconds(seconds, self._settings.film, words))
        result = parent.result
        if result is None:
            raise _gone(words, request_id)
        start = await asyncio.to_thread(self._last_frame, result.film, words, request_id)
        # The end picture was the aim of the parent, which has reached it.
        params = replace(params, picture=start, end_picture=None, seed=intake.draw_seed(self._draw))
        return await self._again(parent, params, asker, RequestKind.EXTEND)

    async def erase(self, member: Member) -> Erased:
        """Forget a person: what is open is cancelled; what they asked for, made and were called goes at once.

        Files, freed pages and older backups follow within minutes. The messages in the answer are all that is left
        of them in chats: the platform's own to remove.
        """
        return await self._store.erase(member)

    async def cancel(self, request_id: int, by: Member, *, everyone: bool = False) -> Status:
        """Cancel while queued at once, while drawn as a wish. `everyone` is for moderators."""
        return await self._store.cancel(request_id, by=by, everyone=everyone)

    async def status(self, request_id: int) -> Status:
        return await self._store.status(request_id)

    async def history(self, member: Member, *, limit: int = 20, before_id: int | None = None) -> list[Status]:
        return await self._store.history(member, limit=limit, before_id=before_id)

    async def queue(self, *, limit: int = 50) -> list[Status]:
        return await self._store.queue(limit=limit)

    async def allowance(self, member: Member, community_id: str) -> Allowance:
        return await self._store.allowance(member, community_id)

    async def _finished(self, request_id: int, asker: Asker, words: Table) -> Status:
        parent = await self._seen(request_id, asker, words)
        if parent.state is not JobState.DONE:
            raise _refused(words.not_done, words, parent)
        self._check_kept(parent, words)
        self._check_model(parent, words)
        return parent

    async def _seen(self, request_id: int, asker: Asker, words: Table) -> Status:
        """The request, if it was made in the community that asks: a button from elsewhere finds nothing."""
        try:
            status = await self._store.status(request_id)
        except UnknownRequest as exc:
            raise UnknownRequest(words.unknown_request.format(request_id=request_id)) from exc
        there, here = status.place, asker.place
        if (there.platform, there.community_id) != (here.platform, here.community_id):
            raise UnknownRequest(words.unknown_request.format(request_id=request_id))
        return status

    def _check_kept(self, parent: Status, words: Table) -> None:
        """Refuse to go on from what retention or erasure took."""
        if parent.purged:
            raise _gone(words, parent.request_id)

    def _check_model(self, parent: Status, words: Table) -> None:
        """Refuse what this host's engine would have to draw with other weights than the parent's."""
        served = self._rules.model.name
        if parent.params.model != served:
            sentence = words.other_model.format(request_id=parent.request_id, drawn=parent.params.model, served=served)
            raise RequestRejected(sentence, field="request")

    async def _again(self, parent: Status, params: FilmParams, asker: Asker, kind: RequestKind) -> Accepted:
        words = table(asker.member.locale)
        await self._check_room(words)
        if not await asyncio.to_thread(self._kept, params):
            raise _gone(words, parent.request_id)
        request = Request(
            idem=asker.idem,
            member=asker.member,
            place=asker.place,
            params=params,
            kind=kind,
            parent_id=None if kind is RequestKind.NEW else parent.request_id,
        )
        return Accepted(status=await self._store.submit(request))

    async def _check_room(self, words: Table) -> None:
        data = self._settings.data
        free = await asyncio.to_thread(_free_bytes, data.folder)
        # Twice: a film is there once in its parts and once joined while it is put together.
        if free < max(data.free_bytes_min, 2 * await self._store.largest_result_bytes()):
            raise QueueFull(words.disk_full)

    def _keep(self, pictures: Pictures) -> tuple[Blob, Blob | None]:
        start = self._media.put_bytes(pictures.start.png, ".png")
        return start, None if pictures.end is None else self._media.put_bytes(pictures.end.png, ".png")

    def _kept(self, params: FilmParams) -> bool:
        """Whether the pictures are still there and whole; then no sweep takes them before the store names them."""
        blobs = (params.picture, params.end_picture)
        return all(self._media.keep(blob) for blob in blobs if blob is not None)

    def _last_frame(self, blob: Blob, words: Table, request_id: int) -> Blob:
        path = self._media.path(blob)
        if self._media.damaged(blob):
            raise _gone(words, request_id)
        with tempfile.TemporaryDirectory(dir=self._settings.data.folder, prefix=".frame-") as folder:
            frame = Path(folder) / "last.png"
            film.last_frame(path, frame)
            return self._media.put_file(frame)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _same_person(one: Member, other: Member) -> bool:
    return (one.platform, one.user_id) == (other.platform, other.user_id)


def _refused(sentence: str, words: Table, status: Status) -> RequestRejected:
    text = sentence.format(request_id=status.request_id, state=words.states[status.state])
    return RequestRejected(text, field="request")


def _gone(words: Table, request_id: int) -> RequestRejected:
    return RequestRejected(words.media_gone.format(request_id=request_id), field="request")
