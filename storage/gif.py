"""Animated GIF of bounded size from frames that stream by: one palette per film, memory independent of its length."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# PyAV's stubs leave the stream type of a packet open, and do not know Pillow.

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.filter import Graph
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from PIL import Image, ImageChops

from storage import files, mark

_CENTISECOND = Fraction(1, 100)
_DELAY_CS_MIN = 2
"""Browsers turn shorter delays into a tenth of a second."""
_FRAME_OVERHEAD_BYTES = 32
_DITHER_DEPTH = 12
"""Levels of brightness that the dither pattern spans; 256 colours lie about twice as far apart."""
_PALETTE_FRAMES = 24
_PALETTE_SIDE = 160
_HEIGHT_PER_WIDTH_MAX = 1.5
_WIDTH_MIN = 96
_FPS_MIN = 4
_RUNGS = ((1.0, 0), (0.8, 0), (0.8, 1), (0.64, 1), (0.64, 2), (0.5, 2), (0.4, 2), (0.32, 2))
"""Share of the full width, frames skipped beyond the first stride: each about two thirds of the bytes before."""
_SHARE_OF_LIMIT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Frames of one size at a constant rate, decoded anew each time they are asked for."""

    frames: Callable[[], Iterator[av.VideoFrame]]
    count: int
    seconds: Fraction
    width: int
    height: int

    def start_cs(self, index: int) -> int:
        """When a frame appears; rounding each start, not each delay, keeps the film's length right."""
        return round(100 * index * self.seconds / self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class GifInfo:
    width: int
    height: int
    frames: int
    duration_ms: int
    byte_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rung:
    width: int
    height: int
    stride: int

    @property
    def cost(self) -> float:
        """Bytes relative to other rungs of one film: nearly the pixels shown."""
        return self.width * self.height / self.stride


def encode_gif(clip: Clip, target: Path | BytesIO, *, width_max: int, fps_max: int, bytes_max: int) -> GifInfo | None:
    """The largest bearable GIF within the limits, looping forever; None where none exists.

    fps_max: frames per second. Width shrinks further where the film is more than 1.5 times as high as wide.
    An abandoned attempt leaves bytes in `target`: hand in a file of your own and keep it only on success.
    """
    palette = _palette(clip)
    bytes_max -= mark.GIF_BYTES
    rungs = _ladder(clip, width_max=width_max, fps_max=fps_max)
    while rungs:
        rung = rungs.pop(0)
        outcome = _encode(clip, target, palette, rung, bytes_max=bytes_max)
        if isinstance(outcome, GifInfo):
            return _mark(target, outcome)
        # The attempt reached the limit `outcome` of the way through the film: pass over rungs that cannot fit.
        affordable = rung.cost * outcome * _SHARE_OF_LIMIT
        rungs = [other for other in rungs if other.cost <= affordable] or rungs[-1:]
    return None


def _mark(target: Path | BytesIO, info: GifInfo) -> GifInfo:
    if isinstance(target, BytesIO):
        plain = BytesIO(target.getvalue())
        target.seek(0)
        mark.mark_gif(plain, target)
    else:
        plain = target.with_name(target.name + ".plain")
        files.replace(target, plain)
        with plain.open("rb") as source, files.patiently(lambda: target.open("wb")) as marked:
            mark.mark_gif(source, marked)
        files.unlink(plain)
    return replace(info, byte_count=info.byte_count + mark.GIF_BYTES)


def _ladder(clip: Clip, *, width_max: int, fps_max: int) -> list[_Rung]:
    fps = clip.count / clip.seconds
    shrink = min(1.0, width_max / clip.width, width_max * _HEIGHT_PER_WIDTH_MAX / clip.height)
    stride = -(-fps // fps_max)
    rungs: list[_Rung] = []
    for share, skipped in _RUNGS:
        rung = _Rung(
            width=max(1, round(clip.width * shrink * share)),
            height=max(1, round(clip.height * shrink * share)),
            stride=stride + skipped,
        )
        # A film that is small or slow from the start may stay as it is.
        if not rungs or (rung.width >= _WIDTH_MIN and fps / rung.stride >= _FPS_MIN):
            rungs.append(rung)
    return rungs


def _palette(clip: Clip) -> bytes:
    """256 colours for the whole film as 4 bytes each (blue, green, red, alpha), the last of them transparent.

    Made from frames spread over the film, few and small: the histogram stays bounded.
    """
    shrink = min(1.0, _PALETTE_SIDE / max(clip.width, clip.height))
    width, height = max(1, round(clip.width * shrink)), max(1, round(clip.height * shrink))
    every = -(-clip.count // _PALETTE_FRAMES)
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(width=width, height=height, format=av.VideoFormat("bgra"), time_base=_CENTISECOND),
        graph.add("palettegen", "stats_mode=full"),
        graph.add("buffersink"),
    ).configure()
    shrinker = VideoReformatter()
    for index, frame in enumerate(clip.frames()):
        if index % every == 0:
            sample = _shrunk(shrinker, frame, width, height, "bgra")
            sample.pts, sample.time_base = index, _CENTISECOND
            graph.vpush(sample)
    graph.vpush(None)
    plane = graph.vpull().planes[0]  # 16 x 16 colours, in rows that memory may pad
    packed = bytes(plane)
    return b"".join(packed[row * plane.line_size :][: 16 * 4] for row in range(16))


def _encode(clip: Clip, target: Path | BytesIO, palette: bytes, rung: _Rung, *, bytes_max: int) -> GifInfo | float:
    """The GIF, or how far through the film (0 to 1) it had come when it reached `bytes_max`."""
    if isinstance(target, BytesIO):
        target.seek(0)
        target.truncate()
    else:
        files.unlink(target, missing_ok=True)  # a scanner may still read the try before: FFmpeg would not wait
    end_cs = clip.start_cs(clip.count)
    last_start_cs = clip.start_cs((clip.count - 1) // rung.stride * rung.stride)
    final_delay_cs = max(_DELAY_CS_MIN, end_cs - last_start_cs)
    options = {"loop": "0", "final_delay": str(final_delay_cs)}
    shown = byte_count = 0
    with av.open(target, "w", format="gif", container_options=options) as film:
        stream = film.add_stream("gif", rate=100, width=rung.width, height=rung.height)
        coder = stream.codec_context
        coder.pix_fmt = "pal8"
        coder.time_base = stream.time_base = _CENTISECOND
        for still in _in_palette(clip, palette, rung):
            shown += 1
            for packet in stream.encode(still):
                byte_count += packet.size + _FRAME_OVERHEAD_BYTES
                film.mux(packet)
            if byte_count > bytes_max:
                return max(0.01, (still.pts or 0) / end_cs)
        film.mux(stream.encode(None))
    byte_count = target.getbuffer().nbytes if isinstance(target, BytesIO) else target.stat().st_size
    if byte_count > bytes_max:
        return 1.0
    return GifInfo(
        width=rung.width,
        height=rung.height,
        frames=shown,
        duration_ms=10 * (last_start_cs + final_delay_cs),
        byte_count=byte_count,
    )


def _in_palette(clip: Clip, palette: bytes, rung: _Rung) -> Iterator[av.VideoFrame]:
    """Every stride-th frame, small and mapped to the palette; pts in centiseconds.

    Pillow maps through a table of bounded size. FFmpeg's paletteuse looks every new colour up in a tree and
    remembers it: on grainy films that is sixty times slower, and grows by 100 MB a minute.
    """
    colours = Image.new("P", (1, 1))
    # The last entry is the transparent one, which the encoder needs for what did not change.
    colours.putpalette(b"".join(palette[place + 2 :: -1][:3] for place in range(0, len(palette) - 4, 4)))
    pattern = _dither_pattern(rung.width, rung.height)
    shrinker = VideoReformatter()
    for index, frame in enumerate(clip.frames()):
        if index % rung.stride:
            continue
        picture: Image.Image = _shrunk(shrinker, frame, rung.width, rung.height, "rgb24").to_image()
        dithered = ImageChops.add(picture, pattern, offset=-_DITHER_DEPTH // 2)
        mapped = dithered.quantize(palette=colours, dither=Image.Dither.NONE)
        still = av.VideoFrame(rung.width, rung.height, "pal8")
        pixels, entries = still.planes
        rows = Image.new("P", (pixels.line_size, rung.height))  # rows in memory are longer than the picture is wide
        rows.paste(mapped)
        pixels.update(rows.tobytes())
        entries.update(palette)
        still.pts, still.time_base = clip.start_cs(index), _CENTISECOND
        yield still


def _dither_pattern(width: int, height: int) -> Image.Image:
    """Bayer's 8x8 thresholds, tiled: the pattern stays put, where error diffusion would crawl from frame to frame."""
    cells = [[0]]
    for _ in range(3):
        doubled = [[4 * cell for cell in row] * 2 for row in cells] * 2
        half = len(cells)
        cells = [
            [cell + (0, 2, 3, 1)[2 * (y >= half) + (x >= half)] for x, cell in enumerate(row)]
            for y, row in enumerate(doubled)
        ]
    tile = Image.new("L", (8, 8))
    tile.putdata([cell * _DITHER_DEPTH // 64 for row in cells for cell in row])
    whole = Image.new("L", (width, height))
    for y in range(0, height, 8):
        for x in range(0, width, 8):
            whole.paste(tile, (x, y))
    return Image.merge("RGB", (whole, whole, whole))


def _shrunk(shrinker: VideoReformatter, frame: av.VideoFrame, width: int, height: int, pixels: str) -> av.VideoFrame:
    return shrinker.reformat(
        frame,
        width,
        height,
        pixels,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        threads=1,
    )
