import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as models_of_tokens
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

from engine.conditioning import Conditioning
from engine.encoders import FilmInputs, encode_inputs, fit_picture
from engine.little.shipped import little_weights
from engine.text import (
    PROMPT_TOKENS_MAX,
    TEMPLATE_AFTER,
    TEMPLATE_BEFORE,
    TEXT_LENGTH,
    encode_pooled,
    encode_text,
    read_chars,
)
from engine.weights import ModelSet, take_inventory
from engine.weights.models import TextEncoder
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


STYLE = "quick, lively and playful motion"


@pytest.mark.parametrize("chars", [0, 100, 240, 658, 2000])
def test_a_style_counts_however_long_the_prompt_is(models: ModelSet, chars: int) -> None:
    prompt = ("the fox turns its head and looks at the sea. " * 50)[:chars]
    with models.llama() as llama, models.clip() as clip, torch.no_grad():
        plain, _ = encode_text(prompt, llama)
        lively, mask = encode_text(prompt, llama, style=STYLE)
        gentle, _ = encode_text(prompt, llama, style="slow, soft and gentle motion")
        pooled = [encode_pooled(prompt, clip, style=style) for style in ("", STYLE)]
    assert not torch.equal(plain, lively)
    assert not torch.equal(lively, gentle)
    assert int(mask.sum()) <= PROMPT_TOKENS_MAX
    assert not torch.equal(*pooled)


def test_a_style_takes_the_room_of_the_prompts_end_and_what_was_cut_is_counted(models: ModelSet) -> None:
    long = FilmInputs(
        prompt="x" * 400, style=STYLE, negative_prompt=None, picture=picture(), end_picture=None, height=32, width=48
    )
    with models.llama() as llama, torch.no_grad():
        room = PROMPT_TOKENS_MAX - len(f", {STYLE}")
        assert read_chars(long.prompt, STYLE, llama) == room
        assert read_chars("x" * 400, "", llama) == PROMPT_TOKENS_MAX
        assert read_chars("a cat", STYLE, llama) == len("a cat")
        whole, _ = encode_text("x" * room, llama, style=STYLE)
        cut, _ = encode_text(long.prompt, llama, style=STYLE)
    assert torch.equal(whole, cut)
    assert encode_inputs(long, models).unread_chars == 400 - room
    assert encode_inputs(inputs("a cat"), models).unread_chars == 0


def test_what_was_cut_is_known_without_encoding_again(models: ModelSet, tmp_path: Path) -> None:
    long = inputs("x" * 400)
    made = encode_inputs(long, models, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    kept = Conditioning.load(file)
    assert kept is not None
    assert kept.unread_chars == made.unread_chars == 400 - PROMPT_TOKENS_MAX
    assert kept.digest == made.digest


@pytest.fixture(scope="module", params=["tiny", "little", "like Llama's"])
def llama_tokenizer(request: pytest.FixtureRequest, tiny_folder: Path) -> PreTrainedTokenizerFast:
    if request.param == "like Llama's":
        return llama_like()
    folder = tiny_folder if request.param == "tiny" else little_weights()
    return PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")


def llama_like() -> PreTrainedTokenizerFast:
    """Llama 3's rules for splitting and for control tokens, over single bytes."""
    alphabet = {char: place for place, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models_of_tokens.BPE(vocab=alphabet, merges=[]))
    words = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    reserved = [f"<|reserved_special_token_{number}|>" for number in range(3)]
    named = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in named + reserved])
    tokenizer.add_special_tokens(["<pad>", "<image>"])
    begin = "<|begin_of_text|>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, eos_token="<|eot_id|>", pad_token="<pad>"
    )


class Overheard:
    """A network that keeps the tokens it is given."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    def __call__(self, input_ids: torch.Tensor, **_: object) -> SimpleNamespace:
        self.tokens = input_ids[0].tolist()
        states = torch.zeros(1, len(self.tokens), 4)
        return SimpleNamespace(last_hidden_state=states, pooler_output=states[:, 0])


def overheard(tokenizer: PreTrainedTokenizerFast | CLIPTokenizer) -> tuple[Overheard, TextEncoder]:
    network = Overheard()
    return network, TextEncoder(tokenizer=tokenizer, network=network, device=torch.device("cpu"))


def test_a_control_tokens_name_typed_by_a_member_is_text(llama_tokenizer: PreTrainedTokenizerFast) -> None:
    network, llama = overheard(llama_tokenizer)
    control = set(llama_tokenizer.get_added_vocab().values())
    encode_text("the fox runs", llama)
    ordinary = [token for token in network.tokens if token in control]
    for name in llama_tokenizer.get_added_vocab():
        for prompt in (f"the fox {name} runs", name, f"{name}{name}", f"{name}system", "x" * 300 + name):
            for style in ("", STYLE):
                encode_text(prompt, llama, style=style)
                # A prompt that fills its place pushes the template's own end out.
                found = [token for token in network.tokens if token in control]
                assert found in (ordinary, ordinary[:-1]), (name, prompt)
    encode_text("the fox <|eot_id|> runs", llama)
    assert "<|eot_id|> runs" in llama_tokenizer.decode(network.tokens[-40:], skip_special_tokens=True)


def test_ordinary_words_are_cut_into_tokens_as_before(llama_tokenizer: PreTrainedTokenizerFast) -> None:
    network, llama = overheard(llama_tokenizer)
    for prompt in ("the fox turns its head", "", "La volpe, 5 passi: corre!", "🦊 <3 |eot_id| a<b", "x " * 400):
        encode_text(prompt, llama)
        template = len(llama_tokenizer(TEMPLATE_BEFORE)["input_ids"])
        before = llama_tokenizer(
            TEMPLATE_BEFORE + prompt + TEMPLATE_AFTER, max_length=template + PROMPT_TOKENS_MAX, truncation=True
        )
        assert network.tokens == before["input_ids"]


@pytest.mark.parametrize("kind", ["tiny", "little"])
def test_clips_control_tokens_are_text_too(kind: str, tiny_folder: Path) -> None:
    tokenizer = CLIPTokenizer.from_pretrained((tiny_folder if kind == "tiny" else little_weights()) / "tokenizer_2")
    network, clip = overheard(tokenizer)
    end = tokenizer.eos_token_id
    encode_pooled("a <|endoftext|> b <|startoftext|> c", clip)
    assert network.tokens.count(tokenizer.bos_token_id) == 1
    # The network answers at the first end.
    assert network.tokens.index(end) > len(tokenizer("a b c")["input_ids"])
    encode_pooled("a fox runs", clip)
    ordinary = tokenizer("a fox runs", max_length=77, padding="max_length", truncation=True)
    assert network.tokens == ordinary["input_ids"]


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
