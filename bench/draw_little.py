"""`python -m bench.draw_little`: the picture in the README, made by `flipbook try` as anybody can make it.

Three wishes for the picture that ships: each film as a strip (docs/little.png), and the GIFs themselves side by side
(docs/little.gif).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "bot" / "pictures" / "example.jpg"
WISHES = ("slowly zoom into the picture", "la camera va a sinistra", "night falls")
SECONDS = 2
SHOWN = (0, 18, 36, 54, 72)
GAP = 6
LINE = 18
GIF_FPS = 10


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="flipbook-") as folder:
        films = [_film(wish, Path(folder)) for wish in WISHES]
    strips(films).save(ROOT / "docs" / "little.png", optimize=True)
    moving = side_by_side(films)
    moving[0].save(
        ROOT / "docs" / "little.gif", save_all=True, append_images=moving[1:], duration=1000 // GIF_FPS, loop=0
    )
    return 0


def _film(wish: str, folder: Path) -> list[Image.Image]:
    """Every frame of the film that `flipbook try` draws."""
    command = [sys.executable, "-m", "bot", "try", str(PICTURE), wish, "--model", "little", "--seed", "7", "--json"]
    command += ["--seconds", str(SECONDS), "--out", str(folder)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with av.open(json.loads(told)["mp4"]) as film:
        return [frame.to_image() for frame in film.decode(video=0)]


def strips(films: list[list[Image.Image]]) -> Image.Image:
    """A row for each film: the picture it was given, then frames of it, under the wish."""
    width, height = films[0][0].size
    with Image.open(PICTURE) as opened:
        given = opened.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    row = height + LINE + GAP
    page = Image.new("RGB", ((width + GAP) * (len(SHOWN) + 1) - GAP, row * len(films) - GAP), "white")
    pen = ImageDraw.Draw(page)
    for number, (wish, frames) in enumerate(zip(WISHES, films, strict=True)):
        top = number * row
        pen.text((2, top + 2), f"“{wish}”", fill="black")
        for place, picture in enumerate([given, *(frames[min(frame, len(frames) - 1)] for frame in SHOWN)]):
            page.paste(picture, (place * (width + GAP), top + LINE))
    return page


def side_by_side(films: list[list[Image.Image]]) -> list[Image.Image]:
    width, height = films[0][0].size
    length = min(map(len, films))
    pages = []
    for frame in range(0, length, 30 // GIF_FPS):
        page = Image.new("RGB", ((width + GAP) * len(films) - GAP, height), "white")
        for place, film in enumerate(films):
            page.paste(film[frame], (place * (width + GAP), 0))
        pages.append(page)
    # One palette for all: colours that change from frame to frame flicker.
    palette = pages[length // (30 // GIF_FPS) // 2].quantize(255)
    return [page.quantize(palette=palette) for page in pages]


if __name__ == "__main__":
    sys.exit(main())
