"""One thing for each key in a span of time, by a clock that nobody sets: the wall clock may jump, back or forward."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Throttle(Generic[Key]):
    """Remembers when each key last had its turn. Bounded: the key that is longest ago is forgotten first."""

    def __init__(self, every_s: float, *, keys_max: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._keys_max = keys_max
        self._monotonic = monotonic
        self._last_s: OrderedDict[Key, float] = OrderedDict()

    def due(self, key: Key) -> bool:
        """Whether the key's last turn is long enough ago."""
        return self._monotonic() - self._last_s.get(key, float("-inf")) >= self._every_s

    def take(self, key: Key) -> bool:
        """Take the key's turn; False, and nothing changes, where its last one is too near."""
        if not self.due(key):
            return False
        self.begin(key)
        return True

    def begin(self, key: Key) -> None:
        """The span begins anew, whenever the last turn was."""
        self._last_s[key] = self._monotonic()
        self._last_s.move_to_end(key)
        while len(self._last_s) > self._keys_max:
            self._last_s.popitem(last=False)
