"""The arithmetic of Telegram's budgets, on a clock that is turned by hand."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import RetryAfter

from bot.chat import ChatUnavailable
from bot.telegram.budget import CHATS_MAX, Budget, Budgets, Ledger, Priority
from bot.telegram.rates import Limiter

GROUP, FRIEND = -100, 7
FIGURES = Budgets()


def send(ledger: Ledger, chat_id: int, priority: Priority, now_s: float) -> bool:
    """A call that takes no time; False where it would have to wait."""
    if ledger.wait_s(chat_id, priority, now_s) > 0:
        return False
    ledger.begin(chat_id, priority)
    ledger.end(chat_id, priority, now_s)
    return True


@given(st.lists(st.tuples(st.sampled_from(Priority), st.floats(0, 9), st.floats(0, 3)), max_size=200))
def test_no_window_ever_holds_more_than_its_budget(steps: list[tuple[Priority, float, float]]) -> None:
    """Whatever is asked for and however long calls take; Telegram sees a call at some moment while it lasts."""
    ledger, now_s = Ledger(FIGURES), 0.0
    seen: deque[float] = deque()
    for priority, pause_s, lasting_s in steps:
        now_s += pause_s
        if ledger.wait_s(GROUP, priority, now_s) > 0:
            continue
        ledger.begin(GROUP, priority)
        # The earliest moment for this call and the latest for all before it are the worst there is.
        assert sum(1 for at in seen if at > now_s - FIGURES.group.window_s) < FIGURES.group.count
        now_s += lasting_s
        ledger.end(GROUP, priority, now_s)
        seen.append(now_s)


def test_a_groups_budget_keeps_room_for_films_and_for_states() -> None:
    ledger = Ledger(FIGURES)
    sent = {priority: 0 for priority in Priority}
    for priority in reversed(Priority):
        for second in range(40):
            sent[priority] += send(ledger, GROUP, priority, second)
    # All within a minute: previews fill the least, films whatever is left.
    assert sent == {Priority.PREVIEW: 4, Priority.STATE: 10, Priority.LINE: 4, Priority.FINAL: 2}


def test_the_wait_that_is_named_is_long_enough_and_not_longer() -> None:
    ledger = Ledger(FIGURES)
    now_s = 0.0
    while send(ledger, GROUP, Priority.STATE, now_s):
        now_s += 1.5
    wait_s = ledger.wait_s(GROUP, Priority.STATE, now_s)
    assert not send(ledger, GROUP, Priority.STATE, now_s + wait_s - 0.01)
    assert send(ledger, GROUP, Priority.STATE, now_s + wait_s + 0.01)


def test_a_pause_is_one_chats_own() -> None:
    ledger = Ledger(FIGURES)
    ledger.pause(GROUP, 30.0)
    assert ledger.wait_s(GROUP, Priority.FINAL, 10.0) == 20.0
    assert ledger.wait_s(FRIEND, Priority.PREVIEW, 10.0) == 0.0


def test_a_private_chat_has_no_budget_of_a_group() -> None:
    ledger = Ledger(FIGURES)
    assert all(send(ledger, FRIEND, Priority.PREVIEW, 1.25 * number) for number in range(60))


def test_all_chats_together_have_a_budget() -> None:
    ledger = Ledger(FIGURES)
    assert sum(send(ledger, chat_id, Priority.FINAL, 0.0) for chat_id in range(1, 100)) == FIGURES.overall.count


def test_what_is_remembered_is_bounded() -> None:
    ledger = Ledger(FIGURES)
    for chat_id in range(1, CHATS_MAX + 50):
        ledger.wait_s(chat_id, Priority.STATE, 0.0)
    assert len(ledger._chats) == CHATS_MAX


def test_figures_that_leave_nothing_for_previews_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="previews"):
        Budgets(group=Budget(12, 60.0))


class Line:
    """Telegram, as a limiter's callback sees it."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.answers: deque[Exception] = deque()

    async def __call__(self, word: str) -> bool:
        self.sent.append(word)
        if self.answers:
            raise self.answers.popleft()
        return True


async def ask(limiter: Limiter, line: Line, word: str, chat_id: int, priority: Priority) -> Any:
    data = {"chat_id": chat_id}
    return await limiter.process_request(line, (word,), {}, "sendMessage", data, priority)


async def test_films_pass_states_and_previews_never_wait() -> None:
    limiter, line = Limiter(Budgets(chat=Budget(1, 0.2))), Line()
    await ask(limiter, line, "first", FRIEND, Priority.STATE)
    waiting = [asyncio.create_task(ask(limiter, line, f"state {k}", FRIEND, Priority.STATE)) for k in range(3)]
    await asyncio.sleep(0)
    film = asyncio.create_task(ask(limiter, line, "film", FRIEND, Priority.FINAL))
    with pytest.raises(ChatUnavailable) as dropped:
        await ask(limiter, line, "preview", FRIEND, Priority.PREVIEW)
    assert dropped.value.after_s is not None
    await asyncio.gather(*waiting, film)
    assert line.sent == ["first", "film", "state 0", "state 1", "state 2"]


async def test_a_flood_wait_is_handed_on_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    limiter, line = Limiter(), Line()
    line.answers.append(RetryAfter(40))
    with pytest.raises(ChatUnavailable) as told:
        await ask(limiter, line, "film", GROUP, Priority.FINAL)
    assert told.value.after_s == 40.5
    with pytest.raises(ChatUnavailable):
        await ask(limiter, line, "too soon", GROUP, Priority.FINAL)
    assert await ask(limiter, line, "elsewhere", FRIEND, Priority.STATE)
    assert line.sent == ["film", "elsewhere"]


async def test_questions_and_removals_are_not_counted() -> None:
    limiter, line = Limiter(Budgets(chat=Budget(1, 60.0))), Line()
    for _ in range(5):
        await limiter.process_request(line, ("x",), {}, "deleteMessage", {"chat_id": FRIEND}, None)
    assert len(line.sent) == 5


async def test_one_that_is_cancelled_while_it_waits_leaves_no_trace() -> None:
    limiter, line = Limiter(Budgets(chat=Budget(1, 0.2))), Line()
    await ask(limiter, line, "first", FRIEND, Priority.STATE)
    gone = asyncio.create_task(ask(limiter, line, "gone", FRIEND, Priority.FINAL))
    await asyncio.sleep(0)
    last = asyncio.create_task(ask(limiter, line, "last", FRIEND, Priority.STATE))
    await asyncio.sleep(0)
    gone.cancel()
    await last
    assert line.sent == ["first", "last"]
