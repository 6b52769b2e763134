"""Convolutions in time on a CPU, through oneDNN whatever their size.

PyTorch sends a small Conv3d to an im2col kernel that needs three to five times as long (measured on the tiny VAE
at 256 pixels); a batch of one video counts as small up to fairly large ones. oneDNN is what it uses for the rest.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn


def use_onednn(network: nn.Module) -> None:
    """Route all Conv3d of a float32 network on the CPU through oneDNN; changes nothing where PyTorch has none."""
    if not torch.backends.mkldnn.is_available():
        return
    for module in network.modules():
        if isinstance(module, nn.Conv3d) and module.padding_mode == "zeros" and not isinstance(module.padding, str):
            setattr(module, "_conv_forward", partial(_convolve, module))  # noqa: B010 (no such name in its stub)


def _convolve(module: nn.Conv3d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.aten.mkldnn_convolution(
        x, weight, bias, module.padding, module.stride, module.dilation, module.groups
    )
