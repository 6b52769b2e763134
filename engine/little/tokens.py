"""Both tokenizers of the little set, learned from drawn wishes and written as the big model's are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from engine.little.captions import wish
from engine.little.sizes import CLIP_TOKENS, LLAMA_TOKENS
from engine.text import TEMPLATE_BEFORE

LLAMA_SPECIALS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>")
CLIP_SPECIALS = ("<|startoftext|>", "<|endoftext|>")
_CORPUS = 20_000
_CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""How CLIP cuts text into words before its pairs are joined."""


def write_tokenizers(folder: Path) -> None:
    """Write `tokenizer` and `tokenizer_2`. Always the same files."""
    dice = Random(1)
    corpus = [wish(dice).text for _ in range(_CORPUS)]
    # The template is read before every prompt: its words as single tokens make that cheap.
    _write_llama(folder / "tokenizer", [*corpus, *[TEMPLATE_BEFORE] * 200])
    _write_clip(folder / "tokenizer_2", [text.lower() for text in corpus])


def _write_llama(folder: Path, corpus: list[str]) -> None:
    begin, *_ = LLAMA_SPECIALS
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LLAMA_TOKENS,
        special_tokens=list(LLAMA_SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A",
        pair=f"{begin} $A {begin} $B",
        special_tokens=[(begin, tokenizer.token_to_id(begin))],
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, eos_token="<|eot_id|>", pad_token="<|pad|>"
    )
    wrapped.save_pretrained(folder)


def _write_clip(folder: Path, corpus: list[str]) -> None:
    start, end = CLIP_SPECIALS
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_CLIP_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        # All bytes also end words; the trainer knows only those that it has seen there.
        vocab_size=CLIP_TOKENS - len(alphabet) - len(CLIP_SPECIALS),
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"]]
    joined = ["".join(merge.split(" ")) for merge in merges]
    words = dict.fromkeys([*alphabet, *(f"{symbol}</w>" for symbol in alphabet), *joined, *CLIP_SPECIALS])
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "vocab.json", {symbol: place for place, symbol in enumerate(words)})
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8", newline="\n")
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": 77,
            "bos_token": start,
            "eos_token": end,
            "unk_token": end,
            "pad_token": end,
        },
    )


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2), "utf-8", newline="\n")
