"""Uploads as people and attackers send them: each becomes a clean picture or one clear sentence, and nothing else."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from botkit.movies import PLAIN, movie
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from bot.picture.decode import read_picture
from bot.picture.value import Picture, PictureLimits
from storage.errors import RequestRejected

LIMITS = PictureLimits(upload_bytes_max=20_000_000, pixels_max=50_000_000, side_min=32, side_kept_max=2048)
RED, GREEN, BLUE, YELLOW = (250, 20, 20), (20, 240, 20), (20, 20, 250), (240, 240, 20)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    """Red and green above, blue and yellow below: every turn and mirror of it looks different."""
    image = Image.new("RGB", (width, height))
    for place, colour in enumerate((RED, GREEN, BLUE, YELLOW)):
        image.paste(colour, (place % 2 * width // 2, place // 2 * height // 2, width, height))
        if place == 1:
            image.paste(BLUE, (0, height // 2, width, height))
    return image


def pixels(picture: Picture) -> np.ndarray:
    with Image.open(BytesIO(picture.png)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (picture.width, picture.height))
        return np.asarray(image).astype(int)


def corners(picture: Picture) -> list[tuple[int, ...]]:
    """The quarters' middles, left to right, top to bottom."""
    shown = pixels(picture)
    height, width, _ = shown.shape
    return [tuple(shown[y * height // 4, x * width // 4]) for y in (1, 3) for x in (1, 3)]


def near(found: tuple[int, ...], wanted: tuple[int, ...], slack: int = 12) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(found, wanted, strict=True))


def refusal(data: bytes, limits: PictureLimits = LIMITS, field: str = "picture") -> str:
    with pytest.raises(RequestRejected) as caught:
        read_picture(data, limits, field)
    assert caught.value.field == field
    return str(caught.value)


# -- what is taken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 95}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
        ("AVIF", {"quality": 95}),
    ],
)
def test_usual_formats_come_out_as_they_went_in(kind: str, options: dict[str, object]) -> None:
    picture = read_picture(saved(quarters(), kind, **options), LIMITS)

    assert (picture.width, picture.height, picture.animated) == (96, 64, False)
    assert all(near(a, b) for a, b in zip(corners(picture), (RED, GREEN, BLUE, YELLOW), strict=True))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F"])
def test_every_way_to_store_grey_becomes_the_same_grey(mode: str) -> None:
    kind = "PNG" if mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF"
    grey = Image.fromarray(np.full((48, 48), 160, np.uint8))
    grey.paste(255, (0, 0, 48, 8))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "1":
        image = grey.point([0] * 128 + [255] * 128).convert("1")
    elif mode == "PA":
        image = grey.convert("LA").convert("PA")
    else:
        image = grey.convert(mode)

    shown = pixels(read_picture(saved(image, kind), LIMITS))

    assert near(tuple(shown[30, 30]), (255,) * 3 if mode == "1" else (160,) * 3, slack=3)
    assert near(tuple(shown[4, 30]), (255,) * 3, slack=3)


