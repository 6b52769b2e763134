"""`python -m bot.encode film|gif SOURCE TARGET BYTES_MAX`: a smaller copy of a film, made in a process of its own.

Encoding takes up to minutes of a core: here it neither slows the event loop down nor outlives a bot that stops, and
it gives way to everything else on the machine. Says what it made as JSON on one line, `null` where nothing fits.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.child import end_child, give_way, start_child
from storage.errors import FilmFailed
from storage.film import shrink, write_gif

GIF_WIDTH_MAX = 320
GIF_FPS_MAX = 12
ENCODE_S_MAX = 3_600.0
"""For one copy: the longest film on a slow core takes a few minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file that was made smaller."""

    path: Path
    width: int
    height: int
    smaller_sides: bool
    """Not only its quality was lowered."""


async def film_copy(source: Path, target: Path, *, bytes_max: int) -> Copy | None:
    """Both paths absolute. An MP4 of at most `bytes_max`; None where only a film nobody would want to see fits.

    Raises FilmFailed where the source is no film, TimeoutError where it takes forever. Cancelled, it ends the process.
    """
    return await _copy("film", source, target, bytes_max)


async def gif_copy(source: Path, target: Path, *, bytes_max: int) -> Copy | None:
    """An endless GIF of at most `bytes_max`; None where none of a bearable size exists. Raises as `film_copy`."""
    return await _copy("gif", source, target, bytes_max)


async def _copy(kind: str, source: Path, target: Path, bytes_max: int) -> Copy | None:
    process = await start_child("bot.encode", kind, str(source), str(target), str(bytes_max))
    try:
        async with asyncio.timeout(ENCODE_S_MAX):
            said, complained = await process.communicate()
    finally:
        await end_child(process)
    if process.returncode != 0:
        reason = complained.decode(errors="replace").strip().rpartition("\n")[2]
        raise FilmFailed(f"{source.name} could not be made smaller: {reason}", code="bad_film")
    made = json.loads(said)
    return None if made is None else Copy(path=target, **made)


def main(kind: str, source: str, target: str, bytes_max: str) -> int:
    give_way()
    sys.stdout.write(json.dumps(_make(kind, Path(source), Path(target), int(bytes_max))))
    return 0


def _make(kind: str, source: Path, target: Path, bytes_max: int) -> dict[str, object] | None:
    if kind == "gif":
        gif = write_gif(source, target, width_max=GIF_WIDTH_MAX, fps_max=GIF_FPS_MAX, bytes_max=bytes_max)
        return None if gif is None else {"width": gif.width, "height": gif.height, "smaller_sides": True}
    try:
        info = shrink(source, target, bytes_max=bytes_max)
    except FilmFailed as exc:
        if exc.code == "too_big":
            return None
        raise
    smaller = info.reduced is not None and info.reduced.from_sides is not None
    return {"width": info.width, "height": info.height, "smaller_sides": smaller}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
