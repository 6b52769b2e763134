"""The gateway: sessions over WebSockets, zlib streams, heartbeats, READY, RESUME, and the events that bots are told.

A test breaks it with `reconnect`, `invalidate`, `abort`, `close` and `refuse_next`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from chatkit.discord import payloads, permissions
from chatkit.discord.intents import PRIVILEGED, Intent
from chatkit.discord.line import Line

if TYPE_CHECKING:
    from chatkit.discord.model import Channel, Guild, Json, Message
    from chatkit.discord.world import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT = 0, 1, 2, 3, 6, 7
REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 8, 9, 10, 11
BAD_TOKEN, INVALID_SHARD, SHARDING_REQUIRED, BAD_INTENTS = 4004, 4010, 4011, 4014
REPLAY_MAX = 1000
"""Events a session keeps for a resuming bot."""


@dataclass(eq=False)
class Session:
    """What one shard of the bot has asked for, and what it was told. It outlives its connection."""

    id: str
    intents: int
    shard: int
    shards: int
    sequence: int = 0
    told: deque[tuple[int, Json]] = field(default_factory=lambda: deque(maxlen=REPLAY_MAX))
    line: Line | None = None
    """Its connection, while there is one."""
    resumes: int = 0

    def tell(self, event: str, data: Any) -> None:
        self.sequence += 1
        packet = {"op": DISPATCH, "t": event, "s": self.sequence, "d": data}
        self.told.append((self.sequence, packet))
        if self.line is not None:
            self.line.send(packet)


class Gateway:
    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: dict[str, Session] = {}
        self.heartbeat_ms = 41_250
        self.privileged_allowed = Intent.MESSAGE_CONTENT | Intent.GUILD_MEMBERS
        """Which privileged intents are switched on in the developer portal."""
        self.identifies = 0
        self.handshakes = 0
        self._refusals: deque[int] = deque()
        world.emit = self.emit

    # -- faults ----------------------------------------------------------------------------------------------------

    def refuse_next(self, *statuses: int) -> None:
        """The next handshakes fail with these HTTP statuses."""
        self._refusals.extend(statuses)

    def reconnect(self) -> None:
        """Opcode 7: come again and resume."""
        for line in self.lines():
            line.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Opcode 9: this session is over; events until the next one are lost."""
        for session in list(self.sessions.values()):
            if session.line is not None:
                session.line.send({"op": INVALID_SESSION, "d": resumable})
            if not resumable:
                del self.sessions[session.id]

    def abort(self) -> None:
        """The connections break without a word; the sessions can be resumed."""
        for line in self.lines():
            line.cut()

    async def close(self, code: int) -> None:
        for line in self.lines():
            await line.socket.close(code=code)

    # -- telling ---------------------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        return [session.line for session in self.sessions.values() if session.line is not None]

    @property
    def connected(self) -> bool:
        """Whether every shard has a session with a live connection."""
        live = {session.shard: session.shards for session in self.sessions.values() if session.line is not None}
        return bool(live) and len(live) >= max(live.values())

    def emit(
        self,
        event: str,
        data: Json,
        *,
        intent: Intent | None,
        guild: Guild | None,
        channel: Channel | None = None,
        message: Message | None = None,
    ) -> None:
        """Tell the sessions that asked for this and whose shard it is of, if the bot sees the channel."""
        bot = self._world.bot
        if guild is not None and bot.id not in guild.members:
            return
        hidden = channel is not None and not permissions.may(channel, bot, permissions.Allow.VIEW_CHANNEL)
        if hidden and intent is not None:
            return
        for session in self.sessions.values():
            mine = self._world.shard_of(guild, session.shards) == session.shard
            if mine and (intent is None or session.intents & intent):
                session.tell(event, _readable(data, message, session, bot.id))

    # -- one connection --------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.handshakes += 1
        if self._refusals:
            return web.Response(status=self._refusals.popleft(), text="no gateway today")
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            self._world.problems.add(f"gateway: unknown version or encoding in {request.query_string!r}")
        socket = web.WebSocketResponse(max_msg_size=4096)  # Discord closes on longer packets
        await socket.prepare(request)
        line = Line(request, socket)
        line.send({"op": HELLO, "d": {"heartbeat_interval": self.heartbeat_ms}})
        pump = asyncio.create_task(line.pump())
        session: Session | None = None
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                session = await self._hear(json.loads(frame.data), line, session)
        except (KeyError, TypeError, ValueError, AttributeError):
            self._world.problems.add(f"gateway: the stand-in failed\n{traceback.format_exc()}")
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            if session is not None and session.line is line:
                session.line = None
            self._world.touch()
        return socket

    async def _hear(self, packet: Json, line: Line, session: Session | None) -> Session | None:
        op, data = packet["op"], packet["d"]
        if op == HEARTBEAT:
            line.send({"op": HEARTBEAT_ACK})
        elif op == IDENTIFY:
            return await self._identify(data, line)
        elif op == RESUME:
            return await self._resume(data, line)
        elif op == REQUEST_MEMBERS:
            self._members(data, session)
        elif op != PRESENCE:
            self._world.problems.add(f"gateway: opcode {op} is nothing a bot sends here")
            await line.socket.close(code=4001)
        return session

    async def _identify(self, data: Json, line: Line) -> Session | None:
        self.identifies += 1
        shard, shards = data.get("shard", [0, 1])
        if data["token"] != self._world.token:
            await line.socket.close(code=BAD_TOKEN)
        elif data["intents"] & PRIVILEGED & ~int(self.privileged_allowed):
            await line.socket.close(code=BAD_INTENTS)
        elif not 0 <= shard < shards:
            await line.socket.close(code=INVALID_SHARD)
        elif shards < self._world.shards:
            await line.socket.close(code=SHARDING_REQUIRED)
        else:
            session = Session(secrets.token_hex(16), data["intents"], shard, shards, line=line)
            self.sessions = {id: s for id, s in self.sessions.items() if s.line or s.shard != shard}
            self.sessions[session.id] = session
            self._welcome(session)
            return session
        return None

    def _welcome(self, session: Session) -> None:
        world = self._world
        guilds = [
            guild
            for guild in world.guilds.values()
            if world.bot.id in guild.members and world.shard_of(guild, session.shards) == session.shard
        ]
        ready = {
            "v": 10,
            "user": payloads.own_user(world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": world.gateway_url,
            "shard": [session.shard, session.shards],
            "application": {"id": str(world.bot.id), "flags": 0},
        }
        session.tell("READY", ready)
        for guild in guilds:
            session.tell("GUILD_CREATE", payloads.guild(guild, world.bot))
        world.touch()

    async def _resume(self, data: Json, line: Line) -> Session | None:
        session = self.sessions.get(data["session_id"])
        if data["token"] != self._world.token:
            await line.socket.close(code=BAD_TOKEN)
            return None
        if session is None or data["seq"] is None or data["seq"] > session.sequence:
            line.send({"op": INVALID_SESSION, "d": False})
            return None
        session.line = line
        session.resumes += 1
        for sequence, packet in session.told:
            if sequence > data["seq"]:
                line.send(packet)
        session.tell("RESUMED", {})
        self._world.touch()
        return session

    def _members(self, data: Json, session: Session | None) -> None:
        guild = self._world.guilds.get(int(data["guild_id"]))
        if guild is None or session is None:
            return
        wanted = {int(id) for id in data.get("user_ids") or guild.members}
        found = [payloads.member(m) for m in guild.members.values() if m.user.id in wanted]
        chunk: Json = {"guild_id": str(guild.id), "members": found, "chunk_index": 0, "chunk_count": 1}
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.tell("GUILD_MEMBERS_CHUNK", chunk)

    async def stop(self) -> None:
        for line in self.lines():
            await line.socket.close(code=WSCloseCode.GOING_AWAY)


def _readable(data: Json, message: Message | None, session: Session, bot_id: int) -> Json:
    """Without the intent for it a bot reads only its own words, those that mention it, and private ones."""
    if message is None or message.channel.guild is None or session.intents & Intent.MESSAGE_CONTENT:
        return data
    if message.author.id == bot_id or any(person.id == bot_id for person in message.mentions):
        return data
    return {**data, "content": "", "embeds": [], "attachments": [], "components": []}
