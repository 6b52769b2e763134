"""The files behind films: kept before the store names them, asked for before anything is made of them.

All functions read or write whole files: call them in a thread.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.picture.value import Pictures
from storage import files, film
from storage.jobs import Blob, FilmParams, Result
from storage.media import Media

SCRATCH = "scratch"
"""Below the data folder: what is made for a moment. Not among the system's own, which may lie in memory."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFiles:
    """A finished film as it lies in the media folder, whole."""

    film: Path
    gif: Path | None


def film_files(media: Media, result: Result) -> FilmFiles | None:
    """None where the film is damaged or gone. A GIF that is damaged is left out: the film goes alone."""
    if media.damaged(result.film):
        return None
    gif = None if result.gif is None else media.path(result.gif)
    if result.gif is not None and media.damaged(result.gif):
        log.warning("GIF damaged: the film goes out alone", extra={"gif": result.gif.sha256})
        gif = None
    return FilmFiles(film=media.path(result.film), gif=gif)


def keep_pictures(media: Media, pictures: Pictures) -> tuple[Blob, Blob | None]:
    """Start and end picture, durable."""
    start = media.put_bytes(pictures.start.png, ".png")
    return start, None if pictures.end is None else media.put_bytes(pictures.end.png, ".png")


def still_kept(media: Media, params: FilmParams) -> bool:
    """Whether the pictures are still there and whole; then no sweep takes them before the store names them."""
    blobs = (params.picture, params.end_picture)
    return all(media.keep(blob) for blob in blobs if blob is not None)


def kept_pictures(media: Media, params: FilmParams) -> tuple[bytes, bytes | None] | None:
    """Start and end picture as they were kept; None where one is damaged or gone."""
    if not still_kept(media, params):
        return None
    end = params.end_picture
    return media.path(params.picture).read_bytes(), None if end is None else media.path(end).read_bytes()


def clear_scratch(data_folder: Path) -> None:
    """Take away what a bot that was killed had no time to. Only for whoever holds the data folder."""
    files.remove_folder(data_folder / SCRATCH)


def scratch_folder(data_folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder for one block."""
    folder = data_folder / SCRATCH
    folder.mkdir(exist_ok=True)
    # What a scanner still holds at the end goes at the next start.
    return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)


def last_frame(media: Media, blob: Blob, data_folder: Path) -> Blob | None:
    """The film's last frame as a picture, durable; None where the film is damaged or gone."""
    if media.damaged(blob):
        return None
    with scratch_folder(data_folder) as scratch:
        frame = Path(scratch) / "last.png"
        film.last_frame(media.path(blob), frame)
        return media.put_file(frame)
