"""Teaching the text encoders what a wish means, before the transformer sees them; then they are frozen.

Both learn to name motion and pace through a linear head that is thrown away: what is linear there is easy to read for
the transformer. The Llama answers at a prompt's last token, CLIP in its pooled vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from engine.little.captions import PACES, Wish, wish
from engine.little.lessons import ramp
from engine.little.motions import Motion
from engine.little.sizes import TEXT_WIDTH
from engine.text import CLIP_TOKENS, PROMPT_TOKENS_MAX, TEMPLATE_AFTER, TEMPLATE_BEFORE

LLAMA_LAYERS = 2
"""That are used: the engine reads the third layer from the end, so a set has two more that never run."""
_RATE = 2e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Wishes as the transformer receives them."""

    text: Tensor
    """(B, L, D), zero beyond each prompt's tokens."""
    lengths: Tensor
    """(B,) tokens of each."""
    pooled: Tensor
    """(B, D)"""


class TextEncoders(nn.Module):
    """The little Llama and CLIP with the tokenizers in `folder`; batches, where the engine takes one prompt."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.llama_tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
        self.clip_tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        llama = LlamaConfig(
            vocab_size=len(self.llama_tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=LLAMA_LAYERS,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            bos_token_id=self.llama_tokenizer.bos_token_id,
            eos_token_id=self.llama_tokenizer.eos_token_id,
            pad_token_id=self.llama_tokenizer.pad_token_id,
        )
        end = self.clip_tokenizer.eos_token_id
        clip = CLIPTextConfig(
            vocab_size=len(self.clip_tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            bos_token_id=self.clip_tokenizer.bos_token_id,
            eos_token_id=end,
            pad_token_id=end,
        )
        self.llama, self.clip = LlamaModel(llama), CLIPTextModel(clip)
        # The engine reads a layer's output as it is, before the final norm.
        self.llama.register_module("norm", nn.Identity())
        self._template = len(self.llama_tokenizer(TEMPLATE_BEFORE)["input_ids"])

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def forward(self, texts: list[str]) -> Words:
        """As `encode_text` and `encode_pooled`, for a batch and with gradients."""
        tokens = self.llama_tokenizer(
            [TEMPLATE_BEFORE + text + TEMPLATE_AFTER for text in texts],
            max_length=self._template + PROMPT_TOKENS_MAX,
            truncation=True,
            padding=True,
            padding_side="right",
            return_tensors="pt",
        ).to(self.device)
        states = self._after_template(tokens["input_ids"], tokens["attention_mask"])
        real = tokens["attention_mask"][:, self._template :]
        pooled = self.clip_tokenizer(
            # Shorter than the engine's 77: a causal network's answer at the first end does not see the padding.
            texts,
            max_length=CLIP_TOKENS,
            padding=True,
            truncation=True,
            return_tensors="pt",
        ).to(self.device)
        return Words(
            text=states * real.unsqueeze(-1),
            lengths=real.sum(1),
            pooled=self.clip(input_ids=pooled["input_ids"]).pooler_output,
        )

    def _after_template(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The template stands before every prompt: its keys and values are computed once for the batch.

        tokens, mask: (B, template + L).  Returns (B, L, D).
        """
        # Where the template ends, a prompt's first letters may change how its last line break is cut.
        shared = self._template - 1
        template = self.llama(input_ids=tokens[:1, :shared], use_cache=True).past_key_values
        template.batch_repeat_interleave(len(tokens))
        # By place: the fourth, the cache, has another name from transformers 5.24 on.
        states = self.llama(tokens[:, shared:], mask, None, template, use_cache=True).last_hidden_state
        return states[:, 1:]


class WordsStage:
    """Wishes to motion and pace."""

    name = "words"

    def __init__(self, encoders: TextEncoders, *, steps: int, batch: int) -> None:
        self.steps = steps
        self._batch = batch
        self.encoders = encoders
        answers = len(Motion) + len(PACES)
        torch.manual_seed(2)
        self.heads = nn.ModuleList([nn.Linear(TEXT_WIDTH, answers), nn.Linear(TEXT_WIDTH, answers)]).to(encoders.device)
        self._taught = [*encoders.parameters(), *self.heads.parameters()]
        self._optimizer = torch.optim.AdamW(self._taught, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.01)

    def step(self, index: int) -> float:
        dice = Random(f"{self.name} {index}")
        batch = [wish(dice) for _ in range(self._batch)]
        loss = sum((self._loss(answer, batch) for answer in self.answers(batch)), torch.zeros(()))
        for group in self._optimizer.param_groups:
            group["lr"] = _RATE * ramp(index, self.steps, warm_up=50, decay=0.6)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._taught, 1.0)
        self._optimizer.step()
        return loss.item()

    def answers(self, batch: list[Wish]) -> list[Tensor]:
        """What both encoders make of the wishes, each (B, motions + paces)."""
        words = self.encoders([each.text for each in batch])
        last = words.text[torch.arange(len(batch)), words.lengths - 1]
        return [head(state) for head, state in zip(self.heads, (last, words.pooled), strict=True)]

    @torch.no_grad()
    def share_right(self, batch: list[Wish]) -> tuple[float, float]:
        """Share of wishes whose motion the Llama and CLIP name."""
        wanted = _motions(batch, self.encoders.device)
        llama, clip = (
            (answer[:, : len(Motion)].argmax(1) == wanted).float().mean().item() for answer in self.answers(batch)
        )
        return llama, clip

    def _loss(self, answer: Tensor, batch: list[Wish]) -> Tensor:
        paces = torch.tensor([each.pace for each in batch], device=answer.device)
        motion, pace = answer.split([len(Motion), len(PACES)], dim=1)
        return cross_entropy(motion, _motions(batch, answer.device)) + 0.3 * cross_entropy(pace, paces)

    def state(self) -> dict[str, Any]:
        return {
            "encoders": self.encoders.state_dict(),
            "heads": self.heads.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.encoders.load_state_dict(state["encoders"])
        self.heads.load_state_dict(state["heads"])
        self._optimizer.load_state_dict(state["optimizer"])


@torch.no_grad()
def whole_llama(encoders: TextEncoders) -> LlamaModel:
    """The Llama as a set has it: with two more layers and a norm, which never run."""
    config = LlamaConfig(**{**encoders.llama.config.to_dict(), "num_hidden_layers": LLAMA_LAYERS + 2})
    whole = LlamaModel(config)
    for weight in whole.parameters():
        weight.zero_()
    whole.norm.weight.fill_(1)
    whole.load_state_dict(encoders.llama.state_dict(), strict=False)
    return whole


def fresh_encoders(folder: Path) -> TextEncoders:
    """folder: where `write_tokenizers` wrote."""
    torch.manual_seed(3)
    return TextEncoders(folder)


def _motions(batch: list[Wish], device: torch.device) -> Tensor:
    order = {motion: place for place, motion in enumerate(Motion)}
    return torch.tensor([order[each.motion] for each in batch], device=device)
