"""A picture in a terminal: every cell is an upper half block, so one character shows two pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

FRAMES_MAX = 48
"""Of an animation: a few seconds, decoded once and kept small."""

Pixel = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class HalfBlocks:
    """One frame as rich draws it. `rows` holds pixel rows of equal length, an even number of them."""

    rows: tuple[tuple[Pixel, ...], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for upper, lower in zip(self.rows[::2], self.rows[1::2], strict=True):
            for above, below in zip(upper, lower, strict=True):
                yield Segment("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
            yield Segment.line()


def read_frames(path: Path, *, columns: int, lines: int) -> list[HalfBlocks]:
    """The frames of an animation, fitted into a space of character cells. Takes milliseconds; call in a thread."""
    with Image.open(path) as animation:
        return list(_frames(animation, columns, lines))


def _frames(animation: Image.Image, columns: int, lines: int) -> Iterator[HalfBlocks]:
    for number, frame in enumerate(ImageSequence.Iterator(animation)):
        if number == FRAMES_MAX:
            return
        scale = min(columns / frame.width, 2 * lines / frame.height, 1.0)
        width = max(1, round(frame.width * scale))
        height = max(2, round(frame.height * scale) // 2 * 2)
        data = frame.convert("RGB").resize((width, height), Image.Resampling.BOX).tobytes()
        yield HalfBlocks(
            tuple(
                tuple((data[at], data[at + 1], data[at + 2]) for at in range(row, row + 3 * width, 3))
                for row in range(0, 3 * width * height, 3 * width)
            )
        )
