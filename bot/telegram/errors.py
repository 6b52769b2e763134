"""Telegram's errors → those that the relay knows. The only place that reads Telegram's sentences.

The Bot API has no error codes beside HTTP's: the sentences are what there is to go by. What is said in none of them,
a mistake of ours, goes through as it is.
"""

from __future__ import annotations

from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.chat import ChatUnavailable, MessageGone, PlaceClosed

REFUSED_AFTER_S = 60.0
"""A refusal of the token, or of a method: asking again soon would make it worse."""

GONE = (
    "message to edit not found",
    "message to delete not found",
    "message to be replied not found",
    "message_id_invalid",
    "message can't be edited",
)
CLOSED = (
    "chat not found",
    "peer_id_invalid",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_admin_required",
    "chat_restricted",
    "_forbidden",
    "topic_closed",
    "topic_deleted",
    "message thread not found",
    "group chat was deactivated",
    "user_is_blocked",
    "bot was kicked",
    "bot is not a member",
)
UNCHANGED = "message is not modified"
NOT_EDITABLE = "message can't be edited"
TOO_OLD_TO_DELETE = "message can't be deleted"
NO_CAPTION = "there is no caption in the message to edit"
NO_TEXT = "there is no text in the message to edit"
TOO_LARGE = ("request entity too large", "file is too big", "too large")
BAD_FILE = ("wrong file identifier", "wrong remote file", "can't use file of type", "wrong type", "file reference")


class TooLarge(Exception):
    """The file is larger than this server takes: send a smaller one."""


def says(error: BaseException, *sentences: str) -> bool:
    """Whether Telegram's sentence holds one of these."""
    said = str(error).lower()
    return any(sentence in said for sentence in sentences)


def translate(error: TelegramError) -> Exception:
    """MessageGone, PlaceClosed, ChatUnavailable or TooLarge; the error itself where the mistake is ours."""
    match error:
        case RetryAfter():
            return ChatUnavailable("flood wait", after_s=seconds(error))
        case InvalidToken() | Conflict():
            return ChatUnavailable(type(error).__name__, after_s=REFUSED_AFTER_S)
        case Forbidden():
            return PlaceClosed(error.message)
        case BadRequest():
            return _bad_request(error)
        case TimedOut():
            return ChatUnavailable("timed out")
        case NetworkError():
            # Names the kind only: an address in the text may hold a token.
            return TooLarge() if says(error, *TOO_LARGE) else ChatUnavailable("the line to Telegram")
        case _:
            return error


def _bad_request(error: BadRequest) -> Exception:
    if says(error, *GONE):
        return MessageGone()
    if says(error, *CLOSED):
        return PlaceClosed(error.message)
    if says(error, *TOO_LARGE):
        return TooLarge()
    return error


def seconds(error: RetryAfter) -> float:
    """The library gives a number or a span, by a setting in the environment."""
    after = error.retry_after
    return float(after) if isinstance(after, int | float) else after.total_seconds()
