"""The mark that says "drawn by a machine", as programs read it: XMP with IPTC's digital source type.

Films carry it in a box of its own behind the picture data, GIFs in an application extension and, in plain words, in a
comment. Sources: XMP specification part 3 (MPEG-4, GIF); IPTC photo metadata standard, "Digital Source Type".
"""

from __future__ import annotations

import shutil
import struct
from typing import BinaryIO

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMMENT = "AI-generated. Made with Flipbook."

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
).encode()

MP4_BOX = struct.pack(">I4s16s", 24 + len(_XMP), b"uuid", bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")) + _XMP
"""To be appended to a finished MP4: players pass over boxes that they do not know."""

# A reader that takes the packet for sub-blocks, each with its length in front, falls into the descending bytes and
# comes out at the end.
_GIF_XMP = b"\x21\xff\x0bXMP DataXMP" + _XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_GIF_COMMENT = b"\x21\xfe" + bytes([len(COMMENT)]) + COMMENT.encode("ascii") + b"\x00"
_GIF_LOOP = b"\x21\xff\x0bNETSCAPE2.0"
_GIF_LOOP_BYTES = 19
_GIF_HEAD_BYTES_MAX = 13 + 3 * 256 + _GIF_LOOP_BYTES

GIF_BYTES = len(_GIF_COMMENT) + len(_GIF_XMP)
"""By so much `mark_gif` makes a file longer."""


def mark_gif(source: BinaryIO, target: BinaryIO) -> None:
    """Copy an animation, with the mark in front of its first frame and behind the word that it loops."""
    head = source.read(_GIF_HEAD_BYTES_MAX)
    place = 13 + (3 << ((head[10] & 7) + 1) if head[10] & 0x80 else 0)
    if head.startswith(_GIF_LOOP, place):
        place += _GIF_LOOP_BYTES
    target.write(head[:place] + _GIF_COMMENT + _GIF_XMP + head[place:])
    shutil.copyfileobj(source, target)
