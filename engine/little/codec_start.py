"""Where the codec's training starts: not from noise, but from principal components written into its layers.

The encoder passes pixels down unmixed (each halving puts 2x2 pixels into channels) and its last halving projects 8x8
pixels to their 16 strongest components. Two things in the way are made transparent: residual branches start at
zero, and the last GroupNorm and SiLU carry every value in both signs beside two large constants. The constants make the
normalisation's scale the same for all pictures, and silu(a) − silu(−a) = a.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from engine.little.pictures import draw_pictures

BLOCK = 8
_LARGE = 16.0
"""Of the constants, in standard deviations of a component."""
_SPREAD_POWER = 0.4
"""Latents keep this power of their components' spread: whitened fully, the faintest would count like the first."""
_LOG_VARIANCE = -6.0
"""Of the posterior: sampling it must not blur a picture."""


@torch.no_grad()
def start_codec(vae: Any, generator: torch.Generator) -> None:
    """Write the start into a fresh codec. The same generator state gives the same weights."""
    for convolution in _kernels(vae):
        convolution.weight.copy_(_noise(convolution.weight, generator) * _gain(convolution.weight))
        if convolution.weight.shape[2] == 3:
            convolution.weight[:, :, :2] = 0
        assert convolution.bias is not None
        convolution.bias.zero_()
    for name, module in vae.named_modules():
        if name.endswith("conv2"):
            module.conv.weight.zero_()
    mean, basis, spread = components(generator)
    _start_encoder(vae, mean, basis, spread)
    _start_decoder(vae, mean, basis, spread)


