"""The `flipbook` command. Only the standard library is imported up here: `--help` answers at once, from any Python."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from bot import exits
from storage.outputs import end_when_closed
from storage.private import private_files
from storage.program import program

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def main(arguments: list[str] | None = None) -> int:
    with end_when_closed():
        return _answer(arguments)


def _answer(arguments: list[str] | None) -> int:
    options = parser().parse_args(arguments)
    from storage.errors import FlipbookError

    try:
        # Films of `try` go to a folder of the person's own, under their own rules.
        with nullcontext() if options.command in ("try", "reroll", "extend") else private_files():
            return _run(options)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except FlipbookError as exc:
        from bot.commands import say_error

        say_error(exc, as_json=getattr(options, "json", False))
        return exits.REFUSED


def _run(options: argparse.Namespace) -> int:
    from bot import commands

    match options.command:
        case "try":
            return commands.try_film(options)
        case "reroll":
            return commands.reroll(options)
        case "extend":
            return commands.extend(options)
        case "history":
            return commands.history(options)
        case "doctor":
            return commands.doctor(options)
        case "restore" | "erase":
            from bot import mending

            return mending.restore_backup(options) if options.command == "restore" else mending.erase(options)
        case "pause" | "resume" | "requeue":
            from bot import owner

            verbs = {"pause": owner.pause, "resume": owner.resume, "requeue": owner.requeue}
            return verbs[options.command](options)
        case _:
            return commands.run(options)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(exits.REFUSED, f"{self.prog}: {message[:1].upper()}{message[1:]}; see {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    root = _Parser(prog=program(), description="Animates pictures with FramePack, for a chat or for you alone.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    once = commands.add_parser("try", help="animate one picture here and now")
    once.add_argument("picture", nargs="?", type=Path, metavar="PICTURE", help="a picture file; left out: one of ours")
    once.add_argument("prompt", nargs="?", default="", metavar="PROMPT", help="what should move, and how")
    # Words and numbers stay text: they are read by the same intake as a chat's.
    once.add_argument("--seconds", metavar="N", help="length of the film, up to 120")
    once.add_argument("--seed", metavar="N", help="the same seed draws the same film")
    once.add_argument("--schedule", metavar="inverted|forward", help="which end is drawn first")
    once.add_argument("--steps", metavar="N", help="denoising steps for each part")
    once.add_argument("--size", metavar="PIXELS", help="the film has about PIXELS² pixels")
    once.add_argument("--end-picture", type=Path, metavar="FILE", help="how the film should end (inverted only)")
    once.add_argument("--letterbox", action="store_true", help="all of the picture, between black bars")
    _where(once)
    _how(once)

    again = commands.add_parser("reroll", help="draw a film of yours again with a new seed")
    again.add_argument("id", type=_number, metavar="ID", help="its number; `history` lists them")
    again.add_argument("prompt", nargs="?", metavar="PROMPT", help="other words, if wanted")
    _where(again)
    _how(again)

    longer = commands.add_parser("extend", help="draw a film that goes on where one of yours ends")
    longer.add_argument("id", type=_number, metavar="ID", help="its number; `history` lists them")
    longer.add_argument("prompt", nargs="?", metavar="PROMPT", help="other words, if wanted")
    longer.add_argument("--seconds", metavar="N", help="length of the new film")
    _where(longer)
    _how(longer)

    past = commands.add_parser("history", help="list the films made here")
    past.add_argument("--limit", type=_number, default=20, metavar="N", help="how many, newest first (20)")
    _where(past)

    run = commands.add_parser("run", help="serve the chats that the configuration names")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="see config.example.toml")

    pause = commands.add_parser("pause", help="have the card for yourself; also while the bot runs")
    pause.add_argument(
        "--for", dest="for_ms", type=_span_ms, metavar="TIME", help="ends by itself: 2h, 90m, 1h30m; else by `resume`"
    )
    _which(pause)
    resume = commands.add_parser("resume", help="lend the card again after `pause`")
    _which(resume)
    requeue = commands.add_parser("requeue", help="queue a failed request again, for its member")
    requeue.add_argument("id", type=_number, metavar="ID", help="its number")
    _which(requeue)

    restore = commands.add_parser("restore", help="put a backup in the place of a damaged database, which is kept")
    restore.add_argument("backup", nargs="?", type=Path, metavar="BACKUP", help="left out: the newest that is whole")
    _which(restore)

    erase = commands.add_parser("erase", help="forget a person: requests, films, names; also while the bot runs")
    erase.add_argument("platform", type=str.lower, metavar="PLATFORM", help="discord or telegram")
    erase.add_argument("user_id", metavar="USER_ID", help="the person's number there")
    _which(erase)

    doctor = commands.add_parser("doctor", help="examine this machine, the weights and the data")
    _which(doctor)
    doctor.add_argument("--model", metavar="NAME", help="examine this model instead of the configured one")
    doctor.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return root


def _number(text: str) -> int:
    """A whole number that the database can hold."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"“{text}” is no whole number from 1 on")
    return number


def _span_ms(text: str) -> int:
    """A length of time such as "2h", "90m" or "1h30m"."""
    parts = re.findall(r"(\d{1,9}(?:[.,]\d{1,9})?)([smhd])", text)
    ms = sum(round(float(number.replace(",", ".")) * _UNITS_MS[unit]) for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not 0 < ms <= _UNITS_MS["d"] * 366:
        raise argparse.ArgumentTypeError(
            f"“{text}” is no length of time; write 45s, 90m, 2h, 1h30m or 3d, up to a year"
        )
    return ms


def _where(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, metavar="DIR", help="films go there (flipbook-films)")
    command.add_argument("--data", type=Path, metavar="DIR", help="queue and history (DIR/.flipbook in --out)")
    command.add_argument("--config", type=Path, metavar="FILE", help="take the engine's settings from there")


def _which(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the bot's configuration; else FLIPBOOK_CONFIG, else ./config.toml, else that of the bot that has run",
    )
    command.add_argument("--out", type=Path, metavar="DIR", help="act on the films of `try` in DIR, not on the bot's")
    command.add_argument("--data", type=Path, metavar="DIR", help="the same by its queue and history")


def _how(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", metavar="NAME", help="little, tiny, framepack or framepack-f1")
    command.add_argument("--json", action="store_true", help="one JSON object on standard output at the end")


if __name__ == "__main__":
    sys.exit(main())
