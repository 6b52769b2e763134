"""Prompts through a language model and through CLIP. Torch and tokenizers alone: training uses it too.

Source: diffusers' HunyuanVideo prompt template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

if TYPE_CHECKING:
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


def encode_text(prompt: str, llama: TextEncoder) -> tuple[Tensor, Tensor]:
    """A prompt in the language model's third layer from the end, without the template before it.

    Returns (1, 512, D), zero beyond the real tokens, and their (1, 512) bool mask.
    """
    # Counted, not assumed: 95 with Llama's own tokenizer, more or fewer with others.
    template_tokens = len(llama.tokenizer(TEMPLATE_BEFORE)["input_ids"])
    tokens = llama.tokenizer(
        TEMPLATE_BEFORE + _whole(prompt) + TEMPLATE_AFTER,
        max_length=template_tokens + PROMPT_TOKENS_MAX,
        truncation=True,
        return_tensors="pt",
    )
    # Without padding: a causal model's real tokens never see what comes after them.
    states = llama.network(input_ids=tokens["input_ids"].to(llama.device), use_cache=False).last_hidden_state
    text = states[:, template_tokens:].cpu()
    length = text.shape[1]
    mask = torch.arange(TEXT_LENGTH).unsqueeze(0) < length
    return pad(text, (0, 0, 0, TEXT_LENGTH - length)), mask


def encode_pooled(prompt: str, clip: TextEncoder) -> Tensor:
    """A prompt as CLIP's one pooled vector. Returns (1, P)."""
    tokens = clip.tokenizer(
        _whole(prompt), max_length=CLIP_TOKENS, padding="max_length", truncation=True, return_tensors="pt"
    )
    return clip.network(input_ids=tokens["input_ids"].to(clip.device)).pooler_output.cpu()


def _whole(prompt: str) -> str:
    """Half a surrogate pair is legal in a string and fatal in a tokenizer."""
    return prompt.encode("utf-8", "replace").decode()
