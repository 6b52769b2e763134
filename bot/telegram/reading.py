"""What a message says: which command, to whom. Pure.

A command counts where Telegram itself marked one at the very start; "/animate" in a sentence is no command.
"""

from __future__ import annotations

from dataclasses import dataclass

from telegram import Message, MessageEntity


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    """Lower case, without slash and address."""
    rest: str
    """What follows it."""
    addressed: bool = False
    """To this bot by its name: in a group, other bots may know a command without one."""


def read_command(message: Message, username: str) -> Command | None:
    """None where the message begins with none, or with one for another bot. username: of this bot, without its @."""
    text = message.text if message.text is not None else message.caption
    entities = message.entities if message.text is not None else message.caption_entities
    first = next((entity for entity in entities if entity.offset == 0), None)
    if text is None or first is None or first.type != MessageEntity.BOT_COMMAND:
        return None
    # A command is ASCII, so code units are characters here.
    name, _, address = text[1 : first.length].partition("@")
    if address and address.lower() != username.lower():
        return None
    return Command(name.lower(), text[first.length :].strip(), addressed=bool(address))
