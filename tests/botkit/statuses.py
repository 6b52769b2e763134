"""Statuses for tests, as the store would give them."""

from __future__ import annotations

from dataclasses import replace

from storage.jobs import (
    Blob,
    Claim,
    Failure,
    FilmParams,
    JobState,
    Member,
    Phase,
    Place,
    Progress,
    RequestKind,
    Result,
    Schedule,
    Status,
)

BLOB = Blob(sha256="0" * 64, suffix=".png", byte_count=1)
PARAMS = FilmParams(
    prompt="the fox turns its head",
    picture=BLOB,
    duration_ms=5000,
    seed=8841,
    model="framepack",
    schedule=Schedule.INVERTED,
    steps=25,
    size=640,
)
MIA = Member(platform="test", user_id="1", name="mia")
HERE = Place(platform="test", community_id="guild", chat_id="room")

QUEUED = Status(
    request_id=7,
    state=JobState.QUEUED,
    rev=1,
    member=MIA,
    place=HERE,
    kind=RequestKind.NEW,
    parent_id=None,
    params=PARAMS,
    created_ms=1_000_000,
    started_ms=None,
    ended_ms=None,
    position=3,
    wait_ms=660_000,
    interrupted=False,
    sections_done=0,
    progress=None,
    result=None,
    failure=None,
    charged_ms=5000,
)
RUNNING = replace(QUEUED, state=JobState.RUNNING, rev=2, started_ms=1_010_000, position=None, wait_ms=None)
RESULT = Result(film=BLOB, gif=None, poster=BLOB, width=640, height=640, frames=145, gpu_ms=1)
ENDED_MS = 1_010_000 + 312_000
DONE = replace(RUNNING, state=JobState.DONE, rev=3, ended_ms=ENDED_MS, result=RESULT)
FAILED = replace(
    RUNNING,
    state=JobState.FAILED,
    rev=3,
    ended_ms=ENDED_MS,
    failure=Failure(code="out_of_memory", sentence="The card ran out of memory."),
    charged_ms=0,
)
CANCELLED = replace(RUNNING, state=JobState.CANCELLED, rev=3, ended_ms=ENDED_MS, charged_ms=2000)
EXPIRED = replace(
    QUEUED, state=JobState.EXPIRED, rev=2, position=None, ended_ms=1_000_000 + 6 * 3_600_000, charged_ms=0
)


def progress(
    *, section: int = 1, sections: int = 4, phase: Phase = Phase.SAMPLING, eta_ms: int | None = 180_000
) -> Progress:
    return Progress(
        claim=Claim(request_id=7, epoch=1),
        phase=phase,
        section=section,
        sections=sections,
        step=3,
        steps=25,
        eta_ms=eta_ms,
        preview=None,
        at_ms=0,
    )