def test_sixteen_bits_of_colour_become_eight() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = b"\0" + struct.pack(">HHH", 60000, 30000, 700) * 40
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row * 40))
        + chunk(b"IEND", b"")
    )
    assert near(tuple(pixels(read_picture(data, LIMITS))[20, 20]), (233, 117, 3), slack=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, (RED, GREEN, BLUE, YELLOW)),
        (2, (GREEN, RED, YELLOW, BLUE)),
        (3, (YELLOW, BLUE, GREEN, RED)),
        (4, (BLUE, YELLOW, RED, GREEN)),
        (5, (RED, BLUE, GREEN, YELLOW)),
        (6, (BLUE, RED, YELLOW, GREEN)),
        (7, (YELLOW, GREEN, BLUE, RED)),
        (8, (GREEN, YELLOW, RED, BLUE)),
    ],
)
def test_cameras_say_how_they_were_held(kind: str, orientation: int, turned: tuple[tuple[int, ...], ...]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    picture = read_picture(saved(quarters(), kind, exif=exif, **options), LIMITS)

    assert (picture.width, picture.height) == ((64, 96) if orientation >= 5 else (96, 64))
    assert all(near(a, b, 20) for a, b in zip(corners(picture), turned, strict=True))


def test_where_a_photo_was_taken_does_not_leave_the_upload() -> None:
    exif = Image.Exif()
    exif[0x010E] = "my home"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    data = saved(quarters(), "PNG", exif=exif, icc_profile=srgb_profile(), dpi=(300, 300))
    picture = read_picture(data, LIMITS)

    with Image.open(BytesIO(picture.png)) as image:
        image.load()
        assert image.info == {}
        assert not image.getexif()


def test_white_shows_through_what_is_transparent() -> None:
    image = quarters().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    picture = read_picture(saved(image, "PNG"), LIMITS)

    top, bottom = pixels(picture)[2, 10], pixels(picture)[61, 10]
    assert near(tuple(top), (255, 250, 250))
    assert near(tuple(bottom), BLUE, 20)


def test_a_white_drawing_on_nothing_does_not_vanish() -> None:
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (16, 16, 48, 48))
    shown = pixels(read_picture(saved(image, "PNG"), LIMITS))

    assert tuple(shown[32, 32]) == (255, 255, 255)
    assert shown[4, 4].max() < 80


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_a_see_through_palette_is_flattened(kind: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (0, 0, 32, 64))
    data = saved(image.quantize() if kind == "PNG" else image, kind)
    shown = pixels(read_picture(data, LIMITS))

    assert near(tuple(shown[32, 10]), (200, 30, 30), 30)
    assert near(tuple(shown[32, 50]), (255, 255, 255))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken_and_said(kind: str) -> None:
    frames = [Image.new("RGB", (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)

    picture = read_picture(data, LIMITS)

    assert near(tuple(pixels(picture)[20, 20]), RED)
    assert picture.animated


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("mp4", "libx265"), ("mp4", "libsvtav1"), ("mov", "mpeg4"), ("webm", "libvpx"),
     ("webm", "libvpx-vp9"), ("matroska", "libx264")],
)  # fmt: skip
def test_a_silent_film_gives_its_first_frame(container: str, codec: str) -> None:
    picture = read_picture(movie(container, codec, frames=(quarters(), *PLAIN)), LIMITS)

    assert (picture.width, picture.height, picture.animated) == (96, 64, True)
    assert all(near(a, b) for a, b in zip(corners(picture), (RED, GREEN, BLUE, YELLOW), strict=True))


def test_a_moving_sticker_is_put_on_paper() -> None:
    frame = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    frame.paste((*RED, 255), (0, 0, 48, 64))
    shown = pixels(read_picture(movie("webm", "libvpx-vp9", frames=(frame, frame), pix_fmt="yuva420p"), LIMITS))

    assert near(tuple(shown[32, 20]), RED)
    assert near(tuple(shown[32, 80]), (255, 255, 255))


@pytest.mark.parametrize("kept", [0.3, 0.6])
def test_a_cut_off_film_is_refused(kept: float) -> None:
    data = movie("mp4", "libx264")
    sentence = refusal(data[: int(len(data) * kept)])
    assert "The MP4 file is damaged" in sentence or "not known here" in sentence


def test_a_film_of_endless_sides_is_refused() -> None:
    assert "at most 0.002 megapixels" in refusal(movie("mp4", "libx264"), replace(LIMITS, pixels_max=2000))


def test_several_pages_are_no_animation() -> None:
    data = saved(quarters(), "TIFF", save_all=True, append_images=[quarters()])
    assert not read_picture(data, LIMITS).animated


def test_pictures_of_a_stereo_camera_are_one_picture() -> None:
    data = saved(quarters(), "MPO", save_all=True, append_images=[quarters()])
    assert data.startswith(b"\xff\xd8")
    assert not read_picture(data, LIMITS).animated


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """sRGB in which red and blue have changed places."""
    return srgb_profile().replace(b"rXYZ", b"#XYZ").replace(b"bXYZ", b"rXYZ").replace(b"#XYZ", b"bXYZ")


