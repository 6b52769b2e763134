"""Time and memory of whole films: `python -m bench.film [--size 256] [--steps 6] [--sections 1 4 16 50]`.

Draws a film of each length with the tiny networks, each in a process of its own, through the product's code from
the picture to MP4 and GIF. Prints seconds per phase, the straight line through time after conditioning against
sections, and how far memory grew over what it was after loading. Time must be linear, and memory of the longest
film may grow at most 1.2 times as far as that of 5 s (4 sections); the exit code is 1 where either fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image

from engine.encoders import FilmInputs, encode_inputs
from engine.film import Finished, Guidance, SectionDecoded, SectionDrawn, Step, generate
from engine.heap import return_large_blocks
from engine.plan import Plan, plan_film
from engine.preview import fit_latent_rgb, frame_preview, latent_preview
from engine.tiny import tiny_weights
from engine.video import FilmTags, SegmentStore, to_uint8
from engine.weights import ModelSet, choose_device, take_inventory
from storage.film import poster, write_gif
from storage.jobs import FPS, LATENT_WINDOW, Schedule
from storage.settings import FilmSettings, ProgressSettings

PICTURE = Path(__file__).parents[1] / "bot" / "pictures" / "example.jpg"
SHORT_SECTIONS = 4
GROWTH_RATIO_MAX = 1.2
R2_MIN = 0.99
PHASES = ("loading", "conditioning", "sampling", "decoding", "previews", "encoding", "joining", "GIF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    size: int
    steps: int
    schedule: Schedule
    threads: int


@dataclass(kw_only=True)
class Measured:
    """One film."""

    sections: int
    height: int = 0
    width: int = 0
    frames: int = 0
    film_bytes: int = 0
    gif_bytes: int = 0
    loaded_mb: float = 0
    """Resident after loading and conditioning."""
    peak_mb: float = 0
    resident_mb: list[float] = field(default_factory=list)
    """After each section: a slope in it is what memory costs per section."""
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))

    @property
    def after_conditioning_s(self) -> float:
        return sum(self.seconds[phase] for phase in PHASES[2:])

    @property
    def growth_mb(self) -> float:
        return self.peak_mb - self.loaded_mb

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--sections", type=int, nargs="+", default=[1, SHORT_SECTIONS, 16, 50])
    parser.add_argument("--schedule", type=Schedule, choices=list(Schedule), default=Schedule.INVERTED)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write all figures there too")
    options = parser.parse_args(arguments)
    asked = Asked(size=options.size, steps=options.steps, schedule=options.schedule, threads=options.threads)
    columns = (*PHASES, "all after", "loaded MB", "peak MB", "growth MB")
    print("sections  frames" + "".join(f"{name:>13}" for name in columns))
    films: list[Measured] = []
    for sections in options.sections:
        # A process of its own: what one film leaves behind must neither flatter nor burden the next.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            films.append(film := fresh.submit(draw, sections, asked).result())
        figures = (*film.seconds.values(), film.after_conditioning_s, film.loaded_mb, film.peak_mb, film.growth_mb)
        print(f"{sections:8}{film.frames:8}" + "".join(f"{figure:13.2f}" for figure in figures), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(film) for film in films], indent=1), "utf-8")
    return 0 if all([time_is_linear(films), memory_is_bounded(films)]) else 1


def draw(sections: int, asked: Asked) -> Measured:
    """Draw one film in this process."""
    return_large_blocks()
    torch.set_num_threads(asked.threads)
    film = Measured(sections=sections)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, film.phase("loading"):
        weights = tiny_weights(Path(tempfile.gettempdir()) / "flipbook-bench")
        models = ModelSet(weights, take_inventory(weights, (asked.schedule,)), choose_device("cpu"))
        with Image.open(PICTURE) as opened:
            picture = opened.convert("RGB")
        plan = plan_film(
            duration_ms=1000 * 4 * LATENT_WINDOW * sections // FPS,
            schedule=asked.schedule,
            steps=asked.steps,
            size=asked.size,
            picture_height=picture.height,
            picture_width=picture.width,
        )
        film.height, film.width, film.frames = plan.height, plan.width, plan.frames
        _draw(film, plan, picture, models, Path(scratch))
    film.seconds["loading"] -= sum(film.seconds[phase] for phase in PHASES[1:])
    return film


def _draw(film: Measured, plan: Plan, picture: Image.Image, models: ModelSet, folder: Path) -> None:
    limits = FilmSettings()
    prompt = "the fox turns its head"
    inputs = FilmInputs(
        prompt=prompt, negative_prompt=None, picture=picture, end_picture=None, height=plan.height, width=plan.width
    )
    with film.phase("conditioning"):
        conditioning = encode_inputs(inputs, models)
    store = SegmentStore(folder / "segments", frames=plan.frames, width=plan.width, height=plan.height, crf=limits.crf)
    with models.backbone(plan.schedule) as backbone:
        film.loaded_mb = _resident_mb()
        with film.phase("previews"):
            colours = fit_latent_rgb(conditioning.start, backbone.decode(conditioning.start, lambda: None))
        strips = ProgressSettings().preview_strips
        shown = {round(plan.steps * (strip + 1) / (strips + 1)) for strip in range(strips)}
        events = generate(plan, conditioning, backbone, seed=1, guidance=Guidance())
        phase = "sampling"
        while True:
            with film.phase(phase):
                event = next(events)
            match event:
                case Step() if event.step in shown:
                    with film.phase("previews"):
                        latent_preview(event.x0, colours, height=plan.height, width=plan.width)
                case SectionDrawn():
                    phase = "decoding"
                case SectionDecoded():
                    phase = "sampling"
                    if event.segment is not None:
                        with film.phase("encoding"):
                            store.write_segment(event.segment.first_frame, to_uint8(event.segment.frames))
                    with film.phase("previews"):
                        frame_preview(event.window)
                    film.resident_mb.append(_resident_mb())
                case Finished():
                    break
                case _:
                    pass
    with film.phase("joining"):
        store.join(folder / "film.mp4", FilmTags(prompt=prompt, seed=1, model="tiny"))
        poster(folder / "film.mp4", folder / "film.png")
    film.film_bytes = (folder / "film.mp4").stat().st_size
    with film.phase("GIF"):
        gif = write_gif(
            folder / "film.mp4",
            folder / "film.gif",
            width_max=limits.gif_width_max,
            fps_max=limits.gif_fps_max,
            bytes_max=limits.gif_bytes_max,
        )
    film.gif_bytes = 0 if gif is None else gif.byte_count
    film.peak_mb = _peak_mb()


def time_is_linear(films: Sequence[Measured]) -> bool:
    sections = np.array([film.sections for film in films], float)
    seconds = np.array([film.after_conditioning_s for film in films])
    if len(set(sections.tolist())) < 3:
        print("A line needs films of three lengths.")
        return False
    slope, base = np.polyfit(sections, seconds, 1)
    residual = seconds - (base + slope * sections)
    r2 = 1 - (residual**2).sum() / ((seconds - seconds.mean()) ** 2).sum()
    size = f"{films[0].width}x{films[0].height}"
    each = ", ".join(f"{film.after_conditioning_s / film.sections:.2f} s at {film.sections}" for film in films)
    print(
        f"\nAfter conditioning at {size}: {base:.2f} s + {slope:.3f} s per section, R² = {r2:.5f} (must be ≥ {R2_MIN})"
    )
    print(f"Per section: {each}")
    return bool(r2 >= R2_MIN)


def memory_is_bounded(films: Sequence[Measured]) -> bool:
    short = next((film for film in films if film.sections == SHORT_SECTIONS), films[0])
    long = max(films, key=lambda film: film.sections)
    ratio = long.growth_mb / short.growth_mb
    print(
        f"Memory grows {short.growth_mb:.0f} MB over loading for {short.frames / FPS:.0f} s of film and"
        f" {long.growth_mb:.0f} MB for {long.frames / FPS:.0f} s: ratio {ratio:.2f} (must be ≤ {GROWTH_RATIO_MAX})"
    )
    halves = long.resident_mb[len(long.resident_mb) // 4 :]
    if len(halves) > 4:
        slope = np.polyfit(range(len(halves)), halves, 1)[0]
        print(f"Resident memory moves by {slope:+.3f} MB per section over the last three quarters of it")
    return ratio <= GROWTH_RATIO_MAX


def _resident_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


def _peak_mb() -> float:
    """Highest resident memory of this process so far."""
    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return memory.peak_wset / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss also remembers the process that this one was forked from
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


if __name__ == "__main__":
    sys.exit(main())
