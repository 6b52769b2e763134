"""What drawing takes of memory and card, from the headers of the weights: known before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from engine.weights.layout import TRANSFORMERS, Inventory
from storage.errors import OwnerError
from storage.models import ModelCard

SMALL_SET_BYTES = 1_000_000_000
"""Below this, all networks together are a trifle for any machine: loading them again would cost more."""
SPARE_BYTES = 3_000_000_000
"""Of the card's memory, for what a step computes (2.05 GB at 544x704) and the driver; weights get the rest."""
PROCESS_BYTES = 1_000_000_000
"""PyTorch itself, frames under way, the encoder of the film."""
HALF, SINGLE = 2, 4
"""Bytes of a number: on a card everything is loaded in 16 bits, on a CPU in 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    memory_bytes: int
    """Of the machine, in all."""
    card_bytes: int
    """Free on the card; 0 for a CPU."""
    why: str
    """What takes most of the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the machine has."""

    memory_bytes: int
    card_bytes: int | None
    """The card's, in all; None for a CPU."""


def needs(inventory: Inventory, found: Found) -> Needs:
    """Parts are opened one after the other; the transformer has the VAE beside it."""
    counts = inventory.parameter_counts
    if inventory.byte_count < SMALL_SET_BYTES:
        # All of it stays loaded.
        weights = sum(counts.values()) * (SINGLE if found.card_bytes is None else HALF)
        on_card = 0 if found.card_bytes is None else weights + PROCESS_BYTES
        return Needs(memory_bytes=weights + PROCESS_BYTES, card_bytes=on_card, why="all networks together")
    stages = {name: count for name, count in counts.items() if name not in TRANSFORMERS.values()}
    stages |= {name: counts[name] + counts["vae"] for name in TRANSFORMERS.values() if name in counts}
    largest = max(stages, key=lambda name: stages[name])
    if found.card_bytes is None:
        memory = stages[largest] * SINGLE + SPARE_BYTES
        return Needs(memory_bytes=memory, card_bytes=0, why=f"{largest} in 32 bits, as a CPU computes")
    if stages[largest] * HALF + SPARE_BYTES <= found.card_bytes:
        return Needs(memory_bytes=4 * PROCESS_BYTES, card_bytes=SPARE_BYTES, why="reading the weights")
    # What does not fit on the card waits in memory and comes layer after layer.
    memory = stages[largest] * HALF + 4 * PROCESS_BYTES
    return Needs(memory_bytes=memory, card_bytes=SPARE_BYTES, why=f"{largest}, which does not fit on the card whole")


def require_machine(card: ModelCard, inventory: Inventory, found: Found, *, wish: str, trouble: str) -> Needs:
    """What this machine must have free. Raises OwnerError, with figures, where it can never draw.

    wish: `engine.device`.  trouble: why there is no card, where there is none.
    """
    asked = needs(inventory, found)
    large = inventory.byte_count >= SMALL_SET_BYTES
    takes = f"“{card.name}” takes {gigabytes(asked.memory_bytes)} of memory ({asked.why})"
    if found.card_bytes is None and large and wish == "auto":
        raise OwnerError(
            f"There is no card to draw on: {trouble}. On the CPU {takes}, of {gigabytes(found.memory_bytes)} here, and "
            'days for a film: mend the card, set engine.model = "little", or insist with engine.device = "cpu".'
        )
    if asked.memory_bytes > found.memory_bytes:
        raise OwnerError(
            f"This machine has too little memory: {takes}, and there are {gigabytes(found.memory_bytes)} in all."
        )
    if found.card_bytes is not None and asked.card_bytes > found.card_bytes:
        raise OwnerError(
            f"The card has too little memory: “{card.name}” takes {gigabytes(asked.card_bytes)}, and it has "
            f"{gigabytes(found.card_bytes)} in all."
        )
    return asked


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
