"""Where the transformer's training starts: a network that answers “the picture stands still”, instead of noise.

A noisy token carries its noise in one half of the width; a clean token carries its picture's strongest components in
the other. The first block's attention looks, by the rotary embedding, for the clean token at its own place and brings
that half over; the last layer answers noise minus picture. Four dimensions hold constants: layer norm then scales all
tokens alike, and clean ones can be told from noisy ones. Where the width has room, heads of the first block that carry
no picture tell each token when and where it is, and heads of later blocks look at neighbours. What is left to learn is
what each motion makes of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

ROTARY_BASE = 256.0
"""Of HunyuanVideo's rotary embedding."""
PATCH = 64
"""Values of a token: 16 channels of 2x2 latents."""
_CONSTANTS = 4
"""The last dimensions: one pair in every token, one in clean ones alone."""
_LARGE = 12.0
"""Of the constants, in standard deviations of a latent."""
_LOCAL = (1.0, 1.0, 0.6, 0.3)
"""Of the fastest turning pairs of each spatial axis: the fastest make attention local, but come round again after six
places; the slower ones tell these apart."""
_CONTENT = 0.3
"""How much of a query or key depends on the token at first."""
_SHARPNESS = 2.0
"""Of queries and keys in the first block: four fifths of the attention go to the very place."""
_TURNING = 2
"""Of an axis's rotary pairs, the one that tells a place: from one side of a film or picture to the other it turns by
about a right angle."""
_TELLING = 0.3
"""Share of a telling head's queries and keys that depends on the place: attention leans, and does not jump."""
_NEIGHBOURS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Rows and columns away, head by head."""


@torch.no_grad()
def start_transformer(network: Any, patches: Tensor, generator: torch.Generator) -> None:
    """Write the start into a fresh transformer. The same patches and generator state give the same weights.

    patches: (N, 64) of scaled latents of pictures, in the order of a patch embedding's kernel.  Raises ValueError for
    networks too narrow to carry both halves.
    """
    for name, weight in network.named_parameters():
        modulates = "norm" in name and "linear" in name
        if modulates or name.endswith("bias"):
            weight.zero_()
        elif weight.ndim == 2:
            bound = (6 / (weight.shape[0] + weight.shape[1])) ** 0.5
            weight.copy_((torch.rand(weight.shape, generator=generator) * 2 - 1) * bound)
        elif weight.ndim == 1:
            weight.fill_(1)
    width = network.x_embedder.proj.out_channels
    kept = min(PATCH, width - PATCH - _CONSTANTS)
    if kept < PATCH // 2:
        raise ValueError(f"a width of {width} has no room for a token's noise and its picture")
    components = torch.linalg.svd(patches - patches.mean(0), full_matrices=False)[2][:kept]
    noisy, clean = slice(0, PATCH), slice(PATCH, PATCH + kept)
    pair, mark = (width - 4, width - 3), (width - 2, width - 1)
    _start_embedders(network, components, noisy, clean, pair, mark)
    gain = _start_first_attention(network, clean, mark)
    _start_telling(network, clean, pair, mark)
    for block in network.single_transformer_blocks:
        for projection, away in ((block.attn.to_q, _NEIGHBOURS), (block.attn.to_k, _NEIGHBOURS[:1])):
            projection.weight.mul_(_CONTENT)
            projection.bias.copy_(_places(network, away))
    # The last norm divides by about this: noise, picture and the pair of constants.
    scale = ((PATCH + PATCH * gain**2 + 2 * _LARGE**2) / width) ** 0.5
    out = network.proj_out.weight.zero_()
    out[:, noisy] = torch.eye(PATCH) * scale
    out[:, clean] = -components.T * scale / gain


def _start_embedders(
    network: Any,
    components: Tensor,
    noisy: slice,
    clean: slice,
    pair: tuple[int, int],
    mark: tuple[int, int],
) -> None:
    noise, history = network.x_embedder.proj, network.clean_x_embedder
    shape = (-1, *noise.weight.shape[1:])
    for embedder in (noise, history.proj, history.proj_2x, history.proj_4x):
        embedder.weight.zero_()
        embedder.bias[pair[0]], embedder.bias[pair[1]] = _LARGE, -_LARGE
    noise.weight[noisy] = torch.eye(PATCH).view(shape)
    history.proj.weight[clean] = components.view(shape)
    history.proj.bias[mark[0]], history.proj.bias[mark[1]] = _LARGE, -_LARGE
    for larger, times in ((history.proj_2x, 2), (history.proj_4x, 4)):
        kernel = history.proj.weight
        for dimension in (2, 3, 4):
            kernel = kernel.repeat_interleave(times, dim=dimension)
        larger.weight.copy_(kernel / times**3)


def _start_first_attention(network: Any, clean: slice, mark: tuple[int, int]) -> float:
    """Returns by how much the picture arrives stronger or weaker than it was sent."""
    first = network.transformer_blocks[0]
    attention, width = first.attn, first.attn.to_q.weight.shape[0]
    places = _places(network)
    attention.to_q.weight.mul_(_CONTENT)
    attention.to_q.bias.copy_(places)
    attention.to_k.weight.mul_(_CONTENT)
    # Only what is marked as clean shows its place.
    attention.to_k.weight[:, mark[0]] += places
    attention.to_k.weight[:, mark[1]] -= places
    attention.norm_q.weight.fill_(_SHARPNESS)
    attention.norm_k.weight.fill_(_SHARPNESS)
    for projection in (attention.to_v, attention.to_out[0]):
        projection.weight.mul_(0.02)
        index = torch.arange(clean.start, clean.stop)
        projection.weight[index, index] = 1.0
    # Modulation is shift, scale, gate and the same for the feed-forward half.
    first.norm1.linear.bias[2 * width : 3 * width] = 1
    # What layer norm makes of a clean token.
    return ((PATCH + 4 * _LARGE**2) / width) ** -0.5


def _start_telling(network: Any, clean: slice, pair: tuple[int, int], mark: tuple[int, int]) -> None:
    """Into dimensions beyond the picture: how far a token is from the start in time, and from which side in space.

    A telling head's attention leans towards clean tokens or away from them by the angle between places, so that the
    share of marks it brings home is a number that grows with the place.
    """
    attention = network.transformer_blocks[0].attn
    head_width, heads = network.config["attention_head_dim"], network.config["num_attention_heads"]
    free = [head for head in range(heads) if head * head_width >= clean.stop or (head + 1) * head_width <= clean.start]
    begin = 0
    for head, axis, told in zip(free, network.config["rope_axes_dim"], range(clean.stop, pair[0]), strict=False):
        first, turning = head * head_width, head * head_width + begin + 2 * _TURNING
        begin += axis
        rows = slice(first, first + head_width)
        for projection in (attention.to_q, attention.to_k):
            projection.weight[rows] = 0
            projection.bias[rows] = 0
        # Norms make queries and keys equally long: what does not tell goes where the other has nothing.
        rest = (1 / _TELLING**2 - 1) ** 0.5
        attention.to_q.bias[turning], attention.to_q.bias[first] = 1, rest
        attention.to_k.weight[turning + 1, mark[0]], attention.to_k.weight[turning + 1, pair[0]] = 2, -1
        attention.to_k.weight[first + 2, pair[0]] = rest
        attention.to_v.weight[first] = 0
        attention.to_v.weight[first, mark[0]] = 1
        attention.to_out[0].weight[told] = 0
        attention.to_out[0].weight[told, first] = 1


def _places(network: Any, away: Sequence[tuple[int, int]] = _NEIGHBOURS[:1]) -> Tensor:
    """A query that meets a key of no distance strongest so many rows and columns away. Returns (width,).

    away: head by head, over and over.
    """
    head_width, heads = network.config["attention_head_dim"], network.config["num_attention_heads"]
    time, *space = network.config["rope_axes_dim"]
    place = torch.zeros(heads, head_width)
    for head in range(heads):
        begin = time
        for side, distance in zip(space, away[head % len(away)], strict=True):
            for turning, strength in enumerate(_LOCAL):
                angle = distance * ROTARY_BASE ** (-2 * turning / side)
                place[head, begin + 2 * turning] = strength * math.cos(angle)
                place[head, begin + 2 * turning + 1] = strength * math.sin(angle)
            begin += side
    return place.flatten()
