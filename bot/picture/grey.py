"""Grey of more than eight bits, made into eight."""

from __future__ import annotations

import sys
from collections.abc import Callable

from PIL import Image

ToBytes = Callable[[Image.Image], Image.Image]

_SAMPLE_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
_WORD_MAX = 65_535.0


def grey_to_bytes(image: Image.Image) -> ToBytes | None:
    """How bands of this picture become mode "L"; None where it has eight bits.

    `image.info["tiff"]`: a TIFF's tags about its samples.
    """
    if not image.mode.startswith(("I", "F")):
        return None
    tags: dict[int, object] = image.info.get("tiff", {})
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "I" and _first(tags, _SAMPLE_FORMAT) == _UNSIGNED and _first(tags, _SAMPLE_BITS) == 32:
        least, top = image.getextrema()
        if least < 0 or top > _WORD_MAX:  # pyright: ignore[reportOperatorIssue]
            # Pillow keeps it as if it were signed.
            return lambda band: _turned(_highest_bytes(band), inverted)
    scale = 255 / _white(image, tags)

    def to_bytes(band: Image.Image) -> Image.Image:
        # Pillow reckons with 16 bits of some byte orders only.
        band = band if band.mode == "F" else band.convert("I")
        return _turned(band.point(lambda value: value * scale + 0.5).convert("L"), inverted)

    return to_bytes


def transparent_grey(image: Image.Image, nothing: int) -> Image.Image:
    """16 bits of grey of which one value is transparent, as "LA"."""
    opaque = [255] * 65_536
    opaque[nothing & 0xFFFF] = 0
    alpha = image.convert("I").point(opaque, "L")
    scale = 255 / _WORD_MAX
    return Image.merge("LA", (image.point(lambda value: value * scale + 0.5).convert("L"), alpha))


def _white(image: Image.Image, tags: dict[int, object]) -> float:
    if image.mode.startswith("I;16"):
        return _WORD_MAX
    if _first(tags, _SAMPLE_BITS) == 16 and _first(tags, _SAMPLE_FORMAT) == _SIGNED:
        return 32_767.0
    top = image.getextrema()[1]
    assert isinstance(top, int | float)
    # The file does not say what white is: the least usual range that holds everything.
    usual = (1.0, 255.0, _WORD_MAX) if image.mode == "F" else (255.0, _WORD_MAX)
    return next((white for white in usual if top <= white), top)


def _highest_bytes(band: Image.Image) -> Image.Image:
    first = 3 if sys.byteorder == "little" else 0
    return Image.frombytes("L", band.size, band.tobytes()[first::4])


def _turned(band: Image.Image, inverted: bool) -> Image.Image:
    return band.point([255 - value for value in range(256)]) if inverted else band


def _first(tags: dict[int, object], tag: int) -> int:
    """The tag's first number; 1, which is every such tag's default, where it is absent."""
    value = tags.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, int) else 1
