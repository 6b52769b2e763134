"""A film written section by section: every run of finished frames is encoded once, then the runs are joined as packets.

Inverted films are drawn last section first, so a film cannot be one growing file. Each run becomes a closed
segment of its own, and joining copies packets: no frame is encoded twice and none is kept in memory.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from storage import files
from storage.disks import sync_file
from storage.errors import FilmFailed
from storage.h264 import FASTSTART, add_h264_stream, to_yuv
from storage.jobs import FPS
from storage.mark import MP4_BOX

Frames = npt.NDArray[np.uint8]
"""(T, H, W, 3), sRGB."""

_TICK = Fraction(1, FPS)
_SEGMENT_NAME = re.compile(r"frames-(\d{6})-(\d{6})\.mp4")
_TITLE_CHARS_MAX = 120
DIGEST_SUFFIX = ".sha256"
"""Beside each segment: H.264 has no checksum of its own, and a flipped bit would be seen only by the member."""

# stitchable: no header depends on the content, so that all segments share one set of headers.
# cpu-independent: x264's fast macroblock-tree differs between processors, and in small pictures now and then even
# between two runs on one (seen); a seed must give the same film. One thread for the same reason: it costs a second
# or two a section, against minutes of drawing.
_X264 = {"stitchable": 1, "cpu-independent": 1, "threads": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmTags:
    """What a player or ffprobe can tell about the film."""

    prompt: str
    seed: int
    model: str


class SegmentStore:
    """The segments of one film, in the work folder of its job.

    A segment that exists is whole, so an engine that was killed goes on with those it finds.
    """

    def __init__(self, folder: Path, *, frames: int, width: int, height: int, crf: int) -> None:
        """frames: of the whole film. width, height: even, pixels. crf: x264's, ≥ 16: below it some players fail.

        Raises ValueError for sides that 4:2:0 cannot hold.
        """
        if width % 2 or height % 2:
            raise ValueError(f"H.264 with 4:2:0 colour needs even sides, not {width}x{height}")
        self._folder = folder
        self._frames = frames
        self._width = width
        self._height = height
        self._crf = crf

    def has(self, first_frame: int, count: int) -> bool:
        """Is this very run of frames written, and every bit of it right?"""
        path = self._path(first_frame, count)
        if not path.is_file() or _digest_of(path) != _digest_beside(path):
            return False
        try:
            self._decode_order(path, count)
        except FilmFailed:
            return False
        return True

    def write_segment(self, first_frame: int, frames: Frames) -> None:
        """Encode a run of frames. A crash or power cut leaves it whole or absent; writing it again replaces it.

        first_frame: place in the film, from 0.  frames: (T, H, W, 3) uint8.
        Raises ValueError where the run does not fit the film.
        """
        count, height, width, _ = frames.shape
        if (width, height) != (self._width, self._height) or count < 1:
            raise ValueError(f"{count} frames of {width}x{height} in a film of {self._width}x{self._height}")
        if first_frame < 0 or first_frame + count > self._frames:
            raise ValueError(f"frames {first_frame} to {first_frame + count - 1} in a film of {self._frames}")
        path = self._path(first_frame, count)
        part = path.with_suffix(".part")
        files.unlink(part, missing_ok=True)  # of a try that was killed
        self._folder.mkdir(parents=True, exist_ok=True)
        self._encode(part, frames)
        sync_file(part)
        # First the digest: a crash between the two leaves a segment that counts as absent.
        files.write_atomically(path.with_suffix(DIGEST_SUFFIX), _digest_of(part))
        files.replace(part, path)

    def join(self, target: Path, tags: FilmTags) -> None:
        """One MP4 of all segments: H.264, constant rate, index in front. Appears under its name only when whole.

        Raises FilmFailed (code "segments") where frames are missing, doubled or unreadable.
        """
        segments = self._gapless()
        orders = [self._decode_order(path, count) for _, count, path in segments]
        # B-frames are stored before frames that they follow on screen: one delay for the whole film keeps dts ≤ pts.
        delay = max(place - pts for order in orders for place, pts in enumerate(order))
        part = target.with_name(target.name + ".part")
        files.unlink(part, missing_ok=True)
        with av.open(segments[0][2]) as first, av.open(part, "w", format="mp4", container_options=FASTSTART) as film:
            film.metadata.update(_container_tags(tags))
            stream = film.add_stream_from_template(first.streams.video[0])
            stream.time_base = _TICK
            headers = first.streams.video[0].codec_context.extradata
            place = 0
            for (first_frame, _, path), order in zip(segments, orders, strict=True):
                with av.open(path) as segment:
                    source = segment.streams.video[0]
                    if source.codec_context.extradata != headers:
                        raise FilmFailed("Parts of the film were encoded with other settings.", code="segments")
                    packets = (packet for packet in segment.demux(source) if packet.size)
                    for pts, packet in zip(order, packets, strict=True):
                        packet.stream = stream
                        packet.time_base = _TICK
                        packet.pts, packet.dts, packet.duration = first_frame + pts, place - delay, 1
                        film.mux(packet)
                        place += 1
        files.append(part, MP4_BOX)
        files.replace(part, target)

    def _path(self, first_frame: int, count: int) -> Path:
        return self._folder / f"frames-{first_frame:06}-{count:06}.mp4"

    def _encode(self, path: Path, frames: Frames) -> None:
        with av.open(path, "w", format="mp4") as segment:
            stream = add_h264_stream(
                segment, width=self._width, height=self._height, rate=Fraction(FPS), crf=self._crf, x264=_X264
            )
            converter = VideoReformatter()
            for place, pixels in enumerate(frames):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                picture = to_yuv(picture, converter, width=self._width, height=self._height)
                picture.pts, picture.time_base = place, _TICK
                segment.mux(stream.encode(picture))
            segment.mux(stream.encode(None))

    def _gapless(self) -> list[tuple[int, int, Path]]:
        """(first frame, count, path) in film order."""
        found = sorted(
            (int(match[1]), int(match[2]), path)
            for path in self._folder.iterdir()
            if (match := _SEGMENT_NAME.fullmatch(path.name))
        )
        expected = 0
        for first_frame, count, _ in found:
            if first_frame != expected:
                raise FilmFailed(f"Frames {expected} to {first_frame} of the film do not meet.", code="segments")
            expected += count
        if expected != self._frames:
            raise FilmFailed(f"Only {expected} of the film's {self._frames} frames are drawn.", code="segments")
        return found

    def _decode_order(self, path: Path, count: int) -> list[int]:
        """Each packet's frame number within its segment, in the order the decoder wants them."""
        damaged = FilmFailed(f"The part of the film in {path.name} is damaged.", code="segments")
        try:
            with av.open(path) as segment:
                stream = segment.streams.video[0]
                order = [
                    round(packet.pts * packet.time_base * FPS)
                    for packet in segment.demux(stream)
                    if packet.size and packet.pts is not None
                ]
                sides = (stream.width, stream.height)
        except (FFmpegError, IndexError, OSError) as exc:
            raise damaged from exc
        if sides != (self._width, self._height) or sorted(order) != list(range(count)):
            raise damaged
        return order


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_beside(path: Path) -> str:
    """What the segment was when it was written; empty where that is not known."""
    try:
        return path.with_suffix(DIGEST_SUFFIX).read_text("ascii", "replace")
    except FileNotFoundError:
        return ""


