"""Films written section by section: what players get, in whatever order and however often the engine was killed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
import torch

from engine.video import FilmTags, Frames, SegmentStore, to_uint8
from storage.errors import FilmFailed

HEIGHT, WIDTH, WINDOW = 96, 128, 36
TAGS = FilmTags(prompt="the fox turns its head", seed=8841, model="tiny")


def moving_picture(first: int, count: int) -> Frames:
    """Smooth, coloured and different in every frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for place in range(count):
        t = first + place
        for channel, (a, b, c) in enumerate(((12, 21, 0.10), (16, 14, 0.17), (21, 26, 0.07))):
            frames[place, ..., channel] = 127.5 + 110 * np.sin(x / a + c * t) * np.cos(y / b - c * t / 2)
    return frames


def runs(sections: int) -> list[tuple[int, int]]:
    """First frame and count of each segment of a film, in film order; the first holds the start picture too."""
    return [(0, WINDOW + 1), *((1 + WINDOW * place, WINDOW) for place in range(1, sections))]


def store_of(folder: Path, sections: int, crf: int = 18) -> SegmentStore:
    return SegmentStore(folder, frames=WINDOW * sections + 1, width=WIDTH, height=HEIGHT, crf=crf)


def write_film(folder: Path, order: list[tuple[int, int]]) -> Path:
    store = store_of(folder, len(order))
    for first, count in order:
        store.write_segment(first, moving_picture(first, count))
    target = folder / "film.mp4"
    store.join(target, TAGS)
    return target


def decoded(path: Path) -> Frames:
    with av.open(path) as film:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])


def psnr(a: Frames, b: Frames) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


@pytest.mark.parametrize("inverted", [True, False], ids=["ending first", "start first"])
def test_joined_film_shows_every_frame_once_and_in_order(tmp_path: Path, inverted: bool) -> None:
    order = runs(3)
    film = write_film(tmp_path, order[::-1] if inverted else order)

    shown = decoded(film)

    assert len(shown) == WINDOW * 3 + 1
    for place in range(len(shown)):
        source = moving_picture(place, 1)[0]
        assert psnr(shown[place], source) > 34, place
        assert psnr(shown[place], source) > psnr(shown[place], moving_picture(place + 2, 1)[0]) + 3, place


def test_joining_changes_no_pixel_of_a_segment(tmp_path: Path) -> None:
    film = write_film(tmp_path, runs(3)[::-1])

    segments = [decoded(path) for path in sorted(tmp_path.glob("frames-*.mp4"))]

    assert np.array_equal(decoded(film), np.concatenate(segments))


def test_order_of_drawing_leaves_no_trace_in_the_bytes(tmp_path: Path) -> None:
    films = [write_film(tmp_path / name, order) for name, order in (("a", runs(3)), ("b", runs(3)[::-1]))]

    digests = {hashlib.sha256(film.read_bytes()).hexdigest() for film in films}

    assert len(digests) == 1


