"""Pictures of every accepted format, and what hostile or broken programs make of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import BytesIO

import av
import numpy as np
from PIL import Image, ImageCms

RUN_MAX = 1_000_000
"""Bytes of one run or repetition: what froze readers before was of this size."""


def sound_pictures() -> dict[str, bytes]:
    """By a name that says format and variant."""
    picture = Image.effect_noise((160, 120), 60).convert("RGB")
    picture.paste((250, 20, 20), (0, 0, 80, 60))
    clear = picture.convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 40, 40))
    large = picture.resize((1600, 1200))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a note" * 50
    deep = Image.fromarray((np.arange(160 * 120).reshape(120, 160) * 3).astype(np.uint16))
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)], "duration": 100}
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "JPEG": (picture, "JPEG", {"exif": exif, "icc_profile": profile}),
        "JPEG progressive": (large, "JPEG", {"progressive": True, "quality": 60}),
        "JPEG of ink": (picture.convert("CMYK"), "JPEG", {}),
        "PNG": (picture, "PNG", {"icc_profile": profile, "exif": exif}),
        "PNG transparent": (clear, "PNG", {}),
        "PNG palette": (picture.quantize(), "PNG", {"transparency": 3}),
        "PNG deep": (deep, "PNG", {"transparency": 500}),
        "PNG animated": (picture, "PNG", frames),
        "WebP": (large, "WEBP", {"exif": exif, "icc_profile": profile}),
        "WebP lossless": (clear, "WEBP", {"lossless": True}),
        "WebP animated": (picture, "WEBP", frames),
        "GIF": (picture, "GIF", {}),
        "GIF animated": (clear, "GIF", frames),
        "BMP": (picture, "BMP", {}),
        "BMP palette": (picture.quantize(), "BMP", {}),
        "TIFF": (picture, "TIFF", {"exif": exif}),
        "TIFF LZW": (large, "TIFF", {"compression": "tiff_lzw"}),
        "TIFF deflate": (deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF JPEG": (picture, "TIFF", {"compression": "jpeg"}),
        "TIFF fax": (picture.convert("1"), "TIFF", {"compression": "group4"}),
        "AVIF": (picture, "AVIF", {"exif": exif}),
        "AVIF transparent": (clear, "AVIF", {}),
        "AVIF animated": (picture, "AVIF", frames),
    }
    found = {name: _saved(image, kind, options) for name, (image, kind, options) in made.items()}
    found["MP4"] = _film("mp4", "libx264", picture)
    found["WebM"] = _film("webm", "libvpx-vp9", picture)
    return found


def hostile(sound: dict[str, bytes], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Without end: what was done to what, and the bytes."""
    names = sorted(sound)
    blows = (_cut, _flips, _spliced, _run, _repeated, _numbers, _shuffled)
    while True:
        name = chance.choice(names)
        data = sound[name]
        done: list[str] = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            blow = chance.choice(blows)
            done.append(blow.__name__.strip("_"))
            data = blow(data, sound[chance.choice(names)], chance)
        yield f"{name}: {', '.join(done)}", data


def _cut(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flips(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 3, 30))):
        if changed:
            changed[_place(changed, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _spliced(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The head of one and the body of another."""
    head = chance.choice((4, 16, 64, 400))
    return other[:head] + data[chance.choice((0, head)) :]


def _run(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """A run of one byte."""
    place = _place(data, chance)
    value = chance.choice((0, 1, 0x21, 0x2C, 0x80, 0xFE, 0xFF, chance.randrange(256)))
    return data[:place] + bytes((value,)) * _length(chance) + data[place:]


def _repeated(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """A header, a chunk or a box, over and over."""
    start = _place(data, chance)
    piece = data[start : start + chance.choice((2, 4, 6, 8, 12, 25, 100, 600))]
    return data[:start] + piece * (_length(chance) // max(1, len(piece))) + data[start:]


def _numbers(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Lengths, counts and sides that nobody means."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 6))):
        place = _place(changed, chance)
        value = chance.choice(
            (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\0\0\0\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\x1f\xff")
        )
        changed[place : place + len(value)] = value
    return bytes(changed)


def _shuffled(data: bytes, _other: bytes, chance: random.Random) -> bytes:
    """Two pieces change places."""
    a, b, c = sorted(_place(data, chance) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _place(data: bytes | bytearray, chance: random.Random) -> int:
    # Headers and tables, where damage hurts most, lie in front.
    return chance.randrange(max(1, min(len(data), 600) if chance.random() < 0.7 else len(data)))


def _length(chance: random.Random) -> int:
    return round(10 ** chance.uniform(0, np.log10(RUN_MAX)))


def _saved(image: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _film(container: str, codec: str, picture: Image.Image) -> bytes:
    out = BytesIO()
    with av.open(out, "w", format=container) as film:
        stream = film.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *picture.size, "yuv420p"
        for _ in range(3):
            film.mux(stream.encode(av.VideoFrame.from_image(picture)))
        film.mux(stream.encode())
    return out.getvalue()
