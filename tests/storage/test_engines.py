"""An engine that cannot be started is known to every process and shown with everything that waits for it."""

from __future__ import annotations

from storagekit.clock import ManualClock
from storagekit.films import begin, wish

from storage.jobs import Down
from storage.store import Store


async def test_what_waits_is_shown_since_when_no_engine_can_draw(store: Store, clock: ManualClock) -> None:
    await store.submit(wish("a"))
    began_ms = clock.now_ms()
    await store.engine_down("The weights in /models are half downloaded.")
    clock.pass_s(60)
    await store.engine_down("The weights in /models are damaged.")
    assert await store.engine_state() == Down(since_ms=began_ms, reason="The weights in /models are damaged.")
    status = await store.submit(wish("b"))
    assert (status.down_ms, status.wait_ms, status.position) == (began_ms, None, 2)
    assert [it.down_ms for it in await store.queue()] == [began_ms] * 2


async def test_an_engine_that_is_ready_ends_that(store: Store) -> None:
    await store.submit(wish("a"))
    await store.engine_down("no card")
    await store.engine_up()
    await store.engine_up()
    assert await store.engine_state() is None
    assert (await store.status(1)).down_ms is None


async def test_a_claim_of_any_engine_ends_that(store: Store) -> None:
    """Another machine's, of which this one's supervisor knows nothing."""
    await store.submit(wish("a"))
    await store.submit(wish("b"))
    await store.engine_down("no card")
    await begin(store)
    assert await store.engine_state() is None
    assert (await store.status(2)).down_ms is None


async def test_everybody_wakes_for_it(store: Store) -> None:
    await store.engine_state()
    while await store.changed(timeout_s=0):
        pass
    await store.engine_down("no card")
    assert await store.changed(timeout_s=5)
