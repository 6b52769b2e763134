"""Planted mistakes: raw requests that break one rule each. The stand-in must refuse every one and name it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from chatkit.telegram import Budget, FloodLimits, TelegramKit, limits, samples, spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chatkit.telegram import Chat

GROUP = "the group"
"""Stands for the test group's id."""
MESSAGE = "the message"
"""Stands for the id of a message by the bot."""
PHOTO = "the photo"
"""Stands for a photo's file_id."""

needs_document = pytest.mark.skipif(spec.load() is None, reason="the published Bot API document is absent")


@pytest.fixture
async def kit() -> AsyncIterator[TelegramKit]:
    async with TelegramKit.open() as kit:
        yield kit


@pytest.fixture
def cave(kit: TelegramKit) -> Chat:
    return kit.group("Cave", kit.person("Mia"))


async def ask(
    kit: TelegramKit, method: str, params: dict[str, Any], files: dict[str, bytes] | None = None
) -> dict[str, Any]:
    """A request as any HTTP client could send it; the answer's body."""
    form = aiohttp.FormData()
    for name, value in params.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    for name, data in (files or {}).items():
        form.add_field(name, io.BytesIO(data), filename=f"{name}.bin", content_type="application/octet-stream")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{kit.base_url}{kit.token}/{method}", data=form) as answer,
    ):
        return await answer.json()


def keyboard(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "Again", **button}]]}


UNDOCUMENTED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a method that does not exist": ("sendFilm", {"chat_id": GROUP}, "no such method"),
    "a parameter that does not exist": ("sendMessage", {"chat_id": GROUP, "text": "x", "spoiler": True}, "spoiler"),
    "no text": ("sendMessage", {"chat_id": GROUP}, "text"),
    "a number as a word": ("editMessageText", {"chat_id": GROUP, "message_id": "last", "text": "x"}, "message_id"),
    "a switch as a word": ("sendMessage", {"chat_id": GROUP, "text": "x", "protect_content": "yes"}, "protect_content"),
    "a keyboard that is a list": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "reply_markup": [["Again"]]},
        "reply_markup",
    ),
    "media of no kind": (
        "editMessageMedia",
        {"chat_id": GROUP, "message_id": MESSAGE, "media": {"type": "film", "media": "x"}},
        "media",
    ),
    "a command without a description": ("setMyCommands", {"commands": [{"command": "animate"}]}, "description"),
    "a scope that does not exist": ("setMyCommands", {"commands": [], "scope": {"type": "everybody"}}, "scope"),
}

RULES: dict[str, tuple[str, dict[str, Any], str]] = {
    "an empty text": ("sendMessage", {"chat_id": GROUP, "text": "  \n"}, "text is empty"),
    "a text of 4097": ("sendMessage", {"chat_id": GROUP, "text": "x" * 4097}, "message is too long"),
    "a caption of 1025": (
        "sendPhoto",
        {"chat_id": GROUP, "photo": PHOTO, "caption": "é" * 1025},
        "caption is too long",
    ),
    "callback data of 66 bytes in 33 letters": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "reply_markup": keyboard(callback_data="é" * 33)},
        "BUTTON_DATA_INVALID",
    ),
    "a button that does nothing": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "reply_markup": keyboard()},
        "button",
    ),
    "a button that does two things": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "reply_markup": keyboard(callback_data="a", url="https://a.b")},
        "button",
    ),
    "a reaction that Telegram lacks": (
        "setMessageReaction",
        {"chat_id": GROUP, "message_id": MESSAGE, "reaction": [{"type": "emoji", "emoji": "🔁"}]},
        "REACTION_INVALID",
    ),
    "two reactions": (
        "setMessageReaction",
        {"chat_id": GROUP, "message_id": MESSAGE, "reaction": [{"type": "emoji", "emoji": e} for e in "👀🔥"]},
        "REACTIONS_TOO_MANY",
    ),
    "a tag left open": ("sendMessage", {"chat_id": GROUP, "text": "<b>x", "parse_mode": "HTML"}, "end tag"),
    "tags that cross": ("sendMessage", {"chat_id": GROUP, "text": "<b><i>x</b></i>", "parse_mode": "HTML"}, "end tag"),
    "a tag that Telegram lacks": ("sendMessage", {"chat_id": GROUP, "text": "<h1>x</h1>", "parse_mode": "HTML"}, "h1"),
    "a prompt that was not escaped": (
        "sendMessage",
        {"chat_id": GROUP, "text": "1 < 2", "parse_mode": "HTML"},
        "unescaped",
    ),
    "a star left open": ("sendMessage", {"chat_id": GROUP, "text": "*x", "parse_mode": "MarkdownV2"}, "bold"),
    "a full stop that was not escaped": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x.", "parse_mode": "MarkdownV2"},
        "reserved",
    ),
    "an unknown parse mode": ("sendMessage", {"chat_id": GROUP, "text": "x", "parse_mode": "BBCode"}, "parse_mode"),
    "an entity beyond the end": (
        "sendMessage",
        {"chat_id": GROUP, "text": "x", "entities": [{"type": "bold", "offset": 0, "length": 2}]},
        "entity",
    ),
    "a chat action that does not exist": ("sendChatAction", {"chat_id": GROUP, "action": "drawing"}, "action"),
    "a command in capitals": ("setMyCommands", {"commands": [{"command": "Animate", "description": "x"}]}, "INVALID"),
    "a command twice": ("setMyCommands", {"commands": [{"command": "a", "description": "x"}] * 2}, "DUPLICATE"),
    "a command list in a country's language": (
        "setMyCommands",
        {"commands": [{"command": "a", "description": "x"}], "language_code": "it-IT"},
        "two letters",
    ),
    "an answer of 201": ("answerCallbackQuery", {"callback_query_id": "1", "text": "x" * 201}, "TOO_LONG"),
    "an edit of nothing": ("editMessageText", {"text": "x"}, "identifier"),
    "a file id that never was": ("sendPhoto", {"chat_id": GROUP, "photo": "AgACmadeup"}, "wrong file identifier"),
    "a photo's id as an animation": (
        "sendAnimation",
        {"chat_id": GROUP, "animation": PHOTO},
        "can't use file of type",
    ),
    "an address to fetch": ("sendPhoto", {"chat_id": GROUP, "photo": "https://a.b/c.jpg"}, "does not fetch"),
    "a part that is not there": ("sendPhoto", {"chat_id": GROUP, "photo": "attach://film"}, "without its part"),
    "a limit of 200 updates": ("getUpdates", {"limit": 200}, "limit"),
    "a webhook over plain HTTP": ("setWebhook", {"url": "http://example.org/hook"}, "HTTPS"),
}

