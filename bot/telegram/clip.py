"""A film's file as Telegram is told of it: without sides and a still, its apps draw a black square or a sliver."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from bot.kept import scratch_folder
from storage import film
from storage.errors import FilmFailed

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    content: bytes
    width: int | None = None
    """Pixels, of this very file: a smaller copy has sides of its own."""
    height: int | None = None
    seconds: float | None = None
    thumbnail: bytes | None = None
    """The first frame, a JPEG of at most 320 by 320 pixels."""


def read_clip(path: Path, data_folder: Path) -> Clip:
    """An MP4 or a GIF. What cannot be found out is left out: the file is what counts. Call it in a thread.

    Raises OSError where the file cannot be read.
    """
    content = path.read_bytes()
    try:
        info = film.probe(path)
        with scratch_folder(data_folder) as scratch:
            still = Path(scratch) / "still.jpg"
            film.thumbnail(path, still)
            thumbnail = still.read_bytes()
    except (FilmFailed, OSError) as exc:
        log.warning("a film goes out without a still", extra={"file": path.name, "reason": exc})
        return Clip(content=content)
    return Clip(
        content=content,
        width=info.width,
        height=info.height,
        seconds=info.duration_ms / 1000,
        thumbnail=thumbnail,
    )
