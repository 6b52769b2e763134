"""What the processes do: the product's own bot, claim loop and engine, on a data folder, until somebody kills them.

Each role is told through a pipe. Nothing here imports torch but the nest, which does it once for many engines.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from PIL import Image

from bot.chat import Incoming
from bot.desk import Desk
from bot.picture.readers import Readers
from bot.relay import Relay
from crashkit.chat import PLATFORM, DiskChat
from crashkit.journal import Journal
from crashkit.terms import Terms
from engine.link import Link
from engine.worker import Worker
from storage.database import Database
from storage.errors import FlipbookError
from storage.jobs import Blob, Job, Member, MessageRef, Place, Result, Section, section_count
from storage.media import Media
from storage.restore import restore
from storage.settings import RetentionSettings
from storage.store import Store

Answer = Callable[[tuple[Any, ...]], Awaitable[tuple[Any, ...]]]
AT_ONCE = RetentionSettings(upload_hours=1e-9, result_days=1e-9)


def bot(terms: Terms, line: Connection) -> None:
    """Desk and relay. Takes updates as a platform sends them, and says which it acknowledges."""

    async def live() -> None:
        settings = terms.settings()
        async with await Database.open(terms.folder) as database, Readers(settings.intake) as readers:
            store = terms.store(database, terms.clock())
            media = Media(terms.folder)
            desk = Desk(store, media, readers, settings=settings, draw=random.Random())
            chat = DiskChat(terms.folder, two_calls=terms.two_calls)
            relay = Relay(store, media, {PLATFORM: chat})
            answer = _Answers(terms.folder, store, desk, chat if terms.two_calls else None)
            relaying = asyncio.create_task(relay.run())
            serving = asyncio.create_task(_serve(line, answer))
            await asyncio.wait((relaying, serving), return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                relay.stop()
            await relaying

    asyncio.run(live())


def rescuer(terms: Terms, line: Connection) -> None:
    """Upkeep alone: what a bot does with leases, in a process of its own."""

    async def live() -> None:
        async with await Database.open(terms.folder) as database:
            store = terms.store(database, terms.clock())
            await _serve(line, _Answers(terms.folder, store, None))

    asyncio.run(live())


def restorer(terms: Terms, line: Connection, number: str) -> None:
    """`flipbook restore`, killed before it renames, links, copies or removes a file for the n-th time."""
    left = int(number)

    def kill(event: str, _arguments: object) -> None:
        nonlocal left
        if event in _FILE_STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    line.send(("ready",))
    sys.addaudithook(kill)
    asyncio.run(restore(terms.settings(), terms.clock()))


_FILE_STEPS = frozenset(("os.rename", "os.link", "os.remove", "shutil.copyfile"))


def worker(terms: Terms, line: Connection, name: str) -> None:
    """The engine's own claim loop over something that draws without a network."""
    refused = Journal(terms.folder / "refused.jsonl")
    logging.getLogger("engine.worker").addHandler(_Refusals(refused, name))
    logging.getLogger("engine.worker").setLevel(logging.INFO)

    async def live() -> None:
        stop = asyncio.Event()
        async with await Database.open(terms.folder) as database:
            settings = terms.settings()
            loop = Worker(
                name=name,
                store=terms.store(database, terms.clock()),
                studio=cast(Any, Sketcher(terms)),
                lease_s=settings.queue.lease_s,
                stall_s=settings.engine.stall_s,
                progress_interval_s=settings.progress.interval_s,
            )
            serving = asyncio.create_task(_serve(line, _nothing))
            serving.add_done_callback(lambda _: stop.set())
            await loop.serve(stop)

    asyncio.run(live())


