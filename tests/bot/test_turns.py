"""Turns: so many at a time, a share for each member, and nobody starved by whoever brings much."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from bot.turns import Turns


class Shop:
    """Serves whoever has a turn for as long as the test likes, and notes the order."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.order: list[str] = []
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._leave: dict[str, asyncio.Event] = {}

    def come(self, whose: str, number: int) -> asyncio.Task[None]:
        return asyncio.create_task(self._visit(whose, f"{whose}{number}"))

    async def _visit(self, whose: str, name: str) -> None:
        async with self._turns.turn(whose):
            self.order.append(name)
            self.inside[whose] += 1
            self.most[whose] = max(self.most[whose], self.inside[whose])
            self.most["all"] = max(self.most["all"], self.inside.total())
            try:
                await self._leave.setdefault(name, asyncio.Event()).wait()
            finally:
                self.inside[whose] -= 1

    async def serve(self, name: str) -> None:
        self._leave[name].set()
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_member_with_many_does_not_keep_others_waiting() -> None:
    shop = Shop(Turns(2))
    many = [shop.come("a", number) for number in range(6)]
    await settle()
    others = [shop.come("b", 0), shop.come("c", 0)]
    await settle()
    assert shop.order == ["a0", "b0"], "one turn for each member, though another is free"

    await shop.serve("a0")
    assert shop.order == ["a0", "b0", "a1"] or shop.order == ["a0", "b0", "c0"]
    for _ in range(7):
        name = next(name for name in shop.order if not shop._leave[name].is_set())
        await shop.serve(name)
    assert shop.order.index("c0") <= 3
    await shop.serve(shop.order[-1])
    await asyncio.gather(*many, *others)
    assert (shop.most["a"], shop.most["all"]) == (1, 2)
    assert [name for name in shop.order if name.startswith("a")] == [f"a{number}" for number in range(6)]


async def test_whoever_had_a_turn_goes_behind_the_others() -> None:
    shop = Shop(Turns(1))
    tasks = [shop.come(*visit) for visit in (("a", 0), ("a", 1), ("a", 2), ("b", 0), ("c", 0))]
    for _ in tasks:
        await settle()
        await shop.serve(shop.order[-1])
    await asyncio.gather(*tasks)
    assert shop.order == ["a0", "a1", "b0", "c0", "a2"]


async def test_cancelled_visitors_leave_no_turn_behind() -> None:
    chance = random.Random(3)
    turns = Turns(3, each=2)
    inside = 0

    async def visit(whose: str) -> None:
        nonlocal inside
        async with turns.turn(whose):
            inside += 1
            assert inside <= 3
            try:
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
            finally:
                inside -= 1

    tasks: list[asyncio.Task[None]] = []
    for _ in range(2_000):
        tasks.append(asyncio.create_task(visit(chance.choice("abcd"))))
        if chance.random() < 0.5:
            chance.choice(tasks).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(task.exception() for task in tasks if not task.cancelled())

    async with asyncio.timeout(5), turns.turn("a"), turns.turn("a"), turns.turn("b"):
        assert inside == 0
