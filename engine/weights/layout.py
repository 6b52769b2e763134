"""The weights folder: its parts, and whether every file is whole. Reads headers only, so it takes milliseconds.

One folder per part, each exactly as its Hugging Face repository has it. A download that broke off is found here,
by name, instead of as a crash of the loader half an hour later.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.little.shipped import little_weights
from storage.errors import WeightsMissing
from storage.jobs import Schedule
from storage.models import model_card

PUBLISHED_PARAMETERS_MIN = 10_000_000_000
"""FramePack's transformer has 12.8 thousand million; any small set has far fewer."""
_SAMPLE_BYTES = 64 * 1024
_HEADER_BYTES_MAX = 100_000_000
"""The format's own limit."""
_PROBLEMS_NAMED_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    folder: str
    source: str
    """Hugging Face repository, with the subfolder where there is one."""
    files: tuple[str, ...]
    """Always needed."""
    network: bool = True
    """Has weights: `*.safetensors`, or an index of shards."""


_HUNYUAN = "hunyuanvideo-community/HunyuanVideo"
_REDUX = "lllyasviel/flux_redux_bfl"
TRANSFORMERS = {Schedule.INVERTED: "transformer", Schedule.FORWARD: "transformer_f1"}
"""Each schedule has its own transformer, unless `transformer_folder` says otherwise; everything else is shared."""
BOTH_SCHEDULES = "schedules.json"
"""In a transformer's folder: the list of schedules that this one was taught."""
ENCODERS = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "image_encoder", "feature_extractor", "vae")
_PARTS = {
    part.folder: part
    for part in (
        Part(folder="transformer", source="lllyasviel/FramePackI2V_HY", files=("config.json",)),
        Part(folder="transformer_f1", source="lllyasviel/FramePack_F1_I2V_HY_20250503", files=("config.json",)),
        Part(folder="text_encoder", source=f"{_HUNYUAN}, text_encoder", files=("config.json",)),
        Part(folder="tokenizer", source=f"{_HUNYUAN}, tokenizer", files=("tokenizer.json",), network=False),
        Part(folder="text_encoder_2", source=f"{_HUNYUAN}, text_encoder_2", files=("config.json",)),
        Part(
            folder="tokenizer_2",
            source=f"{_HUNYUAN}, tokenizer_2",
            files=("vocab.json", "merges.txt"),
            network=False,
        ),
        Part(folder="vae", source=f"{_HUNYUAN}, vae", files=("config.json",)),
        Part(folder="image_encoder", source=f"{_REDUX}, image_encoder", files=("config.json",)),
        Part(
            folder="feature_extractor",
            source=f"{_REDUX}, feature_extractor",
            files=("preprocessor_config.json",),
            network=False,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A folder whose parts are whole."""

    byte_counts: dict[str, int]
    """Per part."""
    parameter_counts: dict[str, int]
    """Per part: numbers in its networks, whatever their precision in the file."""
    hashes: dict[str, str]
    """Per part, over names, sizes, headers and both ends of every file: another set of weights differs there."""

    @property
    def byte_count(self) -> int:
        return sum(self.byte_counts.values())

    def identity(self, *folders: str) -> str:
        """Hash of these parts together."""
        return hashlib.sha256("\n".join(self.hashes[folder] for folder in folders).encode()).hexdigest()


def transformer_folder(folder: Path, schedule: Schedule) -> str:
    """The part that draws this schedule: a small set may have one transformer for both."""
    first = TRANSFORMERS[Schedule.INVERTED]
    try:
        taught = json.loads((folder / first / BOTH_SCHEDULES).read_bytes())
    except (OSError, ValueError):
        taught = []
    return first if schedule.value in taught else TRANSFORMERS[schedule]


def take_inventory(folder: Path, schedules: Sequence[Schedule]) -> Inventory:
    """Check all parts that films of these schedules need.

    Raises WeightsMissing with a sentence that names what is absent, cut short or still downloading.
    """
    names = (*ENCODERS, *dict.fromkeys(transformer_folder(folder, schedule) for schedule in schedules))
    problems, byte_counts, parameter_counts, hashes = [], {}, {}, {}
    for name in names:
        part = _PARTS[name]
        found = list(_problems(folder / name, part))
        problems += [f"{problem} (from {part.source})" for problem in found]
        if not found:
            files = _files(folder / name, part)
            byte_counts[name] = sum(path.stat().st_size for path in files)
            parameter_counts[name] = sum(_parameters(path) for path in files if path.suffix == ".safetensors")
            hashes[name] = _hash(files)
    if problems:
        named = "; ".join(problems[:_PROBLEMS_NAMED_MAX])
        more = len(problems) - _PROBLEMS_NAMED_MAX
        raise WeightsMissing(
            f"The weights in {folder} are not complete: {named}{f'; and {more} more' if more > 0 else ''}. "
            "Download these parts again."
        )
    return Inventory(byte_counts=byte_counts, parameter_counts=parameter_counts, hashes=hashes)


def examine_weights(model: str, folder: Path | None) -> Inventory | None:
    """A model's weights; None where they are made on first use. Raises SettingsError, WeightsMissing."""
    card = model_card(model)
    if model == "tiny":
        return None
    if model == "little":
        return take_inventory(little_weights(), card.schedules)
    if folder is None:
        raise WeightsMissing(f'engine.weights is not set; the model "{model}" needs a folder with its weights.')
    inventory = take_inventory(folder, card.schedules)
    transformer = transformer_folder(folder, card.schedules[0])
    if inventory.parameter_counts[transformer] < PUBLISHED_PARAMETERS_MIN:
        source = _PARTS[TRANSFORMERS[card.schedules[0]]].source
        raise WeightsMissing(
            f"{transformer}/ in {folder} is whole, but it is not FramePack's: "
            f"{inventory.parameter_counts[transformer] / 1e6:,.1f} million parameters, of 12,800 in the published one. "
            f'Download {source}, or set engine.model = "little" for the set that ships with Flipbook.'
        )
    return inventory


def _problems(folder: Path, part: Part) -> Iterator[str]:
    if not folder.is_dir():
        yield f"{part.folder}/ is missing"
        return
    found = []
    for name in part.files:
        path = folder / name
        if not path.is_file() or path.stat().st_size == 0:
            found.append(f"{part.folder}/{name} is missing")
    if part.network:
        found += _weight_problems(folder, part)
    if found:
        # Only then: whole files make leftovers of an earlier try harmless.
        leftovers = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.incomplete"))
        found += [f"{part.folder}/{name} is an unfinished download" for name in leftovers]
    yield from found


def _weight_problems(folder: Path, part: Part) -> Iterator[str]:
    index = _index(folder)
    shards = sorted(folder.glob("*.safetensors"))
    if index is not None:
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError):
            yield f"{part.folder}/{index.name} is not readable"
            return
        shards = [folder / name for name in names]
    if not shards:
        yield f"{part.folder}/*.safetensors is missing"
    for shard in shards:
        if not shard.is_file():
            yield f"{part.folder}/{shard.name} is missing"
        elif problem := _cut_short(shard):
            yield f"{part.folder}/{shard.name} {problem}"


def _index(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)


def _files(folder: Path, part: Part) -> list[Path]:
    """The files that decide what the part computes, in a fixed order."""
    files = [folder / name for name in part.files]
    if part.network:
        index = _index(folder)
        if index is not None:
            names = json.loads(index.read_text("utf-8"))["weight_map"].values()
            files += [index, *(folder / name for name in sorted(set(names)))]
        else:
            files += sorted(folder.glob("*.safetensors"))
    return files


def _cut_short(path: Path) -> str | None:
    """What a safetensors file's own header says against its size; None where they agree."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            if size < 8 or header_bytes > min(size - 8, _HEADER_BYTES_MAX):
                return "is cut short or no safetensors file"
            header = json.loads(file.read(header_bytes))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "has no readable header"
    expected = 8 + header_bytes + max(ends, default=0)
    if size < expected:
        return f"is cut short ({size:,} of {expected:,} bytes)"
    return None if size == expected else f"is too long ({size:,} bytes instead of {expected:,})"


def _parameters(path: Path) -> int:
    """Of a file that `_cut_short` found whole."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _hash(files: list[Path]) -> str:
    sha = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        sha.update(f"{path.name} {size};".encode())
        with path.open("rb") as file:
            if path.suffix == ".safetensors":
                header = file.read(8)
                sha.update(header + file.read(int.from_bytes(header, "little")))
            sha.update(file.read(_SAMPLE_BYTES))
            file.seek(max(file.tell(), size - _SAMPLE_BYTES))
            sha.update(file.read())
    return sha.hexdigest()
