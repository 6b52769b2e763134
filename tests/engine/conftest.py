"""The tiny set, written and loaded once for all tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.hunyuan import HunyuanBackbone
from engine.tiny import tiny_weights
from engine.weights import ModelSet, take_inventory
from storage.jobs import Schedule

BOTH = (Schedule.INVERTED, Schedule.FORWARD)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read-only for tests; copy it to damage it."""
    return tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def models(tiny_folder: Path) -> ModelSet:
    return ModelSet(tiny_folder, take_inventory(tiny_folder, BOTH), torch.device("cpu"))


@pytest.fixture
def backbone(models: ModelSet) -> Iterator[HunyuanBackbone]:
    with models.backbone(Schedule.INVERTED) as backbone:
        yield backbone


@pytest.fixture
def own_backbone(tiny_folder: Path) -> Iterator[HunyuanBackbone]:
    """One whose weights the test may spoil."""
    models = ModelSet(tiny_folder, take_inventory(tiny_folder, BOTH), torch.device("cpu"))
    with models.backbone(Schedule.INVERTED) as backbone:
        yield backbone
