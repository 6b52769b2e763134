"""Requests, sections and results that mean nothing and are well formed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from storage.jobs import (
    Blob,
    Claim,
    FilmParams,
    Job,
    Member,
    MessageRef,
    Phase,
    Place,
    Progress,
    Request,
    RequestKind,
    Result,
    Schedule,
    Section,
    Status,
    section_count,
)
from storage.store import Store

MIA = Member(platform="discord", user_id="900719925474099267", name="Mia")
LEO = Member(platform="telegram", user_id="17", name="Leo", locale="it")
ROOM = Place(platform="discord", community_id="guild", chat_id="channel")


def blob(word: str, suffix: str = ".bin") -> Blob:
    """A file that is only claimed to exist."""
    return Blob(sha256=hashlib.sha256(word.encode()).hexdigest(), suffix=suffix, byte_count=len(word))


def params(*, duration_ms: int = 2400, picture: Blob | None = None) -> FilmParams:
    return FilmParams(
        prompt="the fox turns its head",
        picture=picture or blob("fox", ".png"),
        duration_ms=duration_ms,
        seed=2**32 - 1,
        model="tiny",
        schedule=Schedule.INVERTED,
        steps=6,
        size=256,
    )


def wish(
    idem: str,
    *,
    member: Member = MIA,
    place: Place = ROOM,
    duration_ms: int = 2400,
    kind: RequestKind = RequestKind.NEW,
    parent_id: int | None = None,
) -> Request:
    """Two sections long, if nothing else is said."""
    return Request(
        idem=idem,
        member=member,
        place=replace(place, platform=member.platform),
        params=params(duration_ms=duration_ms),
        kind=kind,
        parent_id=parent_id,
    )


def drawn(job: Job | Claim, index: int, *, gpu_ms: int = 700) -> Section:
    claim = job.claim if isinstance(job, Job) else job
    return Section(index=index, checkpoint=blob(f"section {claim.request_id}/{index}", ".safetensors"), gpu_ms=gpu_ms)


def film(request_id: int, *, gpu_ms: int = 2000) -> Result:
    return Result(
        film=blob(f"film {request_id}", ".mp4"),
        gif=blob(f"gif {request_id}", ".gif"),
        poster=blob(f"poster {request_id}", ".jpg"),
        width=256,
        height=256,
        frames=73,
        gpu_ms=gpu_ms,
    )


def report(claim: Claim, *, step: int = 1, preview: Blob | None = None, at_ms: int = 5) -> Progress:
    return Progress(
        claim=claim,
        phase=Phase.SAMPLING,
        section=0,
        sections=2,
        step=step,
        steps=6,
        eta_ms=None,
        preview=preview,
        at_ms=at_ms,
    )


def message(number: int = 1) -> MessageRef:
    return MessageRef(platform="discord", chat_id="channel", message_id=str(number))


async def begin(store: Store, worker: str = "card-0") -> Job:
    """Claim, where something must be waiting."""
    job = await store.claim(worker)
    assert job is not None
    return job


async def draw_all(store: Store, job: Job) -> None:
    """Save every section that is missing."""
    for index in range(len(job.sections), section_count(job.params.duration_ms)):
        await store.save_section(job.claim, drawn(job, index))


async def finish(store: Store, job: Job) -> Status:
    await draw_all(store, job)
    return await store.complete(job.claim, film(job.claim.request_id))
