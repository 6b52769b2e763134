"""PNG before it is decoded: only what its picture needs is left, and what it says of its colours is read.

Viewers pass over check sums and notes that are wrong; Pillow stops at them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bot.picture.colour import Cicp, profile_of_cicp, profile_of_gamma

MAGIC = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT")
_NOTED = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_EXIF_BYTES_MAX = 65_536
"""As much as a JPEG can hold."""
_ICC_BYTES_MAX = 8_000_000
_PIECE_BYTES = 1_000_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, step across and step down of each pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Png:
    data: bytes
    """A PNG of the same picture that ends as it should."""
    profile: bytes | None
    """ICC: by cICP, the file's own profile, or gAMA and cHRM, whichever comes first in this order. None for sRGB."""
    header: bytes
    pixels: bytes
    """Of the default image, compressed."""

    @property
    def sample_bits(self) -> int:
        return self.header[8]

    def rows_complete(self) -> bool:
        """Whether no row of the default image is missing, whatever else is wrong behind them."""
        width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", self.header)
        pixel_bits = bits * _CHANNELS[kind]
        wanted = 0
        for left, top, across, down in _ADAM7 if interlace else ((0, 0, 1, 1),):
            columns, rows = -(-(width - left) // across), -(-(height - top) // down)
            if columns > 0 and rows > 0:
                wanted += rows * (1 + (columns * pixel_bits + 7) // 8)
        return _inflates_to(self.pixels, wanted)


def tidied(data: bytes) -> Png:
    """Raises ValueError and struct.error where it makes no sense."""
    parts: list[bytes] = [MAGIC]
    notes: dict[bytes, bytes] = {}
    pieces: list[bytes] = []
    header = pixels = b""

    def write(name: bytes, body: bytes) -> None:
        parts.extend((struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))))

    place = len(MAGIC)
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        place += 12 + length
        if name == b"IDAT":
            if not pixels:
                pieces.append(body)
            continue
        if pieces and not pixels:
            # One chunk of all: some files have a million of them.
            pixels = b"".join(pieces)
            write(b"IDAT", pixels)
        if name == b"IEND":
            break
        if name in _NOTED or name == b"eXIf":
            notes.setdefault(name, body)
        elif name in _KEPT:
            header = header or (body if name == b"IHDR" else b"")
            write(name, body)
    if pieces and not pixels:
        pixels = b"".join(pieces)
        write(b"IDAT", pixels)
    if len(exif := notes.get(b"eXIf", b"")) <= _EXIF_BYTES_MAX and exif:
        write(b"eXIf", exif)
    write(b"IEND", b"")
    return Png(data=b"".join(parts), profile=_profile(notes), header=header, pixels=pixels)


def _profile(notes: dict[bytes, bytes]) -> bytes | None:
    """Notes that make no sense are passed over."""
    if len(cicp := notes.get(b"cICP", b"")) == 4:
        return profile_of_cicp(Cicp(cicp[0], cicp[1], full_range=cicp[3] != 0))
    if b"iCCP" in notes:
        # A name, a zero, the method (0), and what is compressed.
        packed = notes[b"iCCP"].partition(b"\0")[2][1:]
        unpacking = zlib.decompressobj()
        try:
            profile = unpacking.decompress(packed, _ICC_BYTES_MAX)
        except zlib.error:
            profile = b""
        if unpacking.eof:
            return profile
    if b"sRGB" in notes:
        return None
    gamma = notes.get(b"gAMA", b"")
    chromaticities = notes.get(b"cHRM", b"")
    try:
        return profile_of_gamma(
            struct.unpack(">I", gamma)[0] / 100_000 if gamma else None,
            [value / 100_000 for value in struct.unpack(">8I", chromaticities)] if chromaticities else None,
        )
    except (ValueError, OverflowError, struct.error):
        return None


def _inflates_to(packed: bytes, wanted: int) -> bool:
    """Whether at least so many bytes come out; none of them is kept."""
    unpacking, found = zlib.decompressobj(), 0
    try:
        while found < wanted:
            piece = unpacking.decompress(packed, _PIECE_BYTES)
            packed = unpacking.unconsumed_tail
            if not piece:
                return False
            found += len(piece)
    except zlib.error:
        return False
    return True
