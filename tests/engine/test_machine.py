"""Whether a machine can draw: weights of the published size as sparse files, and figures before a film is begun."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest
import torch

from engine import machine
from engine.doctor import examine
from engine.driver import card_trouble, installed_driver
from engine.weights import Inventory, examine_weights, take_inventory
from engine.weights.needs import Found, needs, require_machine
from storage.errors import OwnerError
from storage.jobs import Schedule
from storage.lock import hold
from storage.models import model_card
from storage.settings import DataSettings, EngineSettings, Settings

PUBLISHED = {
    "transformer": 12_820_000_000,
    "text_encoder": 7_505_000_000,
    "text_encoder_2": 123_000_000,
    "image_encoder": 428_000_000,
    "vae": 246_000_000,
}
"""Parameters of the published parts, in files of 16 bits."""
CARD = model_card("framepack")
no_card = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")


@pytest.fixture
def published(tiny_folder: Path, tmp_path: Path) -> Path:
    """The tiny set with networks of the published sizes: 42 GB, of which a file system keeps the headers alone."""
    folder = shutil.copytree(tiny_folder, tmp_path / "weights")
    for part, count in PUBLISHED.items():
        [file] = (folder / part).glob("*.safetensors")
        header = json.dumps({"w": {"dtype": "BF16", "shape": [count], "data_offsets": [0, 2 * count]}}).encode()
        with file.open("wb") as written:
            written.write(len(header).to_bytes(8, "little") + header)
            written.truncate(8 + len(header) + 2 * count)
    return folder


@pytest.fixture
def inventory(published: Path) -> Inventory:
    return take_inventory(published, [Schedule.INVERTED])


def settings(tmp_path: Path, weights: Path, device: str = "auto") -> Settings:
    engine = EngineSettings.model_validate({"model": "framepack", "weights": weights, "device": device})
    return Settings(data=DataSettings(folder=tmp_path / "data"), engine=engine)


def test_the_published_set_is_taken_for_what_it_is(published: Path) -> None:
    assert examine_weights("framepack", published) is not None


def test_on_a_cpu_the_transformer_takes_twice_its_file(inventory: Inventory) -> None:
    asked = needs(inventory, Found(memory_bytes=10**12, card_bytes=None))
    assert asked.memory_bytes == pytest.approx(55e9, rel=0.02)  # 51 of the transformer alone
    assert asked.card_bytes == 0


@pytest.mark.parametrize(
    ("card_bytes", "memory_bytes"),
    [(8e9, 30e9), (24e9, 30e9), (32e9, 4e9), (80e9, 4e9)],
    ids=["8 GB", "24 GB", "32 GB", "80 GB"],
)
def test_what_does_not_fit_on_the_card_takes_memory(
    inventory: Inventory, card_bytes: float, memory_bytes: float
) -> None:
    asked = needs(inventory, Found(memory_bytes=10**12, card_bytes=int(card_bytes)))
    assert asked.memory_bytes == pytest.approx(memory_bytes, rel=0.02)


def test_without_a_card_real_weights_are_refused_with_figures_and_may_be_insisted_on(inventory: Inventory) -> None:
    found = Found(memory_bytes=128 * 10**9, card_bytes=None)
    with pytest.raises(OwnerError, match=r"driver 470 is too old.*takes 55\.3 GB of memory.*of 128\.0 GB here"):
        require_machine(CARD, inventory, found, wish="auto", trouble="driver 470 is too old")
    require_machine(CARD, inventory, found, wish="cpu", trouble="")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Found(memory_bytes=16 * 10**9, card_bytes=None), r"too little memory.*55\.3 GB.*16\.0 GB in all"),
        (Found(memory_bytes=16 * 10**9, card_bytes=12 * 10**9), r"too little memory.*30\.1 GB.*16\.0 GB in all"),
        (Found(memory_bytes=64 * 10**9, card_bytes=2 * 10**9), r"card has too little.*3\.0 GB.*2\.0 GB in all"),
    ],
)
def test_a_machine_that_can_never_draw_is_refused(inventory: Inventory, found: Found, said: str) -> None:
    with pytest.raises(OwnerError, match=said):
        require_machine(CARD, inventory, found, wish="cpu", trouble="")


def test_the_little_set_draws_on_any_machine() -> None:
    inventory = examine_weights("little", None)
    assert inventory is not None
    found = Found(memory_bytes=4 * 10**9, card_bytes=None)
    require_machine(model_card("little"), inventory, found, wish="auto", trouble="no card")
    with pytest.raises(OwnerError, match="too little memory"):
        require_machine(
            model_card("little"), inventory, Found(memory_bytes=10**9, card_bytes=None), wish="auto", trouble=""
        )


@no_card
def test_the_engine_does_not_start_on_such_a_machine(published: Path, tmp_path: Path) -> None:
    with pytest.raises(OwnerError, match="There is no card to draw on"):
        machine.check_machine(settings(tmp_path, published))


@no_card
def test_doctor_names_all_of_it(published: Path, tmp_path: Path) -> None:
    checks = {check.name: check for check in examine(settings(tmp_path, published))}
    assert checks["weights"].ok
    assert "42." in checks["weights"].detail
    assert not checks["memory"].ok
    assert "There is no card to draw on" in checks["memory"].detail
    assert "PyTorch" in checks["card"].detail
    checks = {check.name: check for check in examine(settings(tmp_path, published, "cuda"))}
    assert not checks["card"].ok


def test_doctor_compares_what_is_free_unless_a_bot_of_ours_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = Settings(data=DataSettings(folder=tmp_path))

    def memory() -> bool:
        return next(check.ok for check in examine(little) if check.name == "memory")

    real = psutil.virtual_memory()
    assert memory() is (real.available >= 1.1e9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=500_000_000))
    assert not memory()
    with hold(tmp_path, "bot"):
        assert memory()


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of `nvidia-smi`; what it prints is the test's."""
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return program


def answers(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)


posix = pytest.mark.skipif(sys.platform == "win32", reason="the program in its place is a shell script")


@posix
def test_a_driver_that_is_too_old_is_named_with_the_one_that_is_needed(driver: Path) -> None:
    answers(driver, "535.183.01")
    assert installed_driver() == "535.183.01"
    said = card_trouble("2.13.0+cu130", "13.0")
    assert said == "driver 535.183.01 is too old; CUDA 13.0 of PyTorch needs driver 580 or newer"
    assert "too old" not in card_trouble("2.13.0+cu126", "12.6")


@posix
def test_a_driver_that_is_new_enough_is_not_blamed(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(driver, "590.44.01")
    assert "restart the machine" in card_trouble("2.13.0+cu130", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES is “-1”" in card_trouble("2.13.0+cu130", "13.0")


@posix
@pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="this machine has a driver")
def test_a_missing_driver_and_a_pytorch_without_cuda_are_told_apart(driver: Path) -> None:
    answers(driver, "NVIDIA-SMI has failed because it could not communicate with the driver.")
    assert card_trouble("2.13.0+cu130", "13.0").startswith("no NVIDIA driver is installed; CUDA 13.0")
    assert "is built without CUDA" in card_trouble("2.13.0+cpu", None)
