"""What guides a film beside its seed: the encoded prompt and pictures, as one value that a file can keep.

The encoders that make it are in `engine/encoders.py`; drawing needs none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from engine.tensorfile import TensorFileDamaged, digest_tensors, read_tensors, write_tensors

_KIND = "flipbook conditioning 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One encoded prompt."""

    text: Tensor
    """(1, L, D) of the language model, zero where padded; L is 512 in real films."""
    mask: Tensor
    """(1, L) bool: real tokens first."""
    pooled: Tensor
    """(1, P): CLIP's pooled answer."""


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """Read-only; its digest names it in checkpoints."""

    prompt: Prompt
    negative: Prompt | None
    """Only for true CFG above 1."""
    image: Tensor
    """(1, tokens, D) of the start picture; with an end picture the mean of both."""
    start: Tensor
    """(1, C, 1, h, w) float32: the start picture's latent."""
    end: Tensor | None
    """The end picture's latent."""
    unread_chars: int = 0
    """Of the prompt, from its end: what the language model has no room for. No part of the digest."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all tensors."""
        return digest_tensors({name: tensor.cpu() for name, tensor in self._tensors().items()}, {})

    def save(self, path: Path) -> None:
        """Write atomically: a reader sees the whole file or none."""
        write_tensors(path, self._tensors(), {"kind": _KIND, "unread_chars": str(self.unread_chars)})

    @classmethod
    def load(cls, path: Path) -> Conditioning | None:
        """The value of an earlier `save`; None where there is none or the file is damaged."""
        try:
            tensors, facts = read_tensors(path)
        except (FileNotFoundError, TensorFileDamaged):
            return None
        if facts.get("kind") != _KIND:
            return None
        return cls(
            prompt=_prompt(tensors, "prompt"),
            negative=_prompt(tensors, "negative") if "negative.text" in tensors else None,
            image=tensors["image"],
            start=tensors["start"],
            end=tensors.get("end"),
            unread_chars=int(facts.get("unread_chars", "0")),
        )

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"image": self.image, "start": self.start}
        if self.end is not None:
            tensors["end"] = self.end
        for name, prompt in (("prompt", self.prompt), ("negative", self.negative)):
            if prompt is not None:
                tensors |= {f"{name}.text": prompt.text, f"{name}.mask": prompt.mask, f"{name}.pooled": prompt.pooled}
        return tensors


def _prompt(tensors: dict[str, Tensor], name: str) -> Prompt:
    return Prompt(text=tensors[f"{name}.text"], mask=tensors[f"{name}.mask"], pooled=tensors[f"{name}.pooled"])
