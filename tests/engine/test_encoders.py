import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.conditioning import Conditioning
from engine.encoders import FilmInputs, encode_inputs, fit_picture
from engine.text import (
    PROMPT_TOKENS_MAX,
    TEMPLATE_AFTER,
    TEMPLATE_BEFORE,
    TEXT_LENGTH,
    encode_pooled,
    encode_text,
)
from engine.weights import ModelSet, take_inventory
from storage.jobs import Schedule


def picture(seed: int = 0, *, width: int = 90, height: int = 60) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def inputs(prompt: str = "a cat yawns", *, negative: str | None = None, end: Image.Image | None = None) -> FilmInputs:
    return FilmInputs(prompt=prompt, negative_prompt=negative, picture=picture(), end_picture=end, height=32, width=48)


def test_text_is_the_third_layer_from_the_end_without_the_template(models: ModelSet, tiny_folder: Path) -> None:
    from transformers import LlamaModel

    from engine.weights.quiet import quiet_loading

    with quiet_loading():
        whole = LlamaModel.from_pretrained(tiny_folder / "text_encoder").eval()
    with models.llama() as llama, torch.no_grad():
        text, mask = encode_text("a cat yawns", llama)
        tokens = llama.tokenizer(
            TEMPLATE_BEFORE + "a cat yawns" + TEMPLATE_AFTER,
            padding="max_length",
            max_length=1200,
            return_tensors="pt",
        )
        states = whole(**tokens, output_hidden_states=True).hidden_states[-3]
        crop = len(llama.tokenizer(TEMPLATE_BEFORE)["input_ids"])
    length = int(tokens["attention_mask"].sum()) - crop
    assert length == len("a cat yawns") + 1
    assert int(mask.sum()) == length
    assert mask[0, :length].all()
    torch.testing.assert_close(text[:, :length], states[:, crop : crop + length], rtol=1e-5, atol=1e-7)
    assert text.shape == (1, TEXT_LENGTH, 32)
    assert not text[:, length:].any()


@pytest.mark.parametrize("prompt", ["", "x" * 10_000, "🦊" * 5_000, "\n\t{}{0}%s", "<|eot_id|>" * 300, "\ud83d"])
def test_any_prompt_fits(models: ModelSet, prompt: str) -> None:
    with models.llama() as llama, models.clip() as clip, torch.no_grad():
        text, mask = encode_text(prompt, llama)
        pooled = encode_pooled(prompt, clip)
    assert 1 <= int(mask.sum()) <= PROMPT_TOKENS_MAX
    assert torch.isfinite(text).all()
    assert pooled.shape == (1, 24)
    assert torch.isfinite(pooled).all()


def test_words_beyond_the_limit_change_nothing(models: ModelSet) -> None:
    with models.llama() as llama, torch.no_grad():
        one, _ = encode_text("x" * 400 + "a fox", llama)
        other, _ = encode_text("x" * 400 + "a cat", llama)
        short, _ = encode_text("x" * 100 + "a cat", llama)
    assert torch.equal(one, other)
    assert not torch.equal(one, short)


def test_negative_prompt_is_encoded_only_when_asked_for(models: ModelSet) -> None:
    without, with_one = encode_inputs(inputs(), models), encode_inputs(inputs(negative="blur"), models)
    assert without.negative is None
    assert with_one.negative is not None
    assert torch.equal(with_one.prompt.text, without.prompt.text)
    assert not torch.equal(with_one.negative.text, with_one.prompt.text)


def test_start_latent_depends_on_the_picture_alone(models: ModelSet) -> None:
    one, other = encode_inputs(inputs("a"), models), encode_inputs(inputs("b"), models)
    assert torch.equal(one.start, other.start)
    assert one.start.shape == (1, 16, 1, 4, 6)
    assert one.digest != other.digest


def test_end_picture_counts_in_both_its_latent_and_the_image_embedding(models: ModelSet) -> None:
    end = picture(1)
    start_only = encode_inputs(inputs(), models)
    end_only = encode_inputs(
        FilmInputs(prompt="", negative_prompt=None, picture=end, end_picture=None, height=32, width=48), models
    )
    both = encode_inputs(inputs(end=end), models)
    assert both.end is not None
    assert torch.equal(both.end, end_only.start)
    assert torch.equal(both.start, start_only.start)
    torch.testing.assert_close(both.image, (start_only.image + end_only.image) / 2)
    assert not torch.allclose(both.image, start_only.image)


def test_a_reroll_finds_its_conditioning_without_any_encoder(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "weights")
    models = ModelSet(folder, take_inventory(folder, [Schedule.INVERTED]), torch.device("cpu"))
    made = encode_inputs(inputs(negative="blur", end=picture(1)), models, cache=tmp_path / "cache")
    models.close()
    shutil.rmtree(folder)
    found = encode_inputs(inputs(negative="blur", end=picture(1)), models, cache=tmp_path / "cache")
    assert found.digest == made.digest
    with pytest.raises(OSError, match=r"text_encoder|config"):
        encode_inputs(inputs("other words"), models, cache=tmp_path / "cache")


def test_a_damaged_cache_file_is_made_again(models: ModelSet, tmp_path: Path) -> None:
    made = encode_inputs(inputs(), models, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert Conditioning.load(file) is None
    assert encode_inputs(inputs(), models, cache=tmp_path).digest == made.digest
    assert Conditioning.load(file) is not None


def test_encoding_can_be_stopped_between_the_encoders(models: ModelSet, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        encode_inputs(inputs(), models, cache=tmp_path, between_blocks=stop)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=60)
@given(width=st.integers(1, 400), height=st.integers(1, 400))
def test_any_picture_fills_its_bucket(width: int, height: int) -> None:
    fitted = fit_picture(Image.new("RGB", (width, height), (10, 200, 30)), 32, 48)
    assert fitted.size == (48, 32)
    assert fitted.getcolors() == [(48 * 32, (10, 200, 30))]


def test_the_middle_of_a_wide_picture_is_kept() -> None:
    wide = Image.new("RGB", (300, 32), (0, 0, 0))
    wide.paste((255, 255, 255), (126, 0, 174, 32))
    assert fit_picture(wide, 32, 48).getcolors() == [(48 * 32, (255, 255, 255))]
