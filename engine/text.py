"""Prompts through a language model and through CLIP. Torch and tokenizers alone: training uses it too.

Source: diffusers' HunyuanVideo prompt template.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from engine.weights.models import TextEncoder

PROMPT_TOKENS_MAX = 256
TEXT_LENGTH = 512
"""Places for text in the transformer; those beyond the prompt are masked."""
CLIP_TOKENS = 77

TEMPLATE_BEFORE = (
    "<|start_header_id|>system<|end_header_id|>\n\n"
    "Describe the video by detailing the following aspects: "
    "1. The main content and theme of the video."
    "2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects."
    "3. Actions, events, behaviors temporal relationships, physical movement changes of the objects."
    "4. background environment, light, style and atmosphere."
    "5. camera angles, movements, and transitions used in the video:<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n"
)
TEMPLATE_AFTER = "<|eot_id|>"


def with_style(prompt: str, style: str) -> str:
    """One sentence of both; style: a phrase, or empty."""
    return f"{prompt.rstrip('. ')}, {style}" if style else prompt


def read_chars(prompt: str, style: str, llama: TextEncoder) -> int:
    """How many characters of a prompt the language model reads: all, or as many as leave room for the style."""
    return _fitting(_whole(prompt), style, PROMPT_TOKENS_MAX, lambda text: len(_plain(text, llama.tokenizer)))


def encode_text(prompt: str, llama: TextEncoder, *, style: str = "") -> tuple[Tensor, Tensor]:
    """A prompt in the language model's third layer from the end, without the template before it.

    style: stays whole; of a prompt that leaves it no room, the end is cut off.
    Returns (1, 512, D), zero beyond the real tokens, and their (1, 512) bool mask.
    """
    prompt = _whole(prompt)
    if style:
        prompt = with_style(prompt[: read_chars(prompt, style, llama)], style)
    tokenizer = llama.tokenizer
    # Counted, not assumed: 95 with Llama's own tokenizer, more or fewer with others.
    template: list[int] = tokenizer(TEMPLATE_BEFORE)["input_ids"]
    if any(str(token) in prompt for token in tokenizer.added_tokens_decoder.values()):
        # Typed by a member, a control token's name is text like any other.
        after: list[int] = tokenizer(TEMPLATE_AFTER, add_special_tokens=False)["input_ids"]
        tokens = template + _plain(prompt, tokenizer) + after
    else:
        # In one piece, as the models were trained: a prompt's first letters may change how the line break before
        # them is cut.
        tokens = tokenizer(TEMPLATE_BEFORE + prompt + TEMPLATE_AFTER)["input_ids"]
    tokens = torch.tensor([tokens[: len(template) + PROMPT_TOKENS_MAX]])
    # Without padding: a causal model's real tokens never see what comes after them.
    states = llama.network(input_ids=tokens.to(llama.device), use_cache=False).last_hidden_state
    text = states[:, len(template) :].cpu()
    length = text.shape[1]
    mask = torch.arange(TEXT_LENGTH).unsqueeze(0) < length
    return pad(text, (0, 0, 0, TEXT_LENGTH - length)), mask


def encode_pooled(prompt: str, clip: TextEncoder, *, style: str = "") -> Tensor:
    """A prompt as CLIP's one pooled vector. style: stays whole, as in `encode_text`. Returns (1, P)."""
    prompt = _whole(prompt)
    if style:
        # Two places are the tokens for start and end.
        kept = _fitting(prompt, style, CLIP_TOKENS - 2, lambda text: len(_plain(text, clip.tokenizer)))
        prompt = with_style(prompt[:kept], style)
    tokens = clip.tokenizer(
        prompt,
        max_length=CLIP_TOKENS,
        padding="max_length",
        truncation=True,
        split_special_tokens=True,
        return_tensors="pt",
    )
    return clip.network(input_ids=tokens["input_ids"].to(clip.device)).pooler_output.cpu()


def _plain(text: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Its tokens, none of which is a control token."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def _fitting(prompt: str, style: str, tokens_max: int, count: Callable[[str], int]) -> int:
    """Characters of the longest beginning of the prompt that fits together with the style."""

    def needed(chars: int) -> int:
        return count(with_style(prompt[:chars], style))

    if needed(len(prompt)) <= tokens_max:
        return len(prompt)
    chars = bisect_right(range(len(prompt)), tokens_max, key=needed) - 1
    # Where a cut splits a word, a shorter text may have a token more.
    while chars > 0 and needed(chars) > tokens_max:
        chars -= 1
    return max(0, chars)


def _whole(prompt: str) -> str:
    """Half a surrogate pair is legal in a string and fatal in a tokenizer."""
    return prompt.encode("utf-8", "replace").decode()
