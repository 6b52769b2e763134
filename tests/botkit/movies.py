"""Small films as platforms make them of what members send."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import av
import numpy as np
from PIL import Image

PLAIN = (Image.new("RGB", (96, 64), (200, 60, 40)),) * 3


def movie(
    container: str,
    codec: str,
    *,
    frames: Sequence[Image.Image] = PLAIN,
    pix_fmt: str = "yuv420p",
    sound: str | None = None,
) -> bytes:
    """A film of these frames, ten a second, all of one size; `sound` names a codec for a short silence."""
    out = BytesIO()
    with av.open(out, "w", format=container) as film:
        stream = film.add_stream(codec, rate=10)
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = pix_fmt
        stream.bit_rate = 4_000_000
        heard = None if sound is None else film.add_stream(sound, rate=48_000)
        for picture in frames:
            mode = "rgba" if picture.mode == "RGBA" else "rgb24"
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format=mode)))
        film.mux(stream.encode())
        if heard is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            silence.sample_rate = 48_000
            film.mux(heard.encode(silence))
            film.mux(heard.encode())
    return out.getvalue()
