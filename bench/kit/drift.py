"""How ten-second films drift from their picture, drawn three ways: a course of colour and contrast for each."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from bench.kit.little_films import Wanted, as_image, held_out_layers, shoot, shoot_plainly
from engine.weights import ModelSet
from storage.jobs import FPS, Schedule

SECONDS = 9.6
"""Eight sections."""
WISH = "slowly pan to the right"
_COLOURS = {"inverted": "#2a7d4f", "forward": "#2f5fb3", "plain": "#c0392b"}
_SIDES = (860, 360)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Means over films."""

    colours: list[float]
    """Distance of a second's mean colour from the first second's, of 255, second by second."""
    contrasts: list[float]
    """Relative change of a second's standard deviation, second by second."""

    @property
    def colour(self) -> float:
        return self.colours[-1]

    @property
    def contrast(self) -> float:
        return self.contrasts[-1]


def drift(models: ModelSet, *, films: int, size: int, steps: int) -> dict[str, Course]:
    """Under the inverted and the forward schedule, and in plain parts without packed history."""
    courses: dict[str, list[Course]] = {name: [] for name in _COLOURS}
    for number in range(films):
        picture = as_image(held_out_layers(10_000 + number, size).flat[0])
        for name, found in courses.items():
            wanted = Wanted(
                picture=picture,
                wish=WISH,
                seconds=SECONDS,
                seed=number,
                size=size,
                steps=steps,
                schedule=Schedule.INVERTED if name == "inverted" else Schedule.FORWARD,
            )
            film = shoot_plainly(wanted, models) if name == "plain" else shoot(wanted, models).frames
            found.append(_course(film))
    return {
        name: Course(
            colours=[statistics.mean(each) for each in zip(*(course.colours for course in found), strict=True)],
            contrasts=[statistics.mean(each) for each in zip(*(course.contrasts for course in found), strict=True)],
        )
        for name, found in courses.items()
    }


def _course(film: Tensor) -> Course:
    """film: (3, T, H, W) in −1 to 1."""
    seconds = [film[:, first : first + FPS] for first in range(0, film.shape[1] - FPS + 1, FPS)]
    means = [second.mean((1, 2, 3)) * 127.5 for second in seconds]
    spreads = [second.flatten(1).std(1).mean().item() for second in seconds]
    return Course(
        colours=[(mean - means[0]).norm().item() for mean in means],
        contrasts=[abs(spread / spreads[0] - 1) for spread in spreads],
    )


def chart(courses: Mapping[str, Course], path: Path) -> None:
    """Two panels, colour and contrast, over seconds."""
    image = Image.new("RGB", _SIDES, "white")
    pen = ImageDraw.Draw(image)
    half = _SIDES[0] // 2
    panels = (
        ("Mean colour, distance from the first second (of 255)", [course.colours for course in courses.values()]),
        ("Contrast, change since the first second (%)", [[100 * x for x in c.contrasts] for c in courses.values()]),
    )
    for panel, (title, lines) in enumerate(panels):
        left, top, right, bottom = panel * half + 45, 40, (panel + 1) * half - 20, _SIDES[1] - 60
        highest = max(max(line) for line in lines) or 1.0
        pen.text((left, 14), title, "black")
        pen.line([(left, top), (left, bottom), (right, bottom)], "#888888")
        for share in (0, 0.5, 1):
            pen.text((left - 40, bottom - share * (bottom - top) - 6), f"{share * highest:.0f}", "#555555")
        for colour, line in zip(_COLOURS.values(), lines, strict=True):
            step = (right - left) / (len(line) - 1)
            points = [
                (left + step * second, bottom - value / highest * (bottom - top)) for second, value in enumerate(line)
            ]
            pen.line(points, colour, width=3)
        for second in range(0, len(lines[0]), 2):
            pen.text((left + second * (right - left) / (len(lines[0]) - 1) - 3, bottom + 6), f"{second} s", "#555555")
    names = {"inverted": "inverted schedule", "forward": "forward schedule", "plain": "plain parts, no packed history"}
    for place, (name, colour) in enumerate(_COLOURS.items()):
        pen.rectangle((60 + 250 * place, _SIDES[1] - 24, 74 + 250 * place, _SIDES[1] - 12), colour)
        pen.text((80 + 250 * place, _SIDES[1] - 25), names[name], "black")
    image.save(path)
