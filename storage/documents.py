"""Requests and results as they are stored: JSON for what nobody searches by, rows for files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

from storage.jobs import GONE, Blob, FilmParams, Result, Schedule
from storage.words import BlobRole

Blobs = Mapping[BlobRole, Blob]

_PARAMS_BLOBS = (BlobRole.PICTURE, BlobRole.END_PICTURE)
_RESULT_BLOBS = (BlobRole.FILM, BlobRole.GIF, BlobRole.POSTER)


def write_params(params: FilmParams) -> str:
    """Without its files: those are rows."""
    return _write(params, _PARAMS_BLOBS)


def read_params(document: str, blobs: Blobs) -> FilmParams:
    plain: dict[str, Any] = json.loads(document)
    plain["schedule"] = Schedule(plain["schedule"])
    return FilmParams(
        **plain,
        picture=blobs.get(BlobRole.PICTURE, GONE),
        end_picture=blobs.get(BlobRole.END_PICTURE),
    )


def write_result(result: Result) -> str:
    """Without its files."""
    return _write(result, _RESULT_BLOBS)


def read_result(document: str, blobs: Blobs) -> Result:
    return Result(
        **json.loads(document),
        film=blobs[BlobRole.FILM],
        gif=blobs.get(BlobRole.GIF),
        poster=blobs[BlobRole.POSTER],
    )


def params_blobs(params: FilmParams) -> Blobs:
    return _blobs(params, _PARAMS_BLOBS)


def result_blobs(result: Result) -> Blobs:
    return _blobs(result, _RESULT_BLOBS)


def blob_row(blob: Blob) -> dict[str, Any]:
    return {"sha256": blob.sha256, "suffix": blob.suffix, "byte_count": blob.byte_count}


def read_blob(row: Any) -> Blob:
    """From any row that has the three columns."""
    return Blob(sha256=row.sha256, suffix=row.suffix, byte_count=row.byte_count)


def _write(value: FilmParams | Result, roles: Collection[str]) -> str:
    names = [field.name for field in fields(value) if field.name not in roles]
    return json.dumps({name: getattr(value, name) for name in names}, ensure_ascii=False)


def _blobs(value: FilmParams | Result, roles: Iterable[BlobRole]) -> Blobs:
    return {role: blob for role in roles if (blob := getattr(value, role)) is not None}
