"""Uploads go to processes of their own: a decoder that hangs, swells or crashes takes one picture with it, no bot."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from contextlib import suppress
from dataclasses import asdict, replace
from types import TracebackType
from typing import Self

import psutil

from bot.child import end_child, start_child
from bot.picture import wire
from bot.picture.formats import PictureFormat, sniff
from bot.picture.value import Canvas, Picture, PictureLimits, Pictures, check_weight, damaged, too_costly
from bot.turns import Turns
from storage.errors import QueueFull, RequestRejected, Rule
from storage.settings import IntakeSettings

AT_ONCE = 2
"""Processes, and pictures that are decoded at a time."""
READS_MAX = 200
"""Of one process; then a fresh one, whatever its decoders may have leaked."""
START_S_MAX = 60.0
LOOK_S = 0.1
"""Between two looks at what a process takes."""
WALL_FACTOR = 10
"""Seconds that may pass for each of CPU time: everything else on the machine goes first."""
MEMORY_BYTES_PER_PIXEL = 20
"""A WebP takes 16 while it is decoded, everything else less."""
MEMORY_BYTES_BASE = 400_000_000
"""Interpreter, libraries, the upload itself and the picture that is made of it."""

log = logging.getLogger(__name__)


class Readers:
    """The processes, started when they are needed. Leave the block to end them."""

    def __init__(self, intake: IntakeSettings) -> None:
        self._limits = PictureLimits(
            upload_bytes_max=intake.upload_bytes_max,
            pixels_max=intake.pixels_max,
            side_min=intake.side_min,
            side_kept_max=intake.side_kept_max,
        )
        self._seconds_max = intake.picture_seconds_max
        self._memory_bytes_max = MEMORY_BYTES_BASE + MEMORY_BYTES_PER_PIXEL * intake.pixels_max
        self._turns = Turns(AT_ONCE)
        self._idle: list[_Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._idle:
            await process.end()
        self._idle.clear()

    async def read(
        self, start: bytes, end: bytes | None = None, *, whose: str, letterbox: int | None = None
    ) -> Pictures:
        """The pictures of one request. One member's are decoded one after another, and members take turns.

        whose: the member's name for turns.  letterbox: where they are to be seen whole, the film's bucket class; both
        lie on the same canvas then.  Raises RequestRejected, about "picture" or "end_picture", and QueueFull
        where no process can be started.
        """
        async with self._turns.turn(whose):
            canvas = None if letterbox is None else Canvas(size=letterbox)
            first = await self._picture(start, "picture", canvas)
            if end is None:
                return Pictures(start=first, end=None)
            try:
                if canvas is not None:
                    canvas = replace(canvas, width=first.width, height=first.height)
                return Pictures(start=first, end=await self._picture(end, "end_picture", canvas))
            except RequestRejected as exc:
                sentence = f"The end picture cannot be used. {exc}"
                raise RequestRejected(sentence, field="end_picture", rule=exc.rule, figures=exc.figures) from exc

    async def _picture(self, data: bytes, field: str, canvas: Canvas | None) -> Picture:
        check_weight(data, self._limits, field)
        try:
            return await self._decoded(data, field, canvas)
        except wire.WireBroken:
            # Not always the picture's fault: somebody may have killed an idle process.
            log.warning("a picture's process died; once more in a fresh one", extra={"bytes": len(data)})
        try:
            return await self._decoded(data, field, canvas)
        except wire.WireBroken as exc:
            kind = sniff(data)
            raise damaged(kind.value if isinstance(kind, PictureFormat) else "uploaded", field) from exc

    async def _decoded(self, data: bytes, field: str, canvas: Canvas | None) -> Picture:
        """Raises WireBroken where the process dies over it."""
        process = self._idle.pop() if self._idle else await self._started()
        try:
            head = {
                "limits": asdict(self._limits),
                "field": field,
                "canvas": None if canvas is None else asdict(canvas),
                "seconds": WALL_FACTOR * self._seconds_max,
            }
            body_bytes_max = 4 * self._limits.side_kept_max**2 + 65_536
            answered, png = await process.decode(head, data, body_bytes_max, seconds_max=self._seconds_max)
            picture = _picture_of(answered, png, field)
        except RequestRejected:
            await self._put_back(process)
            raise
        except BaseException:
            # Cancelled, or gone: whatever it still does is for nobody.
            await asyncio.shield(process.end())
            raise
        await self._put_back(process)
        return picture

    async def _put_back(self, process: _Process) -> None:
        if process.usable:
            self._idle.append(process)
        else:
            await process.end()

    async def _started(self) -> _Process:
        try:
            return await _Process.start(self._memory_bytes_max)
        except (OSError, wire.WireBroken, TimeoutError) as exc:
            log.error("no process for pictures can be started", exc_info=exc)
            sentence = "Pictures cannot be read on the host right now; please try again in a few minutes."
            raise QueueFull(sentence, rule=Rule.PICTURES_UNREAD) from exc


class _Process:
    """One of them."""

    def __init__(self, child: asyncio.subprocess.Process, memory_bytes_max: int) -> None:
        self._child = child
        self._memory_bytes_max = memory_bytes_max
        self._watched = psutil.Process(child.pid)
        self._reads = 0
        self._killed = False

    @classmethod
    async def start(cls, memory_bytes_max: int) -> Self:
        """Raises OSError, WireBroken and TimeoutError."""
        child = await start_child("bot.picture.child", str(memory_bytes_max), stdin=subprocess.PIPE)
        try:
            assert child.stdout is not None
            async with asyncio.timeout(START_S_MAX):
                await wire.receive(child.stdout, body_bytes_max=0)
            return cls(child, memory_bytes_max)
        except BaseException as exc:
            exc.add_note(await asyncio.shield(end_child(child)))
            raise

    @property
    def usable(self) -> bool:
        return not self._killed and self._child.returncode is None and self._reads < READS_MAX

    async def decode(
        self, head: wire.Head, data: bytes, body_bytes_max: int, *, seconds_max: float
    ) -> tuple[wire.Head, bytes]:
        """What it answers. Raises RequestRejected where it takes too much, WireBroken where it dies over it."""
        self._reads += 1
        answer = asyncio.ensure_future(self._exchange(head, data, body_bytes_max=body_bytes_max))
        loop = asyncio.get_running_loop()
        began_s, spent_s = loop.time(), self._cpu_s()
        try:
            while not (await asyncio.wait((answer,), timeout=LOOK_S))[0]:
                late = self._cpu_s() - spent_s > seconds_max or loop.time() - began_s > head["seconds"]
                if late or self._memory_bytes() > self._memory_bytes_max:
                    self._killed = True
                    raise too_costly(head["field"])
            return answer.result()
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def end(self) -> None:
        await end_child(self._child)

    async def _exchange(self, head: wire.Head, data: bytes, *, body_bytes_max: int) -> tuple[wire.Head, bytes]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        await wire.send(self._child.stdin, head, data)
        return await wire.receive(self._child.stdout, body_bytes_max=body_bytes_max)

    def _cpu_s(self) -> float:
        with suppress(psutil.Error):
            spent = self._watched.cpu_times()
            return spent.user + spent.system
        return 0.0

    def _memory_bytes(self) -> int:
        with suppress(psutil.Error):
            return self._watched.memory_info().rss
        return 0


def _picture_of(answered: wire.Head, png: bytes, field: str) -> Picture:
    """Raises RequestRejected where that is the answer, WireBroken where it is neither."""
    try:
        if (refused := answered.get("rejected")) is not None:
            raise RequestRejected(
                str(refused["sentence"]), field=field, rule=str(refused["rule"]), figures=dict(refused["figures"])
            )
        facts = answered["picture"]
        return Picture(
            png=png,
            width=int(facts["width"]),
            height=int(facts["height"]),
            animated=bool(facts["animated"]),
            ratio=float(facts["ratio"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise wire.WireBroken from exc
