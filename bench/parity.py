"""`python -m bench.parity DIR`: is it FramePack? Runs every case under DIR through the product's own code.

A case is a folder with `case.json` (kind "forward", "film" or "tables") and `tensors.safetensors`; its network
lies in `networks/<name>` of one of the folders above it. Prints case, kind, greatest relative error and tolerance;
the exit code is 1 where any is over, or where DIR holds no case.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.backbone import Context
from engine.conditioning import Conditioning, Prompt
from engine.cpu_conv import use_onednn
from engine.film import Finished, Guidance, SectionDecoded, SectionDrawn, Step, generate
from engine.hunyuan import HunyuanBackbone
from engine.plan import Indices, Plan, bucket
from storage.jobs import Schedule

FORWARD, LATENTS, FRAMES, SIGMAS = 1e-6, 2e-5, 2e-3, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    part: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


def measure_case(folder: Path) -> Iterator[Measure]:
    """All comparisons of one case, in float32 on the CPU."""
    case = json.loads((folder / "case.json").read_text("utf-8"))
    if case["kind"] == "tables":
        yield from _tables(case)
        return
    tensors = load_file(folder / "tensors.safetensors")
    backbone = _backbone(_network(folder, case["network"]))
    yield from (_forward if case["kind"] == "forward" else _film)(case, tensors, backbone)


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m bench.parity DIR", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    cases = sorted(path.parent for path in root.rglob("case.json"))
    if not cases:
        print(f"no case.json under {root}", file=sys.stderr)
        return 1
    over = 0
    for folder in cases:
        measures = list(measure_case(folder))
        over += sum(not measure.ok for measure in measures)
        for measure in measures:
            verdict = "ok" if measure.ok else "OVER"
            name = folder.relative_to(root).as_posix()
            print(f"{name:40} {measure.part:20} {measure.error:9.2e}  tolerance {measure.tolerance:.0e}  {verdict}")
    print(f"{len(cases)} cases, {over} over tolerance")
    return 1 if over else 0


def _tables(case: dict[str, Any]) -> Iterator[Measure]:
    wrong = [row for row in case["buckets_640"] if bucket(row["height"], row["width"]) != tuple(row["bucket"])]
    yield Measure(part="tables: buckets", error=float(len(wrong)), tolerance=0.0)
    for row in case["sigmas"]:
        plan = Plan(
            sections=1,
            schedule=Schedule.INVERTED,
            steps=row["steps"],
            height=row["height"],
            width=row["width"],
            latent_window_size=row["latent_window_size"],
        )
        worst = max(abs(ours - theirs) for ours, theirs in zip(plan.sigmas, row["sigmas"], strict=True))
        yield Measure(part=f"tables: sigmas {plan.height}x{plan.width}", error=worst, tolerance=SIGMAS)


def _forward(case: dict[str, Any], tensors: dict[str, Tensor], backbone: HunyuanBackbone) -> Iterator[Measure]:
    def places(name: str) -> tuple[int, ...]:
        return tuple(tensors[f"indices_{name}"].flatten().tolist())

    start, *near_1x = places("clean")
    context = Context(
        indices=Indices(
            start=(start,),
            noise=places("latents"),
            near_1x=tuple(near_1x),
            near_2x=places("2x"),
            near_4x=places("4x"),
        ),
        clean=tensors["clean"],
        history_2x=tensors["history_2x"],
        history_4x=tensors["history_4x"],
        image=tensors["image_embeds"],
    )
    velocity = backbone.velocity(
        tensors["latents"],
        tensors["timestep"].item() / 1000,
        context,
        _prompt(tensors, ""),
        tensors["guidance"].item() / 1000,
        lambda: None,
    )
    yield Measure(part="forward", error=_relative(velocity, tensors["expected_velocity"]), tolerance=FORWARD)


def _film(case: dict[str, Any], tensors: dict[str, Tensor], network: HunyuanBackbone) -> Iterator[Measure]:
    plan = Plan(
        sections=case["sections"],
        schedule=Schedule(case["schedule"]),
        steps=case["steps"],
        height=case["height"],
        width=case["width"],
        latent_window_size=case["latent_window_size"],
    )
    if case.get("paddings") is not None:
        same = plan.paddings == tuple(case["paddings"])
        yield Measure(part="film: paddings", error=0.0 if same else math.inf, tolerance=0.0)
    conditioning = Conditioning(
        prompt=_prompt(tensors, ""),
        negative=_prompt(tensors, "negative_") if case["true_cfg_scale"] != 1 else None,
        image=tensors["image_embeds"],
        start=tensors["start_latent"],
        end=None,
    )
    guidance = Guidance(
        scale=case["guidance_scale"], true_cfg_scale=case["true_cfg_scale"], rescale=case["guidance_rescale"]
    )
    expected_frames = tensors.get("expected_frames")
    # Where there is nothing to compare pixels with, do not spend most of the time on them.
    backbone: Any = network if expected_frames is not None else _WithoutPixels(network)
    frames = torch.full(expected_frames.shape if expected_frames is not None else (0,), torch.nan)
    section = torch.empty(0)
    for event in generate(plan, conditioning, backbone, seed=case["seed"], guidance=guidance):
        match event:
            case Step():
                section = event.x0
            case SectionDrawn() if f"expected_section_{event.section}" in tensors:
                error = _relative(section, tensors[f"expected_section_{event.section}"])
                yield Measure(part=f"film: section {event.section}", error=error, tolerance=LATENTS)
            case SectionDecoded(segment=segment) if segment is not None and expected_frames is not None:
                frames[:, :, segment.first_frame : segment.first_frame + segment.frames.shape[2]] = segment.frames
            case Finished():
                error = _relative(event.latents, tensors["expected_latents"])
                yield Measure(part="film: latents", error=error, tolerance=LATENTS)
    if expected_frames is not None:
        yield Measure(part="film: frames", error=_relative(frames, expected_frames.float()), tolerance=FRAMES)


class _WithoutPixels:
    """A backbone whose decoder answers with black frames."""

    def __init__(self, backbone: HunyuanBackbone) -> None:
        self._backbone = backbone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def decode(self, latents: Tensor, _between_blocks: object) -> Tensor:
        return torch.zeros(1, 3, 4 * latents.shape[2] - 3, 1, 1)


def _prompt(tensors: dict[str, Tensor], prefix: str) -> Prompt:
    mask = tensors.get(f"{prefix}text_mask", tensors["text_mask"])
    return Prompt(text=tensors[f"{prefix}text"], mask=mask, pooled=tensors[f"{prefix}pooled"])


def _relative(ours: Tensor, expected: Tensor) -> float:
    """‖ours − expected‖ / ‖expected‖; infinite where shapes differ or a number is missing."""
    if ours.shape != expected.shape or not torch.isfinite(ours).all():
        return math.inf
    return ((ours.double() - expected.double()).norm() / expected.double().norm()).item()


def _network(folder: Path, name: str) -> Path:
    for parent in folder.resolve().parents:
        if (parent / "networks" / name / "config.json").is_file():
            return parent / "networks" / name
    raise FileNotFoundError(f"networks/{name} is in no folder above {folder}")


@cache
def _backbone(network: Path) -> HunyuanBackbone:
    from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
    from diffusers.models.transformers.transformer_hunyuan_video_framepack import (
        HunyuanVideoFramepackTransformer3DModel,
    )

    config = json.loads((network / "config.json").read_text("utf-8"))
    transformer = HunyuanVideoFramepackTransformer3DModel(**config["transformer"]).eval()
    transformer.load_state_dict(load_file(network / "transformer.safetensors"))
    vae = AutoencoderKLHunyuanVideo(**config["vae"]).eval()
    if (network / "vae.safetensors").is_file():  # absent where no case has frames
        vae.load_state_dict(load_file(network / "vae.safetensors"))
    use_onednn(vae)
    return HunyuanBackbone(transformer, vae, identity=network.name, device=torch.device("cpu"))


if __name__ == "__main__":
    sys.exit(main())
