"""From bytes of a known format to its frames as they are shown: composed, decoded, with what their numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from PIL import AvifImagePlugin, Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from bot.picture.avif import nclx
from bot.picture.colour import profile_of_cicp
from bot.picture.formats import MOVIES, PictureFormat, webp_sides
from bot.picture.grey import transparent_grey
from bot.picture.movie import movie_frames
from bot.picture.png import tidied

FRAMES_MAX = 50
"""Looked at for one that shows something."""
CheckSides = Callable[[int, int], None]
"""Raises where width and height are not taken."""

_ORIENTATION_TAG = 0x0112
_JPEG_END = b"\xff\xd9"
_NOTHING_DECODED = ((127, 128), (127, 127), (128, 128))
"""Lowest and highest sample of JPEG rows that were never there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    image: Image.Image
    """Decoded."""
    animated: bool
    orientation: int = 1
    """As EXIF counts: how the camera was held."""
    profile: bytes | None = None
    """ICC; None for sRGB."""


def frames_of(kind: PictureFormat, data: bytes, check_sides: CheckSides, *, side_wanted: int) -> Iterator[Frame]:
    """The first frames, at most FRAMES_MAX. Raises whatever decoders raise over hostile bytes.

    check_sides: asked before anything is decoded.  side_wanted: a JPEG may come smaller, not below this.
    """
    if kind in MOVIES:
        for image in movie_frames(kind, data, check_sides):
            yield Frame(image=image, animated=True, profile=_bytes(image.info.get("icc_profile")))
        return
    match kind:
        case PictureFormat.PNG:
            yield from _png(data, check_sides)
        case PictureFormat.GIF:
            yield from _gif(data, check_sides)
        case PictureFormat.JPEG:
            yield _jpeg(data, check_sides, side_wanted)
        case PictureFormat.WEBP:
            # The decoder reserves the canvas before it can be asked.
            if sides := webp_sides(data):
                check_sides(*sides)
            # Some writers leave out the byte that makes the length even.
            missing = int.from_bytes(data[4:8], "little") + 8 - len(data)
            yield from _animation(WebPImageFile(BytesIO(data + b"\0" if missing == 1 else data)), check_sides)
        case PictureFormat.AVIF:
            AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # time and memory are counted for one
            noted = nclx(data)
            profile = None if noted is None else profile_of_cicp(noted)
            yield from _animation(AvifImageFile(BytesIO(data)), check_sides, profile)
        case PictureFormat.TIFF:
            yield _tiff(data, check_sides)
        case _:
            # Rows are filled up to four bytes; some writers leave the last ones out.
            yield _loaded(BmpImageFile(BytesIO(data + bytes(3))), check_sides)


def _loaded(image: ImageFile.ImageFile, check_sides: CheckSides) -> Frame:
    check_sides(*image.size)
    image.load()
    return Frame(
        image=image,
        animated=False,
        orientation=_orientation(image),
        profile=_bytes(image.info.get("icc_profile")),
    )


def _animation(
    image: ImageFile.ImageFile, check_sides: CheckSides, profile: bytes | None = None, first: int = 0
) -> Iterator[Frame]:
    """profile: where the file has no ICC profile of its own."""
    check_sides(*image.size)
    animated = bool(getattr(image, "is_animated", False))
    for number in range(first, first + FRAMES_MAX if animated else first + 1):
        try:
            image.seek(number)
        except EOFError:
            return
        check_sides(*image.size)
        covered = image.tile[0].extents if image.tile and isinstance(image, GifImageFile) else None
        image.load()
        shown = image
        if number == 0 and covered is not None and covered != (0, 0, *image.size):
            shown = _on_nothing(image, covered)
        yield Frame(
            image=shown,
            animated=animated,
            orientation=_orientation(image),
            profile=_bytes(image.info.get("icc_profile")) or profile,
        )


def _gif(data: bytes, check_sides: CheckSides) -> Iterator[Frame]:
    yield from _animation(GifImageFile(BytesIO(data)), check_sides)


def _on_nothing(image: Image.Image, covered: tuple[int, int, int, int]) -> Image.Image:
    """A first frame smaller than its canvas: what it leaves free is transparent, as browsers show it."""
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.crop(covered).convert("RGBA"), covered)
    canvas.info.update(image.info)
    canvas.info.pop("transparency", None)
    return canvas


