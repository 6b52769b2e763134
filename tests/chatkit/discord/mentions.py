"""Whom a text mentions, given what the sender allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatkit.discord import permissions

if TYPE_CHECKING:
    from chatkit.discord.model import Channel, Json, Message, Role, User

EVERYONE = re.compile(r"@(everyone|here)\b")
ALL = ("users", "roles", "everyone")


@dataclass(frozen=True, slots=True)
class Mentions:
    users: tuple[User, ...] = ()
    roles: tuple[Role, ...] = ()
    everyone: bool = False


def mentions(
    content: str, allowed: Json | None, *, channel: Channel, author: User, reply_to: Message | None = None
) -> Mentions:
    """`allowed` is the request's allowed_mentions; None: whatever stands in the text."""
    parse = list(ALL) if allowed is None else (allowed.get("parse") or [])
    named = {kind: {int(id) for id in (allowed or {}).get(kind) or []} for kind in ("users", "roles")}
    people = {m.user.id: m.user for m in channel.guild.members.values()} if channel.guild else {}
    people |= {person.id: person for person in channel.recipients}
    users = [people[id] for id in _ids(r"<@!?(\d+)>", content) if id in people]
    users = [person for person in users if "users" in parse or person.id in named["users"]]
    if reply_to is not None and (allowed is None or allowed.get("replied_user")) and reply_to.author not in users:
        users.append(reply_to.author)
    all_roles = channel.guild.roles if channel.guild else {}
    roles = [all_roles[id] for id in _ids(r"<@&(\d+)>", content) if id in all_roles]
    roles = [role for role in roles if "roles" in parse or role.id in named["roles"]]
    may_call_all = permissions.may(channel, author, permissions.Allow.MENTION_EVERYONE)
    everyone = "everyone" in parse and may_call_all and bool(EVERYONE.search(content))
    return Mentions(tuple(users), tuple(roles), everyone)


def _ids(pattern: str, content: str) -> list[int]:
    return list(dict.fromkeys(int(id) for id in re.findall(pattern, content)))
