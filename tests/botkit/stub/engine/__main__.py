"""A stand-in for `python -m engine` that starts at once: it draws every film as rising grey, or what it is told to do.

FLIPBOOK_STUB names another behaviour: "owner" exits as for missing weights, "until-mended" likewise until there is a
file of the name "mended", "broken" answers doctor with a stack,
"slow" reports progress and never finishes, "lingers" takes LINGER_S, with previews, for a film that is asked for
"slowly".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from botkit.house import Bench, gif

from bot.picture.readers import Readers
from storage.clock import SystemClock
from storage.database import Database
from storage.jobs import Job, Wish
from storage.media import Media
from storage.settings import Settings
from storage.store import Store

LINGER_S = 240.0
PREVIEW_EVERY_S = 2.0
BEHAVIOUR = os.environ.get("FLIPBOOK_STUB", "")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--worker")
    options = parser.parse_args()
    settings = Settings.model_validate_json(options.settings.read_bytes())
    mended = BEHAVIOUR == "until-mended" and (settings.data.folder / "mended").exists()
    if BEHAVIOUR == "owner" or (BEHAVIOUR == "until-mended" and not mended):
        sys.stderr.write("The weights of model “framepack” are half downloaded.\n")
        return 78
    if options.verb == "doctor":
        if BEHAVIOUR == "broken":
            raise RuntimeError("no torch here")
        checks = [{"name": "weights", "ok": BEHAVIOUR != "bad", "detail": "as told"}]
        sys.stdout.write(json.dumps({"checks": checks}))
        return 0
    asyncio.run(draw(settings, options.worker))
    return 0


async def draw(settings: Settings, worker: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_stop() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_stop, daemon=True).start()
    folder = settings.data.folder
    async with await Database.open(folder) as database:
        store = Store.of(database, settings, SystemClock())
        bench = Bench(
            folder=folder,
            database=database,
            store=store,
            media=Media(folder),
            clock=SystemClock(),
            readers=Readers(settings.intake),
        )
        while not stop.is_set():
            job = await store.claim(worker)
            if job is None:
                await store.changed(timeout_s=0.1)
                continue
            await bench.report(job, preview=bench.media.put_bytes(gif(), ".gif"))
            if BEHAVIOUR == "lingers" and "slowly" in job.params.prompt:
                await linger(bench, job, stop)
            while BEHAVIOUR == "slow" and not stop.is_set():
                if await store.beat(job.claim) is Wish.CANCEL:
                    await store.cancelled(job.claim)
                    break
                await store.changed(timeout_s=0.1)
            else:
                if stop.is_set():
                    await store.release(job.claim)
                else:
                    await bench.finish(job)


async def linger(bench: Bench, job: Job, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    done_s, previews = loop.time() + LINGER_S, 3
    while loop.time() < done_s and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PREVIEW_EVERY_S)
        await bench.store.beat(job.claim)
        previews += 1
        await bench.report(job, preview=bench.media.put_bytes(gif(previews), ".gif"))


if __name__ == "__main__":
    sys.exit(main())
