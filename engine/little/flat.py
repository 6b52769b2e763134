"""A video codec on single pictures, with two-dimensional kernels: several times faster, and exact.

For one frame, a causal convolution sees that frame three times: its kernel's sum over time is the whole story.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_hunyuan_video import (
    HunyuanVideoCausalConv3d,
    HunyuanVideoUpsampleCausal3D,
)
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad


def flatten_time(network: nn.Module) -> None:
    """Give every causal convolution a parameter `flat`, (out, in, k, k), its kernel until `inflate_time`."""
    for convolution in _convolutions(network):
        kernel = convolution.conv.weight
        convolution.flat = nn.Parameter(kernel.detach().sum(2))
        kernel.requires_grad_(False)
        setattr(convolution, "forward", partial(_forward_flat, convolution))  # noqa: B010 (this instance alone)


@torch.no_grad()
def inflate_time(network: nn.Module) -> None:
    """Write the flat kernels back: into the newest frame's tap, and where time is doubled, half into the one before.

    After nearest doubling, [0, ½, ½] is the straight line between a latent and the next.
    """
    doubling = {
        id(module.conv)
        for module in network.modules()
        if isinstance(module, HunyuanVideoUpsampleCausal3D) and module.upsample_factor[0] == 2
    }
    for convolution in _convolutions(network):
        kernel, flat = convolution.conv.weight, convolution.flat
        kernel.zero_()
        if id(convolution) in doubling:
            kernel[:, :, -2:] = flat.unsqueeze(2) / 2
        else:
            kernel[:, :, -1] = flat
        kernel.requires_grad_(True)
        del convolution.flat
        del convolution.forward


def _convolutions(network: nn.Module) -> Iterator[Any]:
    return (module for module in network.modules() if isinstance(module, HunyuanVideoCausalConv3d))


def _forward_flat(convolution: Any, hidden_states: Tensor) -> Tensor:
    """hidden_states: (B, C, 1, H, W)."""
    plane = pad(hidden_states.squeeze(2), convolution.time_causal_padding[:4], mode=convolution.pad_mode)
    inner = convolution.conv
    return conv2d(plane, convolution.flat, inner.bias, inner.stride[1:]).unsqueeze(2)
