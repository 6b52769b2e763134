"""What an upload really is, from its own bytes: names and content types that come with it are not believed."""

from __future__ import annotations

import codecs
from enum import Enum


class PictureFormat(Enum):
    """Formats that are taken."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    AVIF = "AVIF"
    MP4 = "MP4"
    """Without sound: what platforms make of a GIF. The same holds for WebM."""
    WEBM = "WebM"


ACCEPTED = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
MOVIES = (PictureFormat.MP4, PictureFormat.WEBM)

UNKNOWN = "a file of a kind that is not known here"

_JPEG_SCANS_MAX = 100
_JPEG_SEGMENTS_MAX = 10_000
_JPEG_FILL_MAX = 1_000
"""Bytes between segments, which Pillow passes over one by one."""
_JPEG_STOPS_MAX = 1_000_000
"""Bytes of 255 that are looked at: 20 MB of a photo have some 80,000 of them."""

_PREFIXES: tuple[tuple[bytes, PictureFormat], ...] = (
    (b"\xff\xd8\xff", PictureFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", PictureFormat.PNG),
    (b"GIF87a", PictureFormat.GIF),
    (b"GIF89a", PictureFormat.GIF),
    (b"BM", PictureFormat.BMP),
    (b"II*\0", PictureFormat.TIFF),
    (b"MM\0*", PictureFormat.TIFF),
    (b"II+\0", PictureFormat.TIFF),
    (b"MM\0+", PictureFormat.TIFF),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_MATROSKA = b"\x1aE\xdf\xa3"
_VIDEO_PREFIXES = (b"FLV", b"\0\0\x01\xba", b"\0\0\x01\xb3")
_SOUND_PREFIXES = (b"ID3", b"fLaC", b"MThd", b"#!AMR", b".snd", b"wvpk", b"MAC ", b"\xff\xf1", b"\xff\xf9", b"\xff\xfb")
_VIDEO_OR_SOUND = "a video or a sound"


def sniff(data: bytes) -> PictureFormat | str:
    """The format, or a noun phrase for people that says what the bytes are instead."""
    for prefix, kind in _PREFIXES:
        if data.startswith(prefix):
            return kind
    if data[:4] == b"RIFF":
        return PictureFormat.WEBP if data[8:12] == b"WEBP" else _VIDEO_OR_SOUND
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    if data.startswith(_MATROSKA):
        return PictureFormat.WEBM
    if data.startswith((b"OggS", b"0&\xb2u")):
        return _VIDEO_OR_SOUND
    if data.startswith(_SOUND_PREFIXES) or (data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC")):
        return "a sound"
    if data.startswith(_VIDEO_PREFIXES):
        return "a video"
    if data.startswith(b"%PDF"):
        return "a PDF document"
    if data.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return "a JPEG XL picture"
    if data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "a JPEG 2000 picture"
    if data.startswith(b"8BPS"):
        return "a Photoshop file"
    if data.startswith(b"PK\x03\x04"):
        return "an archive or a document"
    return _text(data)


def webp_sides(data: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header: its decoder reserves the canvas before it can be asked. None if damaged.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def jpeg_takes_forever(data: bytes) -> bool:
    """Is this a JPEG of thousands of tiny scans, each of which costs a pass over the whole picture?

    Cameras write one scan, web pictures about ten. Looks at so many bytes and no more, then says no.
    Raises ValueError where it is filled up instead of going on.
    """
    place, scans, segments, filled = 2, 0, 0, 0
    for _ in range(_JPEG_STOPS_MAX):
        place = data.find(b"\xff", place) + 1
        marker = data[place] if 0 < place < len(data) else 0xD9
        if marker == 0xD9:  # end of image; what phones append after it is not decoded
            return False
        filled += marker == 0xFF
        if filled > _JPEG_FILL_MAX and not scans:
            raise ValueError("endless fill")
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD7:  # inside a scan, or filled up
            continue
        segments += 1
        scans += marker == 0xDA
        if scans > _JPEG_SCANS_MAX or segments > _JPEG_SEGMENTS_MAX:
            return True
        place += 1 + int.from_bytes(data[place + 1 : place + 3])
    return False


def jpeg_is_rare(data: bytes) -> bool:
    """Lossless, hierarchical or of 12 bits: intact, and nothing here decodes it."""
    place = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        if data[place : place + 1] != b"\xff" or len(data) < place + 5:
            return False
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) or data[place + 4] != 8
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4])
    return False


def _iso_media(data: bytes) -> PictureFormat | str:
    length = min(int.from_bytes(data[:4]), 256)
    brands = [data[8:12], *(data[place : place + 4] for place in range(16, length, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return PictureFormat.AVIF
    if any(brand in _HEIC_BRANDS for brand in brands):
        return "a HEIC photo"
    return "a sound" if brands[0] in _SOUND_BRANDS else PictureFormat.MP4


def _text(data: bytes) -> str:
    head = data[:4096]
    if not head.strip(b"\0 \t\r\n"):
        return "nothing but blanks"
    try:
        # Not final: a character may be cut where the head ends.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(data) <= len(head))
    except UnicodeDecodeError:
        return UNKNOWN
    text = text.lstrip("\ufeff \t\r\n").lower()
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith(("<!doctype html", "<html")) or "<head" in text or "<body" in text:
        return "a web page"
    return "text" if text.isprintable() or "\n" in text else UNKNOWN
