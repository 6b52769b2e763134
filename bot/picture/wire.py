"""Messages over a pipe: two lengths, a head in JSON, and bytes. Nothing in them can run.

Both lengths are bounded before anything is read: the other side may have been taken over by what it decodes.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("!II")
HEAD_BYTES_MAX = 65_536
_CHUNK_BYTES = 262_144

Head = dict[str, Any]


class WireBroken(Exception):
    """The other side is gone, or what it says is no message."""


def pack(head: Head, body_bytes: int) -> bytes:
    """All of a message that goes before its body."""
    packed = json.dumps(head).encode()
    return _LENGTHS.pack(len(packed), body_bytes) + packed


def read(stream: BinaryIO) -> tuple[Head, bytes] | None:
    """The next message; None where the stream has ended. Blocks."""
    lengths = _exactly(stream, _LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    head, body = _exactly(stream, head_bytes), _exactly(stream, body_bytes)
    return None if head is None or body is None else (json.loads(head), body)


def write(stream: BinaryIO, head: Head, body: bytes = b"") -> None:
    stream.write(pack(head, len(body)))
    stream.write(body)
    stream.flush()


async def send(stream: asyncio.StreamWriter, head: Head, body: bytes) -> None:
    """Raises WireBroken. In pieces: the transport would otherwise copy the whole upload."""
    try:
        stream.write(pack(head, len(body)))
        view = memoryview(body)
        for place in range(0, len(body), _CHUNK_BYTES):
            stream.write(view[place : place + _CHUNK_BYTES])
            await stream.drain()
        await stream.drain()
    except OSError as exc:
        raise WireBroken from exc


async def receive(stream: asyncio.StreamReader, *, body_bytes_max: int) -> tuple[Head, bytes]:
    """Raises WireBroken where the stream ends, or what comes is no message or longer than agreed."""
    try:
        head_bytes, body_bytes = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
        if head_bytes > HEAD_BYTES_MAX or body_bytes > body_bytes_max:
            raise WireBroken
        head = json.loads(await stream.readexactly(head_bytes))
        body = await stream.readexactly(body_bytes)
    except (OSError, EOFError, ValueError) as exc:
        raise WireBroken from exc
    if not isinstance(head, dict):
        raise WireBroken
    return head, body  # pyright: ignore[reportUnknownVariableType]


def _exactly(stream: BinaryIO, count: int) -> bytes | None:
    """None where the stream ends before."""
    data = stream.read(count)
    return data if len(data) == count else None
