"""H.264 as every player takes it: 4:2:0, even sides, constant rate, BT.709 said and meant, index in front."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# PyAV's stubs leave the stream type of a packet open.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from av import VideoFrame
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

CRF_MIN = 16
"""Below it x264 writes rates at which some players show black or stutter."""

REVISION = 2
"""Counted up with every change of what `add_h264_stream` sets: parts of one film agree in all of it."""

FASTSTART = {"movflags": "+faststart"}
"""Container options: a player may start before the whole file is there."""

_SEGMENT_S = Fraction(6, 5)
"""The shortest that a film is joined from, but for one: a section of 36 frames at 30 a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a player must be able to do that names this level. Source: ITU-T H.264, table A-1, for the High profile."""

    name: str
    blocks_per_s: int
    """Of 16x16 pixels."""
    blocks: int
    """In one frame."""
    kbit_per_s: int
    buffer_kbit: int

    @property
    def vbv(self) -> tuple[int, int]:
        """Rate and buffer (kbit/s, kbit) for each part of a film, so that all of them in a row keep the level.

        Every part starts with a full buffer b of its own. With rate r and b = 0.3 R, a part of T = 1.2 s has at most
        r·T + b = R·T bits, so that a row of parts brings no more than the level's rate R; the parts at a window's two
        ends and one short part add 3 b, which is less than the level's buffer.
        """
        buffer_kbit = min(self.buffer_kbit // 3, 3 * self.kbit_per_s // 10)
        return int(self.kbit_per_s - buffer_kbit / _SEGMENT_S), buffer_kbit


_LEVELS = (
    # Every player takes 3.1; lower ones would leave small films too little room for grain.
    Level(name="3.1", blocks_per_s=108_000, blocks=3_600, kbit_per_s=17_500, buffer_kbit=17_500),
    Level(name="4.0", blocks_per_s=245_760, blocks=8_192, kbit_per_s=25_000, buffer_kbit=31_250),
    Level(name="4.2", blocks_per_s=522_240, blocks=8_704, kbit_per_s=62_500, buffer_kbit=78_125),
    Level(name="5.1", blocks_per_s=983_040, blocks=36_864, kbit_per_s=300_000, buffer_kbit=300_000),
)


def level_for(*, width: int, height: int, rate: Fraction) -> Level:
    """The lowest level we name that holds frames of these sides at this rate; the highest where none does."""
    blocks = -(-width // 16) * -(-height // 16)
    fitting = (level for level in _LEVELS if blocks <= level.blocks and blocks * rate <= level.blocks_per_s)
    return next(fitting, _LEVELS[-1])


def add_h264_stream(
    container: OutputContainer,
    *,
    width: int,
    height: int,
    rate: Fraction,
    crf: int,
    x264: Mapping[str, str | int],
) -> VideoStream:
    """A stream that encodes frames made by `to_yuv`; pts count in 1/rate.

    width, height: pixels, even. crf: raised to CRF_MIN. x264: further parameters of the library.
    Raises ValueError for odd sides.
    """
    if width % 2 or height % 2:
        raise ValueError(f"H.264 with 4:2:0 colour needs even sides, not {width}x{height}")
    level = level_for(width=width, height=height, rate=rate)
    maxrate, buffer = level.vbv
    # A level without a limit on the rate would be a promise that noise breaks.
    limits = {"level": level.name, "vbv-maxrate": maxrate, "vbv-bufsize": buffer}
    parameters = ":".join(f"{name}={value}" for name, value in {**x264, **limits}.items())
    stream = container.add_stream(
        "libx264",
        rate=rate,
        width=width,
        height=height,
        options={"preset": "medium", "crf": str(max(CRF_MIN, crf)), "x264-params": parameters},
    )
    coder = stream.codec_context
    coder.pix_fmt = "yuv420p"
    coder.time_base = stream.time_base = 1 / rate
    coder.colorspace = Colorspace.ITU709
    coder.color_range = ColorRange.MPEG
    coder.color_primaries = ColorPrimaries.BT709
    coder.color_trc = ColorTrc.BT709
    return stream


def to_yuv(frame: VideoFrame, converter: VideoReformatter, *, width: int, height: int) -> VideoFrame:
    """A frame of any size and colour format as the encoder wants it.

    converter: kept by the caller from frame to frame; setting it up costs more than using it.
    """
    full_range = frame.format.is_rgb or frame.color_range == ColorRange.JPEG
    return converter.reformat(
        frame,
        width,
        height,
        "yuv420p",
        src_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        threads=1,
    )


def to_rgb(
    frame: VideoFrame, converter: VideoReformatter, *, width: int | None = None, height: int | None = None
) -> VideoFrame:
    """A decoded frame as rgb24, in full chroma resolution, with the matrix that its stream names."""
    return converter.reformat(
        frame,
        width,
        height,
        "rgb24",
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        threads=1,
    )
