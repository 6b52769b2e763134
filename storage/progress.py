"""Progress of running requests: lossy, latest wins, one row a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from storage.errors import StaleClaim
from storage.jobs import Blob, Claim, JobState, Phase, Progress
from storage.schema import in_state, progress, request


def publish(db: Connection, report: Progress) -> None:
    """Replace what was known. Raises StaleClaim where the claim is void."""
    claim = report.claim
    held = (
        select(request.c.id)
        .where(request.c.id == claim.request_id, request.c.epoch == claim.epoch, in_state(JobState.RUNNING))
        .with_for_update()
    )
    if db.execute(held).one_or_none() is None:
        raise StaleClaim(f"Request {claim.request_id} is no longer held by attempt {claim.epoch}.")
    db.execute(delete(progress).where(progress.c.request_id == claim.request_id))
    preview = report.preview
    db.execute(
        insert(progress).values(
            request_id=claim.request_id,
            epoch=claim.epoch,
            phase=report.phase,
            section=report.section,
            sections=report.sections,
            step=report.step,
            steps=report.steps,
            eta_ms=report.eta_ms,
            preview_sha256=preview and preview.sha256,
            preview_suffix=preview and preview.suffix,
            preview_byte_count=preview and preview.byte_count,
            at_ms=report.at_ms,
        )
    )


def progress_of(db: Connection, request_ids: Sequence[int]) -> dict[int, Progress]:
    """The newest word on each of these requests that has one."""
    if not request_ids:
        return {}
    rows = db.execute(select(progress).where(progress.c.request_id.in_(request_ids)))
    return {row.request_id: _read(row) for row in rows}


def _read(row: Row[Any]) -> Progress:
    preview = None
    if row.preview_sha256 is not None:
        preview = Blob(sha256=row.preview_sha256, suffix=row.preview_suffix, byte_count=row.preview_byte_count)
    return Progress(
        claim=Claim(request_id=row.request_id, epoch=row.epoch),
        phase=Phase(row.phase),
        section=row.section,
        sections=row.sections,
        step=row.step,
        steps=row.steps,
        eta_ms=row.eta_ms,
        preview=preview,
        at_ms=row.at_ms,
    )
