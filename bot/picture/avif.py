"""What an AVIF says of its colours: the decoder turns YCbCr into RGB and leaves the rest of it unsaid."""

from __future__ import annotations

from collections.abc import Iterator

from bot.picture.colour import Cicp

_BOXES_MAX = 200


def nclx(data: bytes) -> Cicp | None:
    """The first colour note of its items. Source: ISO/IEC 14496-12, `colr`; ISO/IEC 23008-12, `ipco`."""
    for name, body in _boxes(_inside(_inside(_inside(data, b"meta")[4:], b"iprp"), b"ipco")):
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 10:
            return Cicp(int.from_bytes(body[4:6]), int.from_bytes(body[6:8]))
    return None


def _inside(data: bytes, wanted: bytes) -> bytes:
    """The first box of that name; empty where there is none."""
    return next((body for name, body in _boxes(data) if name == wanted), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    for _ in range(_BOXES_MAX):
        length, name, head = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[place + 8 : place + 16]), 16
        if length < head:
            # 0: to the end. Only the media themselves are written so.
            return
        yield name, data[place + head : place + length]
        place += length
