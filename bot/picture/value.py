"""What crosses the line between the bot and the processes that read uploads."""

from __future__ import annotations

from dataclasses import dataclass

from storage.errors import RequestRejected, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture fit for the engine."""

    png: bytes
    """RGB, 8 bit, without any metadata of the upload (a phone writes its place into every photo)."""
    width: int
    height: int
    animated: bool
    """Its upload has more frames than this one, and the member should know."""
    ratio: float
    """Width over height of the whole upload, upright."""


FACTS = ("width", "height", "animated", "ratio")
"""Of a picture, what is said beside its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Those of one request."""

    start: Picture
    end: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What a picture is put on whole, between bars, instead of being cropped to a film's shape."""

    size: int
    """Of the film, as its bucket class."""
    width: int = 0
    """Where it is given already, by a film's first picture; 0 for the bucket nearest in shape."""
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What an upload is measured against: the fields of `[intake]` that are about pictures."""

    upload_bytes_max: int
    pixels_max: int
    side_min: int
    side_kept_max: int


def check_weight(data: bytes, limits: PictureLimits, field: str) -> None:
    """Raises RequestRejected for uploads of no bytes, or of too many."""
    if not data:
        sentence = "The picture is empty: the upload holds no bytes."
        raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_EMPTY)
    if len(data) > limits.upload_bytes_max:
        figures = {"megabytes": len(data) / 1e6, "most": limits.upload_bytes_max / 1e6}
        sentence = f"The picture has {figures['megabytes']:.1f} MB; at most {figures['most']:g} MB are taken."
        raise RequestRejected(sentence, field=field, rule=Rule.PICTURE_HEAVY, figures=figures)


def too_costly(field: str) -> RequestRejected:
    """Decoding takes more time or memory than one upload is given."""
    sentence = "This picture takes too much time or memory to open; please save it anew as JPEG or PNG."
    return RequestRejected(sentence, field=field, rule=Rule.PICTURE_COSTLY)


def damaged(kind: str, field: str) -> RequestRejected:
    """kind: the name of its format."""
    sentence = f"The {kind} file is damaged or cut off; please send it again, or save it anew."
    return RequestRejected(sentence, field=field, rule=Rule.PICTURE_DAMAGED, figures={"format": kind})
