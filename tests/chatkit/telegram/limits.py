"""Rules that the published document tells in prose only. Each function raises the refusal that Telegram gives."""

from __future__ import annotations

import re

from chatkit.telegram.model import Json
from chatkit.telegram.refusals import Refusal, broken_rule

TEXT_MAX = 4096
CAPTION_MAX = 1024
CALLBACK_DATA_BYTES_MAX = 64
BUTTONS_MAX = 100
ANSWER_MAX = 200
PHOTO_BYTES_MAX = 10_000_000
UPLOAD_BYTES_MAX = 50_000_000
DOWNLOAD_BYTES_MAX = 20_000_000
THUMBNAIL_SIDE_MAX = 320
THUMBNAIL_BYTES_MAX = 200_000
COMMANDS_MAX = 100
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
LANGUAGE = re.compile(r"[a-z]{2}")
DELETE_WITHIN_S = 48 * 3600

_REACTIONS = """
❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥
🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨
🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡
"""
REACTIONS = frozenset(_REACTIONS.split())
_CHAT_ACTIONS = """
typing upload_photo record_video upload_video record_voice upload_voice upload_document choose_sticker find_location
record_video_note upload_video_note
"""
CHAT_ACTIONS = frozenset(_CHAT_ACTIONS.split())
_BUTTON_KINDS = """
url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat
switch_inline_query_chosen_chat copy_text callback_game pay
"""
BUTTON_KINDS = frozenset(_BUTTON_KINDS.split())


def check_text(text: str) -> None:
    """A message's text after its entities were parsed. Telegram counts characters, not code units."""
    if not text.strip():
        raise broken_rule("message text is empty")
    if len(text) > TEXT_MAX:
        raise broken_rule("message is too long")


def check_caption(text: str) -> None:
    if len(text) > CAPTION_MAX:
        raise broken_rule("message caption is too long")


def check_keyboard(markup: Json | None) -> None:
    if markup is None or "inline_keyboard" not in markup:
        return
    buttons = [button for row in markup["inline_keyboard"] for button in row]
    if len(buttons) > BUTTONS_MAX:
        raise broken_rule("too many buttons: reply markup is too long")
    for button in buttons:
        if len(BUTTON_KINDS & button.keys()) != 1:
            raise broken_rule("can't parse inline keyboard button: exactly one of its actions must be given")
        if not button["text"].strip():
            raise broken_rule("can't parse inline keyboard button: text must be non-empty")
        data = button.get("callback_data")
        if data is not None and not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES_MAX:
            raise broken_rule(f"BUTTON_DATA_INVALID: {len(data.encode())} bytes of {CALLBACK_DATA_BYTES_MAX}")


def check_reactions(reactions: list[Json]) -> None:
    """One at most: bots are not premium users."""
    if len(reactions) > 1:
        raise broken_rule("REACTIONS_TOO_MANY")
    for reaction in reactions:
        if reaction["type"] == "paid" or (reaction["type"] == "emoji" and reaction["emoji"] not in REACTIONS):
            raise broken_rule(f"REACTION_INVALID: {reaction.get('emoji', 'paid')}")


def check_chat_action(action: str) -> None:
    if action not in CHAT_ACTIONS:
        raise broken_rule(f"wrong parameter action in request: {action}")


def check_callback_answer(text: str) -> None:
    if len(text) > ANSWER_MAX:
        raise broken_rule("MESSAGE_TOO_LONG: answerCallbackQuery")


def check_commands(commands: list[Json], language_code: str) -> None:
    names = [command["command"].removeprefix("/") for command in commands]
    if len(commands) > COMMANDS_MAX:
        raise broken_rule("BOT_COMMANDS_TOO_MUCH")
    if len(set(names)) < len(names):
        raise broken_rule("BOT_COMMAND_DUPLICATE")
    for name, command in zip(names, commands, strict=True):
        if not COMMAND.fullmatch(name):
            raise broken_rule(f"BOT_COMMAND_INVALID: {name!r}")
        if not 1 <= len(command["description"]) <= 256:
            raise broken_rule(f"BOT_COMMAND_DESCRIPTION_INVALID: {name!r}")
    if language_code and not LANGUAGE.fullmatch(language_code):
        raise broken_rule(f"language code {language_code!r} is not two letters")


def check_upload(kind: str, size: int, *, unlimited: bool) -> None:
    """unlimited: a local Bot API server. Photos keep their limit there too."""
    if kind == "photo" and size > PHOTO_BYTES_MAX:
        raise broken_rule(f"file of {size} bytes is too big for a photo: {PHOTO_BYTES_MAX} are allowed")
    if not unlimited and size > UPLOAD_BYTES_MAX:
        raise Refusal(413, "Request Entity Too Large", broken_rule=True)
    if size == 0:
        raise broken_rule("file must be non-empty")


def check_photo_sides(width: int, height: int) -> None:
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise broken_rule("PHOTO_INVALID_DIMENSIONS")
