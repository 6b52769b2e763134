"""How often a bot may write: budgets over a sliding time, and waits that it was told to keep."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from chatkit.telegram.refusals import too_many_requests


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `count` messages within any `seconds`.

    slack_s: how much later one message may arrive than another of the same age when it left: the network, not the bot.
    """

    count: int
    seconds: float
    slack_s: float = 0.25


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """Telegram's figures: 20 a minute in a group, about one a second in any chat (bursts pass), 30 a second in all."""

    group: Budget = Budget(20, 60.0)
    chat: Budget = Budget(5, 5.0)
    overall: Budget = Budget(30, 1.0)


UNLIMITED = FloodLimits(Budget(10**9, 1.0), Budget(10**9, 1.0), Budget(10**9, 1.0))


@dataclass(frozen=True, slots=True)
class Wait:
    """What a bot was told about a chat, in seconds of the clock."""

    told: float
    until: float


@dataclass(slots=True)
class Flood:
    limits: FloodLimits = FloodLimits()
    _sent: dict[Hashable, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _waits: dict[int, Wait] = field(default_factory=dict[int, Wait])

    def check(self, chat_id: int, *, group: bool, now: float) -> None:
        """Before a message is sent or edited. Raises 429 while the chat has to wait, or where a budget is spent.

        A broken rule is a spent budget, which the bot knows, and a message in spite of a wait of which it was told; not
        one that was on its way when the bot was told.
        """
        wait = self._waits.get(chat_id)
        if wait is not None and now < wait.until:
            knew = now > wait.told + self.limits.chat.slack_s
            raise too_many_requests(max(1, math.ceil(wait.until - now)), broken_rule=knew)
        left = max(self._left(key, budget, now) for key, budget in self._budgets(chat_id, group))
        if left > 0:
            self.pause(chat_id, left, now=now)
            raise too_many_requests(max(1, math.ceil(left)), broken_rule=True)

    def count(self, chat_id: int, *, group: bool, now: float) -> None:
        """A message was sent or edited."""
        for key, _ in self._budgets(chat_id, group):
            self._sent[key].append(now)

    def pause(self, chat_id: int, seconds: float, *, now: float) -> None:
        """The bot was told to leave this chat alone for so long."""
        self._waits[chat_id] = Wait(now, now + seconds)

    def busiest(self, chat_id: int, *, seconds: float) -> int:
        """The most messages that this chat saw within any `seconds`: what a bench holds against the budget."""
        times = list(self._sent[chat_id, "chat"])
        return max((sum(1 for t in times if start <= t < start + seconds) for start in times), default=0)

    def _budgets(self, chat_id: int, group: bool) -> list[tuple[Hashable, Budget]]:
        budgets: list[tuple[Hashable, Budget]] = [
            ((chat_id, "chat"), self.limits.chat),
            ("overall", self.limits.overall),
        ]
        return [*budgets, ((chat_id, "group"), self.limits.group)] if group else budgets

    def _left(self, key: Hashable, budget: Budget, now: float) -> float:
        """Seconds until this budget has room for one more."""
        sent = self._sent[key]
        if len(sent) < budget.count:
            return 0.0
        return sent[-budget.count] + budget.seconds - budget.slack_s - now
