"""Discord's errors → the three that the relay knows. The only place that reads error codes.

Source of the codes: Discord's documentation, "JSON error codes".
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import aiohttp
import discord

from bot.chat import ChatUnavailable, MessageGone, PlaceClosed, PlaceGone

UNKNOWN_CHANNEL, UNKNOWN_GUILD = 10003, 10004
UNKNOWN_MESSAGE = 10008
OLD_MESSAGE_EDITS = 30046
"""Too many edits of a message that is older than an hour."""
TOO_LARGE = 40005
ALREADY_ACKNOWLEDGED = 40060
UNKNOWN_INTERACTION = 10062
INVALID_TOKEN = 50027
"""Of an interaction: its fifteen minutes are over."""

ARCHIVED = 50083
"""Of a thread: see `archives.py`."""

GONE = {UNKNOWN_CHANNEL: "the channel is gone", UNKNOWN_GUILD: "the server is gone"}
"""With everything that stood there."""
CLOSED = {
    40033: "the post is closed",
    50001: "no access to the channel",
    50007: "no direct messages are taken",
    50008: "no messages are taken in this kind of channel",
    50013: "a permission is missing",
    50278: "no server is shared with the member",
    90001: "the member has blocked the bot",
    160005: "the thread is locked",
    200000: "AutoMod stops the message",
    200001: "AutoMod stops the message",
}
"""What ends all posting in a place, in words for the log."""

REFUSED_AFTER_S = 60.0
"""A refusal that names no time, such as a ban at Discord's door: asking again soon would make it worse."""


class TooLarge(Exception):
    """The files are larger than this place takes: send smaller ones."""


class ThreadArchived(PlaceClosed):
    """The thread takes the call once it is awake."""


class EditsUsedUp(ChatUnavailable):
    """Of a message older than an hour: it can be edited later, or replaced now."""


@contextmanager
def translated() -> Generator[None]:
    """Raise MessageGone, PlaceClosed, ChatUnavailable or TooLarge for what Discord answered in the block.

    What is left is a mistake of ours (a body that Discord finds wrong) and goes through as it is.
    """
    try:
        yield
    except discord.RateLimited as exc:
        raise ChatUnavailable("rate limited", after_s=exc.retry_after) from exc
    except discord.HTTPException as exc:
        raise translate(exc) from exc
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        # Names the kind only: an address in the text may hold a token.
        raise ChatUnavailable(type(exc).__name__) from exc
    except RuntimeError as exc:
        if "closed" not in str(exc).lower():
            raise
        # aiohttp's word for a session that has just been closed under a call.
        raise ChatUnavailable("the connection is being closed") from exc


def translate(error: discord.HTTPException) -> Exception:
    """What this answer means for the relay; the error itself where it is our mistake."""
    if error.status == 413 or error.code == TOO_LARGE:
        return TooLarge()
    if error.code == UNKNOWN_MESSAGE:
        return MessageGone()
    if error.code == OLD_MESSAGE_EDITS:
        return EditsUsedUp("too many edits of an old message", after_s=retry_after_s(error))
    if error.code == ARCHIVED:
        return ThreadArchived("the thread is archived")
    if error.code in GONE:
        return PlaceGone(GONE[error.code])
    if error.code in CLOSED:
        return PlaceClosed(CLOSED[error.code])
    if error.status == 429:
        return ChatUnavailable("rate limited", after_s=retry_after_s(error))
    if error.status == 401:
        return ChatUnavailable("the token is refused", after_s=REFUSED_AFTER_S)
    if error.status >= 500:
        return ChatUnavailable(f"HTTP {error.status}")
    if error.status == 403:
        # Not by a rule of the place: Discord's door or a proxy before it says so to everybody, for a while.
        return ChatUnavailable(f"forbidden ({error.code})", after_s=REFUSED_AFTER_S)
    return error


def retry_after_s(error: discord.HTTPException) -> float:
    """When a 429 says to come again; a minute where it does not."""
    try:
        return max(1.0, float(error.response.headers.get("Retry-After", "")))
    except ValueError:
        return REFUSED_AFTER_S