UPLOADS: dict[str, tuple[str, str, bytes | int, str]] = {
    "a photo of more than 10 MB": ("sendPhoto", "photo", limits.PHOTO_BYTES_MAX + 1, "too big for a photo"),
    "a film of more than 50 MB": ("sendVideo", "video", limits.UPLOAD_BYTES_MAX + 1, "Too Large"),
    "a photo that is none": ("sendPhoto", "photo", b"no picture", "IMAGE_PROCESS_FAILED"),
    "a photo longer than twenty times its width": ("sendPhoto", "photo", samples.picture(2100, 100), "DIMENSIONS"),
    "an animation that cannot be played": ("sendAnimation", "animation", b"no film", "can be played"),
    "an empty file": ("sendDocument", "document", b"", "non-empty"),
}
"""Method, part, its bytes (or how many zeros), and what the problem says."""


async def refused(kit: TelegramKit, cave: Chat, method: str, params: dict[str, Any], problem: str) -> None:
    sent = await ask(kit, "sendMessage", {"chat_id": cave.id, "text": "I am here"})
    photo = kit.files.media("photo", samples.picture()).file.file_id
    assert kit.problems() == []
    known = {GROUP: cave.id, MESSAGE: sent["result"]["message_id"], PHOTO: photo}
    given = {name: known.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
    answer = await ask(kit, method, given)
    (found,) = kit.problems()
    assert problem in found
    assert method in found
    assert not answer["ok"]
    assert len(cave.shown) == 1


@needs_document
@pytest.mark.parametrize("mistake", UNDOCUMENTED)
async def test_what_the_document_forbids_is_caught(kit: TelegramKit, cave: Chat, mistake: str):
    await refused(kit, cave, *UNDOCUMENTED[mistake])


@pytest.mark.parametrize("mistake", RULES)
async def test_what_only_prose_forbids_is_caught(kit: TelegramKit, cave: Chat, mistake: str):
    await refused(kit, cave, *RULES[mistake])


@pytest.mark.parametrize("mistake", UPLOADS)
async def test_files_that_telegram_does_not_take_are_caught(kit: TelegramKit, cave: Chat, mistake: str):
    method, part, data, problem = UPLOADS[mistake]
    answer = await ask(kit, method, {"chat_id": cave.id}, {part: bytes(data)})
    (found,) = kit.problems()
    assert problem in found
    assert not answer["ok"]
    assert cave.shown == []


@pytest.mark.parametrize("body", ["no json", "[1]"])
async def test_a_body_that_is_no_json_object_is_caught(kit: TelegramKit, body: str):
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{kit.base_url}{kit.token}/getMe", data=body) as answer,
    ):
        assert answer.status == 400
    assert "no JSON" in kit.problems()[0]


