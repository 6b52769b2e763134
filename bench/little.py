"""Is the little model what its card says? `python -m bench.little [--each 2] [--drift 2] [--steps N] [--size N]`.

Draws films of held-out pictures with held-out wishes through the engine and measures what they show: speed, memory,
how faithful the first frame is, how good the frames are beside what the codec alone makes of the true clip, whether
the motion is the one asked for, in both languages, whether previews foretell it, and how films of ten seconds drift.
The exit code is 1 where a figure misses its promise.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import psutil
import torch
from torch import Tensor

from bench.kit.drift import chart, drift
from bench.kit.little_films import Wanted, as_image, held_out_layers, shoot, truth
from bench.kit.report import Report
from engine.little.captions import LANGUAGES, wish
from engine.little.motions import Motion
from engine.little.pack import LESSON
from engine.little.shipped import little_weights
from engine.little.sight import compensated_ssim, psnr, see
from engine.plan import TEMPORAL_RATIO
from engine.weights import ModelSet, choose_device, take_inventory
from storage.jobs import Schedule
from storage.models import model_card

SEEN_MIN = 0.3
"""Of the motion that was taught: less does not count as seen."""
_LOOKED_AT = (12, 36, 60, 72)


def main(arguments: Sequence[str] | None = None) -> int:
    card = model_card("little")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="another set than the one that ships")
    parser.add_argument("--each", type=int, default=2, help="films per motion and language")
    parser.add_argument("--drift", type=int, default=2, help="films of ten seconds per way of drawing them; 0: none")
    parser.add_argument("--size", type=int, default=card.size)
    parser.add_argument("--steps", type=int, default=card.steps)
    parser.add_argument("--chart", type=Path, help="draw the drift chart there")
    parser.add_argument("--save", action="store_true", help="keep the page bench/results/little.md")
    options = parser.parse_args(arguments)
    weights = options.weights or little_weights()
    report = Report()
    models = load(weights, report)
    motions = [Motion(name) for name in json.loads((weights / LESSON).read_text("utf-8"))["motions"]]
    measure_films(models, motions, options, report)
    if options.drift:
        measure_drift(models, options, report)
    report.figure("memory", f"{_peak_gb():.2f} GB", promise="≤ 2 GB", kept=_peak_gb() <= 2)
    if options.save:
        notes = (
            f"{card.name}, class {options.size}, {options.steps} steps, {options.each} films per motion and language"
        )
        report.save("little", command="python -m bench.little", notes=notes)
    return 0 if report.kept else 1


def load(weights: Path, report: Report) -> ModelSet:
    """Open every part once: a small set stays loaded."""
    started = time.perf_counter()
    inventory = take_inventory(weights, tuple(Schedule))
    models = ModelSet(weights, inventory, choose_device("cpu"))
    with models.llama(), models.clip(), models.siglip(), models.backbone(Schedule.INVERTED):
        pass
    seconds = time.perf_counter() - started
    report.figure("size", f"{inventory.byte_count / 1e6:.1f} MB", promise="≤ 24 MB", kept=inventory.byte_count <= 24e6)
    report.figure("loading", f"{seconds:.1f} s", promise="≤ 5 s", kept=seconds <= 5)
    return models


def measure_films(models: ModelSet, motions: list[Motion], options: argparse.Namespace, report: Report) -> None:
    dice = Random("bench")
    right: dict[tuple[str, bool], list[bool]] = {
        (language, camera): [] for language in LANGUAGES for camera in (True, False)
    }
    by_motion: dict[Motion, list[bool]] = {motion: [] for motion in motions}
    times, first, drawn, possible, foretold = [], [], [], [], []
    number = 0
    for motion in motions:
        for language in LANGUAGES:
            for _ in range(options.each):
                number += 1
                asked = wish(dice, held_out=True, motion=motion, language=language)
                layers = held_out_layers(number, options.size)
                image = as_image(layers.flat[0])
                wanted = Wanted(picture=image, wish=asked.text, seed=number, size=options.size, steps=options.steps)
                started = time.perf_counter()
                shot = shoot(wanted, models)
                times.append(time.perf_counter() - started)
                true = truth(layers, motion, shot.frames.shape[1])
                seen, strip = see(shot.frames), see(shot.strip, stride=3)
                hit = seen.motion is motion and seen.strengths[motion] >= SEEN_MIN
                right[language, motion.is_camera].append(hit)
                by_motion[motion].append(hit)
                foretold.append(strip.strengths[motion] * seen.strengths[motion] > 0)
                first.append(psnr(shot.frames[:, 0], true[:, 0]))
                again = reconstruct(true, models)
                for frame in _LOOKED_AT:
                    drawn.append(compensated_ssim(shot.frames[:, frame], true[:, frame]))
                    possible.append(compensated_ssim(again[:, frame], true[:, frame]))
                print(f"  {motion:12} {asked.text!r}: {seen.motion} {seen.strengths[motion]:.2f}", flush=True)
    report.figure(
        f"film of {72 / 30:.1f} s",
        f"{statistics.mean(times):.1f} s, slowest {max(times):.1f} s",
        promise="≤ 45 s",
        kept=max(times) <= 45,
    )
    report.figure(
        "first frame, PSNR",
        f"{statistics.mean(first):.1f} dB, least {min(first):.1f}",
        promise="≥ 26 dB",
        kept=statistics.mean(first) >= 26,
    )
    share = statistics.mean(drawn) / statistics.mean(possible)
    report.figure(
        "frames, compensated SSIM",
        f"{statistics.mean(drawn):.3f} of the codec's {statistics.mean(possible):.3f}: {share:.2f}",
        promise="≥ 0.90",
        kept=share >= 0.9,
    )
    for (language, camera), hits in right.items():
        if hits:
            least = 0.95 if camera else 0.8
            name = f"{'camera' if camera else 'other'} motions, {language}"
            report.figure(
                name, f"{sum(hits)} of {len(hits)} right", promise=f"≥ {least:.0%}", kept=statistics.mean(hits) >= least
            )
    for motion, hits in by_motion.items():
        report.say(f"  {motion:12} {sum(hits)} of {len(hits)}")
    report.figure(
        "previews foretell", f"{statistics.mean(foretold):.0%}", promise="≥ 90%", kept=statistics.mean(foretold) >= 0.9
    )


def reconstruct(clip: Tensor, models: ModelSet) -> Tensor:
    """What the codec alone makes of a clip, as its transformer is meant to use it. clip: (3, T, H, W)."""
    with models.vae() as vae, torch.no_grad():
        pictures = clip[:, ::TEMPORAL_RATIO].transpose(0, 1).unsqueeze(2)
        latents = torch.cat([vae.encode(picture[None]).latent_dist.mean for picture in pictures], dim=2)
        return vae.decode(latents).sample[0].clamp(-1, 1)


def measure_drift(models: ModelSet, options: argparse.Namespace, report: Report) -> None:
    found = drift(models, films=options.drift, size=options.size, steps=options.steps)
    for name, course in found.items():
        report.say(f"  {name:10} colour {course.colour:5.1f} of 255, contrast {course.contrast:.0%} after 10 s")
    inverted, plain = found["inverted"], found["plain"]
    halved = inverted.colour <= plain.colour / 2 and inverted.contrast <= plain.contrast / 2
    report.figure(
        "drift, inverted : plain", f"{inverted.colour:.1f} : {plain.colour:.1f}", promise="at most half", kept=halved
    )
    if options.chart:
        chart(found, options.chart)


def _peak_gb() -> float:
    memory = psutil.Process().memory_info()
    if sys.platform == "win32":
        return memory.peak_wset / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


if __name__ == "__main__":
    sys.exit(main())
