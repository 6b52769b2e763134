"""Is it FramePack? The small cases lie in tests/data; FLIPBOOK_FIXTURES may name a folder with more."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.parity import main
from engine.cpu_conv import use_onednn

DATA = Path(__file__).parents[1] / "data" / "framepack"
FIXTURES = os.environ.get("FLIPBOOK_FIXTURES")


def test_films_and_tables_equal_the_published_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DATA)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("film: latents" in line for line in lines) == 2
    assert lines[-1] == "3 cases, 0 over tolerance"


@pytest.mark.skipif(FIXTURES is None, reason="FLIPBOOK_FIXTURES is not set: frames are not compared")
def test_all_fixtures_equal_the_published_programs() -> None:
    assert FIXTURES is not None
    assert main([FIXTURES]) == 0


def test_parity_is_lost_when_anything_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(DATA, tmp_path / "data")
    shutil.rmtree(folder / "forward-3-sections")
    case = folder / "inverted-2-sections-true-cfg" / "case.json"
    case.write_text(json.dumps(json.loads(case.read_text()) | {"guidance_scale": 9.99}))
    tables = folder / "tables" / "case.json"
    changed = json.loads(tables.read_text())
    changed["buckets_640"][0]["bucket"] = [608, 640]
    tables.write_text(json.dumps(changed))
    assert main([str(folder)]) == 1
    assert "2 over tolerance" in capsys.readouterr().out


def test_a_folder_without_cases_is_no_success(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize("stride", [1, (1, 2, 2)])
def test_onednn_convolves_like_pytorch(stride: int | tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    conv = nn.Conv3d(4, 6, 3, stride=stride, padding=1)
    x = torch.randn((1, 4, 5, 8, 8), generator=generator)
    with torch.no_grad():
        expected = conv(x)
        use_onednn(conv)
        torch.testing.assert_close(conv(x), expected, rtol=1e-4, atol=1e-5)
