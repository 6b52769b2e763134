"""Previews: small, animated, in the right colours, and quick enough to make between two steps."""

from __future__ import annotations

import time
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from engine.preview import LatentRgb, fit_latent_rgb, frame_preview, latent_preview
from storage.errors import FilmFailed


def delays_ms(gif: bytes) -> list[int]:
    with Image.open(BytesIO(gif)) as image:
        delays = []
        for place in range(image.n_frames):
            image.seek(place)
            delays.append(image.info["duration"])
        return delays


def frame_of(gif: bytes, place: int) -> np.ndarray:
    with Image.open(BytesIO(gif)) as image:
        image.seek(place)
        return np.asarray(image.convert("RGB")).astype(int)


def pixels_of(latents: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """What a VAE would decode that follows the map exactly: four frames per latent but for the first."""
    rgb = torch.einsum("bcthw,cr->brthw", latents, weights) + bias.view(1, 3, 1, 1, 1)
    frames = torch.cat([rgb[:, :, :1], rgb[:, :, 1:].repeat_interleave(4, dim=2)], dim=2)
    return frames.repeat_interleave(8, dim=3).repeat_interleave(8, dim=4)


def test_a_linear_map_is_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    weights, bias = torch.randn(16, 3, generator=generator) * 0.1, torch.tensor([0.1, -0.2, 0.3])
    latents = torch.randn(3, 16, 4, 6, 5, generator=generator)

    fitted = fit_latent_rgb(latents, pixels_of(latents, weights, bias))

    assert torch.allclose(fitted.weights, weights, atol=1e-3)
    assert torch.allclose(fitted.bias, bias, atol=1e-3)


def test_a_fit_predicts_latents_that_it_has_not_seen_through_noise() -> None:
    generator = torch.Generator().manual_seed(1)
    weights, bias = torch.randn(16, 3, generator=generator) * 0.1, torch.zeros(3)
    seen, fresh = torch.randn(2, 1, 16, 5, 16, 16, generator=generator)
    pixels = pixels_of(seen, weights, bias)
    fitted = fit_latent_rgb(seen, pixels + 0.3 * torch.randn(pixels.shape, generator=generator))

    wanted = pixels_of(fresh, weights, bias)[:, :, ::4, ::8, ::8]

    assert (fitted(fresh) - wanted).square().mean() < 0.001 * wanted.square().mean()


def test_silent_channels_get_no_weight() -> None:
    latents = torch.randn(2, 16, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    latents[:, 5] = 0.25
    latents[:, 6] = latents[:, 7]
    fitted = fit_latent_rgb(latents, pixels_of(latents, torch.full((16, 3), 0.05), torch.zeros(3)))

    assert fitted.weights.isfinite().all()
    assert fitted.weights.abs().max() < 0.2


def test_pixels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="stand for"):
        fit_latent_rgb(torch.zeros(1, 16, 3, 4, 4), torch.zeros(1, 3, 12, 32, 32))


def test_latents_become_a_film_in_the_maps_colours() -> None:
    colours = LatentRgb(weights=torch.eye(16)[:, :3], bias=torch.tensor([0.0, -0.5, 0.5]))
    latents = torch.zeros(1, 16, 9, 16, 24)
    latents[:, 0] = torch.linspace(-0.8, 0.8, 9).view(1, 9, 1, 1)

    gif = latent_preview(latents, colours, height=128, width=192)

    assert delays_ms(gif) == [130, 140, 130, 130, 140, 130, 130, 140, 130]  # 36 frames of film are 1.2 s
    for place in range(9):
        expected = [round(127.5 + 127.5 * (-0.8 + 0.2 * place)), 64, 191]
        assert np.abs(frame_of(gif, place).mean((0, 1)) - expected).max() < 6, place
    assert frame_of(gif, 0).shape == (128, 192, 3)


def test_a_preview_is_small_and_slow_enough_for_every_chat() -> None:
    noise = torch.rand(1, 3, 33, 544, 704, generator=torch.Generator().manual_seed(3)) * 2 - 1

    gif = frame_preview(noise)

    assert len(gif) <= 1_500_000
    with Image.open(BytesIO(gif)) as image:
        assert image.width <= 320
        assert image.info["loop"] == 0
    assert min(delays_ms(gif)) >= 83  # 12 frames per second at most
    assert sum(delays_ms(gif)) == 1100


def test_frames_of_a_section_keep_their_order_and_colours() -> None:
    window = torch.full((1, 3, 33, 64, 96), -1.0)
    window[:, 1] = torch.linspace(-1, 1, 33).view(1, 33, 1, 1)

    gif = frame_preview(window)

    greens = [frame_of(gif, place)[..., 1].mean() for place in range(11)]
    assert np.allclose(greens, np.linspace(0, 255, 33)[::3], atol=4)


def test_a_strip_of_a_full_size_film_takes_well_below_a_second_of_cpu() -> None:
    colours = LatentRgb(weights=torch.randn(16, 3) * 0.1, bias=torch.zeros(3))
    latents = torch.nn.functional.interpolate(torch.randn(1, 16, 9, 9, 11), size=(9, 68, 88), mode="trilinear")

    began = time.process_time()
    latent_preview(latents, colours, height=544, width=704)

    assert time.process_time() - began < 1.0  # 0.2 s on one slow core


def test_latents_that_are_no_numbers_are_no_preview() -> None:
    colours = LatentRgb(weights=torch.ones(16, 3), bias=torch.zeros(3))
    with pytest.raises(FilmFailed):
        latent_preview(torch.full((1, 16, 9, 4, 4), float("nan")), colours, height=32, width=32)