async def test_what_is_right_at_the_limit_passes(kit: TelegramKit, cave: Chat):
    marked = {
        "text": "<b>" + "x" * 4096 + "</b>",
        "parse_mode": "HTML",
        "reply_markup": keyboard(callback_data="é" * 32),
    }
    assert (await ask(kit, "sendMessage", {"chat_id": cave.id, **marked}))["ok"]
    caption = {"caption": "*" + "y" * 1024 + "*", "parse_mode": "MarkdownV2"}
    assert (await ask(kit, "sendPhoto", {"chat_id": cave.id, **caption}, {"photo": samples.picture()}))["ok"]
    text, photo = cave.from_bot
    assert (len(text.text), len(photo.text)) == (4096, 1024)
    assert kit.problems() == []


async def test_a_budget_that_is_exceeded_is_caught_and_so_is_impatience():
    now = [0.0]
    flood = FloodLimits(group=Budget(2, 60.0, slack_s=0.0), chat=Budget(9, 1.0), overall=Budget(9, 1.0))
    async with TelegramKit.open(flood=flood, clock=lambda: now[0]) as kit:
        cave = kit.group("Cave")
        line = {"chat_id": cave.id, "text": "x"}
        for at in (0.0, 10.0):
            now[0] = at
            assert (await ask(kit, "sendMessage", line))["ok"]
        assert kit.flood.busiest(cave.id, seconds=60.0) == 2
        now[0] = 11.0
        assert (await ask(kit, "sendMessage", line))["parameters"] == {"retry_after": 49}
        assert len(kit.take_problems()) == 1
        assert (await ask(kit, "sendMessage", line))["parameters"] == {"retry_after": 49}
        assert kit.problems() == [], "this one was on its way when the bot was told to wait"
        now[0] = 59.0
        assert (await ask(kit, "sendMessage", line))["parameters"] == {"retry_after": 1}
        assert len(kit.take_problems()) == 1
        now[0] = 60.0
        assert (await ask(kit, "sendMessage", line))["ok"]
        assert kit.problems() == []


async def test_what_a_careful_bot_may_meet_too_is_no_problem(kit: TelegramKit, cave: Chat):
    sent = await ask(kit, "sendMessage", {"chat_id": cave.id, "text": "x"})
    message = {"chat_id": cave.id, "message_id": sent["result"]["message_id"]}
    assert "not modified" in (await ask(kit, "editMessageText", {**message, "text": "x"}))["description"]
    assert "no caption" in (await ask(kit, "editMessageCaption", {**message, "caption": "y"}))["description"]
    assert (await ask(kit, "deleteMessage", message))["ok"]
    assert "to edit not found" in (await ask(kit, "editMessageText", {**message, "text": "y"}))["description"]
    assert "to delete not found" in (await ask(kit, "deleteMessage", message))["description"]
    reply = {"chat_id": cave.id, "text": "y", "reply_parameters": {"message_id": message["message_id"]}}
    assert "to be replied not found" in (await ask(kit, "sendMessage", reply))["description"]
    reply["reply_parameters"]["allow_sending_without_reply"] = True
    assert (await ask(kit, "sendMessage", reply))["ok"]
    assert "query is too old" in (await ask(kit, "answerCallbackQuery", {"callback_query_id": "1"}))["description"]
    assert "chat not found" in (await ask(kit, "sendMessage", {"chat_id": -1, "text": "x"}))["description"]
    assert kit.problems() == []


async def test_a_wrong_token_is_unauthorized(kit: TelegramKit):
    async with aiohttp.ClientSession() as session, session.get(f"{kit.base_url}1:wrong/getMe") as answer:
        assert (answer.status, (await answer.json())["description"]) == (401, "Unauthorized")


@needs_document
async def test_the_stand_ins_own_mistakes_are_caught(kit: TelegramKit):
    kit.feed.add("message", {"text": "a message without an id"})
    assert any("the stand-in itself: update message" in problem for problem in kit.problems())


@needs_document
def test_the_reactions_are_those_of_the_document():
    document = spec.load()
    assert document is not None
    prose = document.field("ReactionTypeEmoji", "emoji")["description"]
    assert {part for k, part in enumerate(prose.split('"')) if k % 2} == limits.REACTIONS


def test_absent_documents_are_said_aloud_and_can_be_required(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("FLIPBOOK_SPECS", str(tmp_path))
    monkeypatch.delenv("FLIPBOOK_REQUIRE_SPECS", raising=False)
    with pytest.warns(UserWarning, match="nothing is checked"):
        assert spec.load.__wrapped__() is None
    monkeypatch.setenv("FLIPBOOK_REQUIRE_SPECS", "1")
    with pytest.raises(FileNotFoundError, match=r"telegram_api\.json"):
        spec.load.__wrapped__()
