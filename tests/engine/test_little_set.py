"""The trained set that ships: whole, understood in two languages, and drawing whatever it is given."""

import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from bench.kit.little_films import Wanted, as_image, held_out_layers, shoot
from engine.encoders import fit_picture
from engine.little.captions import LANGUAGES, wish
from engine.little.motions import Motion
from engine.little.pack import FILE_BYTES_MAX, SET_BYTES_MAX
from engine.little.shipped import SHIPPED, little_weights
from engine.little.sight import psnr, see
from engine.plan import bucket
from engine.text import encode_pooled
from engine.weights import ModelSet, examine_weights, take_inventory
from storage.errors import WeightsMissing
from storage.jobs import Schedule
from storage.models import model_card

SIZE = 64


@pytest.fixture(scope="module")
def little() -> ModelSet:
    folder = little_weights()
    return ModelSet(folder, take_inventory(folder, tuple(Schedule)), torch.device("cpu"))


def wanted(picture: Image.Image, text: str, **options: object) -> Wanted:
    card = model_card("little")
    facts = {"size": SIZE, "steps": card.steps, "seconds": 1.2} | options
    return Wanted(picture=picture, wish=text, **facts)  # type: ignore[arg-type]


def test_the_set_is_small_enough_to_ship_and_every_byte_is_checked():
    sizes = [path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(sizes) <= SET_BYTES_MAX
    assert max(sizes) <= FILE_BYTES_MAX
    assert examine_weights("little", None) is not None


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_a_damaged_file_is_named_with_the_way_to_restore_it(damage: str, tmp_path: Path):
    folder = shutil.copytree(SHIPPED, tmp_path / "set")
    name = "vae/diffusion_pytorch_model.safetensors"
    path = folder / name
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "changed" else content[:-100])
    with pytest.raises(WeightsMissing, match=rf"{name}.*git checkout -- engine/little/weights"):
        little_weights(folder)


def test_a_damaged_manifest_is_named(tmp_path: Path):
    folder = shutil.copytree(SHIPPED, tmp_path / "set")
    (folder / "files.json").write_text("{")
    with pytest.raises(WeightsMissing, match=r"files\.json is not readable"):
        little_weights(folder)
    (folder / "files.json").unlink()
    with pytest.raises(WeightsMissing, match=r"files\.json is missing"):
        little_weights(folder)


def test_text_checked_out_with_other_line_ends_is_not_damaged(tmp_path: Path):
    folder = shutil.copytree(SHIPPED, tmp_path / "set")
    path = folder / "transformer" / "config.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert little_weights(folder) == folder


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_wishes_mean_what_others_of_their_motion_mean(little: ModelSet, language: str):
    dice = Random(1)
    motions = [motion for motion in Motion if motion.is_camera or motion.value.startswith("fade")]
    with little.clip() as clip, torch.no_grad():
        known = torch.cat(
            [
                torch.cat([encode_pooled(wish(dice, motion=motion).text, clip) for _ in range(8)]).mean(0, keepdim=True)
                for motion in motions
            ]
        )
        hits = 0
        for index, motion in enumerate(motions):
            for _ in range(5):
                pooled = encode_pooled(wish(dice, held_out=True, motion=motion, language=language).text, clip)
                hits += int(torch.cdist(pooled, known).argmin()) == index
    assert hits >= 0.9 * 5 * len(motions)


def test_a_film_begins_with_its_picture(little: ModelSet):
    layers = held_out_layers(1, 128)
    film = shoot(wanted(as_image(layers.flat[0]), "zoom in", size=128), little).frames
    assert psnr(film[:, 0], layers.flat[0] * 2 - 1) >= 26


@pytest.mark.parametrize(
    ("text", "motion"), [("fade to black", Motion.FADE_DARK), ("sfuma al bianco", Motion.FADE_LIGHT)]
)
def test_light_changes_as_it_was_asked_to_in_both_languages(little: ModelSet, text: str, motion: Motion):
    film = shoot(wanted(as_image(held_out_layers(2, SIZE).flat[0]), text, seconds=2.4), little).frames
    assert see(film).strengths[motion] > 0.2


@pytest.mark.parametrize(
    ("text", "motion"),
    [
        ("pan to the left", Motion.PAN_LEFT),
        ("la camera va a destra", Motion.PAN_RIGHT),
        ("guarda in alto", Motion.PAN_UP),
        ("slowly zoom into the picture", Motion.ZOOM_IN),
        ("allontanati", Motion.ZOOM_OUT),
    ],
)
def test_the_camera_moves_as_it_was_asked_to_in_both_languages(little: ModelSet, text: str, motion: Motion):
    film = shoot(wanted(as_image(held_out_layers(4, 128).flat[0]), text, size=128, seconds=2.4), little).frames
    seen = see(film)
    assert seen.motion is motion
    assert seen.strengths[motion] > 0.2


@pytest.mark.parametrize("schedule", list(Schedule))
def test_one_transformer_draws_both_schedules(little: ModelSet, schedule: Schedule):
    film = shoot(wanted(as_image(held_out_layers(3, SIZE).flat[0]), "zoom", schedule=schedule), little).frames
    assert film.shape == (3, 37, SIZE, SIZE)


ODD = {
    "narrow": Image.fromarray(np.random.default_rng(0).integers(0, 256, (4000, 3, 3), dtype=np.uint8)),
    "flat": Image.fromarray(np.random.default_rng(1).integers(0, 256, (3, 4000, 3), dtype=np.uint8)),
    "black": Image.new("RGB", (70, 70)),
    "noise": Image.fromarray(np.random.default_rng(2).integers(0, 256, (90, 60, 3), dtype=np.uint8)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("text", ["", "🦊🔥🎉", "放大图片 и ещё", "zoom " * 2000])
def test_any_picture_and_any_wish_give_a_film(little: ModelSet, name: str, text: str):
    picture = ODD[name]
    film = shoot(wanted(picture, text, steps=1), little).frames
    height, width = bucket(picture.height, picture.width, SIZE)
    assert film.shape == (3, 37, height, width)
    assert torch.isfinite(film).all()
    fitted = torch.from_numpy(np.asarray(fit_picture(picture, height, width)).copy()).permute(2, 0, 1) / 127.5 - 1
    if name == "black":
        assert psnr(film[:, 0], fitted) > 20
