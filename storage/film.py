"""A film as a file: what it is, its first and last picture, smaller copies, a GIF.

All functions are synchronous and take from milliseconds (`probe`) to minutes (`shrink`): call them in a
worker. What they write appears under its name only when it is whole.
All raise FilmFailed (code "bad_film") for a file that is no readable film.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# PyAV's stubs leave the stream type of a packet open.

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from storage import files
from storage.byte_limit import Search
from storage.errors import FilmFailed
from storage.gif import Clip, GifInfo, encode_gif
from storage.h264 import FASTSTART, add_h264_stream, to_rgb, to_yuv
from storage.mark import MP4_BOX

_KEYFRAME_EVERY = 36
_THUMBNAIL_SIDE = 320
_THUMBNAIL_QUALITY = 85
_TAGS_KEPT = ("title", "description", "comment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What `shrink` gave up to meet a limit."""

    crf: int
    """x264's quality: 18 looks like the original, 34 visibly coarse."""
    from_sides: tuple[int, int] | None
    """Width and height before, where they became smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmInfo:
    width: int
    height: int
    frames: int
    fps: float
    duration_ms: int
    codec: str
    pixel_format: str
    byte_count: int
    metadata: dict[str, str]
    faststart: bool
    """The index stands before the frames: it plays while it loads."""
    reduced: Reduction | None = None
    """Only from `shrink`, where it had to change the film."""


def probe(path: Path) -> FilmInfo:
    """Facts of a film or GIF, from its index or by counting packets; nothing is decoded."""
    with _opened(path) as (container, stream):
        clip = _clip(path, container, stream)
        return FilmInfo(
            width=stream.width,
            height=stream.height,
            frames=clip.count,
            fps=float(clip.count / clip.seconds),
            duration_ms=round(1000 * clip.seconds),
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "",
            byte_count=path.stat().st_size,
            metadata=dict(container.metadata),
            faststart=_index_in_front(path),
        )


def shrink(source: Path, target: Path, *, bytes_max: int) -> FilmInfo:
    """A copy of at most `bytes_max`: first compressed harder, then with smaller sides, never shorter.

    A film that fits is copied as it is. Raises FilmFailed (code "too_big") where only a film nobody
    would want to see fits.
    """
    info = probe(source)
    part, best = _part(target), target.with_name(target.name + ".best")
    if info.byte_count <= bytes_max:
        files.copy(source, target)
        return info
    search = Search(excess=info.byte_count / bytes_max, sides=(info.width, info.height))
    try:
        while (step := search.next_step()) is not None:
            excess = _recode(source, part, crf=step.crf, sides=step.sides, frames=info.frames, bytes_max=bytes_max)
            search.learn(step, excess)
            if excess <= 1:
                files.replace(part, best)
        if search.found is None:
            sentence = (
                f"{info.duration_ms / 1000:.0f} s of film do not fit into {bytes_max / 1e6:.2g} MB in bearable quality."
            )
            raise FilmFailed(sentence, code="too_big")
        files.replace(best, target)
    finally:
        files.unlink(part, missing_ok=True)
        files.unlink(best, missing_ok=True)
    smaller = None if search.found.sides == (info.width, info.height) else (info.width, info.height)
    return replace(probe(target), reduced=Reduction(crf=search.found.crf, from_sides=smaller))


def write_gif(source: Path, target: Path, *, width_max: int, fps_max: int, bytes_max: int) -> GifInfo | None:
    """An endless GIF within the limits; None, and no file, where none of a bearable size exists.

    Memory does not grow with the film's length: it is decoded twice and never held.
    """
    part = _part(target)
    try:
        with _opened(source) as (container, stream):
            clip = _clip(source, container, stream)
        info = encode_gif(clip, part, width_max=width_max, fps_max=fps_max, bytes_max=bytes_max)
        if info is not None:
            files.replace(part, target)
    finally:
        files.unlink(part, missing_ok=True)
    return info


def poster(source: Path, target: Path) -> None:
    """The first frame as a picture, as PNG or JPEG by the target's suffix."""
    with _opened(source) as (container, stream):
        first = next(container.decode(stream), None)
        _save(first, target)


