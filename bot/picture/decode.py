"""An upload becomes the picture a film starts from: upright, opaque, sRGB, bounded. Any bytes at all are survived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO

from PIL import Image, ImageCms, ImageOps, ImageStat

from bot.picture.formats import ACCEPTED, PictureFormat, jpeg_is_rare, jpeg_takes_forever, sniff
from bot.picture.frames import Frame, frames_of
from bot.picture.grey import ToBytes, grey_to_bytes
from bot.picture.movie import UnknownCodec, WithSound
from bot.picture.value import Canvas, Picture, PictureLimits, check_weight, damaged, too_costly
from storage.buckets import bucket
from storage.errors import RequestRejected, Rule

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)
"""Orientations whose width is the upright picture's height."""
_BAND_PIXELS = 1_000_000
_WHITE = (255, 255, 255)
_DUSK = (40, 44, 52)
_NEARLY_WHITE = 230
_VISIBLE = 16
_PNG_LEVEL = 6
_UNKNOWN_TO_DECODERS = (
    "unsupported", "not supported", "not available", "not implemented", "cannot handle", "no codec",
    "unknown pixel mode", "unknown compression",
)  # fmt: skip


def read_picture(
    data: bytes, limits: PictureLimits, field: str = "picture", *, canvas: Canvas | None = None
) -> Picture:
    """Any bytes give a Picture or RequestRejected(field=field), never another exception.

    For a process of its own (`child`): takes up to seconds of CPU, more for hostile bytes. Sides are checked in the
    header, before anything is decoded. While it runs it holds up to 5 bytes per pixel of the upload, for WebP,
    animations and deep grey with transparency up to 16: at 50 megapixels 0.25 and 0.8 GB.
    Where something is transparent, white shows through: such pictures are mostly drawings and logos made
    for a light page. What is itself nearly white is put on dark grey instead.
    """
    kind = _accepted(data, limits, field)
    try:
        if kind is PictureFormat.JPEG and jpeg_takes_forever(data):
            sentence = "The JPEG is built of far too many layers; please save it anew."
            raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_LAYERS)
        return _read(kind, data, limits, field, canvas)
    except RequestRejected:
        raise
    # Decoders meet hostile bytes here, and Pillow raises whatever its parsers trip over: OSError, SyntaxError,
    # ValueError, struct.error, KeyError, EOFError, MemoryError and more. To the member it is all one.
    except MemoryError as exc:
        raise too_costly(field) from exc
    except WithSound as exc:
        raise _no_picture("a video with sound", field) from exc
    except UnknownCodec as exc:
        raise _no_picture("a video of a kind that is not known here", field) from exc
    except Exception as exc:
        if _is_variant(kind, data, exc):
            sentence = f"This kind of {kind.value} file cannot be read here; please save it anew as JPEG or PNG."
            figures = {"format": kind.value}
            raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_VARIANT, figures=figures) from exc
        raise damaged(kind.value, field) from exc


def _is_variant(kind: PictureFormat, data: bytes, error: Exception) -> bool:
    """Whether a decoder gave up over what it does not know, not over damage."""
    if kind is PictureFormat.JPEG and jpeg_is_rare(data):
        return True
    said = str(error).lower()
    return isinstance(error, NotImplementedError) or any(words in said for words in _UNKNOWN_TO_DECODERS)


def _accepted(data: bytes, limits: PictureLimits, field: str) -> PictureFormat:
    check_weight(data, limits, field)
    kind = sniff(data)
    if isinstance(kind, PictureFormat):
        return kind
    if kind == "a HEIC photo":
        sentence = "HEIC photos cannot be read here; please send it as JPEG or PNG."
        raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_HEIC)
    raise _no_picture(kind, field)


def _no_picture(kind: str, field: str) -> RequestRejected:
    sentence = f"This is not a picture but {kind}; please send a {ACCEPTED} file."
    return RequestRejected(sentence, field=field, rule=Rule.NO_PICTURE, figures={"accepted": ACCEPTED})


def _check_sides(width: int, height: int, limits: PictureLimits, field: str) -> None:
    if min(width, height) < limits.side_min:
        sentence = f"The picture is {width}x{height} pixels; each side needs at least {limits.side_min}."
        figures = {"width": width, "height": height, "least": limits.side_min}
        raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_SMALL, figures=figures)
    if width * height > limits.pixels_max:
        sentence = (
            f"The picture is {width}x{height} pixels; at most {limits.pixels_max / 1e6:g} megapixels are taken,"
            " so please make it smaller."
        )
        figures = {"width": width, "height": height, "most": limits.pixels_max / 1e6}
        raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_LARGE, figures=figures)


def _read(kind: PictureFormat, data: bytes, limits: PictureLimits, field: str, canvas: Canvas | None) -> Picture:
    check_sides = partial(_check_sides, limits=limits, field=field)
    for frame in frames_of(kind, data, check_sides, side_wanted=2 * limits.side_kept_max):
        shows = _Transparency.of(frame.image)
        if kind is PictureFormat.BMP and shows.nothing:
            # Writers that know no transparency leave its byte zero.
            return _finished(replace(frame, image=frame.image.convert("RGB")), None, limits, canvas)
        if not shows.nothing:
            return _finished(frame, shows.paper, limits, canvas)
    sentence = "The picture is completely transparent: there is nothing to animate."
    raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_INVISIBLE)


