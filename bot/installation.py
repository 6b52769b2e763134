"""Which installation an owner's command acts on: the bot's, found by its configuration, never a folder by chance."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bot.terminal.settings import OUT_DEFAULT, try_settings
from storage.errors import SettingsError
from storage.files import write_atomically
from storage.settings import Settings, load_settings

CONFIG_VARIABLE = "FLIPBOOK_CONFIG"
CONFIG_HERE = Path("config.toml")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    settings: Settings
    config: Path | None
    """None for the films of `try` without a configuration."""

    def line(self) -> str:
        told = f"Installation: {self.settings.data.folder}"
        return f"{told}." if self.config is None else f"{told} (configuration {self.config})."


def installation(options: argparse.Namespace) -> Installation:
    """The one that the options name, else the environment, else the working directory, else a bot that has run.

    Raises SettingsError where none or several are found, or the configuration is wrong.
    """
    config: Path | None = options.config
    if options.out is not None or options.data is not None:
        settings = try_settings(config, out=options.out or OUT_DEFAULT, data=options.data, model=None)
        return Installation(settings=settings, config=config)
    config = config or _found(os.environ)
    return Installation(settings=load_settings(config), config=config.absolute())


def chosen(options: argparse.Namespace) -> Settings:
    """Settings of `installation`, after a line on standard output that says which one is meant."""
    found = installation(options)
    sys.stdout.write(f"{found.line()}\n")
    sys.stdout.flush()
    return found.settings


def leave_note(config: Path, settings: Settings) -> None:
    """Let owner's commands find this bot from anywhere. Without a place for the note they need `--config`."""
    config = config.absolute()
    try:
        folder = notes_folder(os.environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = folder / f"{hashlib.sha256(os.fsencode(config)).hexdigest()[:16]}.json"
        write_atomically(note, json.dumps({"config": str(config), "data": str(settings.data.folder)}))
    except (OSError, RuntimeError) as exc:
        log.info("no note left for the owner's commands", extra={"reason": exc})


def notes_folder(environment: Mapping[str, str], system: str = sys.platform) -> Path:
    """Where this system keeps what a program remembers for a person. Raises RuntimeError where nobody is at home."""
    if system == "win32":
        base = environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        own = ("Library", "Application Support") if system == "darwin" else (".local", "state")
        base = environment.get("XDG_STATE_HOME") or Path.home().joinpath(*own)
    return Path(base) / "flipbook" / "installations"


def _found(environment: Mapping[str, str]) -> Path:
    if named := environment.get(CONFIG_VARIABLE, "").strip():
        return Path(named)
    if CONFIG_HERE.is_file():
        return CONFIG_HERE
    noted = dict(_noted(environment))
    if len(noted) == 1:
        return next(iter(noted))
    if not noted:
        raise SettingsError(
            f"No installation was found: there is no {CONFIG_HERE} in this folder, {CONFIG_VARIABLE} is not set, and "
            "no bot of yours has run yet. Name one with --config FILE, or the films of `try` with --out DIR."
        )
    listed = "; ".join(f"--config {config} for {data}" for config, data in sorted(noted.items()))
    raise SettingsError(f"Several installations were found; say which one is meant: {listed}.")


def _noted(environment: Mapping[str, str]) -> Iterator[tuple[Path, Path]]:
    """Configuration and data folder of bots that have run and are still there."""
    try:
        notes = sorted(notes_folder(environment).glob("*.json"))
    except (OSError, RuntimeError):
        return
    for note in notes:
        try:
            told = cast(dict[str, Any], json.loads(note.read_text("utf-8")))
            config, data = Path(told["config"]), Path(told["data"])
            stale = not config.is_file() or not data.is_dir()
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not stale:
            yield config, data
