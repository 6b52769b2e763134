"""Small real files of the kinds that people send."""

from __future__ import annotations

import gzip
import io
import json

from PIL import Image


def picture(width: int = 64, height: int = 48, *, colour: str = "teal", form: str = "JPEG") -> bytes:
    """A picture of one colour. form: JPEG, PNG, WEBP, GIF, …"""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, form)
    return file.getvalue()


def heic() -> bytes:
    """What says of itself that it is an HEIC picture; nothing here can decode one."""
    return b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(512)


def animated_sticker() -> bytes:
    """A .TGS: a gzipped Lottie animation."""
    lottie = {"v": "5.5.2", "fr": 60, "ip": 0, "op": 60, "w": 512, "h": 512, "layers": []}
    return gzip.compress(json.dumps(lottie).encode())


def voice_note() -> bytes:
    return b"OggS" + bytes(60)


def clip(width: int = 64, height: int = 48, *, frames: int = 12, fps: int = 12) -> bytes:
    """A silent H.264 clip."""
    import av  # a large library that most tests of the kit need not load

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            shade = round(255 * k / frames)
            frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), (shade, 80, 160)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()
