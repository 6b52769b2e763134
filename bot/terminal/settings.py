"""Settings of `flipbook try`: the owner's engine, but a data folder and a quota of its own."""

from __future__ import annotations

import os
from pathlib import Path

from bot.app import make_folder
from storage.errors import RequestRejected, SettingsError
from storage.models import model_card
from storage.settings import QuotaSettings, RerollSettings, Settings, load_settings

OUT_DEFAULT = Path("flipbook-films")
DATA_IN_OUT = ".flipbook"
"""Inside the output folder: films and their history move and go together, and no bot's data is ever touched."""

FREE_BYTES_MIN = 200_000_000
"""One film's room, where a bot keeps free what a community needs."""
PROGRESS_INTERVAL_S = 0.25
"""A terminal has no edit budget to spare."""
NO_LIMIT_S = 1e9
NO_LIMIT = 10**9


def try_settings(config: Path | None, *, out: Path, data: Path | None, model: str | None) -> Settings:
    """What a film in the terminal runs on.

    Raises SettingsError for a wrong configuration, an unknown model or a folder that cannot be written.
    """
    settings = load_settings(config)
    engine = settings.engine
    if model is not None:
        engine = engine.model_copy(update={"model": model_card(model).name})
    folder = (out / DATA_IN_OUT if data is None else data).resolve()
    return settings.model_copy(
        update={
            "data": settings.data.model_copy(
                update={"folder": folder, "free_bytes_min": min(FREE_BYTES_MIN, settings.data.free_bytes_min)}
            ),
            "quota": QuotaSettings(burst_s=NO_LIMIT_S, refill_s_per_day=NO_LIMIT_S),
            # Alone here: there is no channel to drown and nobody to keep waiting. And films that a power cut left
            # behind are drawn with the next one, which they must not keep out.
            "queue": settings.queue.model_copy(update={"queued_per_member_max": settings.queue.queued_max}),
            "reroll": RerollSettings(cooldown_s=0, per_film_max=NO_LIMIT),
            "progress": settings.progress.model_copy(update={"interval_s": PROGRESS_INTERVAL_S}),
            "engine": engine,
        }
    )


def make_out(out: Path) -> Path:
    """The output folder, absolute. Raises SettingsError where films could not be written into it."""
    try:
        make_folder(out)
    except SettingsError as exc:
        raise SettingsError(str(exc).replace("The folder", "The output folder", 1)) from exc
    return out.resolve()


def read_upload(path: Path, *, bytes_max: int, field: str) -> bytes:
    """A picture file as a chat would hand it over. Raises RequestRejected where it cannot be read or is too big."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except FileNotFoundError as exc:
        raise RequestRejected(f"There is no picture file {path}.", field=field) from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RequestRejected(f"The picture file {os.fspath(path)} cannot be read: {reason}.", field=field) from exc
    if len(data) > bytes_max:
        megabytes = bytes_max / 1_000_000
        raise RequestRejected(f"The picture file {path} is larger than {megabytes:g} MB.", field=field)
    return data
