"""Training the little model: each stage learns, and a stopped training goes on as if it had not been."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench.kit.little_films import as_image
from engine.encoders import FilmInputs, encode_inputs
from engine.little.codec import ClipStage, PictureEncoder, PictureStage, ProjectingEncoder, fresh_codec
from engine.little.films import Films, WishBook, cut
from engine.little.flat import flatten_time, inflate_time
from engine.little.flow import ask, fresh_transformer
from engine.little.lessons import Stage, teach
from engine.little.motions import Motion
from engine.little.pictures import draw_pictures
from engine.little.shipped import SHIPPED, little_weights
from engine.little.sight import psnr
from engine.little.sizes import CURRICULA
from engine.little.tokens import write_tokenizers
from engine.little.train import School
from engine.little.words import WordsStage, fresh_encoders
from engine.weights import ModelSet, take_inventory
from storage.jobs import Schedule

SMOKE = CURRICULA["smoke"]
CPU = torch.device("cpu")


class Stopped(Exception):
    pass


class StoppedBefore:
    """A stage that is killed before a step."""

    def __init__(self, stage: Stage, step: int) -> None:
        self._stage, self._stop = stage, step
        self.name, self.steps = stage.name, stage.steps

    def step(self, index: int) -> float:
        if index == self._stop:
            raise Stopped
        return self._stage.step(index)

    def state(self) -> dict[str, Any]:
        return self._stage.state()

    def load(self, state: dict[str, Any]) -> None:
        self._stage.load(state)


def pictures() -> Stage:
    return PictureStage(fresh_codec(SMOKE), SMOKE.pictures, torch.float32)


def clips() -> Stage:
    return ClipStage(fresh_codec(SMOKE), SMOKE.clips, SMOKE, torch.float32)


@pytest.mark.parametrize("stage", [pictures, clips])
def test_a_stopped_stage_ends_bit_for_bit_as_one_that_was_not(stage: Callable[[], Stage], tmp_path: Path):
    whole = stage()
    teach(whole, tmp_path / "whole")
    with pytest.raises(Stopped):
        teach(StoppedBefore(stage(), whole.steps - 1), tmp_path / "stopped", save_every_s=0)
    again = stage()
    teach(again, tmp_path / "stopped")
    kept, expected = again.state(), whole.state()
    assert kept["codec"].keys() == expected["codec"].keys()
    assert all(torch.equal(kept["codec"][name], expected["codec"][name]) for name in expected["codec"])
    assert all(torch.equal(kept["average"][name], expected["average"][name]) for name in expected["average"])


def test_pictures_through_flat_kernels_are_those_of_the_whole_codec():
    vae = fresh_codec(SMOKE).eval()
    picture = draw_pictures(torch.Generator().manual_seed(1), 1, 32, 48).flat.unsqueeze(2) * 2 - 1
    with torch.no_grad():
        whole = vae.decode(vae.encode(picture).latent_dist.mean).sample
        flatten_time(vae)
        flat = vae.decode(vae.encode(picture).latent_dist.mean).sample
        inflate_time(vae)
        again = vae.decode(vae.encode(picture).latent_dist.mean).sample
    assert torch.allclose(whole, flat, atol=1e-4)
    assert torch.allclose(whole, again, atol=1e-4)


def test_the_codec_starts_from_principal_components_and_learns():
    vae = fresh_codec(SMOKE)
    stage = PictureStage(vae, replace(SMOKE.pictures, steps=50, batch=4, rate=3e-4), torch.float32)
    picture = draw_pictures(torch.Generator().manual_seed(2), 4, 64, 64).flat.unsqueeze(2) * 2 - 1
    with torch.no_grad():
        assert psnr(vae.decode(vae.encode(picture).latent_dist.mean).sample, picture) > 17
    losses = [stage.step(20) for _ in range(20)]  # the same batch again and again
    assert losses[-1] < 0.98 * losses[0]


def test_the_encoder_that_was_not_taught_is_a_projection():
    vae = fresh_codec(SMOKE)
    picture = draw_pictures(torch.Generator().manual_seed(4), 2, 48, 64).flat.unsqueeze(2) * 2 - 1
    clip = picture.expand(-1, -1, 3, -1, -1)
    layers, projection = (encoder(vae, CPU)(clip) for encoder in (PictureEncoder, ProjectingEncoder))
    assert layers.shape == projection.shape == (2, 16, 3, 6, 8)
    assert (layers - projection).square().mean() < 1e-3 * layers.square().mean()


def test_an_encoder_that_has_learned_is_not_taken_for_a_projection():
    vae = fresh_codec(SMOKE)
    torch.manual_seed(5)
    torch.nn.init.normal_(vae.encoder.mid_block.resnets[0].conv2.conv.weight, std=0.3)
    with pytest.raises(ValueError, match="no projection"):
        ProjectingEncoder(vae, CPU)


def test_most_wishes_of_a_book_are_for_what_is_taught(tmp_path: Path):
    write_tokenizers(tmp_path)
    book = WishBook(fresh_encoders(tmp_path).eval(), (Motion.PAN_UP, Motion.ZOOM_OUT), count=200)
    share = [wish.motion in (Motion.PAN_UP, Motion.ZOOM_OUT) for wish in book.wishes].count(True) / 200
    assert 0.7 < share < 0.95


def test_the_transformer_starts_with_a_film_that_stands_still_and_knows_when_and_where_it_is():
    curriculum = CURRICULA["cpu"]
    encode = ProjectingEncoder(fresh_codec(curriculum), CPU)
    network = fresh_transformer(curriculum, encode, CPU)
    still = encode(draw_pictures(torch.Generator().manual_seed(6), 1, 96, 96).flat.unsqueeze(2) * 2 - 1)
    films = Films(
        latents=still.expand(-1, -1, 10, -1, -1),
        text=torch.randn(1, 8, 64),
        pooled=torch.randn(1, 64),
        image=torch.randn(1, 5, 32),
    )
    first: list[torch.Tensor] = []
    network.transformer_blocks[0].register_forward_hook(lambda _block, _inputs, states: first.append(states[0]))
    section = cut(films, 0, Schedule.INVERTED)
    noise = torch.randn(section.wanted.shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        drawn = noise - ask(network, noise, torch.ones(1), films, section)
    assert (drawn - still).square().mean() < 0.6 * still.square().mean()
    # Time, row and column, as each token of the section has been told.
    told = first[0][0, -9 * 6 * 6 :, 128:131].view(9, 6, 6, 3)
    assert told[-1, ..., 0].mean() > told[0, ..., 0].mean() + 0.5
    assert (told[..., 1].mean((0, 2)).diff() > 0).all()
    assert (told[..., 2].mean((0, 1)).diff() > 0).all()


def test_the_text_encoders_learn(tmp_path: Path):
    write_tokenizers(tmp_path)
    stage = WordsStage(fresh_encoders(tmp_path), steps=50, batch=16)
    losses = [stage.step(30) for _ in range(12)]
    assert losses[-1] < 0.9 * losses[0]


def test_one_command_teaches_everything_and_packs_a_set_the_engine_draws_with(tmp_path: Path):
    school = School(SMOKE, tmp_path / "checkpoints", CPU)
    school.codec()
    school.words()
    school.flow()
    out = tmp_path / "set"
    school.pack(out)
    inventory = take_inventory(little_weights(out), tuple(Schedule))
    models = ModelSet(out, inventory, CPU)
    picture = draw_pictures(torch.Generator().manual_seed(3), 1, 32, 32).flat[0]
    inputs = FilmInputs(
        prompt="zooma", negative_prompt=None, picture=as_image(picture), end_picture=None, height=32, width=32
    )
    conditioning = encode_inputs(inputs, models)
    assert conditioning.start.square().mean().sqrt() == pytest.approx(1, abs=0.7)
    assert models.backbone_identity(Schedule.INVERTED) == models.backbone_identity(Schedule.FORWARD)


def test_a_set_is_taught_on_from_its_own_transformer_and_keeps_the_rest(tmp_path: Path):
    longer = replace(CURRICULA["large"], flow=(replace(SMOKE.flow[0], steps=3, rate=1e-4),), sections=(1, 2))
    school = School(longer, tmp_path / "checkpoints", CPU, begin=little_weights())
    school.flow()
    out = tmp_path / "set"
    school.pack(out)
    before, after = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (little_weights(), little_weights(out))
    )
    changed = {path.as_posix() for path in before if after.get(path) != before[path]} - {"README.md"}
    assert changed == {"files.json", "transformer/diffusion_pytorch_model.safetensors"}
    old, new = (load_file(folder / "transformer/diffusion_pytorch_model.safetensors") for folder in (SHIPPED, out))
    moved = sum((new[name].float() - old[name].float()).norm().item() ** 2 for name in old) ** 0.5
    whole = sum(old[name].float().norm().item() ** 2 for name in old) ** 0.5
    assert 0 < moved < 0.05 * whole


def test_a_set_that_is_taught_on_may_go_back_to_its_own_folder(tmp_path: Path):
    own = tmp_path / "set"
    shutil.copytree(little_weights(), own)
    own_curriculum = replace(CURRICULA["large"], flow=())
    school = School(own_curriculum, tmp_path / "checkpoints", CPU, begin=own)
    school.flow()
    school.pack(own)
    assert (little_weights(own) / "tokenizer" / "tokenizer.json").read_bytes() == (
        SHIPPED / "tokenizer" / "tokenizer.json"
    ).read_bytes()


def test_a_set_of_other_networks_is_not_taught_on(tmp_path: Path):
    with pytest.raises(ValueError, match="not built as this curriculum's"):
        School(SMOKE, tmp_path, CPU, begin=little_weights())
