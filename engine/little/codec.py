"""Teaching the video codec: first pictures, through flat kernels, then clips.

A latent stands for the picture at the last of its frames: a film's latents are single pictures, four frames apart, each
encoded alone, as the start picture always is. The decoder finds what lies between. So encoding is cheap, a latent means
the same wherever a window begins, and a section's latents can be checked by eye one by one.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import AutoencoderKLHunyuanVideo
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from engine.little.codec_start import BLOCK, start_codec
from engine.little.flat import flatten_time, inflate_time
from engine.little.lessons import dice, ramp, some_shape
from engine.little.motions import Motion, render
from engine.little.muon import Muon
from engine.little.pictures import draw_pictures
from engine.little.sizes import CodecLesson, Curriculum
from engine.plan import TEMPORAL_RATIO

_EDGES = 0.5
"""Weight of differences between neighbours, in space and in time, beside those of values."""
_DIVERGENCE = 5e-5
_AVERAGE = 0.998
_PROJECTION_ERROR_MAX = 0.02
"""Root mean square, in scaled latents, whose own is 1."""


def fresh_codec(curriculum: Curriculum) -> Any:
    """An AutoencoderKLHunyuanVideo; the library's own types do not know what its networks offer."""
    vae = AutoencoderKLHunyuanVideo(**curriculum.networks.codec)
    start_codec(vae, torch.Generator().manual_seed(1))
    return vae


class ProjectingEncoder:
    """The codec's encoder on single pictures where it still is what it started as: one projection of 8x8 pixels.

    Many times cheaper than its layers. Raises ValueError for an encoder that has learned something else.
    """

    def __init__(self, vae: AutoencoderKLHunyuanVideo, device: torch.device) -> None:
        layers = PictureEncoder(vae, torch.device("cpu"))
        pictures = draw_pictures(torch.Generator().manual_seed(6), 48, 64, 64).flat.unsqueeze(2) * 2 - 1
        blocks = _blocks(pictures).flatten(0, 3)
        blocks = torch.cat([blocks, torch.ones(len(blocks), 1)], dim=1).double()
        latents = layers(pictures).movedim(1, -1).flatten(0, 3).double()
        found = torch.linalg.lstsq(blocks, latents).solution
        if (blocks @ found - latents).square().mean() > _PROJECTION_ERROR_MAX**2:
            raise ValueError("this encoder is no projection any more")
        self._projection, self._offset = found[:-1].float().to(device), found[-1].float().to(device)

    def __call__(self, pictures: Tensor) -> Tensor:
        """As PictureEncoder."""
        return (_blocks(pictures) @ self._projection + self._offset).movedim(-1, 1)


def _blocks(pictures: Tensor) -> Tensor:
    """(B, 3, T, H, W) to (B, T, H / 8, W / 8, 192)."""
    count = pictures.shape[0]
    singles = pixel_unshuffle(pictures.transpose(1, 2).flatten(0, 1), BLOCK)
    return singles.unflatten(0, (count, -1)).movedim(2, -1)


class PictureEncoder:
    """The codec's encoder on single pictures, by flat kernels; the codec it is made from stays as it is."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo, device: torch.device) -> None:
        self._encoder = copy.deepcopy(vae.encoder).to(device).requires_grad_(False).eval()
        self._quant = copy.deepcopy(vae.quant_conv).to(device).requires_grad_(False)
        flatten_time(self._encoder)
        self._encoder.requires_grad_(False)
        self._scale = vae.config["scaling_factor"]

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, T, H, W) in −1 to 1, every frame a picture. Returns scaled latents (B, 16, T, H / 8, W / 8)."""
        count = pictures.shape[0]
        singles = pictures.transpose(1, 2).flatten(0, 1).unsqueeze(2)
        mean, _ = self._quant(self._encoder(singles)).chunk(2, dim=1)
        return (mean * self._scale).squeeze(2).unflatten(0, (count, -1)).transpose(1, 2)


class _CodecStage:
    def __init__(self, name: str, vae: AutoencoderKLHunyuanVideo, lesson: CodecLesson, half: torch.dtype) -> None:
        self.name, self.steps = name, lesson.steps
        self._vae, self._lesson, self._half = vae, lesson, half
        self._device = next(vae.parameters()).device
        vae.requires_grad_(lesson.train_encoder)
        vae.decoder.requires_grad_(True)
        vae.post_quant_conv.requires_grad_(True)

    def _prepare(self) -> None:
        taught = {name: weight for name, weight in self._vae.named_parameters() if weight.requires_grad}
        # The first and last layers are no matrices between hidden states.
        inner = [w for name, w in taught.items() if w.ndim >= 4 and "conv_in" not in name and "conv_out" not in name]
        known = {id(weight) for weight in inner}
        outer = [weight for weight in taught.values() if id(weight) not in known]
        self._taught = taught
        self._average = {name: weight.detach().clone() for name, weight in taught.items()}
        self._optimizers: list[torch.optim.Optimizer] = [
            Muon(inner, lr=self._lesson.rate),
            torch.optim.AdamW(outer, lr=self._lesson.rate, betas=(0.9, 0.95), weight_decay=0.0),
        ]

    def _descend(self, index: int, loss: Tensor) -> float:
        share = ramp(index, self.steps, warm_up=50, decay=0.4)
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = self._lesson.rate * share
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self._taught.values()), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        with torch.no_grad():
            past = min(_AVERAGE, (index + 1) / (index + 20))
            for name, weight in self._taught.items():
                self._average[name].lerp_(weight, 1 - past)
        return loss.item()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=self._half, enabled=self._half is not torch.float32)

    def state(self) -> dict[str, Any]:
        return {
            "codec": self._vae.state_dict(),
            "average": self._average,
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._vae.load_state_dict(state["codec"])
        self._average = {name: value.to(self._device) for name, value in state["average"].items()}
        for optimizer, kept in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)

    @torch.no_grad()
    def _take_average(self) -> None:
        for name, weight in self._taught.items():
            weight.copy_(self._average[name])


