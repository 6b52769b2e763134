"""H.264 as every player takes it: 4:2:0, even sides, constant rate, BT.709 said and meant, index in front."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# PyAV's stubs leave the stream type of a packet open.

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from av import VideoFrame
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

CRF_MIN = 16
"""Below it x264 writes rates at which some players show black or stutter."""

FASTSTART = {"movflags": "+faststart"}
"""Container options: a player may start before the whole file is there."""


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
    parameters = ":".join(f"{name}={value}" for name, value in x264.items())
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
