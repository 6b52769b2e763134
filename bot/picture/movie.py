"""Silent films: what Telegram makes of a GIF, and moving stickers. Their frames as pictures, by PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

import av
from PIL import Image

from bot.picture.colour import Cicp, profile_of_cicp
from bot.picture.formats import PictureFormat

FRAMES_MAX = 50
PACKETS_MAX = 500
_CONTAINERS = {PictureFormat.MP4: "mov", PictureFormat.WEBM: "matroska"}
"""Named, not probed: FFmpeg reads playlists and network addresses too."""
_CODECS = {
    "h264": "h264",
    "hevc": "hevc",
    "mpeg4": "mpeg4",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libdav1d",
    "libdav1d": "libdav1d",
}
"""libvpx, unlike FFmpeg's own decoders, knows transparency."""


class WithSound(Exception):
    """A film that is heard is no picture that moves."""


class UnknownCodec(Exception):
    """An intact film that nothing here can decode."""


def movie_frames(kind: PictureFormat, data: bytes, check_sides: Callable[[int, int], None]) -> Iterator[Image.Image]:
    """The first frames, RGB or RGBA, upright. Raises WithSound, UnknownCodec, and what PyAV raises over damaged files.

    check_sides: asked about what the container says, and again about each frame; may raise.
    """
    with av.open(BytesIO(data), "r", format=_CONTAINERS[kind]) as container:
        if container.streams.audio:
            raise WithSound
        if not container.streams.video:
            raise UnknownCodec
        stream = container.streams.video[0]
        name = _CODECS.get(stream.codec_context.name)
        if name is None:
            raise UnknownCodec
        check_sides(stream.codec_context.width, stream.codec_context.height)
        decoder = av.CodecContext.create(name, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata = stream.codec_context.extradata
        decoder.thread_count = 1
        shown = 0
        for number, packet in enumerate(container.demux(stream)):
            for frame in decoder.decode(packet):  # pyright: ignore[reportUnknownMemberType]
                check_sides(frame.width, frame.height)
                yield _picture(frame)
                shown += 1
            if shown >= FRAMES_MAX or number >= PACKETS_MAX:
                return


def _picture(frame: av.VideoFrame) -> Image.Image:
    mode, form = ("RGBA", "rgba") if frame.format.name.startswith("yuva") else ("RGB", "rgb24")
    plane = frame.reformat(format=form).planes[0]
    image = Image.frombytes(mode, (frame.width, frame.height), bytes(plane), "raw", mode, plane.line_size, 1)
    if frame.rotation and frame.rotation % 90 == 0:
        image = image.rotate(frame.rotation, expand=True)
    profile = profile_of_cicp(Cicp(int(frame.color_primaries), int(frame.color_trc)))
    if profile is not None:
        image.info["icc_profile"] = profile
    return image
