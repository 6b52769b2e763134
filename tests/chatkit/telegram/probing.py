"""What Telegram makes of bytes that somebody sends: the sizes of a photo, the facts of a clip."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from chatkit.telegram.limits import check_photo_sides
from chatkit.telegram.refusals import broken_rule

SIDES = (90, 320, 1280)
"""A photo's sizes by their longer side; the last is the largest that is kept."""


@dataclass(frozen=True, slots=True)
class Still:
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Clip:
    width: int
    height: int
    duration_s: int
    silent: bool
    poster: Still


# Tests send the same picture again and again, a bench a hundred times.
@functools.lru_cache(maxsize=32)
def photo_sizes(data: bytes) -> tuple[Still, ...]:
    """The sizes of a photo, the largest last. Raises Refusal for what is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            whole = image.convert("RGB")
            kept_as_it_is = image.format == "JPEG" and max(image.size) <= SIDES[-1]
    except (UnidentifiedImageError, OSError) as exc:
        raise broken_rule("IMAGE_PROCESS_FAILED") from exc
    check_photo_sides(*whole.size)
    smaller = [_still(whole, side) for side in SIDES[:-1] if side < max(whole.size)]
    largest = Still(data, *whole.size) if kept_as_it_is else _still(whole, SIDES[-1])
    return (*smaller, largest)


@functools.lru_cache(maxsize=32)
def clip(data: bytes) -> Clip:
    """A film's facts. Raises Refusal for what cannot be played."""
    import av  # a large library that most tests of the kit need not load
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            seconds = round((container.duration or 0) / av.time_base)
            poster = _still(next(container.decode(stream)).to_image(), 320)
            return Clip(stream.width, stream.height, seconds, not container.streams.audio, poster)
    except (FFmpegError, IndexError, StopIteration) as exc:
        raise broken_rule("wrong type of the file: nothing here can be played") from exc


def _still(whole: Image.Image, side: int) -> Still:
    """At most `side` long and high."""
    small = whole.copy()
    small.thumbnail((side, side))
    file = io.BytesIO()
    small.convert("RGB").save(file, "JPEG", quality=85)
    return Still(file.getvalue(), small.width, small.height)
