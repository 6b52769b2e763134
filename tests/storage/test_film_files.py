"""Films as files: facts, pictures from them, smaller copies and GIFs, all read back by a decoder of their own."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from PIL import Image

from storage.errors import FilmFailed
from storage.film import last_frame, poster, probe, shrink, thumbnail, write_gif
from storage.h264 import FASTSTART, Level, add_h264_stream, level_for, to_rgb, to_yuv
from storage.mark import MP4_BOX, SOURCE_TYPE


def write_film(
    path: Path,
    *,
    frames: int = 73,
    width: int = 192,
    height: int = 128,
    grain: float = 0,
    keyint: int = 36,
    fps: int = 30,
) -> Path:
    """Two hues that drift across, brighter from frame to frame; grain makes it hard to compress."""
    chance = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    with av.open(path, "w", format="mp4", container_options=FASTSTART) as film:
        film.metadata["title"] = "a fox"
        film.metadata["comment"] = "AI-generated. Model tiny, seed 1. Made with Flipbook."
        rate = Fraction(fps)
        stream = add_h264_stream(film, width=width, height=height, rate=rate, crf=18, x264={"keyint": keyint})
        converter = VideoReformatter()
        for place in range(frames):
            wave = 90 * np.sin((x + 3 * place) / 25) * np.cos(y / 20) + grain * chance.standard_normal((height, width))
            level = 60 + 120 * place / frames
            pixels = np.stack([level + wave, level - wave, np.full_like(wave, 128)], axis=-1).clip(0, 255)
            picture = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
            picture = to_yuv(picture, converter, width=width, height=height)
            picture.pts, picture.time_base = place, 1 / rate
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(path) as film:
        return [to_rgb(frame, VideoReformatter()).to_ndarray().astype(int) for frame in film.decode(video=0)]


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def gif_frames(path: Path) -> list[tuple[int, np.ndarray]]:
    """Milliseconds and pixels of every frame."""
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        frames = []
        for place in range(image.n_frames):
            image.seek(place)
            frames.append((image.info["duration"], np.asarray(image.convert("RGB")).astype(int)))
        return frames


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


@pytest.fixture(scope="module")
def grainy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "grainy.mp4", width=288, height=192, grain=20)


# -- facts --------------------------------------------------------------------------------------------------------


def test_facts_of_a_film(film: Path) -> None:
    info = probe(film)

    assert (info.width, info.height, info.frames, info.fps, info.duration_ms) == (192, 128, 73, 30.0, 2433)
    assert (info.codec, info.pixel_format, info.faststart) == ("h264", "yuv420p", True)
    assert info.byte_count == film.stat().st_size
    assert info.metadata["title"] == "a fox"
    assert info.reduced is None


def test_an_index_at_the_end_is_seen(film: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.mp4"
    with av.open(film) as source, av.open(slow, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert not probe(slow).faststart


@pytest.mark.parametrize("content", [b"", b"text", bytes(5000)], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("act", [probe, lambda path: last_frame(path, path.with_name("x.png"))], ids=["probe", "last"])
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes, act) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(FilmFailed) as caught:
        act(path)
    assert caught.value.code == "bad_film"


# -- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyint", [36, 250], ids=["several keyframes", "one keyframe"])
@pytest.mark.parametrize("frames", [1, 2, 37, 38, 74])
def test_the_last_frame_is_the_last_frame(tmp_path: Path, frames: int, keyint: int) -> None:
    path = write_film(tmp_path / "film.mp4", frames=frames, keyint=keyint, width=64, height=48)
    last_frame(path, tmp_path / "last.png")

    shown = decoded(path)

    assert len(shown) == frames
    assert np.array_equal(picture(tmp_path / "last.png"), shown[-1])
    if frames > 1:
        assert np.abs(picture(tmp_path / "last.png") - shown[-2]).mean() > 1


def test_the_last_frame_of_a_long_film_needs_only_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "film.mp4", frames=360, width=64, height=48)
    data = bytearray(path.read_bytes())
    with av.open(path) as film:
        starts = [packet.pos for packet in film.demux(video=0) if packet.size and packet.is_keyframe]
    # Everything before the last keyframe is wiped: what needs it cannot decode.
    data[starts[0] : starts[-1]] = bytes(starts[-1] - starts[0])
    (tmp_path / "wiped.mp4").write_bytes(data)

    last_frame(path, tmp_path / "whole.png")
    last_frame(tmp_path / "wiped.mp4", tmp_path / "wiped.png")

    assert np.array_equal(picture(tmp_path / "whole.png"), picture(tmp_path / "wiped.png"))


def test_facts_of_a_gif_are_those_of_the_file_that_is_sent(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    written = write_gif(film, path, width_max=96, fps_max=10, bytes_max=10**6)
    assert written is not None

    info = probe(path)

    assert (info.width, info.height, info.frames) == (96, 64, written.frames)
    assert abs(info.duration_ms - 2433) <= 40


@pytest.mark.parametrize(
    ("sides", "expected"),
    [((192, 128), (192, 128)), ((640, 320), (320, 160)), ((320, 960), (107, 320)), ((640, 640), (320, 320))],
)
def test_a_thumbnail_is_a_small_jpeg_in_the_films_shape(
    tmp_path: Path, sides: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = sides
    path = write_film(tmp_path / "film.mp4", frames=2, width=width, height=height)
    thumbnail(path, tmp_path / "small.jpg")

    with Image.open(tmp_path / "small.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", expected, "RGB")
    shown = Image.fromarray(decoded(path)[0].astype(np.uint8)).resize(expected, Image.Resampling.BOX)
    assert np.abs(picture(tmp_path / "small.jpg") - np.asarray(shown)).mean() < 4


def test_a_thumbnail_of_noise_keeps_the_limit_too(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", frames=2, width=320, height=320, grain=200)
    thumbnail(path, tmp_path / "small.jpg")
    assert 50_000 < (tmp_path / "small.jpg").stat().st_size <= 200_000


def test_a_gif_has_a_thumbnail_too(film: Path, tmp_path: Path) -> None:
    write_gif(film, tmp_path / "film.gif", width_max=96, fps_max=10, bytes_max=10**6)
    thumbnail(tmp_path / "film.gif", tmp_path / "small.jpg")
    assert picture(tmp_path / "small.jpg").shape == (64, 96, 3)


@pytest.mark.parametrize(("name", "kind"), [("poster.png", "PNG"), ("poster.jpg", "JPEG")])
def test_the_poster_is_the_first_frame(film: Path, tmp_path: Path, name: str, kind: str) -> None:
    poster(film, tmp_path / name)

    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (kind, (192, 128))
    assert np.abs(picture(tmp_path / name) - decoded(film)[0]).mean() < 3


# -- smaller copies -----------------------------------------------------------------------------------------------


def test_a_film_that_fits_is_copied_as_it_is(film: Path, tmp_path: Path) -> None:
    info = shrink(film, tmp_path / "copy.mp4", bytes_max=film.stat().st_size)

    assert (tmp_path / "copy.mp4").read_bytes() == film.read_bytes()
    assert info.reduced is None


@pytest.mark.parametrize("share", [0.9, 0.3, 0.04, 0.02])
def test_a_film_shrinks_to_the_limit_and_says_how(grainy: Path, tmp_path: Path, share: float) -> None:
    limit = int(grainy.stat().st_size * share)

    info = shrink(grainy, tmp_path / "small.mp4", bytes_max=limit)

    assert (tmp_path / "small.mp4").stat().st_size == info.byte_count <= limit
    assert info.byte_count > limit / 4, "it gave up far more than it had to"
    assert (info.frames, info.fps, info.faststart, info.pixel_format) == (73, 30.0, True, "yuv420p")
    assert info.metadata["title"] == "a fox"
    assert info.metadata["comment"].startswith("AI-generated")
    assert info.width % 2 == info.height % 2 == 0
    assert info.reduced is not None
    assert info.reduced.crf > 18
    assert (info.reduced.from_sides is not None) == ((info.width, info.height) != (288, 192))
    assert len(decoded(tmp_path / "small.mp4")) == 73
    assert [path.name for path in tmp_path.iterdir()] == ["small.mp4"]


def test_quality_goes_before_size_does(grainy: Path, tmp_path: Path) -> None:
    half = shrink(grainy, tmp_path / "a.mp4", bytes_max=grainy.stat().st_size // 2)
    tiny = shrink(grainy, tmp_path / "b.mp4", bytes_max=grainy.stat().st_size // 60)

    assert half.width == 288
    assert tiny.width < 288


def test_a_limit_that_nothing_bearable_meets_is_refused(grainy: Path, tmp_path: Path) -> None:
    with pytest.raises(FilmFailed, match=r"2 s of film do not fit into 0\.002 MB") as caught:
        shrink(grainy, tmp_path / "none.mp4", bytes_max=2000)
    assert caught.value.code == "too_big"
    assert list(tmp_path.iterdir()) == []


# -- GIF ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "fps", "fps_max"), [(37, 30, 12), (73, 30, 12), (50, 24, 12), (40, 25, 10), (9, 10, 12)]
)
def test_a_gif_lasts_as_long_as_its_film(tmp_path: Path, frames: int, fps: int, fps_max: int) -> None:
    path = write_film(tmp_path / "film.mp4", frames=frames, fps=fps, width=64, height=48)

    info = write_gif(path, tmp_path / "film.gif", width_max=320, fps_max=fps_max, bytes_max=8_000_000)

    shown = gif_frames(tmp_path / "film.gif")
    assert info is not None
    assert len(shown) == info.frames
    assert sum(ms for ms, _ in shown) == info.duration_ms == round(100 * frames / fps) * 10
    assert all(ms >= 1000 // fps_max // 10 * 10 for ms, _ in shown[:-1])
    assert max(ms for ms, _ in shown[:-1]) - min(ms for ms, _ in shown[:-1]) <= 10, "even motion"
    assert shown[-1][0] >= 20


def test_a_gif_shows_its_film(film: Path, tmp_path: Path) -> None:
    info = write_gif(film, tmp_path / "film.gif", width_max=192, fps_max=12, bytes_max=8_000_000)
    assert info is not None
    assert (info.width, info.height) == (192, 128)

    source = decoded(film)
    for place, (_, shown) in enumerate(gif_frames(tmp_path / "film.gif")):
        error = np.mean((shown - source[3 * place]) ** 2)
        assert 10 * np.log10(255**2 / error) > 29, place


def test_a_palette_is_made_for_its_film(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", frames=37)
    write_gif(path, tmp_path / "film.gif", width_max=192, fps_max=12, bytes_max=8_000_000)

    colours = np.unique(
        np.concatenate([shown.reshape(-1, 3) for _, shown in gif_frames(tmp_path / "film.gif")]), axis=0
    )

    assert 100 < len(colours) <= 255
    assert np.abs(colours[:, 2] - 128).max() < 40, "no colour is spent on what the film does not show"


@pytest.mark.parametrize(
    ("sides", "expected"), [((768, 512), (320, 213)), ((416, 960), (208, 480)), ((128, 64), (128, 64))]
)
def test_sides_of_a_gif(tmp_path: Path, sides: tuple[int, int], expected: tuple[int, int]) -> None:
    path = write_film(tmp_path / "film.mp4", frames=4, width=sides[0], height=sides[1])
    info = write_gif(path, tmp_path / "film.gif", width_max=320, fps_max=12, bytes_max=8_000_000)
    assert info is not None
    assert (info.width, info.height) == expected


def test_a_gif_gives_up_size_and_rate_to_meet_its_limit(grainy: Path, tmp_path: Path) -> None:
    sizes = []
    for limit in (1_500_000, 500_000, 250_000):
        path = tmp_path / f"{limit}.gif"
        info = write_gif(grainy, path, width_max=320, fps_max=12, bytes_max=limit)
        assert info is not None
        assert path.stat().st_size == info.byte_count <= limit
        assert sum(ms for ms, _ in gif_frames(path)) == 2430
        sizes.append(info.width * info.frames)
    assert all(larger > smaller for larger, smaller in pairwise(sizes))


def test_no_gif_is_better_than_an_unbearable_one(grainy: Path, tmp_path: Path) -> None:
    assert write_gif(grainy, tmp_path / "film.gif", width_max=320, fps_max=12, bytes_max=40_000) is None
    assert list(tmp_path.iterdir()) == []


def test_programs_and_people_can_read_that_a_gif_was_drawn_by_a_machine(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    info = write_gif(film, path, width_max=96, fps_max=10, bytes_max=10**6)
    assert info is not None
    assert info.byte_count == path.stat().st_size
    with Image.open(path) as image:
        assert image.info["comment"] == b"AI-generated. Made with Flipbook."
        assert image.n_frames == info.frames
        assert image.info["loop"] == 0
    packet = path.read_bytes().partition(b"\x21\xff\x0bXMP DataXMP")[2].partition(b"<?xpacket end=")[0]
    assert f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}<".encode() in packet
    with av.open(path) as again:
        assert sum(1 for _ in again.decode(video=0)) == info.frames


def test_a_gif_with_its_mark_keeps_the_limit(grainy: Path, tmp_path: Path) -> None:
    whole = write_gif(grainy, tmp_path / "a.gif", width_max=96, fps_max=12, bytes_max=10**7)
    assert whole is not None
    smaller = write_gif(grainy, tmp_path / "b.gif", width_max=96, fps_max=12, bytes_max=whole.byte_count - 1)
    assert smaller is None or smaller.byte_count < whole.byte_count


def test_a_smaller_copy_keeps_the_mark_and_the_level(grainy: Path, tmp_path: Path) -> None:
    shrink(grainy, tmp_path / "small.mp4", bytes_max=grainy.stat().st_size // 3)
    assert (tmp_path / "small.mp4").read_bytes().endswith(MP4_BOX)
    with av.open(tmp_path / "small.mp4") as small:
        header = small.streams.video[0].codec_context.extradata
    assert header is not None
    assert header[3] == 31


@pytest.mark.parametrize(
    "level", [level_for(width=side, height=side, rate=Fraction(30)) for side in (64, 900, 1300, 4000)]
)
def test_parts_in_a_row_keep_the_level(level: Level) -> None:
    rate, buffer = level.vbv
    assert 0.6 * level.kbit_per_s < rate
    assert 1.2 * rate + buffer <= 1.2 * level.kbit_per_s
    assert 3 * buffer <= level.buffer_kbit


def test_a_still_film_costs_a_still_picture(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    with av.open(path, "w", format="mp4") as film:
        stream = add_h264_stream(film, width=128, height=96, rate=Fraction(30), crf=18, x264={})
        grey = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 90, np.uint8), format="rgb24")
        for place in range(60):
            still = to_yuv(grey, VideoReformatter(), width=128, height=96)
            still.pts, still.time_base = place, Fraction(1, 30)
            film.mux(stream.encode(still))
        film.mux(stream.encode(None))
    info = write_gif(path, tmp_path / "still.gif", width_max=320, fps_max=12, bytes_max=8_000_000)
    assert info is not None
    assert info.byte_count < 20_000
    assert sum(ms for ms, _ in gif_frames(tmp_path / "still.gif")) == 2000


PEAK = """
import sys
from pathlib import Path
from storage.film import write_gif

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

source, target, warm = map(Path, sys.argv[1:])
write_gif(warm, target, width_max=320, fps_max=12, bytes_max=10**9)
before = peak()
write_gif(source, target, width_max=320, fps_max=12, bytes_max=10**9)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_of_a_gif_does_not_grow_with_its_film(tmp_path: Path) -> None:
    short, long = (
        write_film(tmp_path / f"{frames}.mp4", frames=frames, width=224, height=160, grain=12) for frames in (60, 900)
    )
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(long), str(tmp_path / "film.gif"), str(short)],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    # What it shows more is 336 frames: 36 MB as pixels, 12 MB as palette indices.
    assert float(done.stdout) < 6
