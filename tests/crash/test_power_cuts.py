"""A row never names a file that a power cut can take: bytes, names and folders are flushed before the commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from crashkit import power, tally
from crashkit.site import Site, site

CUTS = 4
"""For each of the points, in each of the roles."""
POINTS = ("media.rename.before", "media.renamed", "media.kept", "store.commit.after")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("role", ["bot", "worker"])
def test_what_a_row_names_survives_a_power_cut(role: str, point: str, ground: Path, blank: Path):
    for number in range(1, CUTS + 1):
        folder = ground / str(number)
        with site(folder, blank) as here:
            cut_power(here, role, f"{point}=kill@{number}")


def cut_power(here: Site, role: str, failpoint: str) -> None:
    record = here.terms.folder / "flushed.jsonl"
    here.start_bot(power=str(record), failpoints=failpoint if role == "bot" else "")
    here.start_worker(power=str(record), failpoints=failpoint if role == "worker" else "")
    for _ in range(3):
        here.ask()
    here.keep_busy_until_killed(here.bot if role == "bot" else here.worker)  # type: ignore[arg-type]
    for child in (here.bot, here.worker):
        assert child is not None
        child.kill()
    # Everything else was flushed before this machine began.
    assert record.exists()
    power.cut(record, here.media.folder)
    here.check()
    assert here.run(_damaged(here)) == []
    here.bury_worker()
    here.come_to_rest()
    here.check(rested=True)
    tally.done["power cuts"] += 1


async def _damaged(here: Site) -> list[str]:
    from storage.invariants import violations

    return [str(it) for it in await violations(here.database, here.media)]