def ink_profile(lab_of_cyan: tuple[int, int, int]) -> bytes:
    """A CMYK printer whose cyan is what we say: the smallest lookup table that the ICC specification allows."""
    tables = b"".join(bytes(range(256)) for _ in range(4))
    inks = [(0, 128, 128) if place % 2 else (255 - 30 * place.bit_count(), 128, 128) for place in range(16)]
    inks[0b1000] = lab_of_cyan
    grid = b"".join(bytes(ink) for ink in inks)
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + tables + grid + tables[:768]
    header = struct.pack(">I4s4s4s4s4s", 0, b"lcms", b"\x02\x40\0\0", b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    header += bytes(68 - len(header)) + struct.pack(">3i", 63190, 65536, 54061)
    header += bytes(128 - len(header))
    body = header + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut
    return struct.pack(">I", len(body)) + body[4:]


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("JPEG", "RGB"), ("PNG", "RGBA"), ("TIFF", "RGB")])
def test_a_profile_decides_what_the_numbers_mean(kind: str, mode: str) -> None:
    data = saved(Image.new(mode, (48, 48), RED), kind, icc_profile=swapped_profile())
    assert near(tuple(pixels(read_picture(data, LIMITS))[20, 20]), BLUE, 25)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_ink_becomes_light_by_its_own_profile(kind: str) -> None:
    cyan = Image.new("CMYK", (48, 48), (255, 0, 0, 0))

    plain = pixels(read_picture(saved(cyan, kind), LIMITS))[20, 20]
    profiled = pixels(read_picture(saved(cyan, kind, icc_profile=ink_profile((120, 200, 190))), LIMITS))[20, 20]

    assert near(tuple(plain), (0, 255, 255))
    assert profiled[0] > profiled[1] + 60, "this printer's cyan is red"


@pytest.mark.parametrize("profile", [b"", b"nonsense" * 40, srgb_profile()[:200], ink_profile((1, 1, 1))])
def test_a_profile_that_does_not_fit_is_passed_over(profile: bytes) -> None:
    data = saved(quarters(), "PNG", icc_profile=profile)
    assert near(corners(read_picture(data, LIMITS))[0], RED)


# -- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_large_pictures_are_made_smaller_and_stay_in_shape(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(saved(quarters(5000, 3000), kind, exif=exif), LIMITS)

    assert (picture.width, picture.height) == ((2048, 1229) if orientation == 1 else (1229, 2048))
    expected = (RED, GREEN, BLUE, YELLOW) if orientation == 1 else (BLUE, RED, YELLOW, GREEN)
    assert all(near(a, b) for a, b in zip(corners(picture), expected, strict=True))


def test_making_smaller_averages_and_does_not_skip() -> None:
    stripes = np.zeros((3200, 3200), np.uint8)
    stripes[:, ::2] = 255
    shown = pixels(read_picture(saved(Image.fromarray(stripes), "PNG"), replace(LIMITS, side_kept_max=400)))

    assert shown.shape == (400, 400, 3)
    assert np.abs(shown[4:-4, 4:-4] - 127.5).max() <= 3