class PictureStage(_CodecStage):
    """Single pictures, through flat kernels."""

    def __init__(self, vae: AutoencoderKLHunyuanVideo, lesson: CodecLesson, half: torch.dtype) -> None:
        flatten_time(vae)
        super().__init__("codec-pictures", vae, lesson, half)
        self._prepare()

    def step(self, index: int) -> float:
        generator = dice(self.name, index, self._device)
        height, width = some_shape(generator, self._lesson.size)
        pictures = draw_pictures(generator, self._lesson.batch, height, width).flat.unsqueeze(2) * 2 - 1
        vae = self._vae
        with torch.set_grad_enabled(self._lesson.train_encoder):
            mean, log_variance = vae.quant_conv(vae.encoder(pictures)).chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=generator, device=self._device)
        latents = mean + noise * (log_variance.clamp(-30, 20) / 2).exp()
        with self._autocast():
            seen = vae.decoder(vae.post_quant_conv(latents))
        loss = picture_loss(seen.float(), pictures)
        if self._lesson.train_encoder:
            scaled = mean * vae.config["scaling_factor"]
            loss = loss + _DIVERGENCE * (scaled.square() + log_variance.exp() - log_variance).mean()
        return self._descend(index, loss)

    def finish(self) -> None:
        """Take the averaged weights, give the kernels their third dimension back, and the latents their scale."""
        self._take_average()
        if self._lesson.train_encoder:
            _fold_scale(self._vae, dice(self.name, self.steps, self._device), self._lesson.size)
        inflate_time(self._vae)


class ClipStage(_CodecStage):
    """Clips of one decoder tile: the decoder learns what lies between two latents."""

    def __init__(
        self, vae: AutoencoderKLHunyuanVideo, lesson: CodecLesson, curriculum: Curriculum, half: torch.dtype
    ) -> None:
        super().__init__("codec-clips", vae, lesson, half)
        self._curriculum = curriculum
        self._encode = PictureEncoder(vae, self._device)
        self._prepare()

    def step(self, index: int) -> float:
        lesson = self._lesson
        generator = dice(self.name, index, self._device)
        height, width = some_shape(generator, lesson.size)
        films = some_films(generator, self._curriculum, lesson.batch, height, width, lesson.frames)
        latents = self._encode(films[:, :, ::TEMPORAL_RATIO]) / self._vae.config["scaling_factor"]
        with self._autocast():
            seen = self._vae.decoder(self._vae.post_quant_conv(latents))
        return self._descend(index, picture_loss(seen.float(), films))

    def finish(self) -> None:
        self._take_average()


def some_films(
    generator: torch.Generator, curriculum: Curriculum, count: int, height: int, width: int, frames: int
) -> Tensor:
    """Runs of frames from the middle of films of any taught motion. Returns (B, 3, frames, H, W) in −1 to 1."""
    device = generator.device
    layers = draw_pictures(generator, count, height, width)
    choices = torch.randint(len(curriculum.motions), (count,), generator=generator, device=device).tolist()
    motions: list[Motion] = [curriculum.motions[choice] for choice in choices]
    pace = torch.randint(3, (count,), generator=generator, device=device)
    speeds = torch.tensor(curriculum.speeds, device=device)[pace]
    first = int(torch.randint(60, (), generator=generator, device=device))
    return render(layers, motions, speeds, torch.arange(first, first + frames, device=device))


def picture_loss(seen: Tensor, wanted: Tensor) -> Tensor:
    """Of values and of the differences between neighbours in height, width and time. Both (B, 3, T, H, W)."""
    error = seen - wanted
    loss = error.abs().mean() + error.square().mean()
    for dimension in (2, 3, 4):
        if error.shape[dimension] > 1:
            loss = loss + _EDGES * error.diff(dim=dimension).abs().mean()
    return loss


@torch.no_grad()
def _fold_scale(vae: AutoencoderKLHunyuanVideo, generator: torch.Generator, size: int) -> None:
    """Give the scaled latents of drawn pictures zero mean and a root mean square of 1, and the decoder the inverse.

    The relative strengths of channels stay: whitened, the faint would count as much as the strong.
    """
    pictures = draw_pictures(generator, 128, size, size).flat.unsqueeze(2) * 2 - 1
    channels = vae.config["latent_channels"]
    latents = vae.quant_conv(vae.encoder(pictures))[:, :channels]
    mean = latents.mean((0, 2, 3, 4))
    gain = 1 / (vae.config["scaling_factor"] * (latents - mean.view(1, -1, 1, 1, 1)).square().mean().sqrt())
    before, after = vae.quant_conv, vae.post_quant_conv
    assert before.bias is not None
    assert after.bias is not None
    after.bias.add_(after.weight.flatten(1) @ mean)
    after.weight.div_(gain)
    before.bias[:channels] = (before.bias[:channels] - mean) * gain
    before.weight[:channels] *= gain
    before.bias[channels:] += 2 * gain.log()
