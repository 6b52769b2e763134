"""What Telegram needs to know of a request later on, in the few characters that a request carries for its adapter."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import cast

from storage.jobs import ORIGIN_CHARS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    photo: str = ""
    """file_id of the photo that the film is made from: shown again without an upload. Empty for other files."""
    topic: int | None = None
    """Of a forum."""
    reply_to: int | None = None
    """The message that asked for it."""
    chat: int | None = None
    """Where it did: a group that becomes a supergroup numbers its messages anew."""

    def text(self) -> str:
        """At most ORIGIN_CHARS_MAX characters: an identifier that is too long is left out."""
        named = {"p": self.photo, "t": self.topic, "m": self.reply_to, "c": self.chat}
        text = json.dumps({key: value for key, value in named.items() if value}, separators=(",", ":"))
        if len(text) <= ORIGIN_CHARS_MAX:
            return text
        return replace(self, photo="").text()


def read_origin(text: str) -> Origin:
    """Nothing known where the text is not one of ours: a film that began on another platform has another's."""
    try:
        named: object = json.loads(text or "{}")
    except ValueError:
        return Origin()
    if not isinstance(named, dict):
        return Origin()
    found = cast("dict[str, object]", named)
    photo, topic, reply_to, chat = (found.get(key) for key in "ptmc")
    return Origin(
        photo=photo if isinstance(photo, str) else "",
        topic=topic if isinstance(topic, int) else None,
        reply_to=reply_to if isinstance(reply_to, int) else None,
        chat=chat if isinstance(chat, int) else None,
    )