def thumbnail(source: Path, target: Path) -> None:
    """The first frame as a small JPEG in the film's shape: at most 320 pixels wide and high and 200 kB.

    The limits are Telegram's; the source may be a film or a GIF.
    """
    with _opened(source) as (container, stream):
        first = next(container.decode(stream), None)
        shrink = min(1.0, _THUMBNAIL_SIDE / max(stream.width, stream.height))
        sides = max(1, round(stream.width * shrink)), max(1, round(stream.height * shrink))
        # The worst picture, noise of 320 x 320, takes about 100 kB at this quality.
        _save(first, target, sides=sides, quality=_THUMBNAIL_QUALITY)


def last_frame(source: Path, target: Path) -> None:
    """The very last frame, as PNG. Decodes from the last keyframe on, however long the film is."""
    with _opened(source) as (container, stream):
        container.seek((stream.start_time or 0) + (stream.duration or 0), stream=stream)
        last = None
        for last in container.decode(stream):  # noqa: B007 - the last one is the point
            pass
        _save(last, target)


@contextmanager
def _opened(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    try:
        with av.open(path, metadata_errors="replace") as container:
            if not container.streams.video:
                raise FilmFailed(f"{path.name} is not a film.", code="bad_film")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except FFmpegError as exc:
        raise FilmFailed(f"{path.name} is not a film that can be read.", code="bad_film") from exc


def _clip(path: Path, container: InputContainer, stream: VideoStream) -> Clip:
    count = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    if stream.codec_context.name == "gif" and stream.duration and stream.time_base:
        # Its frames stand for different times: no rate tells its length.
        seconds = stream.duration * stream.time_base
    else:
        seconds = count / stream.average_rate if stream.average_rate else Fraction(0)
    if not count or not seconds:
        raise FilmFailed(f"{path.name} holds no frames.", code="bad_film")

    def frames() -> Iterator[av.VideoFrame]:
        with _opened(path) as (again, same):
            yield from again.decode(same)

    return Clip(frames=frames, count=count, seconds=seconds, width=stream.width, height=stream.height)


def _recode(source: Path, part: Path, *, sides: tuple[int, int], crf: int, frames: int, bytes_max: int) -> float:
    """Write the film anew; returns its size relative to the limit, estimated where it gave up beyond it."""
    width, height = sides
    x264 = {"keyint": _KEYFRAME_EVERY}
    files.unlink(part, missing_ok=True)  # a scanner may still read the try before: FFmpeg would not wait
    byte_count = written = 0
    with _opened(source) as (film, shown), av.open(part, "w", format="mp4", container_options=FASTSTART) as smaller:
        smaller.metadata.update({key: film.metadata[key] for key in _TAGS_KEPT if key in film.metadata})
        rate = shown.average_rate or Fraction(30)
        stream = add_h264_stream(smaller, width=width, height=height, rate=rate, crf=crf, x264=x264)
        converter = VideoReformatter()
        for index, frame in enumerate(film.decode(shown)):
            picture = to_yuv(frame, converter, width=width, height=height)
            picture.pts, picture.time_base = index, 1 / rate
            for packet in stream.encode(picture):
                byte_count += packet.size
                written += 1
                smaller.mux(packet)
            # Only whole groups tell the rate: a keyframe alone weighs as much as ten other frames.
            if byte_count > bytes_max and written >= _KEYFRAME_EVERY and written % _KEYFRAME_EVERY == 0:
                return byte_count / bytes_max * frames / written
        smaller.mux(stream.encode(None))
    files.append(part, MP4_BOX)
    return part.stat().st_size / bytes_max


def _save(
    frame: av.VideoFrame | None, target: Path, *, sides: tuple[int, int] | None = None, quality: int = 90
) -> None:
    """sides: width and height in pixels, where they differ from the frame's. quality: of a JPEG."""
    if frame is None:
        raise FilmFailed("The film holds no frames.", code="bad_film")
    width, height = sides or (None, None)
    rgb = to_rgb(frame, VideoReformatter(), width=width, height=height)
    picture: Image.Image = rgb.to_image()
    data = BytesIO()
    picture.save(data, format="PNG" if target.suffix.lower() == ".png" else "JPEG", quality=quality)
    files.write_atomically(target, data.getvalue())


def _index_in_front(path: Path) -> bool:
    """Do the top-level boxes of an MP4 come as moov, then mdat?"""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            length, name = int.from_bytes(head[:4]), head[4:]
            if name in (b"moov", b"mdat"):
                return name == b"moov"
            if length == 1:
                length = int.from_bytes(file.read(8)) - 8
            if length < 8:
                return False
            file.seek(length - 8, 1)
    return False


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")