def components(generator: torch.Generator, pictures: int = 192, size: int = 96) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of 8x8 pixels of drawn pictures.

    Returns their mean (192,), all components as columns (192, 192), strongest first, and their spreads (192,);
    the 192 values are in pixel_unshuffle's order: colour, row, column.
    """
    drawn = draw_pictures(generator, pictures, size, size).flat * 2 - 1
    blocks = pixel_unshuffle(drawn, BLOCK).movedim(1, -1).flatten(0, 2)
    mean = blocks.mean(0)
    _, strength, basis = torch.linalg.svd(blocks - mean, full_matrices=False)
    # Signs are the solver's choice; fixed here, every machine starts alike.
    basis = basis * basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()
    return mean, basis.T, strength / len(blocks) ** 0.5


def _start_encoder(vae: Any, mean: Tensor, basis: Tensor, spread: Tensor) -> None:
    encoder, channels = vae.encoder, vae.config["latent_channels"]
    _clear(encoder.conv_in.conv)
    for colour in range(3):
        encoder.conv_in.conv.weight[colour, colour, -1, 1, 1] = 1
    # After two halvings: channel (row2, column2, row1, column1, colour), each row and column 0 or 1.
    first, second, third = (block.downsamplers[0].conv.conv for block in encoder.down_blocks)
    for halving, incoming in ((first, 3), (second, 12)):
        _clear(halving)
        for row in range(2):
            for column in range(2):
                for channel in range(incoming):
                    halving.weight[(row * 2 + column) * incoming + channel, channel, -1, row + 1, column + 1] = 1
    for block, kept in zip(encoder.down_blocks[1:], (12, 48), strict=True):
        shortcut = block.resnets[0].conv_shortcut.conv
        _clear(shortcut)
        for channel in range(kept):
            shortcut.weight[channel, channel] = 1
    _clear(third)
    _write_pairs(third.bias, encoder.conv_norm_out)
    places = _pair_places(encoder.conv_norm_out)
    for component, (plus, minus) in enumerate(places):
        kernel = _kernel(basis[:, component] / spread[component])
        third.weight[plus, :48, -1, 1:, 1:] = kernel
        third.weight[minus, :48, -1, 1:, 1:] = -kernel
        offset = (mean @ basis[:, component]) / spread[component]
        third.bias[plus], third.bias[minus] = -offset, offset
    out = encoder.conv_out.conv
    _clear(out)
    latent_spread = _latent_spread(spread[:channels]) / vae.config["scaling_factor"]
    for latent in range(channels):
        plus, minus = places[latent]
        out.weight[latent, plus, -1, 1, 1] = latent_spread[latent]
        out.weight[latent, minus, -1, 1, 1] = -latent_spread[latent]
    out.bias[channels:] = _LOG_VARIANCE
    _identity(vae.quant_conv)


def _kernel(direction: Tensor) -> Tensor:
    """A direction among 8x8x3 pixels as a kernel over 2x2 places of 48 channels. Returns (48, 2, 2)."""
    # Rows are 4·r3 + 2·r2 + r1, and so are columns; r3 and c3 are places of the last halving.
    bits = direction.view(3, 2, 2, 2, 2, 2, 2)  # colour, r3, r2, r1, c3, c2, c1
    return bits.permute(2, 5, 3, 6, 0, 1, 4).reshape(48, 2, 2)


def _start_decoder(vae: Any, mean: Tensor, basis: Tensor, spread: Tensor) -> None:
    decoder, channels = vae.decoder, vae.config["latent_channels"]
    _identity(vae.post_quant_conv)
    # Channels 0 to 2 carry the mean colour upward; the others start as random views of all latents.
    colour = basis[:, :channels].view(3, BLOCK * BLOCK, channels).mean(1) * spread[:channels]
    scaled = colour * vae.config["scaling_factor"] / _latent_spread(spread[:channels])
    entry = decoder.conv_in.conv
    entry.weight[:3] = 0
    entry.weight[:3, :, -1, 1, 1] = scaled
    entry.bias[:3] = mean.view(3, BLOCK * BLOCK).mean(1)
    for block in decoder.up_blocks:
        for resnet in block.resnets:
            if resnet.conv_shortcut is not None:
                _carry_colours(resnet.conv_shortcut.conv)
        _carry_colours(block.upsamplers[0].conv.conv)
    last = decoder.up_blocks[-1].upsamplers[0].conv.conv
    _write_pairs(last.bias, decoder.conv_norm_out)
    constant = {channel for pair in _constant_places(decoder.conv_norm_out) for channel in pair}
    last.weight[sorted(constant)] = 0
    out = decoder.conv_out.conv
    _clear(out)
    for index, (plus, minus) in enumerate(_pair_places(decoder.conv_norm_out)[:3]):
        last.weight[[plus, minus]] = 0
        last.weight[plus, index, -1], last.weight[minus, index, -1] = _TENT, -_TENT
        out.weight[index, plus, -1, 1, 1], out.weight[index, minus, -1, 1, 1] = 1, -1


_TENT = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


def _carry_colours(convolution: nn.Conv3d) -> None:
    """Its first three channels hand theirs on, smoothed; nothing else reaches them."""
    convolution.weight[:3] = 0
    smooth = _TENT if convolution.weight.shape[-1] == 3 else torch.ones(1, 1)
    for colour in range(3):
        convolution.weight[colour, colour, -1] = smooth


def _latent_spread(spread: Tensor) -> Tensor:
    """Of the scaled latents: their root mean square is 1."""
    kept = spread**_SPREAD_POWER
    return kept / kept.square().mean().sqrt()


def _constant_places(norm: nn.GroupNorm) -> list[tuple[int, int]]:
    each = norm.num_channels // norm.num_groups
    return [(group * each, group * each + 1) for group in range(norm.num_groups)]


def _pair_places(norm: nn.GroupNorm) -> list[tuple[int, int]]:
    """Channels for both signs of a value, so spread that every group has its share of the strongest."""
    each = norm.num_channels // norm.num_groups
    return [
        (group * each + place, group * each + place + 1)
        for place in range(2, each - 1, 2)
        for group in range(norm.num_groups)
    ]


def _write_pairs(bias: Tensor, norm: nn.GroupNorm) -> None:
    """The two constants of every group into the bias before a norm, and the norm's own scale undone."""
    each = norm.num_channels // norm.num_groups
    for plus, minus in _constant_places(norm):
        bias[plus], bias[minus] = _LARGE, -_LARGE
    # Every group: two constants and pairs of about unit variance; the mean is exactly zero.
    norm.weight.fill_(((2 * _LARGE**2 + (each - 2)) / each) ** 0.5)
    norm.bias.zero_()


def _identity(convolution: nn.Conv3d) -> None:
    _clear(convolution)
    for channel in range(convolution.weight.shape[0]):
        convolution.weight[channel, channel] = 1


def _clear(convolution: nn.Conv3d) -> None:
    convolution.weight.zero_()
    assert convolution.bias is not None
    convolution.bias.zero_()


def _kernels(vae: nn.Module) -> list[nn.Conv3d]:
    return [module for module in vae.modules() if isinstance(module, nn.Conv3d)]


def _noise(weight: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(weight.shape, generator=generator)


def _gain(weight: Tensor) -> float:
    return (weight[0].numel() / (3 if weight.shape[2] == 3 else 1)) ** -0.5
