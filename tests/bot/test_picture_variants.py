"""Odd but intact files: each looks as in a browser, or is named as a kind that cannot be read."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from bot.picture.colour import Cicp, profile_of_cicp, profile_of_gamma
from bot.picture.decode import read_picture
from bot.picture.value import Canvas, Picture, PictureLimits
from storage.buckets import bucket
from storage.errors import RequestRejected, Rule

CASES = Path(__file__).parents[1] / "data" / "pictures"
LIMITS = PictureLimits(upload_bytes_max=20_000_000, pixels_max=50_000_000, side_min=32, side_kept_max=2048)
RED, GREEN, BLUE, YELLOW = (250, 20, 20), (20, 240, 20), (20, 20, 250), (240, 240, 20)
QUARTERS = (RED, GREEN, BLUE, YELLOW)
WHITE = (255, 255, 255)

Colour = tuple[int, ...]


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    pixels = np.empty((height, width, 3), np.uint8)
    for place, colour in enumerate(QUARTERS):
        pixels[place // 2 * height // 2 :, place % 2 * width // 2 :] = colour
        if place == 1:
            pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, : width // 2] = BLUE
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels_of(picture: Picture) -> np.ndarray:
    with Image.open(BytesIO(picture.png)) as image:
        return np.asarray(image).astype(int)


def shown(data: bytes) -> list[Colour]:
    """The quarters' middles, left to right, top to bottom."""
    pixels = pixels_of(read_picture(data, LIMITS))
    height, width, _ = pixels.shape
    return [tuple(pixels[y * height // 4, x * width // 4].tolist()) for y in (1, 3) for x in (1, 3)]


def near(found: Colour, wanted: Colour, slack: int = 2) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(found, wanted, strict=True))


def all_near(found: list[Colour], wanted: tuple[Colour, ...], slack: int = 2) -> bool:
    return all(near(a, b, slack) for a, b in zip(found, wanted, strict=True))


def refusal(data: bytes) -> RequestRejected:
    with pytest.raises(RequestRejected) as caught:
        read_picture(data, LIMITS)
    return caught.value


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunk(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Behind the header."""
    return png[:33] + b"".join(chunk(name, body) for name, body in chunks) + png[33:]


def png_of(rows: bytes, width: int, height: int, bits: int, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *(chunk(*each) for each in chunks), chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


# -- incomplete in name only ----------------------------------------------------------------------------------------


def test_a_jpeg_without_its_end_mark_is_whole() -> None:
    data = (CASES / "jpeg-no-eoi.jpg").read_bytes()
    assert read_picture(data, LIMITS).height == 300
    assert all_near(shown(data), QUARTERS, 12)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_refused_only_where_rows_are_missing(mode: str, options: dict[str, object]) -> None:
    data = saved(Image.effect_noise((200, 200), 80).convert(mode), "JPEG", **options)
    assert read_picture(data[:-2], LIMITS).width == 200
    assert read_picture(data[:-20], LIMITS).width == 200
    if not options.get("progressive"):
        assert refusal(data[: len(data) // 2]).rule == Rule.PICTURE_DAMAGED


def test_a_grey_picture_that_is_whole_is_not_taken_for_missing_rows() -> None:
    assert all_near(shown(saved(Image.new("RGB", (96, 64), (128, 128, 128)), "JPEG")), ((128,) * 3,) * 4)


def test_a_note_with_a_wrong_check_sum_does_not_matter() -> None:
    assert all_near(shown((CASES / "png-badcrc-text.png").read_bytes()), QUARTERS)


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"gAMA", b"pHYs"])
def test_no_wrong_check_sum_keeps_a_png_from_being_read(name: bytes) -> None:
    image = quarters().quantize(8) if name in (b"PLTE", b"tRNS") else quarters()
    options = {"transparency": 7} if name == b"tRNS" else {}
    data = bytearray(with_chunk(saved(image, "PNG", **options), (b"gAMA", USUAL_GAMMA), (b"pHYs", bytes(9))))
    place = data.index(name)
    length = int.from_bytes(data[place - 4 : place])
    data[place + 4 + length] ^= 0xFF
    assert all_near(shown(bytes(data)), QUARTERS, 12)


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_png_is_refused_only_where_rows_are_missing(interlace: int) -> None:
    row = b"\0" + bytes(RED) * 48
    rows = row * 48
    if interlace:
        rows = b"".join(
            (b"\0" + bytes(RED) * -(-(48 - left) // across)) * -(-(48 - top) // down)
            for left, top, across, down in (
                (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
            )
        )  # fmt: skip

    def png(packed: bytes) -> bytes:
        header = struct.pack(">IIBBBBB", 48, 48, 8, 2, 0, 0, interlace)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)

    whole = zlib.compress(rows)
    assert all_near(shown(png(whole)), (RED,) * 4), "without an end"
    assert all_near(shown(png(whole[:-4])), (RED,) * 4), "without the sum over its pixels"
    packing = zlib.compressobj(0)
    missing = packing.compress(rows[:-3]) + packing.flush()
    assert refusal(png(missing)).rule == Rule.PICTURE_DAMAGED


def test_a_webp_without_its_last_even_byte_is_whole() -> None:
    data = saved(quarters(), "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\1")
    assert data.endswith(b"\1\0")
    assert all_near(shown(data[:-1]), QUARTERS)


def test_a_profile_of_two_megabytes_does_not_damage_a_png() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 2_000_000, np.uint8).tobytes()
    data = with_chunk(saved(quarters(), "PNG"), (b"iCCP", b"x\0\0" + zlib.compress(noise)))
    assert all_near(shown(data), QUARTERS)


# -- deep and odd variants ------------------------------------------------------------------------------------------


def test_deep_grey_with_a_transparent_value() -> None:
    left, right, *_ = shown((CASES / "gray16-trns.png").read_bytes())
    assert near(left, (117, 117, 117))
    assert right == WHITE


@pytest.mark.parametrize(("bits", "value"), [(1, 0), (2, 1), (4, 5), (8, 85)])
def test_a_transparent_value_counts_in_the_files_own_depth(bits: int, value: int) -> None:
    width = 64
    packed = {1: 0b00001111, 2: 0b01011111, 4: 0x5F}
    row = bytes([packed[bits]]) * (width * bits // 8) if bits < 8 else bytes([85, 255]) * (width // 2)
    data = png_of((b"\0" + row) * 64, width, 64, bits, 0, (b"tRNS", struct.pack(">H", value)))
    pixels = pixels_of(read_picture(data, LIMITS))
    assert (pixels == 255).all() or (pixels == 40).any(), "what is not transparent is white"


def test_a_transparent_colour_of_sixteen_bits() -> None:
    row = b"\0" + struct.pack(">3H", 500, 40_000, 9) * 24 + struct.pack(">3H", 60_000, 1_000, 2_000) * 24
    data = png_of(row * 48, 48, 48, 16, 2, (b"tRNS", struct.pack(">3H", 500, 40_000, 9)))
    left, right, *_ = shown(data)
    assert left == WHITE
    assert near(right, (233, 4, 8))


def tiff(samples: np.ndarray, sample_format: int, *, photometric: int = 1, order: str = "<") -> bytes:
    """Grey, uncompressed, one strip."""
    body = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    height, width = samples.shape
    tags = [
        (256, width), (257, height), (258, 8 * samples.dtype.itemsize), (259, 1), (262, photometric), (273, 8),
        (277, 1), (278, height), (279, len(body)), (339, sample_format),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack(order + "HHII", tag, 4, 1, value)
        if tag in (256, 257, 273, 278, 279)
        else struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
        for tag, value in tags
    )
    magic = b"II" if order == "<" else b"MM"
    head = magic + struct.pack(order + "HI", 42, 8 + len(body))
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def test_grey_of_32_bits() -> None:
    found = shown((CASES / "tif-gray32.tif").read_bytes())
    assert all_near(found, tuple((value,) * 3 for value in (69, 177, 37, 224)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "sample_format", "white"),
    [
        (np.uint8, 1, 255), (np.int8, 2, 127), (np.uint16, 1, 65_535), (np.uint32, 1, 2**32 - 1), (np.int16, 2, 32_767),
        (np.int32, 2, 65_535), (np.float32, 3, 1.0), (np.float32, 3, 255.0),
    ],
)  # fmt: skip
def test_grey_of_every_depth_is_right_or_named_as_a_kind(
    kind: type[np.generic], sample_format: int, white: float, order: str
) -> None:
    levels = np.array([[0.25, 0.5], [1.0, 0.0]]).repeat(32, 0).repeat(32, 1)
    data = tiff((levels * white).astype(kind), sample_format, order=order)
    try:
        found = shown(data)
    except RequestRejected as exc:
        assert exc.rule == Rule.PICTURE_VARIANT  # noqa: PT017
        assert (kind, order) in ((np.uint32, ">"), (np.int16, ">"), (np.int8, "<"), (np.int8, ">"))
    else:
        assert all_near(found, ((64,) * 3, (128,) * 3, (255,) * 3, (0,) * 3))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_in_which_zero_is_white(kind: type[np.generic]) -> None:
    levels = np.array([[0.25, 0.5], [1.0, 0.0]]).repeat(32, 0).repeat(32, 1)
    data = tiff((levels * np.iinfo(kind).max).astype(kind), 1, photometric=0)
    assert all_near(shown(data), ((191,) * 3, (128,) * 3, (0,) * 3, (255,) * 3))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_that_lie_in_a_plane_each_are_right_or_named_as_a_kind(kind: type[np.generic]) -> None:
    planes = (np.asarray(quarters()).astype(kind) * (np.iinfo(kind).max // 255)).transpose(2, 0, 1)
    size = planes.dtype.itemsize
    lists = (
        struct.pack("<3H", *(8 * size,) * 3),
        struct.pack("<3I", *range(8, 8 + planes.nbytes, planes[0].nbytes)),
        struct.pack("<3I", *(planes[0].nbytes,) * 3),
    )
    places = [8 + planes.nbytes + sum(map(len, lists[:k])) for k in range(3)]
    tags = [
        (256, 1, 96), (257, 1, 64), (258, 3, places[0]), (259, 1, 1), (262, 1, 2), (273, 3, places[1]), (277, 1, 3),
        (278, 1, 64), (279, 3, places[2]), (284, 1, 2),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 3 if tag == 258 else 4, count, value) for tag, count, value in tags)
    body = planes.tobytes() + b"".join(lists)
    data = b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)
    if kind is np.uint8:
        assert shown(data) == list(QUARTERS)
    else:
        assert refusal(data).rule == Rule.PICTURE_VARIANT


def test_a_tiff_that_nothing_here_reads_is_not_called_damaged() -> None:
    error = refusal(tiff(np.zeros((64, 64), np.float64), 3))
    assert error.rule == Rule.PICTURE_VARIANT
    assert "This kind of TIFF file" in str(error)


@pytest.mark.parametrize(("marker", "bits"), [(0xC3, 8), (0xC1, 12), (0xC5, 8)])
def test_a_rare_jpeg_is_not_called_damaged(marker: int, bits: int) -> None:
    data = bytearray(saved(quarters(), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 1], data[place + 4] = marker, bits
    assert refusal(bytes(data)).rule == Rule.PICTURE_VARIANT


def bitmap(image: Image.Image) -> bytes:
    """With masks for four channels (BITMAPV4HEADER): the only kind in which the fourth byte means something."""
    body = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 108, *image.size, 1, 32, 3, len(body), 0, 0, 0, 0) + masks + bytes(52)
    return b"BM" + struct.pack("<IHHI", 14 + 108 + len(body), 0, 0, 14 + 108) + header + body


def test_a_bitmap_whose_fourth_byte_is_unused_is_opaque() -> None:
    image = quarters().convert("RGBA")
    assert all_near(shown(bitmap(image)), QUARTERS)
    image.putalpha(0)
    assert all_near(shown(bitmap(image)), QUARTERS)
    assert all_near(shown(saved(image, "BMP")), QUARTERS)


def test_a_bitmap_with_transparency_is_put_on_paper() -> None:
    image = quarters().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 48, 32))
    assert all_near(shown(bitmap(image)), (WHITE, GREEN, BLUE, YELLOW))


# -- what people see first ------------------------------------------------------------------------------------------


def test_a_gif_that_begins_with_nothing_gives_its_first_frame_that_shows_something() -> None:
    data = (CASES / "gif-blank-first.gif").read_bytes()
    assert all_near(shown(data), QUARTERS)
    assert read_picture(data, LIMITS).animated


def test_what_a_first_frame_leaves_free_is_paper() -> None:
    found = shown((CASES / "partial-first.gif").read_bytes())
    assert found == [(255, 0, 0), WHITE, WHITE, WHITE]


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_frames_that_follow_nothing_are_shown_as_the_file_composes_them(disposal: int) -> None:
    nothing = Image.new("RGBA", (96, 64))
    part = Image.new("RGBA", (96, 64))
    part.paste((*BLUE, 255), (48, 0, 96, 64))
    data = saved(nothing, "GIF", save_all=True, append_images=[part, quarters()], duration=100, disposal=disposal)
    found = shown(data)
    assert all_near(found, (WHITE, BLUE, WHITE, BLUE), 8)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_every_animation_gives_its_first_frame_that_shows_something(kind: str) -> None:
    nothing = Image.new("RGBA", (96, 64), (0, 0, 0, 0))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(nothing, kind, save_all=True, append_images=[quarters().convert("RGBA")], duration=100, **options)
    picture = read_picture(data, LIMITS)
    assert picture.animated
    assert all_near(shown(data), QUARTERS, 14)


def test_an_animation_in_which_nothing_is_ever_shown_is_refused() -> None:
    frames = [Image.new("RGBA", (96, 64), (0, 0, value, 0)) for value in range(3)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True, exact=True)
    assert refusal(data).rule == Rule.PICTURE_INVISIBLE


def test_the_still_that_stands_before_an_animation_is_for_viewers_that_know_none() -> None:
    still = Image.new("RGB", (96, 64), (9, 9, 9))
    data = saved(still, "PNG", save_all=True, append_images=[quarters(), still], default_image=True, duration=100)
    assert all_near(shown(data), QUARTERS)


# -- what the numbers mean ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("cicp-p3.png", (215, 93, 97)), ("cicp-pq.png", (33, 33, 33)), ("gama-linear.png", (128, 128, 128))],
)
def test_a_png_says_what_its_numbers_mean(name: str, wanted: Colour) -> None:
    assert all_near(shown((CASES / name).read_bytes()), (wanted,) * 4)


P3 = (12, 13, 0, 1)
LINEAR = struct.pack(">I", 100_000)
SRGB_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
USUAL_GAMMA = struct.pack(">I", 45_455)


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([(b"gAMA", USUAL_GAMMA), (b"cHRM", SRGB_CHROMATICITIES)], (200, 100, 100)),
        ([(b"gAMA", USUAL_GAMMA), (b"cHRM", P3_CHROMATICITIES)], (215, 93, 97)),
        ([(b"cHRM", P3_CHROMATICITIES)], (215, 93, 97)),
        ([(b"sRGB", b"\0"), (b"gAMA", LINEAR), (b"cHRM", P3_CHROMATICITIES)], (200, 100, 100)),
        ([(b"gAMA", bytes(4))], (200, 100, 100)),
        ([(b"cHRM", bytes(32))], (200, 100, 100)),
        ([(b"cICP", bytes(P3)), (b"sRGB", b"\0"), (b"gAMA", LINEAR)], (215, 93, 97)),
        ([(b"cICP", bytes((1, 13, 0, 1))), (b"gAMA", LINEAR)], (200, 100, 100)),
        ([(b"cICP", b"\1")], (200, 100, 100)),
    ],
)
def test_what_says_most_decides(chunks: list[tuple[bytes, bytes]], wanted: Colour) -> None:
    plain = saved(Image.new("RGB", (64, 64), (200, 100, 100)), "PNG")
    assert all_near(shown(with_chunk(plain, *chunks)), (wanted,) * 4)


def test_code_points_go_before_a_profile_and_a_profile_before_gamma() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = saved(Image.new("RGB", (64, 64), (200, 100, 100)), "PNG", icc_profile=srgb)
    assert all_near(shown(with_chunk(plain, (b"gAMA", LINEAR))), ((200, 100, 100),) * 4)
    assert all_near(shown(with_chunk(plain, (b"cICP", bytes(P3)))), ((215, 93, 97),) * 4)


def test_grey_and_transparent_pictures_have_gamma_too() -> None:
    grey = with_chunk(saved(Image.new("L", (64, 64), 55), "PNG"), (b"gAMA", LINEAR))
    assert all_near(shown(grey), ((128,) * 3,) * 4)
    image = Image.new("RGBA", (64, 64), (55, 55, 55, 255))
    image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    found = shown(with_chunk(saved(image, "PNG"), (b"gAMA", LINEAR)))
    assert found[0] == WHITE
    assert near(found[3], (128,) * 3)


def with_nclx(avif: bytes, primaries: int, transfer: int) -> bytes:
    place = avif.index(b"nclx") + 4
    return avif[:place] + struct.pack(">HH", primaries, transfer) + avif[place + 4 :]


@pytest.mark.parametrize(
    ("primaries", "transfer", "wanted"),
    [(1, 13, (200, 100, 100)), (12, 13, (215, 93, 97)), (2, 2, (200, 100, 100)), (1, 8, (230, 169, 169))],
)
def test_an_avif_says_what_its_numbers_mean(primaries: int, transfer: int, wanted: Colour) -> None:
    plain = saved(Image.new("RGB", (64, 64), (200, 100, 100)), "AVIF", quality=100, subsampling="4:4:4")
    assert all_near(shown(with_nclx(plain, primaries, transfer)), (wanted,) * 4, 3)


def test_video_that_is_shown_like_srgb_is_left_alone() -> None:
    for primaries, transfer in ((1, 1), (1, 13), (2, 2), (1, 6)):
        assert profile_of_cicp(Cicp(primaries, transfer)) is None
    assert profile_of_gamma(1 / 2.2, None) is None
    with pytest.raises(ValueError):
        profile_of_gamma(None, [0.3, 0.3] * 4)


def test_the_brightest_paper_of_every_curve_is_white() -> None:
    for transfer in (4, 5, 8, 16, 18):
        profile = profile_of_cicp(Cicp(9, transfer))
        assert profile is not None
        image = Image.new("RGB", (64, 64), (255, 255, 255))
        assert shown(saved(image, "PNG", icc_profile=profile))[0] == WHITE
        if transfer == 18:  # 75 % of HLG is paper white, 203 nits
            image = Image.new("RGB", (64, 64), (191, 191, 191))
            assert near(shown(saved(image, "PNG", icc_profile=profile))[0], WHITE, 4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_alone_turns_a_picture(kind: str) -> None:
    assert read_picture((CASES / "xmp-orientation.jpg").read_bytes(), LIMITS).width == 96
    note = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", note.decode())
        data = saved(quarters(), kind, pnginfo=info)
    elif kind == "TIFF":
        data = saved(quarters(), kind, tiffinfo={700: note})
    else:
        data = saved(quarters(), kind, xmp=note, quality=95)
    picture = read_picture(data, LIMITS)
    assert (picture.width, picture.height) == (96, 64)
    assert all_near(shown(data), QUARTERS, 14)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_what_a_jpegs_four_inks_or_three_colours_mean_is_said_by_its_adobe_mark(mode: str) -> None:
    image = Image.new("RGB", (64, 64), (200, 40, 40)).convert(mode)
    assert near(shown(saved(image, "JPEG", quality=95, subsampling=0))[0], (200, 40, 40), 6)
    kept = saved(image, "JPEG", quality=95, keep_rgb=True) if mode == "RGB" else saved(image, "JPEG", quality=95)
    assert near(shown(kept)[0], (200, 40, 40), 6)


# -- long strips ----------------------------------------------------------------------------------------------------


def test_a_picture_knows_the_shape_of_its_whole_upload() -> None:
    assert read_picture((CASES / "pano.png").read_bytes(), LIMITS).ratio == 20
    assert read_picture(saved(Image.new("RGB", (9000, 40)), "PNG"), LIMITS).ratio == 225
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_picture(saved(Image.new("RGB", (400, 100)), "JPEG", exif=exif), LIMITS).ratio == 0.25


@pytest.mark.parametrize(("width", "height"), [(2000, 100), (100, 2000), (9000, 40), (64, 64), (640, 608)])
@pytest.mark.parametrize("size", [640, 128])
def test_a_letterboxed_picture_is_seen_whole_in_the_shape_of_its_film(width: int, height: int, size: int) -> None:
    ends = Image.new("RGB", (width, height), GREEN)
    ends.paste(RED, (0, 0, width // 4, height))
    ends.paste(BLUE, (width - width // 4, 0, width, height))
    picture = read_picture(saved(ends, "PNG"), LIMITS, canvas=Canvas(size=size))

    assert bucket(picture.height, picture.width, size) == (picture.height, picture.width)
    pixels = pixels_of(picture)
    row = pixels[pixels.max((1, 2)).argmax()]
    seen = [tuple(colour.tolist()) for colour in row if colour.max() > 120]
    assert near(seen[1], RED, 60)
    assert near(seen[-2], BLUE, 60)
    if width > 3 * height:
        assert len(seen) == picture.width
        assert pixels[0].max() == 0
        assert pixels[-1].max() == 0


def test_a_letterboxed_end_lies_on_the_canvas_of_its_start() -> None:
    end = read_picture(saved(quarters(64, 96), "PNG"), LIMITS, canvas=Canvas(size=640, width=960, height=416))
    assert (end.width, end.height) == (960, 416)
