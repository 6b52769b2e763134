"""Hostile uploads through the real processes that read them: each ends in time, and nothing else is disturbed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from itertools import islice
from pathlib import Path

import psutil
import pytest
from botkit.house import png
from PIL import Image

from bench.kit.hostile import hostile, sound_pictures
from bot.picture import readers
from bot.picture.readers import Readers
from storage.errors import QueueFull, RequestRejected, Rule
from storage.settings import SECRET_VARIABLES, IntakeSettings

NEVER_ENDING_FILL = b"\xff\xd8\xff" + b"\xff" * 1_000_000


def children() -> list[psutil.Process]:
    """Those of this test that read pictures."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # ended meanwhile
            if "bot.picture.child" in child.cmdline():
                found.append(child)
    return found


@asynccontextmanager
async def lateness(most_s: float) -> AsyncIterator[None]:
    """Fails where the event loop was ever held up for longer."""
    worst = 0.0

    async def beat() -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - before - 0.01)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
    assert worst < most_s


def slow_jpeg(side: int = 5000) -> bytes:
    """A sound JPEG that takes seconds: as many layers as are taken, each a pass over the whole picture."""
    out = BytesIO()
    Image.new("L", (side, side), 90).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 90 + data[-2:]


async def refused(reading: Readers, data: bytes, *, whose: str = "test:1") -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        await reading.read(data, whose=whose)
    return caught.value


async def test_pictures_come_back_as_they_are_read() -> None:
    async with Readers(IntakeSettings()) as reading:
        both = await reading.read(png((200, 90, 30)), png((30, 90, 200), side=80), whose="test:1")
        assert both.end is not None
        assert [(picture.width, picture.animated) for picture in (both.start, both.end)] == [(64, False), (80, False)]
        with Image.open(BytesIO(both.end.png)) as image:
            assert image.getpixel((9, 9)) == (30, 90, 200)
        about_end = pytest.raises(RequestRejected, match=r"^The end picture cannot be used\. .* damaged")
        with about_end as caught:
            await reading.read(png(), png()[:60], whose="test:1")
        assert (caught.value.field, caught.value.rule) == ("end_picture", Rule.PICTURE_DAMAGED)
        assert len(children()) == 1, "one process read them all"
    assert children() == []


async def test_an_upload_that_froze_the_whole_bot_does_not_hold_the_loop_for_a_tenth_of_a_second() -> None:
    async with Readers(IntakeSettings()) as reading, asyncio.timeout(30):
        await reading.read(png(), whose="test:1")
        async with lateness(0.5):
            error = await refused(reading, NEVER_ENDING_FILL)
    assert error.rule == Rule.PICTURE_DAMAGED


async def test_a_picture_that_takes_too_long_is_ended_and_the_next_one_is_read() -> None:
    async with Readers(IntakeSettings(picture_seconds_max=0.5)) as reading:
        await reading.read(png(), whose="test:1")
        [first] = children()
        error = await refused(reading, slow_jpeg())
        assert (error.rule, error.field) == (Rule.PICTURE_COSTLY, "picture")
        assert not first.is_running()
        assert (await reading.read(png(), whose="test:1")).start.width == 64


async def test_exif_of_repeated_headers_is_read_or_ended_in_time() -> None:
    """Pillow before 13 took the square of the block's length."""
    exif = b"Exif\0\0" * 160_000 + b"MM\0*\0\0\0\x08\0\0"
    chunk = b"eXIf" + exif
    whole = len(exif).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    picture = png()
    async with Readers(IntakeSettings(picture_seconds_max=2.0)) as reading, asyncio.timeout(60):
        with suppress(RequestRejected):
            assert (await reading.read(picture[:33] + whole + picture[33:], whose="test:1")).start.width == 64


async def test_a_picture_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MEMORY_BYTES_PER_PIXEL", 0)
    monkeypatch.setattr(readers, "MEMORY_BYTES_BASE", 200_000_000)
    out = BytesIO()
    Image.new("RGBA", (7000, 7000)).save(out, "PNG", compress_level=1)
    async with Readers(IntakeSettings()) as reading:
        assert (await refused(reading, out.getvalue())).rule == Rule.PICTURE_COSTLY
        assert (await reading.read(png(), whose="test:1")).start.width == 64


async def test_a_process_that_somebody_killed_is_replaced_unseen() -> None:
    async with Readers(IntakeSettings()) as reading:
        await reading.read(png(), whose="test:1")
        [first] = children()
        first.kill()
        assert (await reading.read(png(), whose="test:1")).start.width == 64


