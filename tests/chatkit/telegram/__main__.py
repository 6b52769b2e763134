"""The stand-in as a program of its own: to try a bot by hand, or from another process.

It prints the settings for the bot, then reads what Mia does in her group, one deed a line:

    hello everybody                     she says it
    photo /animate the fox runs         a picture with a caption
    click reroll                        the newest button with that label
    react ⚡                            to the bot's newest message
    page room.html                      writes down what she sees

and prints every new or changed message of the bot, and every broken rule.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chatkit.telegram import CannotDo, Standing, TelegramKit, page_of, samples

if TYPE_CHECKING:
    from chatkit.telegram import Chat, Person


async def main(port: int) -> None:
    async with TelegramKit.open(port=port) as kit:
        mia = kit.person("Mia")
        group = kit.group("Cave", mia, bot=Standing.ADMIN)
        _say(
            "[telegram]",
            f'base_url = "{kit.base_url}"',
            f'base_file_url = "{kit.base_file_url}"',
            f"# token: {kit.token}",
        )
        watcher = asyncio.create_task(_watch(kit, group))
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                _do(line.strip(), mia, group)
            except (CannotDo, IndexError) as exc:
                _say(f"! {exc}")
        watcher.cancel()


def _do(line: str, mia: Person, group: Chat) -> None:
    verb, _, rest = line.partition(" ")
    match verb:
        case "":
            pass
        case "photo":
            mia.sends_photo(group, samples.picture(640, 480), rest)
        case "click":
            pressable = [
                message for message in group.from_bot if any(rest in b["text"].lower() for b in message.buttons)
            ]
            mia.clicks(pressable[-1], rest)
        case "react":
            mia.reacts(group.from_bot[-1], *rest.split())
        case "page":
            Path(rest).write_text(page_of(group, mia), encoding="utf-8")
        case _:
            mia.says(group, line)


async def _watch(kit: TelegramKit, group: Chat) -> None:
    seen: dict[int, object] = {}
    while True:
        news = await kit.until(
            lambda: kit.problems() or [m for m in group.from_bot if seen.get(m.id) is not m.content], timeout_s=1e9
        )
        for problem in kit.take_problems():
            _say(f"! {problem}")
        for message in group.from_bot:
            if message in news:
                seen[message.id] = message.content
                labels = " ".join(f"[{button['text']}]" for button in message.buttons)
                _say(f"{message.id} {message.kind}: {message.text} {labels}".rstrip())


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chatkit.telegram", description="A stand-in for Telegram's Bot API.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    asyncio.run(main(parser.parse_args().port))
