from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from botkit.house import BEN, Bench, bench, gif
from botkit.recording import no_slip
from botkit.statuses import CANCELLED, QUEUED, RUNNING, progress
from rich.console import Console

from bot.chat import Chat
from bot.relay import Relay
from bot.terminal.chat import HOME, PERSON, PLATFORM, TerminalChat
from bot.terminal.halfblocks import FRAMES_MAX, read_frames
from bot.terminal.screens import Lines, LiveScreen
from bot.wording.views import status_view
from storage.errors import OwnerError
from storage.film import probe
from storage.jobs import JobState, Phase


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def plain_console(**options: object) -> Console:
    return Console(file=io.StringIO(), **options)  # type: ignore[arg-type]


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Here:
    """A terminal chat over the real store, with a plain console."""

    def __init__(self, room: Bench, out: Path) -> None:
        out.mkdir()
        self.console = plain_console(width=200)
        self.chat = TerminalChat(Lines(self.console), out)
        chats: dict[str, Chat] = {PLATFORM: self.chat}
        self.relay = Relay(room.store, room.media, chats, monotonic=lambda: room.clock.ms / 1000)
        self.out = out


async def test_a_film_ends_as_files_in_the_output_folder(room: Bench, tmp_path: Path) -> None:
    here = Here(room, tmp_path / "out")
    status = await room.submit(member=PERSON, place=HOME)
    await here.relay.drain()
    job = await room.start()
    await here.relay.drain()
    room.clock.ms += 1000
    await room.report(job, preview=room.media.put_bytes(gif(), ".gif"))
    await here.relay.drain()
    assert (here.out / "film-0001-seed-7-preview.gif").read_bytes() == gif()
    await room.finish(job)
    await here.relay.drain()
    ending = await here.chat.ended(status.request_id)
    assert ending.film == here.out / "film-0001-seed-7.mp4"
    assert probe(ending.film).frames == 73
    assert ending.gif is not None
    assert ending.gif.read_bytes() == gif()
    assert ending.preview is not None
    assert ending.status.state is JobState.DONE
    assert sorted(path.name for path in here.out.iterdir()) == [
        "film-0001-seed-7-preview.gif",
        "film-0001-seed-7.gif",
        "film-0001-seed-7.mp4",
    ]
    lines = written(here.console).splitlines()
    assert [line[0] for line in lines[:4]] == ["🎬", "⏳", "🎞", "✨"]


async def test_a_cancelled_film_ends_too(room: Bench, tmp_path: Path) -> None:
    here = Here(room, tmp_path / "out")
    status = await room.submit(member=PERSON, place=HOME)
    await room.store.cancel(status.request_id, by=PERSON)
    await here.relay.drain()
    ending = await here.chat.ended(status.request_id)
    assert ending.status.state is JobState.CANCELLED
    assert (ending.film, ending.gif, ending.preview) == (None, None, None)


async def test_a_delivery_that_is_repeated_after_a_restart_leaves_the_same_files(room: Bench, tmp_path: Path) -> None:
    here = Here(room, tmp_path / "out")
    await room.submit(member=PERSON, place=HOME)
    await room.draw_next()
    [item] = await room.store.outbox_due()
    assert item.status.result is not None
    film = room.media.path(item.status.result.film)
    view = replace(status_view(item.status), media=film)
    first = await here.chat.deliver(HOME, view, nonce="n", slip=no_slip())
    names = {path.name for path in here.out.iterdir()}
    assert await here.chat.deliver(HOME, view, nonce="n", slip=no_slip()) == first
    assert {path.name for path in here.out.iterdir()} == names
    await room.store.outbox_sent(item.request_id, item.rev)


async def test_a_film_that_cannot_be_written_ends_the_wait_with_where_it_is_kept(room: Bench, tmp_path: Path) -> None:
    here = Here(room, tmp_path / "out")
    status = await room.submit(member=PERSON, place=HOME)
    done = await room.draw_next()
    assert done.result is not None
    (here.out / "film-0001-seed-7.mp4").mkdir()
    await here.relay.drain()
    with pytest.raises(OwnerError, match=re.escape(str(room.media.path(done.result.film)))):
        await here.chat.ended(status.request_id)
    assert [item.request_id for item in await room.store.outbox_due()] == []
    (here.out / "film-0001-seed-7.mp4").rmdir()
    room.clock.ms += 1000
    await here.relay.drain()
    assert (here.out / "film-0001-seed-7.mp4").is_file()