def locker(terms: Terms, line: Connection) -> None:
    """A foreign program that takes the write lock and keeps it until it is told to let go."""
    from contextlib import closing

    from storage.database import FILE_NAME
    from storage.sqlite import choose_sqlite

    with closing(choose_sqlite().connect(terms.folder / FILE_NAME)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        line.send(("locked",))
        line.poll(None)
        connection.execute("ROLLBACK")


def nest(terms: Terms, line: Connection) -> None:
    """Imports torch once, then bears one real engine process after another. Single-threaded, so it may fork."""
    import torch
    import transformers
    from diffusers.hooks import group_offloading  # noqa: F401
    from diffusers.models.autoencoders import autoencoder_kl_hunyuan_video  # noqa: F401
    from diffusers.models.transformers import transformer_hunyuan_video_framepack  # noqa: F401
    from transformers.models.siglip import image_processing_pil_siglip  # noqa: F401

    import engine.hunyuan
    import engine.studio
    import engine.worker  # noqa: F401
    from engine.__main__ import main

    # They import themselves when they are named.
    for name in ("LlamaModel", "PreTrainedTokenizerFast", "CLIPTextModel", "CLIPTokenizer", "SiglipVisionModel"):
        getattr(transformers, name)
    torch.set_num_threads(1)
    path = terms.folder / "engine-settings.json"
    path.write_text(terms.settings().model_dump_json(), "utf-8")
    line.send(("ready",))
    while (told := _receive(line)) is not None:
        name, failpoints = told
        for_child, for_us = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.environ["FLIPBOOK_FAILPOINTS"] = failpoints
            os.dup2(for_child, 0)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115 (the engine reads the end of it)
            os.close(for_us)
            os._exit(main(["run", "--settings", str(path), "--worker", name]))
        os.close(for_child)
        line.send(("born", pid))
        # Until it is killed, or told to stop.
        while True:
            if line.poll(0.01):
                _receive(line)
                os.close(for_us)
                _, status = os.waitpid(pid, 0)
                break
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                os.close(for_us)
                break
        line.send(("ended", os.waitstatus_to_exitcode(status)))


@dataclass(frozen=True, slots=True)
class Sketcher:
    """In the studio's place: each section is a few bytes that name the attempt which wrote them."""

    terms: Terms

    def draw(self, job: Job, link: Link, keep_section: Callable[[Section], None]) -> Result:
        media = Media(self.terms.folder)
        drawn = Journal(self.terms.folder / "drawn.jsonl")
        claim = job.claim
        mark = f"{claim.request_id}/{claim.epoch}"
        for index in range(len(job.sections), section_count(job.params.duration_ms)):
            link.pulse()
            drawn.add(request=claim.request_id, index=index, epoch=claim.epoch)
            if self.terms.drawing_s:
                time.sleep(self.terms.drawing_s)
            checkpoint = media.put_bytes(f"section {mark}/{index}".encode(), ".ckpt")
            keep_section(Section(index=index, checkpoint=checkpoint, gpu_ms=10))
        link.pulse()
        return Result(
            film=media.put_bytes(f"film {mark}".encode(), ".mp4"),
            gif=None,
            poster=media.put_bytes(f"poster {mark}".encode(), ".png"),
            width=64,
            height=64,
            frames=37,
            gpu_ms=10,
        )

    def open_films(self) -> list[int]:
        return []

    def tidy(self, request_id: int) -> None:
        """Nothing is kept beside the store."""


class _Answers:
    """One update at a time. It is acknowledged once the store has it, and the platform remembers that."""

    def __init__(self, folder: Path, store: Store, desk: Desk | None, chat: DiskChat | None = None) -> None:
        """chat: where a status message is posted before the film is asked for; None where the relay posts it."""
        self._chat = chat
        self._acknowledged = Journal(folder / "acknowledged.jsonl")
        self._store = store
        self._desk = desk

    async def __call__(self, told: tuple[Any, ...]) -> tuple[Any, ...]:
        match told:
            case ("ask", idem, user, seconds) if self._desk is not None:
                incoming = Incoming(
                    idem=idem,
                    member=Member(platform=PLATFORM, user_id=user, name=user),
                    place=Place(platform=PLATFORM, community_id="guild", chat_id="room"),
                    picture=picture(),
                    prompt=idem,
                    seconds=seconds,
                    status_ref=None if self._chat is None else self._chat.place_status(),
                )
                request_id = (await self._desk.submit(incoming)).status.request_id
                await self._tidy(incoming.status_ref)
                self._acknowledged.add(idem=idem, request=request_id)
                return "acknowledged", idem, request_id
            case ("cancel", request_id, user) if self._desk is not None:
                await self._desk.cancel(request_id, Member(platform=PLATFORM, user_id=user, name=user))
                return ("cancelled", request_id)
            case ("died", name):
                return "rescued", await self._store.engine_died(name)
            case ("reclaim",):
                return "rescued", await self._store.reclaim()
            case ("purge",):
                return "purged", await self._store.purge(AT_ONCE)
            case ("expire",):
                return "expired", await self._store.expire()
            case _:
                raise ValueError(told)

    async def _tidy(self, ref: MessageRef | None) -> None:
        """A film asked for twice keeps its first message; this one is nobody's."""
        if self._chat is not None and ref is not None and await self._store.request_of(ref) is None:
            await self._chat.remove(ref)


class _Refusals(logging.Handler):
    """Notes which attempts the store has refused to go on with."""

    def __init__(self, journal: Journal, name: str) -> None:
        super().__init__(logging.INFO)
        self._journal = journal
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        facts = vars(record)
        stale = record.msg == "film lost to a newer attempt" or facts.get("halt") == "stale"
        if stale:
            self._journal.add(worker=self._name, request=facts["request_id"], epoch=facts["epoch"])


async def _serve(line: Connection, answer: Answer) -> None:
    """Answer what comes through the line, in order, until it says `stop` or breaks."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[tuple[Any, ...] | None] = asyncio.Queue()

    def listen() -> None:
        while (heard := _receive(line)) is not None:
            loop.call_soon_threadsafe(told.put_nowait, heard)
        loop.call_soon_threadsafe(told.put_nowait, None)

    threading.Thread(target=listen, daemon=True).start()
    line.send(("ready",))
    while (heard := await told.get()) is not None:
        try:
            said = await answer(heard)
        except FlipbookError as exc:
            said = ("refused", heard, str(exc))
        except Exception as exc:  # what a platform sees as no answer: it comes again
            said = ("failed", heard, repr(exc))
        line.send(said)


async def _nothing(told: tuple[Any, ...]) -> tuple[Any, ...]:
    raise ValueError(told)


def _receive(line: Connection) -> tuple[Any, ...] | None:
    try:
        heard: tuple[Any, ...] = line.recv()
    except (EOFError, ConnectionResetError):
        return None
    return None if heard == ("stop",) else heard


def picture() -> bytes:
    out = BytesIO()
    image = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    image.save(out, "PNG")
    return out.getvalue()


def section_author(media: Media, blob: Blob) -> str:
    """The mark of the attempt that drew a section: "request/epoch"."""
    word = media.path(blob).read_bytes().decode()
    return word.removeprefix("section ").rpartition("/")[0]
