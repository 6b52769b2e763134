import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.little.shipped import little_weights
from engine.tiny import tiny_weights
from engine.weights import ModelSet, choose_device, examine_weights, take_inventory
from storage.errors import OwnerError, WeightsMissing
from storage.jobs import Schedule

INVERTED = [Schedule.INVERTED]
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A set to damage."""
    return shutil.copytree(tiny_folder, tmp_path / "weights")


def shard(part: Path) -> list[Path]:
    """Split a part's weights in two, as large networks are published."""
    tensors = load_file(part / WEIGHTS)
    names = sorted(tensors)
    halves = {"shard-1.safetensors": names[::2], "shard-2.safetensors": names[1::2]}
    for file, chosen in halves.items():
        save_file({name: tensors[name] for name in chosen}, part / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, chosen in halves.items() for name in chosen}}
    (part / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    (part / WEIGHTS).unlink()
    return [part / file for file in halves]


def refusal(folder: Path) -> str:
    with pytest.raises(WeightsMissing) as missing:
        take_inventory(folder, INVERTED)
    return str(missing.value)


def test_all_parts_of_the_tiny_set_open_through_the_same_loader(models: ModelSet) -> None:
    with models.llama() as llama, models.clip() as clip, models.siglip() as siglip:
        assert not any(network.training for network in (llama.network, clip.network, siglip.network))
    identities = set()
    for schedule in Schedule:
        with models.backbone(schedule) as backbone:
            assert backbone.latent_channels == 16
            assert backbone.identity == models.backbone_identity(schedule)
            identities.add(backbone.identity)
    assert len(identities) == 2


def test_every_machine_writes_the_same_tiny_set_once(tiny_folder: Path, tmp_path: Path) -> None:
    again = tiny_weights(tmp_path)
    both = list(Schedule)
    assert take_inventory(again, both).hashes == take_inventory(tiny_folder, both).hashes
    before = {path: path.stat().st_mtime_ns for path in again.rglob("*")}
    assert tiny_weights(tmp_path) == again
    assert {path: path.stat().st_mtime_ns for path in again.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == [again.name]


def test_a_missing_part_is_named_with_its_source(folder: Path) -> None:
    shutil.rmtree(folder / "image_encoder")
    sentence = refusal(folder)
    assert "image_encoder/ is missing" in sentence
    assert "lllyasviel/flux_redux_bfl" in sentence


def test_a_schedule_asks_only_for_its_own_transformer(folder: Path) -> None:
    shutil.rmtree(folder / "transformer_f1")
    inventory = take_inventory(folder, INVERTED)
    with pytest.raises(WeightsMissing, match="transformer_f1/ is missing"):
        take_inventory(folder, [Schedule.FORWARD])
    models = ModelSet(folder, inventory, torch.device("cpu"))
    with pytest.raises(WeightsMissing, match="transformer_f1"), models.backbone(Schedule.FORWARD):
        pass


@pytest.mark.parametrize("kept", [0, 4, 8, 500, 0.5, 0.999])
def test_a_network_cut_short_is_named(folder: Path, kept: float) -> None:
    path = folder / "vae" / WEIGHTS
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    assert f"vae/{WEIGHTS} is cut short" in refusal(folder)


def test_a_shard_that_is_missing_or_cut_short_is_named(folder: Path) -> None:
    first, second = shard(folder / "transformer")
    first.write_bytes(first.read_bytes()[:-1])
    second.unlink()
    sentence = refusal(folder)
    assert "transformer/shard-1.safetensors is cut short" in sentence
    assert "transformer/shard-2.safetensors is missing" in sentence


def test_a_whole_sharded_network_opens(folder: Path, models: ModelSet) -> None:
    shard(folder / "transformer")
    sharded = ModelSet(folder, take_inventory(folder, INVERTED), torch.device("cpu"))
    with sharded.backbone(Schedule.INVERTED) as ours, models.backbone(Schedule.INVERTED) as theirs:
        assert ours.identity != theirs.identity
        for name, parameter in ours._transformer.named_parameters():
            assert torch.equal(parameter, theirs._transformer.get_parameter(name)), name


def test_an_unfinished_download_is_named(folder: Path) -> None:
    part = folder / "text_encoder"
    leftover = part / ".cache" / "huggingface" / "download" / "model.safetensors.abc.incomplete"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    take_inventory(folder, INVERTED)  # whole files make it harmless
    (part / "model.safetensors").unlink()
    sentence = refusal(folder)
    assert "text_encoder/*.safetensors is missing" in sentence
    assert "model.safetensors.abc.incomplete is an unfinished download" in sentence


def test_a_page_saved_instead_of_weights_is_named(folder: Path) -> None:
    (folder / "vae" / WEIGHTS).write_text("<!doctype html><title>Sign in</title>")
    assert "no safetensors file" in refusal(folder)


def test_many_problems_stay_one_sentence(tmp_path: Path) -> None:
    sentence = refusal(tmp_path)
    assert "and 4 more" in sentence
    assert len(sentence) < 700


def test_other_weights_have_another_identity(folder: Path) -> None:
    before = take_inventory(folder, INVERTED)
    path = folder / "vae" / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    after = take_inventory(folder, INVERTED)
    assert after.identity("vae") != before.identity("vae")
    assert after.identity("transformer") == before.identity("transformer")


def test_a_small_set_does_not_pass_as_the_published_one(folder: Path) -> None:
    for other in (folder, little_weights()):
        with pytest.raises(WeightsMissing, match=r"it is not FramePack's: \d+\.\d million parameters"):
            examine_weights("framepack", other)


def test_a_model_that_needs_a_folder_is_refused_without_one() -> None:
    assert examine_weights("tiny", None) is None
    with pytest.raises(WeightsMissing, match=r"engine\.weights is not set"):
        examine_weights("framepack-f1", None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
def test_a_card_that_is_asked_for_and_absent_is_refused() -> None:
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(OwnerError, match="no NVIDIA card"):
        choose_device("cuda")
