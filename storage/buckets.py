"""The shapes that films have: what the engine draws in, and what the bot tells members of. Standard library only.

Source: FramePack's published programs.
"""

from __future__ import annotations

from collections.abc import Iterator

GRID = 16
"""Pixels: sides are multiples of it. The VAE halves three times and the transformer patches by two."""
_BUCKETS_640 = (
    (416, 960), (448, 864), (480, 832), (512, 768), (544, 704), (576, 672), (608, 640),
    (640, 608), (672, 576), (704, 544), (768, 512), (832, 480), (864, 448), (960, 416),
)  # fmt: skip
"""(height, width); the order decides between buckets that fit equally well."""


def bucket(picture_height: int, picture_width: int, size: int = 640) -> tuple[int, int]:
    """Height and width of the bucket nearest in shape to a picture, for a film of about size² pixels.

    Nearest is the least |h·bw − w·bh|; the last of equals wins, as in the published program.
    """

    def distance(sides: tuple[int, int]) -> int:
        return abs(picture_height * sides[1] - picture_width * sides[0])

    return min(reversed(list(_buckets(size))), key=distance)


def _buckets(size: int) -> Iterator[tuple[int, int]]:
    def scaled(side: int) -> int:
        return max(1, round(side * size / (640 * GRID))) * GRID

    return ((scaled(height), scaled(width)) for height, width in _BUCKETS_640)