def test_bands_leave_no_seams() -> None:
    y, x = np.mgrid[0:2560, 0:4096]
    source = np.stack([x // 16, y // 16, (x + y) // 32], axis=-1).astype(np.uint8)
    shown = pixels(
        read_picture(saved(Image.fromarray(source), "PNG", compress_level=1), replace(LIMITS, side_kept_max=512))
    )

    assert np.abs(shown - source.reshape(320, 8, 512, 8, 3).mean((1, 3))).max() <= 3


def test_small_pictures_are_not_enlarged() -> None:
    picture = read_picture(saved(quarters(32, 40), "PNG"), LIMITS)
    assert (picture.width, picture.height) == (32, 40)


@pytest.mark.parametrize(
    ("sides", "kept"), [((9000, 40), (2048, 32)), ((40, 9000), (32, 2048)), ((3000, 50), (2048, 34))]
)
def test_long_strips_keep_their_middle(sides: tuple[int, int], kept: tuple[int, int]) -> None:
    strip = Image.new("RGB", sides, BLUE)
    middle = (sides[0] // 2, sides[1] // 2)
    strip.paste(RED, (max(0, middle[0] - 20), max(0, middle[1] - 20), middle[0] + 20, middle[1] + 20))
    picture = read_picture(saved(strip, "PNG"), LIMITS)

    assert (picture.width, picture.height) == kept
    assert near(tuple(pixels(picture)[picture.height // 2, picture.width // 2]), RED)


@pytest.mark.parametrize("sides", [(1, 1), (31, 200), (200, 31)])
def test_too_small_is_refused(sides: tuple[int, int]) -> None:
    assert f"{sides[0]}x{sides[1]}" in refusal(saved(Image.new("RGB", sides), "PNG"))


# -- what is refused ----------------------------------------------------------------------------------------------


def ftyp(*brands: bytes) -> bytes:
    body = b"ftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands[1:])
    return struct.pack(">I", 4 + len(body)) + body + bytes(200)


NOT_PICTURES = {
    "empty": (b"", "empty"),
    "blanks": (b"  \n\n " * 20, "blanks"),
    "text renamed .png": (b"this is not a picture at all\n" * 10, "text"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "a web page with a byte order mark": (b"\xef\xbb\xbf\n<html><head>", "a web page"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
    "HEIC": (ftyp(b"heic", b"mif1", b"heic"), "JPEG or PNG"),
    "HEIC by a second brand": (ftyp(b"mif1", b"heic"), "JPEG or PNG"),
    "MP4 with sound": (movie("mp4", "libx264", sound="aac"), "a video with sound"),
    "QuickTime with sound": (movie("mov", "libx264", sound="aac"), "a video with sound"),
    "WebM with sound": (movie("webm", "libvpx-vp9", sound="libopus"), "a video with sound"),
    "sound alone in an MP4": (ftyp(b"M4A ", b"isom"), "a sound"),
    "MP3": (b"ID3\x04\0\0\0\0\0\0", "a sound"),
    "MP3 without tags": (b"\xff\xfb\x90\x00" + bytes(413), "a sound"),
    "FLAC": (b"fLaC\0\0\0\x22", "a sound"),
    "Ogg": (b"OggS\0\x02", "a video or a sound"),
    "AIFF": (b"FORM\0\0\0\x24AIFFCOMM", "a sound"),
    "Flash": (b"FLV\x01\x05", "a video"),
    "AVI": (b"RIFF\x24\0\0\0AVI LIST", "a video"),
    "WAV": (b"RIFF\x24\0\0\0WAVEfmt ", "a sound"),
    "ZIP": (b"PK\x03\x04" + bytes(50), "an archive"),
    "Photoshop": (b"8BPS\0\1" + bytes(50), "a Photoshop file"),
    "JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    "binary": (bytes(range(256)) * 4, "not a picture but a file of a kind"),
}


@pytest.mark.parametrize(("data", "says"), NOT_PICTURES.values(), ids=NOT_PICTURES.keys())
def test_what_is_no_picture_is_named(data: bytes, says: str) -> None:
    sentence = refusal(data)
    assert says in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_refusal_names_the_option_it_is_about() -> None:
    refusal(b"", field="end_picture")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_cut_off_upload_is_refused(kind: str) -> None:
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    data = saved(noise, kind)
    assert "damaged or cut off" in refusal(data[: len(data) * 2 // 3])


def test_an_upload_beyond_the_limit_is_refused_unread() -> None:
    assert "at most 0.001 MB" in refusal(saved(quarters(), "BMP"), replace(LIMITS, upload_bytes_max=1000))


def test_a_completely_transparent_picture_is_refused() -> None:
    assert "transparent" in refusal(saved(Image.new("RGBA", (64, 64), (9, 9, 9, 0)), "PNG"))


def huge(kind: str) -> bytes:
    """30000 x 30000 pixels in a few bytes."""
    if kind == "PNG":
        header = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            for body in (header, b"IDAT" + zlib.compress(bytes(100_000)), b"IEND")
        )
    if kind == "GIF":
        return (
            b"GIF89a"
            + struct.pack("<HHBBB", 30000, 30000, 0x80, 0, 0)
            + bytes(6)
            + b","
            + struct.pack("<HHHHB", 0, 0, 30000, 30000, 0)
            + b"\x02\x02L\x01\0;"
        )
    if kind == "WEBP":
        canvas = (29999).to_bytes(3, "little")
        return b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0" + canvas + canvas + b"VP8L" + bytes(8)
    if kind == "BMP":
        return (
            b"BM"
            + struct.pack("<IHHI", 100, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0)
        )
    small = bytearray(saved(Image.new("RGB", (64, 64)), kind))
    if kind == "JPEG":
        place = small.index(b"\xff\xc0") + 5
        small[place : place + 4] = struct.pack(">HH", 30000, 30000)
    else:
        entries = struct.unpack_from("<H", small, struct.unpack_from("<I", small, 4)[0])[0]
        first = struct.unpack_from("<I", small, 4)[0] + 2
        for place in range(first, first + 12 * entries, 12):
            if struct.unpack_from("<H", small, place)[0] in (256, 257):
                struct.pack_into("<HII", small, place + 2, 4, 1, 30000)
    return bytes(small)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "JPEG", "TIFF"])
def test_a_bomb_is_refused_by_its_header(kind: str) -> None:
    assert "30000x30000 pixels; at most 50 megapixels" in refusal(huge(kind))


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


@needs_proc
@pytest.mark.parametrize("where", ["iCCP", "zTXt", "iTXt"])
def test_a_bomb_in_a_side_note_is_never_blown_up(where: str) -> None:
    bomb = zlib.compress(bytes(100_000_000), 9)
    body = {"iCCP": b"x\0\0" + bomb, "zTXt": b"x\0\0" + bomb, "iTXt": b"x\0\1\0\0\0" + bomb}[where]
    name = where.encode()
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    data = saved(quarters(), "PNG")
    data = data[:33] + chunk + data[33:]

    assert grown_mb(data) < 60


def test_a_jpeg_of_endless_scans_is_refused_in_no_time() -> None:
    data = saved(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert "too many layers" in refusal(data[:last] + data[last:-2] * 5000 + data[-2:])


def test_a_video_that_a_phone_appended_does_not_count_as_layers() -> None:
    assert read_picture(saved(quarters(), "JPEG") + b"\xff\xda\0\x02" * 5000, LIMITS).width == 96


def grown_mb(data: bytes) -> float:
    """Peak memory that reading this upload adds to a process of its own."""
    script = (
        "import re, sys, pathlib, psutil\n"
        "from bot.picture.decode import read_picture\n"
        "from bot.picture.value import PictureLimits\n"
        "from storage.errors import RequestRejected\n"
        "data = sys.stdin.buffer.read()\n"
        f"limits = {LIMITS!r}\n"
        "before = psutil.Process().memory_info().rss\n"
        "try:\n"
        "    read_picture(data, limits)\n"
        "except RequestRejected:\n"
        "    pass\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print((int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) * 1024 - before) / 1e6)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    return float(done.stdout)


@needs_proc
def test_a_large_picture_is_never_held_three_times() -> None:
    image = Image.new("RGBA", (6000, 6000), (10, 200, 30, 255))
    image.paste((10, 20, 200, 128), (0, 0, 3000, 3000))

    assert grown_mb(saved(image, "PNG", compress_level=1)) < 2.2 * 6000 * 6000 * 4 / 1e6


# -- anything at all ----------------------------------------------------------------------------------------------


def survives(data: bytes) -> None:
    try:
        picture = read_picture(data, SMALL)
    except RequestRejected:
        return
    assert pixels(picture).size


SMALL = replace(LIMITS, pixels_max=250_000, side_kept_max=64)
SEEDS = {
    kind: saved(quarters(48, 40), kind, **options)
    for kind, options in {
        "PNG": {"icc_profile": srgb_profile()},
        "JPEG": {"progressive": True, "icc_profile": srgb_profile()},
        "WEBP": {},
        "GIF": {"save_all": True, "append_images": [quarters(48, 40).rotate(90)]},
        "BMP": {},
        "TIFF": {"compression": "tiff_lzw"},
        "AVIF": {},
    }.items()
}
HEADS = st.sampled_from([b"", *(data[:16] for data in SEEDS.values())])


@settings(max_examples=150, deadline=None)
@given(HEADS, st.binary(max_size=600))
def test_any_bytes_are_survived(head: bytes, rest: bytes) -> None:
    survives(head + rest)


@settings(max_examples=350, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.randoms(use_true_random=False), st.integers(1, 12))
def test_any_damage_is_survived(kind: str, chance: random.Random, blows: int) -> None:
    data = bytearray(SEEDS[kind])
    for _ in range(blows):
        # Headers and tables, where damage hurts most, lie in front.
        place = chance.randrange(min(len(data), 300) if chance.random() < 0.7 else len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                data[place] ^= 1 << chance.randrange(8)
            case 2:
                data[place : place + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
            case _:
                data[place : place + 4] = chance.choice(
                    (bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
                )
        if not data:
            data = bytearray(b"\0")
    survives(bytes(data))