def test_film_is_what_every_player_takes(tmp_path: Path) -> None:
    film = write_film(tmp_path, runs(3)[::-1])

    with av.open(film) as container:
        stream = container.streams.video[0]
        coder = stream.codec_context
        assert (coder.name, coder.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", WIDTH, HEIGHT)
        assert stream.average_rate == stream.guessed_rate == 30
        assert (coder.colorspace, coder.color_primaries, coder.color_trc, coder.color_range) == (1, 1, 1, 1)
        assert stream.duration is not None
        assert stream.duration * stream.time_base == Fraction(WINDOW * 3 + 1, 30)
        packets = [packet for packet in container.demux(stream) if packet.size]
    ticks = [(packet.pts * packet.time_base * 30, packet.dts * packet.time_base * 30) for packet in packets]
    assert sorted(pts for pts, _ in ticks) == list(range(WINDOW * 3 + 1))
    assert [b[1] - a[1] for a, b in pairwise(ticks)] == [1] * (len(ticks) - 1)
    assert all(pts >= dts for pts, dts in ticks)
    assert [pts for (pts, _), packet in zip(ticks, packets, strict=True) if packet.is_keyframe] == [0, 37, 73]
    head = film.read_bytes()
    assert 0 < head.index(b"moov") < head.index(b"mdat")


HIGH_LEVELS = {31: (17.5e6, 17.5e6), 40: (25e6, 31.25e6)}
"""Bits a second and of buffer, by level_idc. Source: ITU-T H.264, table A-1, High profile."""


def noise_film(folder: Path, sides: tuple[int, int], counts: list[int]) -> Path:
    """Each part is hard in another way: noise throughout, or still until its last frames."""
    chance = np.random.default_rng(1)
    width, height = sides
    store = SegmentStore(folder, frames=sum(counts), width=width, height=height, crf=16)
    first = 0
    for place, count in enumerate(counts):
        frames = chance.integers(0, 256, (count, height, width, 3), np.uint8)
        if place % 2:
            frames[: count // 2] = 128
        store.write_segment(first, frames)
        first += count
    store.join(folder / "film.mp4", TAGS)
    return folder / "film.mp4"


def rate_excess(sizes: list[int], *, bits_per_s: float, buffer_bits: float) -> float:
    """By how much the fullest buffer is fuller than it may be: over every run of frames, bits less what flows off."""
    fullness = fullest = 0.0
    for size in sizes:
        fullness += 8 * size
        fullest = max(fullest, fullness)
        fullness = max(0.0, fullness - bits_per_s / 30)
    return fullest / buffer_bits


@pytest.mark.parametrize(
    ("sides", "counts", "level"), [((512, 384), [4, 36, 36], 31), ((1280, 832), [6], 40)], ids=["small", "large"]
)
def test_noise_keeps_the_rate_of_the_level_that_the_film_names(
    tmp_path: Path, sides: tuple[int, int], counts: list[int], level: int
) -> None:
    film = noise_film(tmp_path, sides, counts)
    with av.open(film) as container:
        stream = container.streams.video[0]
        header = stream.codec_context.extradata
        sizes = [packet.size for packet in container.demux(stream) if packet.size]
    assert header is not None
    # Of avcC: version, profile, compatibility, level.
    assert (header[1], header[3]) == (100, level)
    bits_per_s, buffer_bits = HIGH_LEVELS[level]
    assert 8 * sum(sizes) * 30 / len(sizes) > 0.4 * bits_per_s, "too easy a film to show anything"
    assert rate_excess(sizes, bits_per_s=bits_per_s, buffer_bits=buffer_bits) <= 1
    assert len(decoded(film)) == sum(counts)


def test_the_same_noise_gives_the_same_bytes_at_the_rate_limit(tmp_path: Path) -> None:
    films = [noise_film(tmp_path / name, (512, 384), [8, 8]) for name in ("a", "b")]
    assert films[0].read_bytes() == films[1].read_bytes()


def test_a_program_can_read_that_the_film_was_drawn_by_a_machine(tmp_path: Path) -> None:
    film = write_film(tmp_path, runs(2))
    boxes = dict(top_boxes(film.read_bytes()))
    assert list(boxes) == [b"ftyp", b"moov", b"free", b"mdat", b"uuid"]
    identifier, packet = boxes[b"uuid"][:16], boxes[b"uuid"][16:]
    assert identifier.hex() == "be7acfcb97a942e89c71999491e3afac"
    source = ElementTree.fromstring(packet.decode("utf-8")).find(
        ".//{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    )
    assert source is not None
    assert source.text == "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def top_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place < len(data):
        length, name = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        assert length >= 8
        yield name, data[place + 8 : place + length]
        place += length
    assert place == len(data)


def test_colours_survive(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (200, 120, 40), (255, 255, 255)]
    frames = np.zeros((WINDOW + 1, HEIGHT, WIDTH, 3), np.uint8)
    frames[:, :, :120] = np.repeat(np.array(colours, np.uint8), 20, axis=0)
    store = store_of(tmp_path, 1)
    store.write_segment(0, frames)
    store.join(tmp_path / "film.mp4", TAGS)

    middle = decoded(tmp_path / "film.mp4")[20, HEIGHT // 2].astype(int)

    for place, colour in enumerate(colours):
        assert np.abs(middle[20 * place + 10] - colour).max() <= 4, colour


def test_tags_say_what_it_is_even_for_odd_prompts(tmp_path: Path) -> None:
    store = store_of(tmp_path, 1)
    store.write_segment(0, moving_picture(0, WINDOW + 1))
    prompt = "a fox\n\0 \ud83d \x1b[31m «жар-птица» 狐 " + "and on " * 400
    store.join(tmp_path / "film.mp4", FilmTags(prompt=prompt, seed=7, model="framepack"))

    with av.open(tmp_path / "film.mp4") as film:
        tags = film.metadata

    assert tags["title"].startswith("a fox [31m «жар-птица» 狐 and on")
    assert len(tags["title"]) <= 120
    assert tags["description"].count("and on") == 400
    assert tags["comment"] == "AI-generated. Model framepack, seed 7. Made with Flipbook."


def test_a_missing_part_is_refused_and_named(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    for first, count in (runs(3)[0], runs(3)[2]):
        store.write_segment(first, moving_picture(first, count))

    with pytest.raises(FilmFailed, match="37 to 73"):
        store.join(tmp_path / "film.mp4", TAGS)

    assert not (tmp_path / "film.mp4").exists()


def test_a_film_whose_ending_is_missing_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path, 2)
    store.write_segment(0, moving_picture(0, WINDOW + 1))

    with pytest.raises(FilmFailed, match="37 of the film's 73"):
        store.join(tmp_path / "film.mp4", TAGS)


def test_overlapping_parts_are_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path, 2)
    store.write_segment(0, moving_picture(0, WINDOW + 1))
    store.write_segment(30, moving_picture(30, 43))

    with pytest.raises(FilmFailed, match="do not meet"):
        store.join(tmp_path / "film.mp4", TAGS)


def test_a_damaged_segment_counts_as_not_drawn(tmp_path: Path) -> None:
    store = store_of(tmp_path, 1)
    store.write_segment(0, moving_picture(0, WINDOW + 1))
    assert store.has(0, WINDOW + 1)
    assert not store.has(0, WINDOW)
    path = next(tmp_path.glob("frames-*.mp4"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert not store.has(0, WINDOW + 1)
    with pytest.raises(FilmFailed, match="damaged"):
        store.join(tmp_path / "film.mp4", TAGS)


def test_parts_drawn_before_and_after_a_change_of_quality_still_join(tmp_path: Path) -> None:
    for (first, count), crf in zip(runs(2), (30, 17), strict=True):
        store_of(tmp_path, 2, crf=crf).write_segment(first, moving_picture(first, count))
    store_of(tmp_path, 2).join(tmp_path / "film.mp4", TAGS)

    assert len(decoded(tmp_path / "film.mp4")) == 73
    assert psnr(decoded(tmp_path / "film.mp4"), moving_picture(0, 73)) > 30


KILLED_WHILE_ENCODING = """
import os, sys
from pathlib import Path
import numpy as np
from engine.video import SegmentStore

class Dying(np.ndarray):
    def __iter__(self):
        for place, frame in enumerate(np.asarray(self)):
            if place == 20:
                os.kill(os.getpid(), 9) if os.name == "posix" else os._exit(9)
            yield frame

store = SegmentStore(Path(sys.argv[1]), frames=73, width=128, height=96, crf=18)
frames = np.load(sys.argv[2])
store.write_segment(37, frames[37:])
store.write_segment(0, frames[:37].view(Dying))
"""


def test_a_killed_engine_goes_on_with_the_segments_it_finds(tmp_path: Path) -> None:
    frames = moving_picture(0, 73)
    np.save(tmp_path / "frames.npy", frames)
    work = tmp_path / "work"
    script = [sys.executable, "-c", KILLED_WHILE_ENCODING, str(work), str(tmp_path / "frames.npy")]
    root = Path(__file__).parents[2]
    died = subprocess.run(script, cwd=root, capture_output=True, timeout=120, check=False)
    assert died.returncode in (-9, 9), died.stderr.decode()

    store = store_of(work, 2)
    assert store.has(37, 36)
    assert not store.has(0, 37)
    store.write_segment(0, frames[:37])
    store.join(work / "film.mp4", TAGS)

    assert psnr(decoded(work / "film.mp4"), frames) > 34


@pytest.mark.parametrize(
    ("first", "shape"),
    [(-1, (36, 96, 128, 3)), (2, (36, 96, 128, 3)), (0, (0, 96, 128, 3)), (0, (4, 128, 96, 3))],
    ids=["before the start", "beyond the end", "nothing", "turned"],
)
def test_frames_that_do_not_fit_the_film_are_refused(tmp_path: Path, first: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="film of"):
        store_of(tmp_path, 1).write_segment(first, np.zeros(shape, np.uint8))


def test_odd_sides_are_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even"):
        SegmentStore(tmp_path, frames=37, width=127, height=96, crf=18)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_byte_value_survives_the_way_to_floats_and_back(dtype: torch.dtype) -> None:
    values = torch.arange(256, dtype=torch.float32)
    pixels = (values / 127.5 - 1).to(dtype).view(1, 1, 1, 16, 16).expand(1, 3, 2, 16, 16)

    back = to_uint8(pixels).astype(int)

    assert back.shape == (2, 16, 16, 3)
    # bfloat16 has 8 bits of mantissa: near ±1 it cannot tell neighbours apart.
    slack = 0 if dtype == torch.float32 else 1
    assert np.abs(back[1, ..., 2].ravel() - np.arange(256)).max() <= slack


def test_bytes_are_rounded_and_not_cut() -> None:
    value = (100.6 / 127.5) - 1
    assert int(to_uint8(torch.full((1, 3, 1, 2, 2), value)).max()) == 101


def test_values_beyond_the_range_are_clipped() -> None:
    pixels = torch.tensor([-3.0, -1.0, 1.0, 7.0]).view(1, 1, 1, 2, 2).expand(1, 3, 1, 2, 2)
    assert to_uint8(pixels)[0, ..., 0].ravel().tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_no_picture_stop_the_film(bad: float) -> None:
    pixels = torch.zeros(1, 3, 2, 4, 4)
    pixels[0, 1, 1, 2, 3] = bad
    with pytest.raises(FilmFailed) as caught:
        to_uint8(pixels)
    assert caught.value.code == "bad_numbers"


def test_a_segment_with_a_flipped_bit_is_drawn_again(tmp_path: Path) -> None:
    store = store_of(tmp_path, 1)
    store.write_segment(0, moving_picture(0, 37))
    assert store.has(0, 37)
    [segment] = tmp_path.glob("*.mp4")
    data = bytearray(segment.read_bytes())
    data[data.index(b"mdat") + 200] ^= 1
    segment.write_bytes(data)
    assert not store.has(0, 37)
    store.write_segment(0, moving_picture(0, 37))
    assert store.has(0, 37)


def test_a_segment_whose_digest_is_gone_is_drawn_again(tmp_path: Path) -> None:
    store = store_of(tmp_path, 1)
    store.write_segment(0, moving_picture(0, 37))
    for digest in tmp_path.glob("*.sha256"):
        digest.unlink()
    assert not store.has(0, 37)
