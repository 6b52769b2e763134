"""Teach the little model: `python -m engine.little.train [--curriculum NAME] [--from SET] [--folder DIR] [--out DIR]`.

One command teaches the codec, the text encoders and the transformer, in this order, and writes the set. It may be
stopped at any time and goes on from its last checkpoint; `--only` teaches one part, so that parts that do not wait
for each other can run side by side. With `--from`, only the transformer is taught, from the one in that set; the set's
codec, text encoders and tokenizers stay as they are. Needs torch, diffusers, transformers, safetensors and numpy,
nothing else.
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.transformers.transformer_hunyuan_video_framepack import HunyuanVideoFramepackTransformer3DModel
from torch import Tensor

from engine.little.codec import ClipStage, PictureEncoder, PictureStage, ProjectingEncoder, fresh_codec
from engine.little.films import Studio, WishBook, fresh_siglip
from engine.little.flow import FlowStage, fresh_transformer
from engine.little.lessons import checkpoint_path, save, teach
from engine.little.pack import Taught, pack, unpack
from engine.little.shipped import SHIPPED
from engine.little.sizes import CURRICULA, Curriculum
from engine.little.tokens import write_tokenizers
from engine.little.words import TextEncoders, WordsStage, fresh_encoders

_log = logging.getLogger(__name__)

PARTS = ("codec", "words", "flow", "pack")
PARTS_FROM_A_SET = ("flow", "pack")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--curriculum", choices=CURRICULA, help="default: “card” on cuda, “cpu” elsewhere")
    parser.add_argument("--folder", type=Path, default=Path("little-training"), help="checkpoints")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where the finished set goes")
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--from", dest="begin", type=Path, metavar="SET", help="go on from this set; its own folder")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    name = options.curriculum or ("card" if device.type == "cuda" else "cpu")
    if options.begin and options.only not in (None, *PARTS_FROM_A_SET):
        parser.error(f"--from keeps a set's {options.only} as it is")
    school = School(CURRICULA[name], options.folder, device, begin=options.begin)
    parts = PARTS_FROM_A_SET if options.begin else PARTS
    for part in parts if options.only is None else (options.only,):
        if part == "pack":
            _log.info("set of %d bytes in %s", school.pack(options.out), options.out)
        else:
            getattr(school, part)()


class School:
    """All stages of one curriculum on one device, over one folder of checkpoints.

    begin: a finished set that the transformer's lessons go on from. Its checkpoints need a folder of their own.
    """

    def __init__(
        self, curriculum: Curriculum, folder: Path, device: torch.device, *, begin: Path | None = None
    ) -> None:
        self._curriculum, self._folder, self._device = curriculum, folder, device
        self._half = torch.bfloat16
        self._begin = unpack(begin, curriculum) if begin else None
        self._tokenizers = folder / "tokenizers"

    def codec(self) -> None:
        vae = fresh_codec(self._curriculum).to(self._device)
        pictures = PictureStage(vae, self._curriculum.pictures, self._half)
        teach(pictures, self._folder)
        pictures.finish()
        clips = ClipStage(vae, self._curriculum.clips, self._curriculum, self._half)
        teach(clips, self._folder)
        clips.finish()
        save(checkpoint_path(self._folder, "codec"), vae.state_dict())

    def words(self) -> None:
        stage = self._words_stage()
        teach(stage, self._folder)

    def flow(self) -> None:
        encode = self._encoder()
        book = WishBook(self._encoders(), self._curriculum.motions)
        siglip: Any = self._begin.siglip if self._begin else fresh_siglip()
        studio = Studio(self._curriculum, encode, book, siglip.to(self._device))
        network: Any = (
            self._begin.transformer if self._begin else fresh_transformer(self._curriculum, encode, self._device)
        )
        network.to(self._device).train()
        average = copy.deepcopy(network)
        for number, lesson in enumerate(self._curriculum.flow):
            stage = FlowStage(f"flow-{number}", network, average, lesson, self._curriculum, studio, self._half)
            teach(stage, self._folder)
            stage.finish()
        save(checkpoint_path(self._folder, "transformer"), average.state_dict())

    def pack(self, out: Path) -> int:
        """Write the set from what was taught so far. Returns its size in bytes."""
        transformer = HunyuanVideoFramepackTransformer3DModel(**self._curriculum.networks.transformer)
        transformer.load_state_dict(torch.load(checkpoint_path(self._folder, "transformer"), map_location="cpu"))
        if self._begin:
            return pack(replace(self._begin, transformer=transformer), self._curriculum, out)
        vae = fresh_codec(self._curriculum)
        vae.load_state_dict(torch.load(checkpoint_path(self._folder, "codec"), map_location="cpu"))
        taught = Taught(
            vae=vae,
            transformer=transformer,
            encoders=self._encoders().cpu(),
            siglip=fresh_siglip(),
            tokenizers=self._tokenizers,
        )
        return pack(taught, self._curriculum, out)

    def _encoder(self) -> Callable[[Tensor], Tensor]:
        """The transformer's view of films; frozen as soon as pictures have been taught, or from the start."""
        vae = self._begin.vae if self._begin else fresh_codec(self._curriculum)
        if not self._curriculum.pictures.train_encoder:
            return ProjectingEncoder(vae, self._device)
        if self._begin:
            return PictureEncoder(vae, self._device)
        vae.load_state_dict(torch.load(checkpoint_path(self._folder, "codec"), map_location="cpu"))
        return PictureEncoder(vae, self._device)

    def _encoders(self) -> TextEncoders:
        if self._begin:
            return self._begin.encoders.to(self._device)
        stage = self._words_stage()
        teach(stage, self._folder)
        return stage.encoders.eval()

    def _words_stage(self) -> WordsStage:
        if not self._tokenizers.is_dir():
            write_tokenizers(self._tokenizers)
        encoders = fresh_encoders(self._tokenizers).to(self._device)
        return WordsStage(encoders, steps=self._curriculum.words_steps, batch=self._curriculum.words_batch)


if __name__ == "__main__":
    main()
