"""Settings: one TOML file and three secrets from the environment, read once, frozen, unknown keys refused.

`config.example.toml` documents every field with unit, default and reason; a test keeps the two together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from storage.errors import SettingsError
from storage.models import MODELS
from storage.toml_file import BACKSLASHES, read_text, read_toml

DISCORD_TOKEN_VARIABLE = "FLIPBOOK_DISCORD_TOKEN"
TELEGRAM_TOKEN_VARIABLE = "FLIPBOOK_TELEGRAM_TOKEN"
DATABASE_PASSWORD_VARIABLE = "FLIPBOOK_DATABASE_PASSWORD"
"""The engine needs it as the bot does."""
SECRET_VARIABLES = (DISCORD_TOKEN_VARIABLE, TELEGRAM_TOKEN_VARIABLE)
"""Never handed to the engine's environment."""

_KEY = re.compile(r"[a-z0-9_]{1,40}|-?\d{1,25}")
"""Names of settings, numbers of communities. What else stands as a key may be anything."""

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


Form = Literal["both", "mp4", "gif"]
"""As what a film is sent."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class DataSettings(_Section):
    folder: Path = Path("data")
    database: str | None = None
    free_bytes_min: NotNegative = 1_000_000_000
    ballast_bytes: NotNegative = 64_000_000


class IntakeSettings(_Section):
    upload_bytes_max: Positive = 20_000_000
    pixels_max: Positive = 50_000_000
    side_min: Positive = 32
    side_kept_max: Positive = 2048
    picture_seconds_max: PositiveFloat = 10.0
    prompt_chars_max: Positive = 2000


class FilmSettings(_Section):
    seconds_default: PositiveFloat = 5.0
    seconds_max: Annotated[float, Field(gt=0, le=120)] = 120.0
    prompt_default: str = "The picture comes gently to life, with slow and natural motion."
    crf: Annotated[int, Field(ge=16, le=40)] = 18
    gif_width_max: Annotated[int, Field(ge=16)] = 320
    gif_fps_max: Annotated[int, Field(ge=1, le=12)] = 12
    gif_bytes_max: Positive = 8_000_000


class QueueSettings(_Section):
    queued_max: Positive = 500
    queued_per_member_max: Positive = 5
    running_per_member_max: Positive = 2
    wait_hours_promised_max: PositiveFloat = 24.0
    wait_hours_max: PositiveFloat = 48.0
    lease_s: PositiveFloat = 60.0
    tries_max: Positive = 2


class RetentionSettings(_Section):
    upload_hours: PositiveFloat = 24.0
    result_days: PositiveFloat = 30.0
    backups: Annotated[int, Field(ge=1, le=365)] = 7


class QuotaSettings(_Section):
    burst_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 2.0
    burst_s: Annotated[float, Field(ge=0.001, le=1e9)] | None = None
    refill_s_per_day: Annotated[float, Field(ge=0, le=1e9)] | None = None
    person_burst_s: Annotated[float, Field(ge=0.001, le=1e9)] | None = None


class RerollSettings(_Section):
    cooldown_s: Annotated[float, Field(ge=0, le=86_400)] = 10.0
    per_film_max: Positive = 20


class ReactionSettings(_Section):
    hide_votes: Positive = 3


class DeliverySettings(_Section):
    form: Form = "both"


class CommunitySettings(_Section):
    form: Form | None = None


class EngineSettings(_Section):
    model: str = "little"
    weights: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    size: Annotated[int, Field(ge=64, le=1024, multiple_of=16)] | None = None
    steps: Annotated[int, Field(ge=1, le=100)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=100)] = 10.0
    true_cfg_scale: Annotated[float, Field(ge=1, le=30)] = 1.0
    guidance_rescale: Annotated[float, Field(ge=0, le=1)] = 0.0
    negative_prompt: str = ""
    step_checkpoint_s: PositiveFloat = 30.0
    stall_s: PositiveFloat = 900.0
    restart_wait_s_max: PositiveFloat = 300.0


class ProgressSettings(_Section):
    interval_s: PositiveFloat = 1.0
    preview_strips: Annotated[int, Field(ge=0, le=10)] = 3


class DiscordSettings(_Section):
    enabled: bool = True
    token_file: Path | None = None
    sync_commands: bool = True
    download_s_max: PositiveFloat = 30.0
    proxy: str | None = None


class TelegramSettings(_Section):
    enabled: bool = True
    token_file: Path | None = None
    base_url: str | None = None
    base_file_url: str | None = None
    local_mode: bool = False
    webhook_url: str | None = None
    webhook_host: str = "127.0.0.1"
    webhook_port: Annotated[int, Field(ge=1, le=65_535)] = 8443
    proxy: str | None = None


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(_Section):
    data: DataSettings = DataSettings()
    intake: IntakeSettings = IntakeSettings()
    film: FilmSettings = FilmSettings()
    queue: QueueSettings = QueueSettings()
    quota: QuotaSettings = QuotaSettings()
    reroll: RerollSettings = RerollSettings()
    reactions: ReactionSettings = ReactionSettings()
    delivery: DeliverySettings = DeliverySettings()
    community: dict[str, CommunitySettings] = {}
    retention: RetentionSettings = RetentionSettings()
    engine: EngineSettings = EngineSettings()
    progress: ProgressSettings = ProgressSettings()
    discord: DiscordSettings = DiscordSettings()
    telegram: TelegramSettings = TelegramSettings()
    log: LogSettings = LogSettings()

    def form(self, community_id: str) -> Form:
        """As what films go to this community."""
        own = self.community.get(community_id)
        return own.form if own is not None and own.form is not None else self.delivery.form


def load_settings(path: Path | None) -> Settings:
    """Settings of a TOML file, or the defaults where `path` is None.

    Relative paths in the file are taken from the file's own folder.
    Raises SettingsError with a sentence that names the key and what is allowed. It never repeats a value: people put
    tokens and passwords in wrong places, and errors in logs.
    """
    if path is None:
        return _settle(Settings(), Path.cwd())
    raw = read_toml(path)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as exc:
        # Not from it: a traceback would show the value.
        raise SettingsError(f"{path}: {first_problem(exc)}") from None
    return _settle(settings, path.resolve().parent)


def read_token(
    platform: str, variable: str, token_file: Path | None, environment: Mapping[str, str] = os.environ
) -> SecretStr | None:
    """A platform's token from its variable, else from its file; None where neither is given.

    Raises SettingsError where the file is named and unreadable or empty. Its name is not repeated: it may be a token.
    """
    if value := environment.get(variable, "").strip():
        return SecretStr(value)
    if token_file is None:
        return None
    try:
        value = read_text(token_file, f"file that {platform}.token_file names", named=False).strip()
    except SettingsError as exc:
        raise SettingsError(f"{exc} It is a file that holds the token, never the token itself.") from None
    if not value:
        raise SettingsError(f"The file that {platform}.token_file names is empty.")
    return SecretStr(value)


def _settle(settings: Settings, base: Path) -> Settings:
    """Make paths absolute and refuse what single fields cannot know."""
    if settings.engine.model not in MODELS:
        known = ", ".join(MODELS)
        raise SettingsError(f"engine.model is none of the models; choose one of: {known}.")
    for key, path in _paths(settings):
        if path is not None and re.search("[\x00-\x1f]", str(path)):
            raise SettingsError(f"{key} holds a tab or a line break: {BACKSLASHES}.")
    for key, address, schemes in _addresses(settings):
        if address is not None and not _is_address(address, schemes):
            raise SettingsError(f'{key} must be an address such as "{schemes[0]}://host:port".')
    if problem := _address_problem(settings.data.database):
        raise SettingsError(problem)
    if settings.film.seconds_default > settings.film.seconds_max:
        raise SettingsError("film.seconds_default is larger than film.seconds_max.")
    if settings.queue.wait_hours_promised_max > settings.queue.wait_hours_max:
        # It would be accepted only to expire before its turn.
        raise SettingsError("queue.wait_hours_promised_max is larger than queue.wait_hours_max.")

    def absolute(path: Path | None) -> Path | None:
        return None if path is None else base / path.expanduser()

    return settings.model_copy(
        update={
            "data": settings.data.model_copy(update={"folder": absolute(settings.data.folder)}),
            "engine": settings.engine.model_copy(update={"weights": absolute(settings.engine.weights)}),
            "discord": settings.discord.model_copy(update={"token_file": absolute(settings.discord.token_file)}),
            "telegram": settings.telegram.model_copy(update={"token_file": absolute(settings.telegram.token_file)}),
        }
    )


def _address_problem(address: str | None) -> str:
    """What is wrong with data.database. Its value is never repeated: it may hold a password all the same."""
    if address is None:
        return ""
    try:
        parts = urlsplit(address)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        return "data.database is not an address."
    if parts.scheme != "postgresql" or not host or len(parts.path) < 2:
        return 'data.database must look like "postgresql://user@host:5432/name"; leave it out for a file of SQLite.'
    if password is not None or "password" in parts.query:
        return f"data.database holds a password, which does not belong in a file: set {DATABASE_PASSWORD_VARIABLE}."
    return ""


def _paths(settings: Settings) -> tuple[tuple[str, Path | None], ...]:
    return (
        ("data.folder", settings.data.folder),
        ("engine.weights", settings.engine.weights),
        ("discord.token_file", settings.discord.token_file),
        ("telegram.token_file", settings.telegram.token_file),
    )


def _addresses(settings: Settings) -> tuple[tuple[str, str | None, tuple[str, ...]], ...]:
    telegram, http = settings.telegram, ("http", "https")
    return (
        ("discord.proxy", settings.discord.proxy, http),
        ("telegram.proxy", telegram.proxy, (*http, "socks5", "socks5h")),
        ("telegram.base_url", telegram.base_url, http),
        ("telegram.base_file_url", telegram.base_file_url, http),
        ("telegram.webhook_url", telegram.webhook_url, ("https", "http")),
    )


def _is_address(address: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def first_problem(error: ValidationError) -> str:
    """One sentence on the first wrong setting, without its value."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(part) if _KEY.fullmatch(str(part)) else "…" for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f'unknown key "{key}"; config.example.toml lists all keys.'
    if problem["type"] == "model_type":
        return f'"{key}" is a section: write [{key}] in a line of its own, and its settings below.'
    return f'"{key}" is refused: {problem["msg"]}.'
