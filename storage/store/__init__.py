"""The store: requests from acceptance to the last message about them."""

from storage.store.facade import Store
from storage.store.outbox import OutboxItem
from storage.store.removals import Removal
from storage.words import MessageKind

__all__ = ["MessageKind", "OutboxItem", "Removal", "Store"]
