"""A chat of the Telegram stand-in as a page, and the stand-in as a program of its own."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from chatkit.telegram import TelegramKit, page_of, samples
from chatkit.telegram.sample import application
from chatkit.telegram.transcript import marked_up
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.ext import ApplicationBuilder

TESTS = Path(__file__).parents[1]


async def test_a_page_shows_what_a_member_sees():
    async with TelegramKit.open() as kit:
        mia, leo = kit.person("Mia"), kit.person("Leo")
        cave = kit.group("Cave", leo, mia)
        asked = mia.sends_photo(cave, samples.picture(320, 240), caption="/animate <b>the fox</b>")
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("⚡ Reroll", callback_data="r")]])
        async with application(kit).bot as bot:
            await bot.send_animation(
                cave.id,
                samples.clip(),
                caption="✨ <b>the fox</b> & <i>friends</i>",
                parse_mode="HTML",
                reply_markup=keyboard,
                reply_to_message_id=asked.id,
                has_spoiler=True,
            )
            await bot.send_message(cave.id, "gone")
        film, gone = cave.from_bot
        leo.reacts(film, "🔥")
        leo.deletes(gone)
        html = page_of(cave, mia)
        assert '<span class="mention">/animate</span> &lt;b&gt;the fox&lt;/b&gt;' in html
        assert "✨ <b>the fox</b> &amp; <i>friends</i>" in html
        assert '<article class="line own">' in html
        assert "Mia: /animate" in html
        assert "⚡ Reroll</button>" in html
        assert "🔥 1" in html
        assert '<figure class="spoiler">' in html
        assert html.count("<img") == 2, "a picture, and a film's still"
        assert "gone" not in html
        assert not re.search(r"(src|href)=\"(?!data:)", html), "nothing from outside"
        assert kit.problems() == []


def test_entities_lie_inside_and_beside_each_other():
    entities = (
        {"type": "bold", "offset": 0, "length": 5},
        {"type": "italic", "offset": 3, "length": 2},
        {"type": "code", "offset": 6, "length": 1},
    )
    assert marked_up("🦊 ab <x", entities) == "<b>🦊 <i>ab</i></b> <code>&lt;</code>x"


async def test_it_runs_as_a_program_of_its_own():
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatkit.telegram"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(TESTS), "PYTHONIOENCODING": "utf-8"},
    )
    assert program.stdin is not None
    assert program.stdout is not None
    said = [(await program.stdout.readline()).decode() for _ in range(4)]
    base_url, base_file_url = (line.split('"')[1] for line in said[1:3])
    token = said[3].split()[-1]
    program.stdin.write(b"photo /animate the fox\n")
    async with ApplicationBuilder().token(token).base_url(base_url).base_file_url(base_file_url).build().bot as bot:
        (update,) = await bot.get_updates(timeout=10)
        assert update.effective_message is not None
        assert update.effective_message.caption == "/animate the fox"
        await bot.send_message(update.effective_message.chat.id, "Queued")
        assert (await program.stdout.readline()).decode().endswith("text: Queued\n")
    program.stdin.close()
    assert await program.wait() == 0
