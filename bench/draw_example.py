"""Draws the picture that ships with the bot: `python -m bench.draw_example`.

A paper fox on cut-paper hills at dusk. Every sheet throws a soft shadow on the one behind it: depth is what
an animation shows off best. The same numbers give the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

TARGET = Path(__file__).parents[1] / "bot" / "pictures" / "example.jpg"
WIDTH, HEIGHT = 768, 512
SCALE = 2
"""Drawn larger and made smaller at the end: smooth edges."""
BYTES_MAX = 300_000

Point = tuple[float, float]
Colour = tuple[int, int, int]

SKY = (
    (0.0, (30, 28, 74)),
    (0.38, (92, 62, 122)),
    (0.66, (214, 116, 122)),
    (0.84, (250, 180, 130)),
    (1.0, (255, 218, 164)),
)
MOON = (548, 132, 58)


def main() -> None:
    rng = np.random.default_rng(17)
    picture = sky()
    stars(picture, rng)
    moon(picture)
    clouds(picture)
    hill(picture, level=332, swell=((34, 300, 0.4), (12, 120, 1.0)), top=(196, 118, 138), foot=(240, 170, 150))
    hill(picture, level=366, swell=((30, 230, 2.1), (9, 90, 0.3)), top=(150, 88, 128), foot=(208, 132, 138))
    trees(
        picture,
        [(70, 372, 30), (104, 366, 44), (140, 366, 34), (642, 372, 40), (676, 376, 56), (716, 384, 36)],
        (104, 64, 112),
    )
    hill(picture, level=404, swell=((26, 260, 4.4), (8, 80, 2.0)), top=(100, 62, 112), foot=(158, 96, 128))
    trees(picture, [(36, 420, 62), (86, 418, 46), (736, 430, 74)], (62, 44, 92))
    hill(picture, level=452, swell=((30, 420, 0.82), (5, 70, 1.0)), top=(56, 42, 90), foot=(34, 28, 64))
    fox(picture, 276, 452, 1.16)
    grass(picture, rng)
    fireflies(
        picture, [(128, 392, 3.2), (214, 330, 2.4), (452, 404, 3.0), (520, 356, 2.2), (610, 420, 3.4), (404, 300, 2.0)]
    )
    page_corner(picture)
    finished = paper_grain(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), rng)
    TARGET.parent.mkdir(exist_ok=True)
    finished.save(TARGET, "JPEG", quality=92, subsampling=0, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
    assert TARGET.stat().st_size <= BYTES_MAX


def sky() -> Image.Image:
    heights = np.linspace(0, 1, HEIGHT * SCALE)
    places = [place for place, _ in SKY]
    rows = np.stack([np.interp(heights, places, [colour[c] for _, colour in SKY]) for c in range(3)], axis=-1)
    return Image.fromarray(np.repeat(rows[:, None], WIDTH * SCALE, axis=1).round().astype(np.uint8))


def stars(picture: Image.Image, rng: np.random.Generator) -> None:
    light = Image.new("L", picture.size)
    draw = ImageDraw.Draw(light)
    for _ in range(110):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, 1) ** 1.6 * 250
        radius = rng.uniform(0.4, 1.25)
        disc(draw, x, y, radius, int(rng.uniform(120, 255) * (1 - y / 330)))
    for x, y in ((96, 70), (318, 46), (420, 118), (688, 52)):
        for length, thickness in ((7, 0.8), (3.4, 1.3)):
            draw.polygon(scaled([(x - length, y), (x, y - thickness), (x + length, y), (x, y + thickness)]), fill=255)
            draw.polygon(scaled([(x, y - length), (x - thickness, y), (x, y + length), (x + thickness, y)]), fill=255)
    picture.paste((255, 244, 224), mask=light)


def moon(picture: Image.Image) -> None:
    x, y, radius = MOON
    for spread, strength in ((3.4, 60), (2.1, 70), (1.35, 90)):
        glow = Image.new("L", picture.size)
        disc(ImageDraw.Draw(glow), x, y, radius * spread * 0.72, strength)
        picture.paste((255, 226, 190), mask=glow.filter(ImageFilter.GaussianBlur(radius * spread * 0.3 * SCALE)))
    mask = Image.new("L", picture.size)
    disc(ImageDraw.Draw(mask), x, y, radius, 255)
    sheet(picture, mask, (255, 238, 206), (255, 226, 178), shadow=7)
    craters = Image.new("L", picture.size)
    draw = ImageDraw.Draw(craters)
    for dx, dy, size in ((-20, -14, 12), (16, 12, 16), (20, -24, 7), (-14, 24, 8), (-34, 8, 5), (36, -4, 5)):
        disc(draw, x + dx, y + dy, size, 60)
    picture.paste((226, 178, 140), mask=ImageChops.darker(craters, mask))


def clouds(picture: Image.Image) -> None:
    for left, y, length, colour in (
        (36, 208, 190, (240, 160, 150)),
        (470, 246, 250, (255, 190, 156)),
        (250, 160, 120, (168, 100, 140)),
    ):
        mask = Image.new("L", picture.size)
        draw = ImageDraw.Draw(mask)
        for share, lift, thickness in ((0.0, 0, 12), (0.2, 9, 15), (0.45, 4, 13)):
            width = length * (1 - share)
            start = left + length * share * 0.6
            box = (start, y - lift - thickness / 2, start + width * 0.8, y - lift + thickness / 2)
            draw.rounded_rectangle([side * SCALE for side in box], radius=thickness / 2 * SCALE, fill=235)
        sheet(picture, mask, colour, colour, shadow=5)


def hill(
    picture: Image.Image, *, level: float, swell: Sequence[tuple[float, float, float]], top: Colour, foot: Colour
) -> None:
    """A sheet cut along a sum of waves (height, length, phase)."""
    xs = np.linspace(-10, WIDTH + 10, 200)
    ys = level + sum(height * np.sin(xs / length * 2 * math.pi + phase) for height, length, phase in swell)
    mask = Image.new("L", picture.size)
    outline = [*zip(xs.tolist(), ys.tolist(), strict=True), (WIDTH + 10, HEIGHT + 10), (-10, HEIGHT + 10)]
    ImageDraw.Draw(mask).polygon(scaled(outline), fill=255)
    sheet(picture, mask, top, foot, shadow=12)


def trees(picture: Image.Image, places: Sequence[tuple[float, float, float]], colour: Colour) -> None:
    for x, y, height in places:
        mask = Image.new("L", picture.size)
        draw = ImageDraw.Draw(mask)
        width = height * 0.42
        draw.polygon(scaled([(x, y - height), (x + width / 2, y), (x - width / 2, y)]), fill=255)
        sheet(picture, mask, colour, colour, shadow=6)
        light = Image.new("L", picture.size)
        ImageDraw.Draw(light).polygon(scaled([(x, y - height), (x + width / 2, y), (x + width * 0.06, y)]), fill=46)
        picture.paste((255, 196, 170), mask=light)


def fox(picture: Image.Image, x: float, y: float, size: float) -> None:
    """Folded from a few facets; it looks up at the moon."""

    def at(*points: Point) -> list[Point]:
        return [(x + px * size, y + py * size) for px, py in points]

    rust, flame, light, deep = (226, 104, 52), (244, 138, 70), (255, 176, 104), (176, 70, 44)
    cream, shade, dark = (255, 240, 220), (236, 204, 184), (66, 38, 52)
    facets: list[tuple[list[Point], Colour]] = [
        # tail: a long fold that curls up behind
        (at((-34, 4), (-92, 6), (-132, -34), (-78, -24)), deep),
        (at((-132, -34), (-78, -24), (-34, 4), (-64, -50)), rust),
        (at((-132, -34), (-64, -50), (-112, -78)), flame),
        (at((-132, -34), (-112, -78), (-142, -96)), cream),
        (at((-132, -34), (-142, -96), (-154, -58)), shade),
        # back and haunch
        (at((-44, 6), (-50, -40), (-8, -104), (14, -60), (8, 6)), rust),
        (at((-50, -40), (-8, -104), (-6, -48)), flame),
        (at((-44, 6), (-50, -40), (-6, -48), (-2, 6)), deep),
        # chest and forelegs
        (at((-8, -104), (34, -112), (38, -54), (14, -60)), light),
        (at((14, -60), (38, -54), (34, 6), (8, 6)), flame),
        (at((8, -104), (34, -106), (36, -58), (24, -44)), cream),
        (at((24, -44), (36, -58), (34, 6), (26, 6)), rust),
        (at((26, -6), (34, -6), (38, 6), (24, 6)), dark),
        (at((4, -6), (14, -6), (16, 6), (0, 6)), dark),
        # ears
        (at((-2, -146), (-6, -190), (22, -158)), deep),
        (at((1, -150), (-1, -176), (16, -156)), dark),
        (at((24, -158), (38, -196), (48, -152)), flame),
        (at((30, -158), (38, -182), (44, -154)), dark),
        # head, turned to the moon
        (at((-8, -104), (-4, -148), (26, -160), (20, -116)), rust),
        (at((26, -160), (50, -152), (46, -126), (20, -116)), flame),
        (at((50, -152), (86, -142), (46, -126)), light),
        (at((-8, -104), (20, -116), (14, -96)), cream),
        (at((20, -116), (46, -126), (86, -142), (54, -108), (14, -96)), cream),
        (at((46, -126), (86, -142), (54, -108)), shade),
        (at((79, -144.5), (90, -144), (84, -135)), dark),
    ]
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    for outline, _ in facets:
        draw.polygon(scaled(outline), fill=255)
    sheet(picture, mask, rust, rust, shadow=12)
    draw = ImageDraw.Draw(picture)
    for outline, colour in facets:
        draw.polygon(scaled(outline), fill=colour)
    (eye_x, eye_y), (glint_x, glint_y) = at((43, -139), (44.4, -140.6))
    disc(draw, eye_x, eye_y, 3.4 * size, dark)
    disc(draw, glint_x, glint_y, 1.2 * size, (255, 246, 226))
    rim = mask.filter(ImageFilter.GaussianBlur(1.2 * SCALE))
    edge = ImageChops.subtract(mask, ImageChops.offset(rim, -3 * SCALE, 3 * SCALE))  # moonlight from the upper right
    picture.paste((255, 232, 190), mask=edge.point(lambda value: value * 0.55))


def grass(picture: Image.Image, rng: np.random.Generator) -> None:
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    for x in np.arange(-8, WIDTH + 8, 5.5):
        base, lean, height = HEIGHT + 4, rng.uniform(-9, 9), rng.uniform(14, 38) * (1 + 0.5 * math.sin(x / 60))
        draw.polygon(scaled([(x - 3, base), (x + lean, base - height), (x + 3, base)]), fill=255)
    sheet(picture, mask, (26, 22, 52), (20, 17, 42), shadow=7)


def fireflies(picture: Image.Image, places: Sequence[tuple[float, float, float]]) -> None:
    for x, y, radius in places:
        for grown, strength, colour in ((4.6, 120, (255, 190, 90)), (1.0, 255, (255, 246, 200))):
            light = Image.new("L", picture.size)
            disc(ImageDraw.Draw(light), x, y, radius * grown * (0.6 if grown > 1 else 1), strength)
            picture.paste(colour, mask=light.filter(ImageFilter.GaussianBlur(radius * grown * 0.32 * SCALE)))


def page_corner(picture: Image.Image) -> None:
    """The lower right corner lifts: under it is the next page of the flip-book."""
    width, height = 92, 66
    ends = (WIDTH - width, HEIGHT + 1), (WIDTH + 1, HEIGHT - height)
    below = Image.new("L", picture.size)
    ImageDraw.Draw(below).polygon(scaled([*ends, (WIDTH + 2, HEIGHT + 2)]), fill=255)
    sheet(picture, below, (150, 88, 128), (240, 170, 150), shadow=0)
    # The corner mirrored in the fold, and a little short of it: the paper bends.
    share = 1.86 / (1 / width**2 + 1 / height**2)
    tip = (WIDTH - share / width, HEIGHT - share / height)
    fold = Image.new("L", picture.size)
    ImageDraw.Draw(fold).polygon(scaled([*ends, tip]), fill=255)
    sheet(picture, fold, (255, 244, 226), (226, 196, 176), shadow=16)


def sheet(picture: Image.Image, mask: Image.Image, top: Colour, foot: Colour, *, shadow: float) -> None:
    """Lay a sheet of paper on the picture: its shadow first, then its colour, darker or lighter toward the foot."""
    falling = mask.filter(ImageFilter.GaussianBlur(shadow * SCALE / 2))
    falling = ImageChops.offset(falling, round(-shadow * SCALE / 3), round(-shadow * SCALE / 4))
    picture.paste((24, 14, 44), mask=falling.point(lambda value: value * 0.34))
    box = mask.getbbox()
    assert box is not None
    heights = np.linspace(0, 1, box[3] - box[1])[:, None]
    colours = np.asarray(top) * (1 - heights) + np.asarray(foot) * heights
    filling = np.repeat(colours[:, None], box[2] - box[0], axis=1).round().astype(np.uint8)
    picture.paste(Image.fromarray(filling), box[:2], mask.crop(box))
    lit = ImageChops.subtract(mask, ImageChops.offset(mask, 0, round(1.4 * SCALE)))  # the cut edge catches light
    picture.paste((255, 236, 214), mask=lit.point(lambda value: value * 0.35))


def paper_grain(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    fibres = Image.fromarray(rng.normal(128, 26, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8))
    fibres = fibres.filter(ImageFilter.GaussianBlur(0.8))
    grain = np.asarray(fibres).astype(float)[..., None] - 128
    return Image.fromarray((np.asarray(picture) + grain * 0.28).clip(0, 255).round().astype(np.uint8))


def disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: int | Colour) -> None:
    draw.ellipse([side * SCALE for side in (x - radius, y - radius, x + radius, y + radius)], fill=fill)


def scaled(points: Sequence[Point]) -> list[Point]:
    return [(x * SCALE, y * SCALE) for x, y in points]


if __name__ == "__main__":
    main()