def to_uint8(pixels: torch.Tensor) -> Frames:
    """Decoded pixels as bytes, rounded to nearest.

    pixels: (1, 3, T, H, W) in [-1, 1], any float type and device; beyond the range is clipped.
    Returns (T, H, W, 3). Raises FilmFailed (code "bad_numbers") where a value is not a number.
    """
    _, channels, count, height, width = pixels.shape
    frames = np.empty((count, height, width, channels), np.uint8)
    for place in range(count):  # frame by frame: the float copy of a section is 180 MB at 544x704
        frame = pixels[0, :, place].detach().float()
        if not torch.isfinite(frame).all():
            raise FilmFailed("The model drew something that is not a picture.", code="bad_numbers")
        rounded = frame.clamp(-1, 1).mul(127.5).add(127.5).round().to(torch.uint8)
        frames[place] = rounded.permute(1, 2, 0).cpu().numpy()
    return frames


def _container_tags(tags: FilmTags) -> dict[str, str]:
    prompt = _printable(tags.prompt)
    title = prompt if len(prompt) <= _TITLE_CHARS_MAX else prompt[: _TITLE_CHARS_MAX - 1] + "…"
    return {
        "title": title or "Flipbook",
        "description": prompt,
        "comment": f"AI-generated. Model {_printable(tags.model)}, seed {tags.seed}. Made with Flipbook.",
    }


def _printable(text: str) -> str:
    """One line that UTF-8 can carry: no control characters, no lone surrogates."""
    kept = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(kept.split())
