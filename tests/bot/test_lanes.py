from __future__ import annotations

import asyncio

from bot.lanes import Lane, Priority


async def pass_through(lane: Lane, name: str, priority: Priority, order: list[str]) -> None:
    async with lane.turn(priority):
        order.append(name)


async def begun(*tasks: asyncio.Task[None]) -> None:
    """Until each of them has come as far as it can."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_endings_go_before_others_and_those_as_they_came() -> None:
    lane, order = Lane(1), list[str]()
    async with lane.turn(Priority.STATE):
        assert lane.taken
        waiting = [("a", Priority.STATE), ("b", Priority.STATE), ("end", Priority.FINAL), ("c", Priority.STATE)]
        tasks = [asyncio.create_task(pass_through(lane, name, priority, order)) for name, priority in waiting]
        await begun(*tasks)
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["end", "a", "b", "c"]
    assert not lane.taken


async def test_as_many_as_it_is_wide_pass_at_once() -> None:
    lane = Lane(2)
    async with lane.turn(Priority.STATE):
        assert not lane.taken
        async with lane.turn(Priority.STATE):
            assert lane.taken


async def test_whoever_gives_up_waiting_holds_up_nobody() -> None:
    lane, order = Lane(1), list[str]()
    async with lane.turn(Priority.STATE):
        gone = asyncio.create_task(pass_through(lane, "gone", Priority.FINAL, order))
        stays = asyncio.create_task(pass_through(lane, "stays", Priority.STATE, order))
        await begun(gone, stays)
        gone.cancel()
    await stays
    assert order == ["stays"]
    assert not lane.taken


async def test_whoever_gives_up_as_their_turn_comes_hands_it_on() -> None:
    lane, order = Lane(1), list[str]()
    async with lane.turn(Priority.STATE):
        gone = asyncio.create_task(pass_through(lane, "gone", Priority.FINAL, order))
        stays = asyncio.create_task(pass_through(lane, "stays", Priority.STATE, order))
        await begun(gone, stays)
    gone.cancel()
    await stays
    assert order == ["stays"]
    assert not lane.taken
