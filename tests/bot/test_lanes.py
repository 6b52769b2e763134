from __future__ import annotations

import asyncio

from bot.lanes import ASIDE_MAX, Lane, Priority, aside


async def pass_through(lane: Lane, name: str, priority: Priority, order: list[str], room: str = "room") -> None:
    async with lane.turn(priority, room):
        order.append(name)


async def begun(*tasks: asyncio.Task[None]) -> None:
    """Until each of them has come as far as it can."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_endings_go_before_others_and_those_as_they_came() -> None:
    lane, order = Lane(1, per_room=1), list[str]()
    async with lane.turn(Priority.STATE, "room"):
        assert lane.taken("room")
        waiting = [("a", Priority.STATE), ("b", Priority.STATE), ("end", Priority.FINAL), ("c", Priority.STATE)]
        tasks = [asyncio.create_task(pass_through(lane, name, priority, order)) for name, priority in waiting]
        await begun(*tasks)
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["end", "a", "b", "c"]
    assert not lane.taken("room")


async def test_as_many_as_it_is_wide_pass_at_once() -> None:
    lane = Lane(2, per_room=2)
    async with lane.turn(Priority.STATE, "room"):
        assert not lane.taken("room")
        async with lane.turn(Priority.STATE, "room"):
            assert lane.taken("room")


async def test_whoever_gives_up_waiting_holds_up_nobody() -> None:
    lane, order = Lane(1, per_room=1), list[str]()
    async with lane.turn(Priority.STATE, "room"):
        gone = asyncio.create_task(pass_through(lane, "gone", Priority.FINAL, order))
        stays = asyncio.create_task(pass_through(lane, "stays", Priority.STATE, order))
        await begun(gone, stays)
        gone.cancel()
    await stays
    assert order == ["stays"]
    assert not lane.taken("room")


async def test_whoever_gives_up_as_their_turn_comes_hands_it_on() -> None:
    lane, order = Lane(1, per_room=1), list[str]()
    async with lane.turn(Priority.STATE, "room"):
        gone = asyncio.create_task(pass_through(lane, "gone", Priority.FINAL, order))
        stays = asyncio.create_task(pass_through(lane, "stays", Priority.STATE, order))
        await begun(gone, stays)
    gone.cancel()
    await stays
    assert order == ["stays"]
    assert not lane.taken("room")


async def test_a_room_that_is_slow_holds_up_only_itself() -> None:
    lane, order = Lane(4, per_room=2), list[str]()
    async with lane.turn(Priority.FINAL, "slow"), lane.turn(Priority.FINAL, "slow"):
        third = asyncio.create_task(pass_through(lane, "third of the slow room", Priority.FINAL, order, "slow"))
        other = asyncio.create_task(pass_through(lane, "of another room", Priority.STATE, order, "other"))
        await begun(third, other)
        assert order == ["of another room"]
        assert (lane.taken("slow"), lane.taken("other")) == (True, False)
    await third
    assert order == ["of another room", "third of the slow room"]


async def test_whoever_steps_aside_lets_others_pass_and_comes_back_with_a_turn() -> None:
    lane, order = Lane(1, per_room=1), list[str]()
    async with lane.turn(Priority.FINAL, "room"):
        async with aside():
            assert not lane.taken("room")
            await pass_through(lane, "other", Priority.STATE, order)
        assert lane.taken("room")
    assert order == ["other"]
    assert not lane.taken("room")


async def test_only_so_many_are_aside_at_once() -> None:
    lane, gate, inside = Lane(9, per_room=9), asyncio.Event(), list[int]()

    async def step_aside(number: int) -> None:
        async with lane.turn(Priority.FINAL, "room"), aside():
            inside.append(number)
            await gate.wait()

    tasks = [asyncio.create_task(step_aside(number)) for number in range(ASIDE_MAX + 1)]
    await begun(*tasks)
    assert len(inside) == ASIDE_MAX
    gate.set()
    await asyncio.gather(*tasks)
    assert len(inside) == ASIDE_MAX + 1


async def test_whoever_is_stopped_while_aside_leaves_no_turn_behind() -> None:
    lane = Lane(1, per_room=1)

    async def step_aside() -> None:
        async with lane.turn(Priority.FINAL, "room"), aside():
            await asyncio.Event().wait()

    gone = asyncio.create_task(step_aside())
    await begun(gone)
    async with lane.turn(Priority.FINAL, "room"):
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert lane.taken("room")
    assert not lane.taken("room")


async def test_without_a_turn_there_is_nothing_to_step_aside_from() -> None:
    async with aside():
        pass