async def test_films_of_others_are_left_to_their_own_chats(room: Bench, tmp_path: Path) -> None:
    here = Here(room, tmp_path / "out")
    await room.submit(member=BEN)
    await room.draw_next()
    await here.relay.drain()
    assert list(here.out.iterdir()) == []
    assert written(here.console) == ""


def test_plain_lines_say_only_what_is_new() -> None:
    console = plain_console(width=40)
    with Lines(console) as screen:
        for step in range(3):
            part = replace(progress(), step=step)
            screen.show(status_view(replace(RUNNING, progress=part)))
        screen.show(status_view(CANCELLED))
    assert written(console).splitlines() == [
        "🎞 Part 2 of 4 · about 3 min left · The ending is drawn first.",
        "✖️ Cancelled by mia. 3 s refunded.",
    ]


def test_prompts_cannot_style_the_terminal() -> None:
    console = plain_console(width=200, force_terminal=True)
    with Lines(console) as screen:
        screen.show(status_view(replace(QUEUED, params=replace(QUEUED.params, prompt="[bold red]x[/]"))))
    assert "[bold red]x[/]" in written(console)


def test_the_live_screen_draws_bars_and_the_preview_in_colour(tmp_path: Path) -> None:
    preview = tmp_path / "preview.gif"
    preview.write_bytes(gif())
    console = plain_console(width=80, height=40, force_terminal=True, color_system="truecolor")
    with LiveScreen(console, monotonic=lambda: 0.0) as screen:
        screen.show(status_view(replace(RUNNING, progress=progress()), preview=preview))
        console.print(screen)
        shown = written(console)
        screen.show(status_view(CANCELLED))
    assert "part 2/4" in shown
    assert "3/25" in shown
    assert "3:00 left" in shown
    assert shown.count("▀") >= 16 * 8
    assert "Cancelled" in written(console)


@pytest.mark.parametrize(
    "options", [{"color_system": "standard", "height": 40}, {"color_system": "truecolor", "height": 10}]
)
def test_a_terminal_without_colours_or_room_gets_bars_alone(tmp_path: Path, options: dict[str, object]) -> None:
    preview = tmp_path / "preview.gif"
    preview.write_bytes(gif())
    console = plain_console(width=80, force_terminal=True, **options)
    with LiveScreen(console) as screen:
        screen.show(status_view(replace(RUNNING, progress=progress()), preview=preview))
        console.print(screen)
    assert "part 2/4" in written(console)
    assert "▀" not in written(console)


def test_a_preview_that_was_swept_meanwhile_is_no_failure(tmp_path: Path) -> None:
    console = plain_console(width=80, height=40, force_terminal=True, color_system="truecolor")
    with LiveScreen(console) as screen:
        screen.show(status_view(replace(RUNNING, progress=progress()), preview=tmp_path / "gone.gif"))
        console.print(screen)
    assert "part 2/4" in written(console)


def test_bars_fill_with_steps_and_are_full_when_the_film_is_put_together() -> None:
    console = plain_console(width=80, height=40, force_terminal=True)
    with LiveScreen(console) as screen:
        for phase, section, step, expected in (
            (Phase.SAMPLING, 0, 0, "  0%"),
            (Phase.DECODING, 3, 25, " 99%"),
            (Phase.ENCODING, 3, 25, "100%"),
        ):
            part = replace(progress(section=section, phase=phase), step=step)
            screen.show(status_view(replace(RUNNING, progress=part)))
            console.print(screen)
            assert expected in written(console).splitlines()[-2]


def test_half_blocks_keep_the_pictures_colours_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "preview.gif"
    path.write_bytes(gif(FRAMES_MAX + 5))
    frames = read_frames(path, columns=8, lines=20)
    assert len(frames) <= FRAMES_MAX
    assert len(frames[0].rows) == 8
    assert {len(row) for row in frames[0].rows} == {8}
    assert frames[1].rows[0][0] == (80, 0, 0)
