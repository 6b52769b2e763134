"""The ladder, with films that are really too large and are really decoded again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from av.video.reformatter import VideoReformatter
from botkit.statuses import DONE, MIA

from bot.chat import PlaceClosed, View
from bot.delivery import AIM, BYTES_MIN, Ladder, Parcel, TooLarge
from bot.encode import film_copy
from bot.kept import SCRATCH, clear_scratch
from bot.wording.views import film_view
from storage.errors import FilmFailed
from storage.film import probe, write_gif
from storage.h264 import FASTSTART, add_h264_stream, to_yuv

MIB = 2**20
FRAMES = 73


@pytest.fixture(scope="module")
def grainy(tmp_path_factory: pytest.TempPathFactory) -> View:
    """2.4 s of a drifting pattern under strong grain: about 1.5 MB, with a GIF of its own."""
    folder = tmp_path_factory.mktemp("films")
    film, gif = folder / "film.mp4", folder / "film.gif"
    chance = np.random.default_rng(7)
    y, x = np.mgrid[0:256, 0:320]
    with av.open(film, "w", format="mp4", container_options=FASTSTART) as out:
        stream = add_h264_stream(out, width=320, height=256, rate=Fraction(30), crf=18, x264={"keyint": 36})
        converter = VideoReformatter()
        for place in range(FRAMES):
            wave = 90 * np.sin((x + 3 * place) / 25) * np.cos(y / 20) + 25 * chance.standard_normal((256, 320))
            pixels = np.stack([128 + wave, 128 - wave, np.full_like(wave, 128)], axis=-1).clip(0, 255)
            frame = to_yuv(
                av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24"), converter, width=320, height=256
            )
            frame.pts, frame.time_base = place, Fraction(1, 30)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert write_gif(film, gif, width_max=320, fps_max=12, bytes_max=8_000_000) is not None
    return film_view(DONE, film=film, gif=gif)


def ladder_of(view: View, *, bytes_max: int, form: str) -> Ladder:
    assert view.media is not None
    return Ladder(view, bytes_max=bytes_max, form=form, data_folder=view.media.parent)  # type: ignore[arg-type]


async def first(view: View, bytes_max: int, form: str, reads: list[int] | None = None) -> Parcel:
    """The first rung; reads: filled with the size and the frames of each file while it is there."""
    async with ladder_of(view, bytes_max=bytes_max, form=form) as ladder:
        parcel = await ladder.rung()
        assert sum(path.stat().st_size for path in parcel.files) <= AIM * bytes_max
        if reads is not None:
            reads += [frames_of(path) for path in parcel.files]
        return parcel


def frames_of(path: Path) -> int:
    with av.open(path) as film:
        return sum(1 for _ in film.decode(video=0))


@pytest.mark.parametrize(("form", "suffixes"), [("both", [".mp4", ".gif"]), ("mp4", [".mp4"]), ("gif", [".gif"])])
async def test_what_fits_goes_as_it_is(grainy: View, form: str, suffixes: list[str]) -> None:
    parcel = await first(grainy, 10 * MIB, form)
    assert set(parcel.files) <= {grainy.media, grainy.gif}
    assert [path.suffix for path in parcel.files] == suffixes
    assert parcel.reduced == ""


async def test_a_gif_is_left_out_before_the_film_loses_anything(grainy: View) -> None:
    assert grainy.media is not None
    assert grainy.gif is not None
    between = int((grainy.media.stat().st_size + grainy.gif.stat().st_size // 2) / AIM)
    parcel = await first(grainy, between, "both")
    assert parcel.files == (grainy.media,)
    assert parcel.reduced == ""


@pytest.mark.parametrize("form", ["both", "mp4"])
async def test_a_film_too_large_loses_quality_first_and_no_frame(grainy: View, form: str) -> None:
    reads: list[int] = []
    parcel = await first(grainy, 400_000, form, reads)
    assert reads == [FRAMES]
    assert parcel.files[0].suffix == ".mp4"
    assert "lower quality" in parcel.reduced


async def test_then_it_gets_smaller_and_says_so_in_the_members_language(grainy: View) -> None:
    italian = replace(DONE, member=replace(MIA, locale="it"))
    view = replace(grainy, status=italian)
    async with ladder_of(view, bytes_max=12_000, form="mp4") as ladder:
        parcel = await ladder.rung()
        info = probe(parcel.files[0])
        assert info.byte_count <= AIM * 12_000
        assert (info.frames, info.codec, info.pixel_format) == (FRAMES, "h264", "yuv420p")
        assert info.width < 320
        assert parcel.reduced.startswith(f"Inviato più piccolo, {info.width}x{info.height}")


async def test_each_refusal_brings_something_smaller_until_nothing_is_left(grainy: View) -> None:
    sizes: list[int] = []
    folders: set[Path] = set()

    async def descend() -> None:
        async with ladder_of(grainy, bytes_max=60_000, form="both") as ladder:
            while True:
                parcel = await ladder.rung()
                sizes.append(sum(path.stat().st_size for path in parcel.files))
                folders.update(path.parent for path in parcel.files)
                assert all(frames_of(path) for path in parcel.files)
                ladder.refused()

    with pytest.raises(TooLarge):
        await descend()
    assert len(sizes) >= 3
    assert all(later <= 0.8 * earlier for earlier, later in pairwise(sizes))
    assert not any(folder.exists() for folder in folders)


async def test_a_refusal_of_both_leaves_the_film(grainy: View) -> None:
    async with ladder_of(grainy, bytes_max=10 * MIB, form="both") as ladder:
        assert (await ladder.rung()).files == (grainy.media, grainy.gif)
        ladder.refused()
        assert (await ladder.rung()).files == (grainy.media,)


async def test_a_gif_that_is_wanted_and_too_large_becomes_a_smaller_gif(grainy: View) -> None:
    reads: list[int] = []
    parcel = await first(grainy, 600_000, "gif", reads)
    assert parcel.files[0].suffix == ".gif"
    assert reads[0] > 1
    assert "Sent smaller" in parcel.reduced


async def test_where_no_gif_can_be_a_film_goes_in_its_place(grainy: View) -> None:
    parcel = await first(grainy, 60_000, "gif")
    assert parcel.files[0].suffix == ".mp4"


async def test_a_place_that_takes_nothing_is_closed_to_the_film(grainy: View) -> None:
    with pytest.raises(PlaceClosed):
        await first(grainy, BYTES_MIN, "both")


async def test_a_file_that_is_no_film_says_so(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film" * 1000)
    with pytest.raises(FilmFailed, match="could not be made smaller"):
        await film_copy(tmp_path / "film.mp4", tmp_path / "copy.mp4", bytes_max=5_000)


async def test_whoever_gives_up_waiting_leaves_no_process_and_no_file(grainy: View, tmp_path: Path) -> None:
    assert grainy.media is not None
    target = tmp_path / "copy.mp4"
    encoding = asyncio.create_task(film_copy(grainy.media, target, bytes_max=100_000))
    while not (at_work := psutil.Process().children()):  # noqa: ASYNC110 - nobody tells of a process that begins
        await asyncio.sleep(0)
    encoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await encoding
    assert not any(process.is_running() for process in at_work)
    assert not target.exists()


async def test_a_film_that_cannot_be_made_smaller_is_not_tried_for_ever(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film at all" * 10_000)
    async with ladder_of(film_view(DONE, film=film, gif=None), bytes_max=100_000, form="both") as ladder:
        with pytest.raises(TooLarge):
            await ladder.rung()


async def test_copies_lie_in_the_data_folder_until_they_are_sent_or_the_bot_starts_again(grainy: View) -> None:
    assert grainy.media is not None
    folder = grainy.media.parent
    async with ladder_of(grainy, bytes_max=100_000, form="mp4") as ladder:
        (copy,) = (await ladder.rung()).files
        assert copy.is_relative_to(folder / SCRATCH)
    assert list((folder / SCRATCH).iterdir()) == []
    # What a bot leaves that is killed inside of the block.
    (folder / SCRATCH / "left").mkdir()
    (folder / SCRATCH / "left" / "film-0.mp4").write_bytes(b"half a film")
    clear_scratch(folder)
    assert not (folder / SCRATCH).exists()