def _png(data: bytes, check_sides: CheckSides) -> Iterator[Frame]:
    png = tidied(data)
    image = PngImageFile(BytesIO(png.data))
    check_sides(*image.size)
    nothing = image.info.get("transparency")
    if image.mode == "I;16" and isinstance(nothing, int):
        image.load()
        deep = transparent_grey(image, nothing)
        yield Frame(image=deep, animated=False, orientation=_orientation(image), profile=png.profile)
        return
    if nothing is not None:
        image.info["transparency"] = _in_eight_bits(nothing, image.mode, png.sample_bits)
    if image.info.get("default_image"):
        # What stands before the animation is for viewers that know none.
        yield from _animation(image, check_sides, png.profile, first=1)
        return
    try:
        yield from _animation(image, check_sides, png.profile)
    except (OSError, SyntaxError):
        if not png.rows_complete():
            raise
        with _to_the_last_byte():
            image = PngImageFile(BytesIO(png.data))
            image.load()
        yield Frame(image=image, animated=False, orientation=_orientation(image), profile=png.profile)


def _in_eight_bits(nothing: object, mode: str, sample_bits: int) -> object:
    """PNG names the transparent colour in the file's own depth, Pillow compares it with eight bits."""
    if mode == "L" and isinstance(nothing, int):
        return (nothing & (1 << sample_bits) - 1) * 255 // ((1 << sample_bits) - 1)
    if mode == "RGB" and isinstance(nothing, tuple):
        values = cast("tuple[int, ...]", nothing)
        return tuple(value >> 8 if sample_bits == 16 else value & 0xFF for value in values)
    return nothing


def _jpeg(data: bytes, check_sides: CheckSides, side_wanted: int) -> Frame:
    def opened(data: bytes) -> JpegImageFile:
        image = JpegImageFile(BytesIO(data))
        check_sides(*image.size)
        # The decoder itself can halve: less memory, and better than skipping pixels.
        image.draft(None, (side_wanted, side_wanted))
        return image

    image = opened(data)
    try:
        image.load()
    except OSError:
        # Cut off, or only its end mark is missing: with it, rows that are not there become grey.
        image = opened(data + _JPEG_END)
        image.load()
        bottom = image.crop((0, image.height - 1, image.width, image.height)).getextrema()
        ranges = bottom if isinstance(bottom[0], tuple) else (bottom,)
        if all(span in _NOTHING_DECODED for span in ranges):
            raise
    return Frame(
        image=image,
        animated=False,
        orientation=_orientation(image),
        profile=_bytes(image.info.get("icc_profile")),
    )


def _tiff(data: bytes, check_sides: CheckSides) -> Frame:
    image = TiffImageFile(BytesIO(data))
    # Pillow would turn the picture by what XMP says, and searches it by a regular expression.
    image.info.pop("xmp", None)
    check_sides(*image.size)
    tags = {tag: image.tag_v2.get(tag) for tag in (258, 262, 339)}
    _check_samples(image)
    image.load()
    image.info["tiff"] = tags
    return Frame(image=image, animated=False, profile=_bytes(image.info.get("icc_profile")))


def _check_samples(image: TiffImageFile) -> None:
    """Raises NotImplementedError for samples that Pillow reads as if they were others; compressed planes are right."""
    bits, forms = image.tag_v2.get(258, (1,)), image.tag_v2.get(339, (1,))
    compression, planes = image.tag_v2.get(259, 1), image.tag_v2.get(284, 1)
    if planes == 2 and compression == 1 and len(bits) > 1 and max(bits) > 8:
        raise NotImplementedError("deep colours in a plane each")
    if bits[0] == 8 and forms[0] == 2:
        raise NotImplementedError("bytes with a sign")


def _orientation(image: Image.Image) -> int:
    """By EXIF alone: viewers do not turn pictures by XMP."""
    exif = Image.Exif()
    with suppress(Exception):  # damaged notes about a picture do not damage the picture
        exif.load(image.info.get("exif", b""))
        return int(exif.get(_ORIENTATION_TAG, 1))
    return 1


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


@contextmanager
def _to_the_last_byte() -> Generator[None]:
    """Let Pillow keep what it could decode; for files whose rows are known to be complete."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
