"""`python -m bench.chat_telegram`: do crowded groups get all their films within what Telegram lets a bot write?

A hundred members of five groups ask for a film within ten seconds. Telegram is the tests' stand-in, in this process,
with Telegram's own figures: 20 messages a minute in a group, edits counted, 30 a second in all. The bot is the shipped
program in a process of its own; a stand-in draws the films at once, so that nothing but the budget holds them up. One
more member then asks for a film that is drawn for four minutes, with a new preview every two seconds, while the others
are brought. Promises: none lost and none twice, no budget ever exceeded, previews only from what is left over for them.
The exit code is 1 where one is broken. Takes some four and a half minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench.kit.report import Report, Times
from bot.telegram.budget import Budgets, Priority
from bot.telegram.rates import COUNTED

if TYPE_CHECKING:
    from chatkit.telegram import Chat, Person, TelegramKit
    from chatkit.telegram.model import Call
    from telegramkit.program import Program

TESTS = Path(__file__).parents[1] / "tests"
PATIENCE_S = 900.0
WINDOW_S = 60.0
SLOWLY = "slowly"
"""In its words: the film that is being drawn all the while."""
NOTES = "The stand-in, the bot and the drawing share the machine's cores."


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(
        prog="python -m bench.chat_telegram", description=(__doc__ or "").partition("\n")[0]
    )
    options.add_argument("--members", type=int, default=100)
    options.add_argument("--groups", type=int, default=5)
    options.add_argument("--within", type=float, default=10.0, metavar="SECONDS", help="all of them ask in this time")
    options.add_argument("--save", action="store_true", help="keep the figures in bench/results/chat_telegram.md")
    chosen = options.parse_args(arguments)
    sys.path.insert(0, str(TESTS))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="flipbook-bench-") as folder:
        asyncio.run(measure(report, Path(folder), chosen.members, chosen.groups, chosen.within))
    if chosen.save:
        report.save("chat_telegram", command="python -m bench.chat_telegram", notes=NOTES)
    return report.exit_code


async def measure(report: Report, folder: Path, members: int, groups: int, within_s: float) -> None:
    from chatkit.telegram import FloodLimits, Standing, TelegramKit, samples
    from telegramkit.program import Program

    async with TelegramKit.open(flood=FloodLimits()) as kit:
        people = [kit.person(f"Member{number}") for number in range(members)]
        late = kit.person("Late")
        rooms = [kit.supergroup(f"Group {k}", *people[k::groups], late, bot=Standing.ADMIN) for k in range(groups)]
        bot = Program(kit, folder)
        await bot.start(stub="lingers")
        try:
            await bot.online()
            asked_s = await _crowd(kit, people, rooms, within_s)
            await kit.until(lambda: not kit.feed.pending, timeout_s=PATIENCE_S)
            await _all_drawn(bot)
            late.sends_photo(rooms[0], samples.picture(640, 480), f"/animate the fox turns {SLOWLY} 1.2s")
            await kit.until(lambda: sum(_films(room).total() for room in rooms) > members, timeout_s=PATIENCE_S)
        finally:
            await bot.stop()
        report.say(f"{members} members of {groups} groups within {within_s:g} s, and one more")
        _judge(report, kit, rooms, wishes=members + 1)
        fills = [exchange.call for exchange in kit.called("editMessageMedia")]
        crowds = [call.at for call in fills if not _is_covered_by_the_next(call) and SLOWLY not in str(call.params)]
        report.figure("the crowd's last film after", f"{max(crowds) - min(asked_s):.0f} s")


def _judge(report: Report, kit: TelegramKit, rooms: list[Chat], *, wishes: int) -> None:
    films = sum((_films(room) for room in rooms), Counter[int]())
    once = sum(count == 1 for count in films.values())
    kept = once == wishes == films.total()
    report.figure("films", f"{films.total()} for {len(films)} members", promise="one for each", kept=kept)
    figures = Budgets()
    most = max(kit.flood.busiest(room.id, seconds=WINDOW_S) for room in rooms)
    promise = f"at most {figures.group.count} in {WINDOW_S:g} s"
    report.figure("messages and edits of the busiest group", most, promise=promise, kept=most <= figures.group.count)
    refused = sum(exchange.status == 429 for exchange in kit.calls)
    report.figure("answers 429", refused, promise="none", kept=refused == 0)
    fullest = max((_fullest_at_preview(kit, room) for room in rooms), default=0)
    room_left = figures.group_count(Priority.PREVIEW)
    promise = f"at most {room_left}: the rest is kept for films and states"
    report.figure("fullest budget at a preview", fullest, promise=promise, kept=fullest <= room_left)
    shown = [call.at for room in rooms for call in _counted(kit, room) if _is_covered_by_the_next(call)]
    report.figure("previews and refreshed words", len(shown), promise="some", kept=bool(shown))
    busiest = max((_busiest(kit, room) for room in rooms), default=0)
    promise = f"at most {figures.previews.count} in {figures.previews.window_s:g} s"
    report.figure("of them in the busiest group", busiest, promise=promise, kept=busiest <= figures.previews.count)
    waits = Times(_waits_ms(kit, rooms))
    figure = f"p50 {waits.p50 / 1000:.0f} s   p99 {waits.p99 / 1000:.0f} s"
    report.figure("from the crowd's wish to the film", figure)
    report.figure("broken rules of Telegram's", len(kit.problems()), promise="none", kept=not kit.problems())


async def _crowd(kit: TelegramKit, people: list[Person], rooms: list[Chat], within_s: float) -> list[float]:
    """Everybody asks once, at moments spread evenly at random over the time."""
    from chatkit.telegram import samples

    loop = asyncio.get_running_loop()
    draw = random.Random(7)
    begun_s = loop.time()
    picture = samples.picture(640, 480)
    asked: list[float] = []
    for number, at_s in enumerate(sorted(draw.uniform(0, within_s) for _ in people)):
        await asyncio.sleep(max(0.0, begun_s + at_s - loop.time()))
        person = people[number]
        person.sends_photo(rooms[number % len(rooms)], picture, f"/animate {person.user.first_name}'s fox turns 1.2s")
        asked.append(loop.time())
    return asked


async def _all_drawn(bot: Program) -> None:
    async with bot.store() as store:
        while await store.queue():
            await store.changed(timeout_s=0.5)


def _films(room: Chat) -> Counter[int]:
    """Films that stand in the group, by the member whose wish they answer."""
    found = (message for message in room.from_bot if message.kind == "animation" and "✨" in message.text)
    return Counter(film.reply_to.sender.id for film in found if film.reply_to and film.reply_to.sender)


def _fullest_at_preview(kit: TelegramKit, room: Chat) -> int:
    """How many calls were in the window, at most, when one came that a later one covers."""
    counted = _counted(kit, room)
    return max((_within(counted, call) for call in counted if _is_covered_by_the_next(call)), default=0)


def _busiest(kit: TelegramKit, room: Chat) -> int:
    """How many calls that a later one covers were in one window, at most."""
    covered = [call for call in _counted(kit, room) if _is_covered_by_the_next(call)]
    return max((_within(covered, call) for call in covered), default=0)


def _counted(kit: TelegramKit, room: Chat) -> list[Call]:
    return [it.call for it in kit.calls if it.call.method in COUNTED and it.call.get("chat_id") == room.id]


def _within(calls: list[Call], last: Call) -> int:
    return sum(last.at - WINDOW_S < call.at <= last.at for call in calls)


def _is_covered_by_the_next(call: Call) -> bool:
    """A preview, or refreshed words: no film here ends without a message of its own."""
    if call.method == "editMessageMedia":
        return any(upload.filename == "preview.gif" for upload in call.uploads.values())
    return call.method in ("editMessageCaption", "editMessageText")


def _waits_ms(kit: TelegramKit, rooms: list[Chat]) -> list[float]:
    dates = [
        1000.0 * ((film.edit_date or film.date) - film.reply_to.date)
        for room in rooms
        for film in room.from_bot
        if film.reply_to is not None and film.kind == "animation" and SLOWLY not in film.text
    ]
    return dates or [0.0]


if __name__ == "__main__":
    sys.exit(main())
