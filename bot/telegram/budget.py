"""How often Telegram lets a bot write, as plain arithmetic: when a call may go, never whether it went well.

Figures are Telegram's own (its FAQ for bots): about one message a second in a chat with short bursts, 20 a minute in a
group, 30 a second in all. Edits count as messages do.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import IntEnum


class Priority(IntEnum):
    """Who goes first, and how much of a budget is kept for those before."""

    FINAL = 0
    """A film into its line, or that there will be none."""
    LINE = 1
    """What a film goes into: it does not begin where nothing is left for the film."""
    STATE = 2
    """A new status message, an answer to somebody."""
    PREVIEW = 3
    """What the next one covers anyway: dropped where it would have to wait."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `count` calls within any `window_s` seconds."""

    count: int
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    chat: Budget = Budget(4, 5.0)
    group: Budget = Budget(20, 60.0)
    overall: Budget = Budget(25, 1.0)
    previews: Budget = Budget(4, 60.0)
    """In one group; in a private chat they are bound by the chat's own budget alone."""
    fills_kept: int = 2
    """Of a group's budget, for films whose lines stand already."""
    finals_kept: int = 6
    """Of it, for films alone: three of them a minute, line and film, whatever else goes on."""
    states_kept: int = 6
    """Of the rest, for what is no preview."""

    def __post_init__(self) -> None:
        if self.finals_kept + self.states_kept >= self.group.count:
            raise ValueError("nothing of a group's budget is left for previews")

    def group_count(self, priority: Priority) -> int:
        """Of a group's budget, what calls of this priority may fill."""
        kept = (0, self.fills_kept, self.finals_kept, self.finals_kept + self.states_kept)
        return self.group.count - kept[priority]


CHATS_MAX = 5_000
"""Chats whose last calls are remembered; those that were silent for longest are forgotten."""


@dataclass(slots=True)
class _Calls:
    """Calls within a sliding window: those under way, and when the others ended."""

    budget: Budget
    under_way: int = 0
    ended_s: deque[float] = field(default_factory=deque[float])

    def wait_s(self, now_s: float, count: int | None = None) -> float:
        """Until one more fits. Measured from the end of a call: Telegram saw it then at the latest."""
        while self.ended_s and self.ended_s[0] <= now_s - self.budget.window_s:
            self.ended_s.popleft()
        count = self.budget.count if count is None else count
        used = len(self.ended_s) + self.under_way
        if used < count:
            return 0.0
        if self.under_way >= count:
            # Whatever has ended is not what it waits for: look again when something has.
            return self.budget.window_s
        return self.ended_s[used - count] + self.budget.window_s - now_s

    def end(self, now_s: float) -> None:
        self.under_way -= 1
        self.ended_s.append(now_s)


@dataclass(slots=True)
class _Chat:
    calls: _Calls
    group: _Calls | None
    previews: _Calls | None
    paused_until_s: float = float("-inf")

    def windows(self, priority: Priority) -> list[_Calls]:
        found = [self.calls, self.group, self.previews if priority is Priority.PREVIEW else None]
        return [calls for calls in found if calls is not None]


class Ledger:
    """What was sent where lately. Times are seconds of one monotonic clock."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._overall = _Calls(budgets.overall)
        self._chats: OrderedDict[int, _Chat] = OrderedDict()

    def wait_s(self, chat_id: int, priority: Priority, now_s: float) -> float:
        """Until such a call may begin, as far as is known now; 0 where it may at once."""
        chat = self._chat(chat_id)
        group_s = 0.0 if chat.group is None else chat.group.wait_s(now_s, self._budgets.group_count(priority))
        previews_s = 0.0
        if chat.previews is not None and priority is Priority.PREVIEW:
            previews_s = chat.previews.wait_s(now_s)
        return max(
            chat.paused_until_s - now_s, chat.calls.wait_s(now_s), group_s, previews_s, self._overall.wait_s(now_s), 0.0
        )

    def begin(self, chat_id: int, priority: Priority) -> None:
        for calls in (*self._chat(chat_id).windows(priority), self._overall):
            calls.under_way += 1

    def end(self, chat_id: int, priority: Priority, now_s: float) -> None:
        for calls in (*self._chat(chat_id).windows(priority), self._overall):
            calls.end(now_s)

    def pause(self, chat_id: int, until_s: float) -> None:
        """Telegram said when to come again. Of this chat alone: others are not held up by it."""
        chat = self._chat(chat_id)
        chat.paused_until_s = max(chat.paused_until_s, until_s)

    def _chat(self, chat_id: int) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            # Groups and channels have negative numbers.
            group = chat_id < 0
            chat = _Chat(
                calls=_Calls(self._budgets.chat),
                group=_Calls(self._budgets.group) if group else None,
                previews=_Calls(self._budgets.previews) if group else None,
            )
            self._chats[chat_id] = chat
            self._forget()
        self._chats.move_to_end(chat_id)
        return chat

    def _forget(self) -> None:
        for chat_id in list(self._chats)[: max(0, len(self._chats) - CHATS_MAX)]:
            if self._chats[chat_id].calls.under_way == 0:
                del self._chats[chat_id]
