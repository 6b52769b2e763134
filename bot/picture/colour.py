"""What a picture's numbers mean, where its file says so by other means than an ICC profile, as an ICC profile.

One way to sRGB remains then: the colour engine's.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Cicp(NamedTuple):
    """Code points of ITU-T H.273, as PNG, AVIF and MP4 carry them."""

    primaries: int
    transfer: int
    full_range: bool = True
    """Of RGB samples; video, which is converted from YCbCr, is full by then."""


Point = tuple[float, float]

_D65: Point = (0.3127, 0.3290)
_SRGB_PRIMARIES: tuple[Point, ...] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
"""Red, green, blue and white in xy; what is not listed is sRGB's."""
_REFERENCE_WHITE_NITS = 203.0
"""Of paper in a picture of high dynamic range (ITU-R BT.2408); what is brighter shows as white."""
_STEPS = 4096
_D50 = (0.9642, 1.0, 0.8249)


def profile_of_cicp(cicp: Cicp) -> bytes | None:
    """None where it is sRGB, or says nothing that is known."""
    curve = _TRANSFERS.get(cicp.transfer)
    primaries = _PRIMARIES.get(cicp.primaries, _SRGB_PRIMARIES)
    if curve is None and primaries == _SRGB_PRIMARIES and cicp.full_range:
        return None
    curve = curve or _srgb
    if cicp.full_range:
        return _profile(primaries, curve)
    return _profile(primaries, lambda value: curve(min(1.0, max(0.0, (value * 255 - 16) / 219))))


def profile_of_gamma(gamma: float | None, chromaticities: Sequence[float] | None) -> bytes | None:
    """PNG's gAMA (of the file: 0.45 is usual) and cHRM (white, red, green, blue in xy). None where they are sRGB's.

    Raises ValueError for primaries that span nothing.
    """
    primaries = _SRGB_PRIMARIES
    if chromaticities is not None and len(chromaticities) == 8:
        white, red, green, blue = zip(chromaticities[::2], chromaticities[1::2], strict=True)
        primaries = (red, green, blue, white)
        if all(math.dist(a, b) < 0.005 for a, b in zip(primaries, _SRGB_PRIMARIES, strict=True)):
            primaries = _SRGB_PRIMARIES
    usual = gamma is None or gamma <= 0 or abs(gamma - 1 / 2.2) < 0.01
    if usual and primaries == _SRGB_PRIMARIES:
        return None
    if usual or gamma is None:
        return _profile(primaries, _srgb)
    return _profile(primaries, lambda value: value ** (1 / gamma))


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _pq(value: float) -> float:
    """SMPTE ST 2084."""
    power = value ** (1 / 78.84375)
    return (
        10_000
        / _REFERENCE_WHITE_NITS
        * (max(0.0, power - 0.8359375) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    )


def _hlg(value: float) -> float:
    """ITU-R BT.2100 on a display of 1,000 nits, each channel for itself."""
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return 1_000 / _REFERENCE_WHITE_NITS * scene**1.2


_TRANSFERS: dict[int, Callable[[float], float]] = {
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    8: lambda value: value,
    16: _pq,
    18: _hlg,
}
"""Code to light, 1 for white. BT.709 and its kin (1, 6, 14, 15) are shown like sRGB, as every viewer does."""


def _profile(primaries: Sequence[Point], curve: Callable[[float], float]) -> bytes:
    """An ICC profile of version 2: a matrix and one curve. Source: ICC.1:2001-04, sections 6.1 to 6.5."""
    columns = _matrix(primaries)
    table = [round(65535 * min(1.0, max(0.0, curve(step / (_STEPS - 1))))) for step in range(_STEPS)]
    curves = b"curv\0\0\0\0" + struct.pack(f">I{_STEPS}H", _STEPS, *table)
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt")
    tags = {name: _xyz(colour) for name, colour in zip(names, (*columns, _D50), strict=True)}
    shared = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"))
    place = 128 + 4 + 12 * (len(tags) + len(shared))
    index, body = b"", b""
    for name, content in tags.items():
        index += struct.pack(">4sII", name, place + len(body), len(content))
        body += content
    for name in shared:
        index += struct.pack(">4sII", name, place + len(body), len(curves))
    body += curves
    header = struct.pack(">4sI4s4s4s", b"", 0x02200000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s28x3i", 2026, 1, 1, 0, 0, 0, b"acsp", *_fixed(_D50))
    header += bytes(124 - len(header))
    whole = header + struct.pack(">I", len(tags) + len(shared)) + index + body
    return struct.pack(">I", len(whole) + 4) + whole


def _matrix(primaries: Sequence[Point]) -> list[tuple[float, float, float]]:
    """XYZ of red, green and blue on a D50 white: scaled to the white of these primaries, then adapted (Bradford)."""
    red, green, blue, white = (_from_xy(point) for point in primaries)
    amounts = _solved((red, green, blue), white)
    bradford = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
    inverse = tuple(zip(*bradford, strict=True))
    source, target = _times(bradford, white), _times(bradford, _D50)

    def adapted(colour: Sequence[float], amount: float) -> tuple[float, float, float]:
        cone = [value * amount * b / a for value, a, b in zip(_times(bradford, colour), source, target, strict=True)]
        return _solved(inverse, cone)

    return [adapted(colour, amount) for colour, amount in zip((red, green, blue), amounts, strict=True)]


def _from_xy(point: Point) -> tuple[float, float, float]:
    x, y = point
    if y <= 0:
        raise ValueError("a chromaticity on no plane")
    return x / y, 1.0, (1 - x - y) / y


def _times(rows: Sequence[Sequence[float]], vector: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows)


def _solved(columns: Sequence[Sequence[float]], wanted: Sequence[float]) -> tuple[float, float, float]:
    """How much of each column makes up what is wanted. Raises ValueError where they span no space."""

    def volume(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
        return (
            a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
        )

    a, b, c = columns
    whole = volume(a, b, c)
    if abs(whole) < 1e-9:
        raise ValueError("primaries that span no space")
    return volume(wanted, b, c) / whole, volume(a, wanted, c) / whole, volume(a, b, wanted) / whole


def _fixed(values: Sequence[float]) -> list[int]:
    """s15Fixed16Number; raises ValueError beyond its range."""
    if any(abs(value) >= 32_000 for value in values):
        raise ValueError("a colour beyond what a profile can say")
    return [round(65_536 * value) for value in values]


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *_fixed(values))