async def test_a_picture_that_its_process_dies_over_is_refused_at_the_second_death() -> None:
    async with Readers(IntakeSettings(picture_seconds_max=60)) as reading:
        await reading.read(png(), whose="test:1")
        judged = asyncio.create_task(refused(reading, slow_jpeg()))
        killed: set[int] = set()
        while not judged.done():
            for child in children():
                with_work = child.cpu_times().user > 0.4
                if child.pid not in killed and with_work:
                    killed.add(child.pid)
                    child.kill()
            await asyncio.sleep(0.02)
        error = await judged
        assert (error.rule, error.figures) == (Rule.PICTURE_DAMAGED, {"format": "JPEG"})
        assert len(killed) == 2


async def test_a_process_is_changed_after_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "READS_MAX", 2)
    seen: list[int] = []
    async with Readers(IntakeSettings()) as reading:
        for _ in range(3):
            await reading.read(png(), whose="test:1")
            seen.extend(child.pid for child in children())
    assert len(set(seen)) == 2


async def test_a_wish_that_is_withdrawn_takes_its_process_along() -> None:
    async with Readers(IntakeSettings()) as reading:
        wish = asyncio.create_task(reading.read(slow_jpeg(), whose="test:1"))
        await asyncio.sleep(0.5)
        assert len(children()) == 1
        wish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wish
        assert children() == []


async def test_one_members_slow_pictures_do_not_starve_another() -> None:
    async with Readers(IntakeSettings(picture_seconds_max=0.5)) as reading:
        slow = [asyncio.create_task(refused(reading, slow_jpeg())) for _ in range(5)]
        await asyncio.sleep(0)
        await reading.read(png(), whose="test:2")
        assert sum(task.done() for task in slow) <= 1
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_where_no_process_starts_members_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(Path(sys.executable).with_name("no-python")))
    async with Readers(IntakeSettings()) as reading:
        with pytest.raises(QueueFull, match="right now") as caught:
            await reading.read(png(), whose="test:1")
    assert caught.value.rule == Rule.PICTURES_UNREAD


@pytest.mark.skipif(sys.platform != "linux", reason="another process's environment is read from /proc")
async def test_the_processes_know_no_token_and_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRET_VARIABLES:
        monkeypatch.setenv(name, "123456:secret")
    async with Readers(IntakeSettings()) as reading:
        await reading.read(png(), whose="test:1")
        [child] = children()
        assert not set(SECRET_VARIABLES) & child.environ().keys()
        assert child.nice() == max(10, psutil.Process().nice())
        assert child.cmdline()[1:4] == ["-P", "-m", "bot.picture.child"]


def test_they_go_with_a_bot_that_is_killed() -> None:
    script = (
        "import asyncio, sys, psutil\n"
        "from bot.picture.readers import Readers\n"
        "from storage.settings import IntakeSettings\n"
        "async def live():\n"
        "    async with Readers(IntakeSettings()) as readers:\n"
        "        await readers.read(sys.stdin.buffer.read(), whose='test:1')\n"
        "        print(*(child.pid for child in psutil.Process().children()), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(live())\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as bot:
        assert bot.stdin is not None
        assert bot.stdout is not None
        bot.stdin.write(png())
        bot.stdin.close()
        pids = [int(pid) for pid in bot.stdout.readline().split()]
        os.kill(bot.pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    assert pids
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)
    assert alive == []


def test_the_bot_itself_imports_no_decoder_to_read_pictures() -> None:
    script = (
        "import sys, bot.picture.readers, bot.intake\n"
        "print([name for name in sys.modules if name.startswith(('PIL', 'av.', 'bot.picture.decode'))])\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


async def test_hostile_uploads_of_every_format_end_in_a_picture_or_a_refusal() -> None:
    """A few hundred of what `bench/fuzz_pictures.py` sends by the ten thousand."""
    async with Readers(IntakeSettings()) as reading:
        ends: Counter[str] = Counter()
        for name, data in islice(hostile(sound_pictures(), random.Random(11)), 250):
            try:
                assert (await reading.read(data, whose="test:1")).start.png.startswith(b"\x89PNG"), name
                ends["picture"] += 1
            except RequestRejected as exc:
                ends[exc.rule] += 1
        assert len(children()) == 1
    assert not {Rule.PICTURE_COSTLY, Rule.PICTURES_UNREAD} & ends.keys()
    assert min(ends["picture"], ends[Rule.PICTURE_DAMAGED]) > 20


async def test_what_hostile_uploads_are_made_of_is_sound() -> None:
    async with Readers(IntakeSettings()) as reading:
        for name, data in sound_pictures().items():
            assert (await reading.read(data, whose="test:1")).start.width >= 120, name
