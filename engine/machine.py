"""Whether this machine can draw with the configured weights, asked before anything is claimed."""

from __future__ import annotations

import psutil
import torch

from engine.driver import card_trouble
from engine.weights import choose_device, examine_weights
from engine.weights.needs import Found, Needs, require_machine
from storage.models import model_card
from storage.settings import Settings


def check_machine(settings: Settings) -> Needs:
    """What must be free to draw. Raises OwnerError where weights, card or memory can never do; opens the card."""
    engine = settings.engine
    inventory = examine_weights(engine.model, engine.weights)
    device = choose_device(engine.device)
    if inventory is None:
        return Needs(memory_bytes=0, card_bytes=0, why="")
    on_card = device.type == "cuda"
    card_bytes = torch.cuda.get_device_properties(device).total_memory if on_card else None
    found = Found(memory_bytes=psutil.virtual_memory().total, card_bytes=card_bytes)
    trouble = "" if on_card else card_trouble(torch.__version__, torch.version.cuda)
    return require_machine(model_card(engine.model), inventory, found, wish=engine.device, trouble=trouble)
