"""A film under way, as one value and one file: enough to finish it as if nothing had happened, bit for bit.

Pixels are not in it: the frames that the next window is blended with are decoded again from the latents. That
costs about two steps, once per resume; kept, they would be 150 MB per section at 544x704, against 3 MB of latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.sampler import SamplerState
from engine.tensorfile import TensorFileDamaged, read_tensors, write_tensors

_KIND = "flipbook checkpoint 1"


class CheckpointRefused(Exception):
    """The checkpoint is of another film, or damaged: draw from the beginning. The sentence says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Tensors are shared with the running film and never changed by it: taking one costs nothing, saving one does."""

    film: str
    """Hash of everything that decides the film: plan, seed, guidance, conditioning and weights."""
    sections_drawn: int
    latents: Tensor | None
    """(1, C, T, h, w) float32 in film order; None before the first section of an inverted film."""
    generator: Tensor
    """State of the film's noise generator, after the noise of `sampler`'s section where there is one."""
    sampler: SamplerState | None
    """Inside section `sections_drawn`; None between sections."""

    def save(self, path: Path) -> None:
        """Write atomically and flushed to the disk. Raises OSError, and then leaves an earlier file as it was."""
        tensors = {"generator": self.generator}
        if self.latents is not None:
            tensors["latents"] = self.latents
        facts = {"kind": _KIND, "film": self.film, "sections_drawn": str(self.sections_drawn)}
        if self.sampler is not None:
            facts["step"] = str(self.sampler.step)
            tensors["x"] = self.sampler.x
            tensors |= {f"x0.{age}": x0 for age, x0 in enumerate(self.sampler.x0s)}
        write_tensors(path, tensors, facts)

    @classmethod
    def load(cls, path: Path, *, film: str) -> Checkpoint:
        """Read a checkpoint of this very film. Raises FileNotFoundError, CheckpointRefused."""
        try:
            tensors, facts = read_tensors(path)
        except TensorFileDamaged as exc:
            raise CheckpointRefused(f"The checkpoint is damaged: {exc}.") from exc
        if facts.get("kind") != _KIND:
            raise CheckpointRefused(f"{path.name} is no checkpoint of this version.")
        checkpoint = cls(
            film=facts["film"],
            sections_drawn=int(facts["sections_drawn"]),
            latents=tensors.get("latents"),
            generator=tensors["generator"],
            sampler=_sampler_state(tensors, facts) if "step" in facts else None,
        )
        checkpoint.require(film)
        return checkpoint

    def require(self, film: str) -> None:
        """Raises CheckpointRefused where this checkpoint is of another film."""
        if self.film != film:
            raise CheckpointRefused("The checkpoint belongs to another plan, seed, prompt, picture or set of weights.")


def _sampler_state(tensors: dict[str, Tensor], facts: dict[str, str]) -> SamplerState:
    ages = range(sum(name.startswith("x0.") for name in tensors))
    return SamplerState(step=int(facts["step"]), x=tensors["x"], x0s=tuple(tensors[f"x0.{age}"] for age in ages))
