"""Writing what was taught as a folder of weights, in half precision, laid out like the big model's."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from diffusers.models.transformers.transformer_hunyuan_video_framepack import HunyuanVideoFramepackTransformer3DModel
from torch import nn
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from engine.little.shipped import write_manifest
from engine.little.sizes import IMAGE_SIDE, Curriculum
from engine.little.words import TextEncoders, whole_llama
from engine.weights.quiet import quiet_loading
from storage.jobs import Schedule

LESSON = "lesson.json"
"""What a set was taught: names of motions, and speeds."""
FILE_BYTES_MAX = 15_000_000
SET_BYTES_MAX = 24_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """All networks of a set."""

    vae: AutoencoderKLHunyuanVideo
    transformer: HunyuanVideoFramepackTransformer3DModel
    encoders: TextEncoders
    siglip: SiglipVisionModel
    tokenizers: Path
    """Where both tokenizers lie."""


def pack(taught: Taught, curriculum: Curriculum, folder: Path) -> int:
    """Replace what lies in `folder`, but for its model card. Returns the set's size in bytes."""
    for name in ("tokenizer", "tokenizer_2"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(taught.tokenizers / name, folder / name)
    networks: dict[str, nn.Module] = {
        "vae": taught.vae,
        "transformer": taught.transformer,
        "text_encoder": whole_llama(taught.encoders),
        "text_encoder_2": taught.encoders.clip,
        "image_encoder": taught.siglip,
    }
    for name, network in networks.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        with quiet_loading():
            # A copy: training goes on in float32.
            copy.deepcopy(network).to("cpu", torch.float16).save_pretrained(folder / name)  # type: ignore[operator]
    _write(folder / "transformer" / "schedules.json", [schedule.value for schedule in Schedule])
    motions = [motion.value for motion in dict.fromkeys(curriculum.motions)]
    _write(folder / LESSON, {"motions": motions, "speeds": curriculum.speeds})
    shutil.rmtree(folder / "feature_extractor", ignore_errors=True)
    (folder / "feature_extractor").mkdir()
    _write(
        folder / "feature_extractor" / "preprocessor_config.json",
        {
            "image_processor_type": "SiglipImageProcessor",
            "do_resize": True,
            "size": {"height": IMAGE_SIDE, "width": IMAGE_SIDE},
            "resample": 3,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        },
    )
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # written for the owner alone
    write_manifest(folder)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    if max(sizes) > FILE_BYTES_MAX or sum(sizes) > SET_BYTES_MAX:
        raise ValueError(f"the set is too large to ship: {sum(sizes):,} bytes, largest file {max(sizes):,}")
    return sum(sizes)


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8", newline="\n")
