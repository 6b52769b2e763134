"""The claim loop: an asyncio shell around one drawing thread.

The loop beats, publishes progress, hears wishes and watches for a stuck thread; the thread draws.
A film ends in exactly one write that carries its claim: complete, fail, cancelled or release.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.link import Halt, Halted, Link
from storage.disks import disk_full
from storage.documents import result_blobs
from storage.errors import DatabaseTrouble, DiskFull, FilmFailed, OwnerError, StaleClaim, UnknownRequest
from storage.failpoints import reach
from storage.jobs import Blob, Claim, Failure, Job, Result, Section, Wish
from storage.outage import Repeats, insist, waits
from storage.store import Store

if TYPE_CHECKING:
    # The loop itself needs no torch, and starts quickly where something else draws.
    from engine.studio import Studio

log = logging.getLogger(__name__)

EXIT_STALLED = 75
"""The drawing thread hung: the process ended itself, its film goes back to the queue with a try spent."""
EXIT_PAUSED = 77
"""The owner has the card back, all of its memory: a fresh engine waits for the pause to end. No film was lost."""
BEAT_S_MAX = 2.0
"""How long a cancel or a pause may go unnoticed."""
ROOM_WAIT_S_MIN, ROOM_WAIT_S_MAX = 5.0, 300.0
"""Between looks for room on a disk that was full."""
STOP_WAIT_S = 10.0
"""For the drawing thread to reach the end of a block; well within what the supervisor waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    name: str
    store: Store
    studio: Studio
    lease_s: float
    stall_s: float
    progress_interval_s: float
    has_room: Callable[[], bool] = lambda: True
    """Whether a disk that was full has room for a film again. Called in a thread."""
    spare: Callable[[Blob], object] = lambda _: None
    """Keeps a file that waits for its row from being swept as nobody's. Called in a thread."""
    stop_wait_s: float = STOP_WAIT_S

    async def serve(self, stop: asyncio.Event) -> int:
        """Claim and draw until `stop`: the process's exit code. Raises OwnerError where no film can be drawn at all.

        It also returns in a pause, with EXIT_PAUSED, where only the end of the process frees the card's memory.
        """
        # One thread for the life of the process: CUDA contexts and torch's CPU pools belong to a thread.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="draw") as thread:
            full, pauses, swept = 0, waits(), False
            while not stop.is_set():
                try:
                    if not swept:
                        await self._sweep()
                        await self.store.engine_up()
                        swept = True
                    job = await self.store.claim(self.name)
                    pauses = waits()
                    if job is None:
                        if await self._put_away(thread):
                            return EXIT_PAUSED
                        await _first(stop.wait(), self.store.changed(timeout_s=self.lease_s))
                        continue
                    reach("worker.claimed")
                    was_full = await self._attempt(job, stop, thread)
                except Exception as exc:
                    was_full = disk_full(exc)
                    if not was_full:
                        if not isinstance(exc, DatabaseTrouble):
                            raise
                        await _first(stop.wait(), asyncio.sleep(next(pauses)))
                        continue
                full = full + 1 if was_full else 0
                if was_full:
                    await self._wait_for_room(stop, full)
        return 0

    async def _put_away(self, thread: ThreadPoolExecutor) -> bool:
        """In a pause, free what the networks hold; True where some of the card's memory stays with this process."""
        if await self.store.paused() is None:
            return False
        held = await asyncio.get_running_loop().run_in_executor(thread, self.studio.put_away)
        if held:
            log.info("the owner has the card; this engine ends to free its memory")
        return held

    async def _wait_for_room(self, stop: asyncio.Event, times: int) -> None:
        """Longer each time: where a film needs more than there is, room for it must be made by hand."""
        wait_s = min(ROOM_WAIT_S_MAX, ROOM_WAIT_S_MIN * 2 ** (times - 1))
        log.error("the disk is full: no film is drawn until there is room", extra={"wait_s": wait_s})
        while not stop.is_set():
            await _first(stop.wait(), asyncio.sleep(wait_s))
            if await asyncio.to_thread(self.has_room):
                return

    async def _sweep(self) -> None:
        """Work folders of films that ended while no engine was there to tidy up."""
        for request_id in await asyncio.to_thread(self.studio.open_films):
            try:
                ended = (await self.store.status(request_id)).state.terminal
            except UnknownRequest:
                ended = True
            if ended:
                await asyncio.to_thread(self.studio.tidy, request_id)

    async def _attempt(self, job: Job, stop: asyncio.Event, thread: ThreadPoolExecutor) -> bool:
        """Draw, and end the attempt in the store; True where it ended because the disk is full."""
        loop = asyncio.get_running_loop()
        link = Link(loop)
        pause = asyncio.Event()
        claim = job.claim
        log.info("film started", extra={"request_id": claim.request_id, "epoch": claim.epoch})

        def keep_section(section: Section) -> None:
            reach("worker.section.file")
            link.wait_for(self._save_section(claim, section, link))
            reach("worker.section.row")

        drawing = loop.run_in_executor(thread, self.studio.draw, job, link, keep_section)
        async with asyncio.TaskGroup() as group:
            companions = (
                group.create_task(self._beat(claim, link, pause)),
                group.create_task(self._publish(link)),
                group.create_task(self._give_back(claim, stop, link, drawing, code=0)),
                group.create_task(self._give_back(claim, pause, link, drawing, code=EXIT_PAUSED)),
            )
            try:
                await asyncio.wait({drawing})
            finally:
                for companion in companions:
                    companion.cancel()
        was_full = False
        try:
            was_full = await self._settle_in_the_end(claim, drawing)
        except StaleClaim:
            log.warning("film lost to a newer attempt", extra={"request_id": claim.request_id, "epoch": claim.epoch})
        # Also where it is lost: it may have ended because its person was erased, and nothing of it must stay.
        if (await insist(lambda: self.store.status(claim.request_id))).state.terminal:
            await asyncio.to_thread(self.studio.tidy, claim.request_id)
        return was_full

    async def _save_section(self, claim: Claim, section: Section, link: Link) -> None:
        """However long the database is busy or away: what is drawn is not given up for that. Raises DiskFull."""
        repeats = Repeats()
        for wait_s in waits():
            try:
                await self.store.save_section(claim, section)
                return
            except DiskFull:
                raise
            except DatabaseTrouble as exc:
                if repeats.again():
                    log.error("a section waits for the database", extra={"request_id": claim.request_id, "reason": exc})
            await asyncio.to_thread(self.spare, section.checkpoint)
            link.waiting()
            await asyncio.sleep(wait_s)

    async def _settle_in_the_end(self, claim: Claim, drawing: asyncio.Future[Result]) -> bool:
        """`_settle`, again and again while the database cannot take it.

        Of a full disk too: the bot gives its ballast up for this.
        """
        repeats = Repeats()
        for wait_s in waits():
            try:
                return await self._settle(claim, drawing)
            except Exception as exc:
                if not disk_full(exc) and not isinstance(exc, DatabaseTrouble):
                    raise
                if repeats.again():
                    facts = {"request_id": claim.request_id, "reason": exc}
                    log.error("the end of an attempt waits for the database", extra=facts)
            # That may last for hours, and room is made by removing what no row names.
            await asyncio.to_thread(self._spare_film, drawing)
            await asyncio.sleep(wait_s)
        raise AssertionError("waits() has no end")

    def _spare_film(self, drawing: asyncio.Future[Result]) -> None:
        if drawing.exception() is None:
            for blob in result_blobs(drawing.result()).values():
                self.spare(blob)

    async def _settle(self, claim: Claim, drawing: asyncio.Future[Result]) -> bool:
        """The one write that ends this attempt; True where it ends because the disk is full."""
        facts = {"request_id": claim.request_id, "epoch": claim.epoch}
        reach("worker.settle")
        try:
            result = drawing.result()
        except Halted as exc:
            if exc.halt is Halt.CANCEL:
                await self.store.cancelled(claim, exc.part)
            elif exc.halt is Halt.STOP:
                await self.store.release(claim, exc.part)
            log.info("film halted", extra={**facts, "halt": exc.halt})
        except StaleClaim:
            raise
        except OwnerError:
            await self.store.release(claim)
            raise
        except Exception as exc:
            if not disk_full(exc):
                await self._fail(claim, exc)
                return False
            # Not the film's fault, nor anybody's try.
            await self.store.release(claim)
            log.error("the disk is full: film given back", extra={**facts, "reason": exc})
            return True
        else:
            # Putting them may have taken a while, and files that no row names are swept after half a minute.
            await asyncio.to_thread(self._spare_film, drawing)
            await self.store.complete(claim, result)
            log.info("film finished", extra={**facts, "gpu_ms": result.gpu_ms})
        return False

    async def _fail(self, claim: Claim, error: Exception) -> None:
        facts = {"request_id": claim.request_id, "epoch": claim.epoch}
        if isinstance(error, FilmFailed):
            log.warning("film failed", extra={**facts, "code": error.code}, exc_info=error)
            failure = Failure(code=error.code, sentence=str(error))
        else:  # the job boundary: recorded, refunded, and the next film goes on
            log.error("film failed unexpectedly", extra=facts, exc_info=error)
            sentence = f"The engine hit an error it did not expect ({type(error).__name__})."
            failure = Failure(code="engine_error", sentence=sentence)
        await self.store.fail(claim, failure)

    async def _beat(self, claim: Claim, link: Link, pause: asyncio.Event) -> None:
        """Keep the lease, hear what member and owner wish, and end the process if its thread hangs."""
        repeats = Repeats()
        while True:
            try:
                reach("worker.beat")
                match await self.store.beat(claim):
                    case Wish.CANCEL:
                        link.want(Halt.CANCEL)
                    case Wish.YIELD:
                        pause.set()
                    case Wish.CONTINUE:
                        pass
                repeats.over()
            except StaleClaim:
                link.want(Halt.STALE)
                return
            except DatabaseTrouble as exc:  # the lease outlives several missed beats
                if repeats.again():
                    log.warning("beat missed", extra={"request_id": claim.request_id, "reason": exc})
            except Exception:
                if repeats.again():
                    log.exception("beat missed", extra={"request_id": claim.request_id})
            if link.idle_s > self.stall_s:
                log.critical("no progress: ending this engine", extra={"idle_s": link.idle_s})
                logging.shutdown()
                # A thread stuck in a driver call cannot be stopped; only its process can.
                os._exit(EXIT_STALLED)
            await asyncio.sleep(min(BEAT_S_MAX, self.lease_s / 4, self.stall_s / 4))

    async def _give_back(
        self, claim: Claim, wanted: asyncio.Event, link: Link, drawing: asyncio.Future[Result], *, code: int
    ) -> None:
        """A clean stop or a pause: the thread halts at its next block, and the attempt ends as any other.

        code: with which the process ends where the thread hears nothing for too long.
        """
        await wanted.wait()
        link.want(Halt.STOP)
        await asyncio.wait({drawing}, timeout=self.stop_wait_s)
        if not drawing.done():
            # It reads weights, or compiles: minutes without a block. The film goes back as it is, no try spent.
            try:
                async with asyncio.timeout(self.stop_wait_s):
                    await insist(lambda: self.store.release(claim))
                log.info("film given back while the drawing thread was busy", extra={"request_id": claim.request_id})
            except (StaleClaim, TimeoutError) as exc:
                log.warning("film not given back", extra={"request_id": claim.request_id, "kind": type(exc).__name__})
            logging.shutdown()
            os._exit(code)

    async def _publish(self, link: Link) -> None:
        repeats = Repeats()
        while True:
            progress = link.newest()
            if progress is not None:
                try:
                    await self.store.publish_progress(progress)
                    repeats.over()
                except StaleClaim:
                    link.want(Halt.STALE)
                    return
                except DatabaseTrouble:  # lossy by contract: the next report says more anyway
                    log.debug("progress not published")
                except Exception:
                    if repeats.again():
                        log.exception("progress not published")
            await asyncio.sleep(self.progress_interval_s)


async def _first(*works: object) -> None:
    """Wait for whichever comes first and drop the rest."""
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[arg-type]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
