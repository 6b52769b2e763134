"""Sets as folders of weights, laid out like the big model's: written in half precision, and read to be taught on."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from diffusers.models.transformers.transformer_hunyuan_video_framepack import HunyuanVideoFramepackTransformer3DModel
from safetensors.torch import load_file
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
    # A set that is taught on may go back where it came from.
    for name in ("tokenizer", "tokenizer_2") if taught.tokenizers.resolve() != folder.resolve() else ():
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


def unpack(folder: Path, curriculum: Curriculum) -> Taught:
    """The networks of a set that `pack` wrote, in float32, ready to be taught on.

    Raises ValueError for a set whose codec or transformer is built otherwise than this curriculum's.
    """
    networks = curriculum.networks
    for name, built in (("vae", networks.codec), ("transformer", networks.transformer)):
        found = json.loads((folder / name / "config.json").read_text("utf-8"))
        # JSON knows no tuples.
        if {key: found.get(key) for key in built} != json.loads(json.dumps(built)):
            raise ValueError(f"the {name} in {folder} is not built as this curriculum's: choose the one it came from")
    encoders = TextEncoders(folder)
    vae = AutoencoderKLHunyuanVideo(**networks.codec)
    transformer = HunyuanVideoFramepackTransformer3DModel(**networks.transformer)
    _load(encoders.llama, folder / "text_encoder" / "model.safetensors")
    _load(encoders.clip, folder / "text_encoder_2" / "model.safetensors")
    _load(vae, folder / "vae" / "diffusion_pytorch_model.safetensors")
    _load(transformer, folder / "transformer" / "diffusion_pytorch_model.safetensors")
    with quiet_loading():
        siglip = SiglipVisionModel.from_pretrained(folder / "image_encoder", torch_dtype=torch.float32)
    return Taught(vae=vae, transformer=transformer, encoders=encoders.eval(), siglip=siglip.eval(), tokenizers=folder)


def _load(network: nn.Module, path: Path) -> None:
    """Every weight of `network`, from a file that may hold more: a set's Llama has layers that never run."""
    missing = network.load_state_dict(load_file(path), strict=False).missing_keys
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8", newline="\n")