def _finished(
    frame: Frame, paper: tuple[int, int, int] | None, limits: PictureLimits, canvas: Canvas | None
) -> Picture:
    image = frame.image
    ratio = image.width / image.height
    sides, kept = _sides_kept(image.size, limits, whole=canvas is not None)
    # Whole factors first, the rest by LANCZOS: from at least 1.5 times the sides nobody sees the difference.
    factor = max(1, int(min(image.width / sides[0], image.height / sides[1]) / 1.5))
    small = _in_srgb(frame, paper=paper, factor=factor)
    image.close()
    fitted = small.resize(sides, Image.Resampling.LANCZOS) if small.size != sides else small
    if kept != sides:
        left, top = (sides[0] - kept[0]) // 2, (sides[1] - kept[1]) // 2
        fitted = fitted.crop((left, top, left + kept[0], top + kept[1]))
    if frame.orientation in _UPRIGHT:
        fitted = fitted.transpose(_UPRIGHT[frame.orientation])
        ratio = 1 / ratio if frame.orientation in _LYING else ratio
    if canvas is not None:
        fitted = _letterboxed(fitted, canvas)
    fitted.info.clear()
    out = BytesIO()
    fitted.save(out, "PNG", compress_level=_PNG_LEVEL)
    return Picture(png=out.getvalue(), width=fitted.width, height=fitted.height, animated=frame.animated, ratio=ratio)


def _letterboxed(image: Image.Image, canvas: Canvas) -> Image.Image:
    """All of it in the shape of a film, between black bars."""
    height, width = canvas.height, canvas.width
    if not width or not height:
        height, width = bucket(image.height, image.width, canvas.size)
    bars = Image.new("RGB", (width, height))
    fitted = ImageOps.contain(image, bars.size, Image.Resampling.LANCZOS)
    bars.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
    return bars


def _sides_kept(
    size: tuple[int, int], limits: PictureLimits, *, whole: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Sides to scale to, and the middle of them to keep.

    A strip so long that its short side would fall below `side_min` keeps that side and loses its ends, unless it is
    to be seen whole: films are cropped to their middle anyway.
    """
    scale = min(1.0, max(limits.side_kept_max / max(size), 0 if whole else limits.side_min / min(size)))
    width, height = (max(1, round(side * scale)) for side in size)
    return (width, height), (min(width, limits.side_kept_max), min(height, limits.side_kept_max))


def _in_srgb(frame: Frame, *, paper: tuple[int, int, int] | None, factor: int) -> Image.Image:
    """RGB in sRGB on that paper, `factor` times smaller, made in bands: it never takes the full size twice over.

    paper: None where nothing is transparent.
    """
    image = frame.image
    grey = grey_to_bytes(image)
    convert = _profile_converter(frame, alpha=paper is not None, grey=grey)
    result = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, band in _bands(image, factor):
        small = convert(_in_bytes(band, alpha=paper is not None, grey=grey))
        if paper is not None:
            flat = Image.new("RGBA", small.size, paper)
            flat.alpha_composite(small)
            small = flat.convert("RGB")
        result.paste(small.reduce(factor) if factor > 1 else small, (0, top // factor))
    return result


def _bands(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Top and content of each stripe; heights are multiples of `factor`."""
    rows = max(1, _BAND_PIXELS // (image.width * factor)) * factor
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


@dataclass(frozen=True, slots=True)
class _Transparency:
    """What shows through a picture."""

    paper: tuple[int, int, int] | None
    """White, dark grey under what is nearly white itself, None where nothing is transparent."""
    nothing: bool = False
    """There is nothing to see at all."""

    @classmethod
    def of(cls, image: Image.Image) -> _Transparency:
        if not image.has_transparency_data:
            return cls(None)
        seen = brightness = 0.0
        for _, band in _bands(image):
            full = band.convert("RGBA")
            mask = full.getchannel("A").point([0] * _VISIBLE + [255] * (256 - _VISIBLE))
            if mask.getbbox():
                visible = ImageStat.Stat(full.convert("L"), mask)
                seen += visible.count[0]
                brightness += visible.sum[0]
        if not seen:
            return cls(_WHITE, nothing=True)
        transparent = seen < image.width * image.height
        return cls(_DUSK if transparent and brightness / seen > _NEARLY_WHITE else _WHITE)


def _in_bytes(band: Image.Image, *, alpha: bool, grey: ToBytes | None) -> Image.Image:
    """8 bits per channel, in a mode that profiles speak of: L, RGB, RGBA or CMYK."""
    if grey is not None:
        return grey(band)
    if alpha:
        return band.convert("RGBA")
    if band.mode in ("L", "RGB", "CMYK"):
        return band
    return band.convert("L" if band.mode == "1" else "RGB")


def _profile_converter(frame: Frame, *, alpha: bool, grey: ToBytes | None) -> Callable[[Image.Image], Image.Image]:
    """How bands of this picture come to sRGB: by its profile where that is sound, else by convention."""

    def by_convention(band: Image.Image) -> Image.Image:
        return band if band.mode == "RGBA" else band.convert("RGB")

    if frame.profile is None:
        return by_convention
    mode = _in_bytes(frame.image.crop((0, 0, 1, 1)), alpha=alpha, grey=grey).mode
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(frame.profile))
        # A profile made of gamma or code points is one of colours, also for grey.
        colours = "RGB" if mode in ("L", "RGBA") and frame.profile[16:20] == b"RGB " else mode
        srgb: ImageCms.ImageCmsProfile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore
        transform = ImageCms.buildTransform(profile, srgb, colours, "RGB")
    except (ImageCms.PyCMSError, OSError):  # damaged, or of another colour space than the pixels
        return by_convention

    def by_profile(band: Image.Image) -> Image.Image:
        converted = ImageCms.applyTransform(band.convert(colours), transform)
        assert converted is not None
        if band.mode == "RGBA":
            converted.putalpha(band.getchannel("A"))
        return converted

    return by_profile
