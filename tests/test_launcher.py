"""run.py on machines that lack something: one sentence, and nothing half made."""

import argparse
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

from bot.__main__ import parser

ROOT = Path(__file__).parents[1]


def start(folder: Path, before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A copy of run.py in a clone of its own, after `before` has changed the Python that runs it."""
    for name in ("run.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    program = (
        f"import sys, runpy\nsys.argv = ['run.py', *sys.argv[1:]]\n{before}\n"
        "runpy.run_path('run.py', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_old_python_is_told_so_in_one_sentence(tmp_path: Path):
    done = start(tmp_path, "sys.version_info = (3, 10, 4, 'final', 0)", "try")
    assert done.returncode == 2
    assert done.stderr == "Flipbook needs Python 3.11 or newer; this is 3.10. Get one from python.org.\n"
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path):
    done = start(tmp_path, "sys.modules['ensurepip'] = None", "try")
    assert done.returncode == 2
    assert "python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_an_unknown_verb_names_the_known_ones_before_anything_is_installed(tmp_path: Path):
    done = start(tmp_path, "", "dance")
    assert done.returncode == 2
    assert "'dance'" in done.stderr
    assert "doctor" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_torch_index_without_its_address_is_refused(tmp_path: Path):
    done = start(tmp_path, "", "--torch-index")
    assert done.returncode == 2
    assert "address" in done.stderr


def test_without_a_verb_it_says_what_it_can_do(tmp_path: Path):
    done = start(tmp_path, "")
    assert done.returncode == 0
    assert "python3 run.py" in done.stdout


def test_every_command_of_the_program_can_be_started_from_a_clone():
    launcher = runpy.run_path(str(ROOT / "run.py"))
    (commands,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert set(commands.choices) == set(launcher["VERBS"]) - {"test", "bench"}
