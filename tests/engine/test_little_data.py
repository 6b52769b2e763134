"""What the little model learns from: drawn pictures, moved as asked, and wishes for it."""

from random import Random

import pytest
import torch

from engine.little.captions import LANGUAGES, is_held_out, wish
from engine.little.motions import Motion, render
from engine.little.pictures import draw_pictures
from engine.little.sight import compensated_ssim, psnr, see, ssim

SEEN = [motion for motion in Motion if motion.is_camera or motion.value.startswith("fade")]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_seed_draws_the_same_pictures_and_another_draws_others():
    one, same, other = (draw_pictures(generator(seed), 2, 48, 64).flat for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert psnr(one, other) < 20
    assert one.shape == (2, 3, 48, 64)
    assert one.min() >= 0
    assert one.max() <= 1


@pytest.mark.parametrize("motion", list(Motion))
def test_every_film_begins_with_the_picture_itself(motion: Motion):
    layers = draw_pictures(generator(3), 1, 48, 80)
    film = render(layers, [motion], torch.ones(1), torch.arange(0, 37, 12))
    assert film.shape == (1, 3, 4, 48, 80)
    assert psnr(film[:, :, 0], layers.flat * 2 - 1) > 50
    if motion not in (Motion.SWAY, Motion.PULSE, Motion.SHAKE):  # these are back where they were after a section
        assert psnr(film[:, :, 0], film[:, :, 3]) < 40


@pytest.mark.parametrize("motion", SEEN)
def test_camera_and_light_are_seen_as_they_were_asked_for(motion: Motion):
    layers = draw_pictures(generator(4), 1, 96, 96)
    seen = see(render(layers, [motion], torch.ones(1), torch.arange(73))[0])
    assert seen.motion is motion
    assert seen.strengths[motion] == pytest.approx(1, abs=0.15)


def test_compensation_forgives_place_and_not_blur():
    film = render(draw_pictures(generator(5), 1, 96, 96), [Motion.PAN_LEFT], torch.ones(1), torch.tensor([0, 6]))[0]
    before, after = film.unbind(1)
    assert compensated_ssim(after, before) > ssim(after, before) + 0.1
    blurred = torch.nn.functional.avg_pool2d(after, 9, 1, 4)
    assert compensated_ssim(blurred, before) < compensated_ssim(after, before) - 0.1


def test_training_never_draws_a_wish_that_is_held_out():
    dice = Random(6)
    assert not any(is_held_out(wish(dice)) for _ in range(500))
    assert all(is_held_out(wish(dice, held_out=True)) for _ in range(200))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("motion", list(Motion))
def test_there_are_wishes_of_every_motion_in_both_languages(motion: Motion, language: str):
    dice = Random(7)
    texts = {wish(dice, motion=motion, language=language).text for _ in range(50)}
    assert len(texts) > 30
