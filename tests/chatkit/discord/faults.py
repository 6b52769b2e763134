"""What goes wrong between the bot and Discord, scripted by a test.

    fault = kit.faults.add(RateLimit(retry_after_s=0.1), "POST", "/channels/{channel_id}/messages")
    …
    assert fault.hits == 1

A fault is named by the method and the path as the OpenAPI document writes it; without them it meets every request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatkit.discord.calls import Call


@dataclass(frozen=True, slots=True)
class RateLimit:
    """429. Without `via` it comes from the edge, as text, the way a ban does: discord.py does not try again."""

    retry_after_s: float = 0.05
    everywhere: bool = False
    """The global limit, not the route's."""
    via: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """A 5xx page of the edge: before the work, or after it was done and only the answer was lost."""

    status: int = 502
    after_work: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """A documented refusal by its code: 50013, 50001, 50027, 10062, 10008, 10003, 40060, 40005 …"""

    code: int


@dataclass(frozen=True, slots=True)
class Abort:
    """The connection is cut without an answer."""

    after_work: bool = False


@dataclass(slots=True)
class Hold:
    """The request waits until the test lets it go: the place to kill a bot.

    With `after_work` the work is done and the answer waits; otherwise the request waits for the work. A request that is
    let go after its bot was killed is worked on all the same: it had left.
    """

    after_work: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        self.reached.set()
        await self.released.wait()

    def release(self) -> None:
        self.released.set()


Action = RateLimit | Broken | Refuse | Abort | Hold


@dataclass(slots=True)
class Fault:
    action: Action
    method: str | None
    template: str | None
    times: int | None
    """None: until it is taken away."""
    where: Callable[[Call], bool] | None = None
    hits: int = 0

    def meets(self, call: Call) -> bool:
        return (
            (self.times is None or self.hits < self.times)
            and self.method in (None, call.method)
            and self.template in (None, call.template)
            and (self.where is None or self.where(call))
        )


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        action: Action,
        method: str | None = None,
        template: str | None = None,
        *,
        times: int | None = 1,
        where: Callable[[Call], bool] | None = None,
    ) -> Fault:
        fault = Fault(action, method, template, times, where)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def next(self, call: Call) -> Action | None:
        """The first fault that meets this call; it is counted."""
        fault = next((fault for fault in self._faults if fault.meets(call)), None)
        if fault is None:
            return None
        fault.hits += 1
        return fault.action
