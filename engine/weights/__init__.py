"""Model files: what must lie where, whether it is whole, and how it comes into memory."""

from engine.weights.layout import Inventory, examine_weights, take_inventory
from engine.weights.models import ModelSet, choose_device

__all__ = ["Inventory", "ModelSet", "choose_device", "examine_weights", "take_inventory"]
