"""run.py on machines that lack something: one sentence, and nothing half made."""

import argparse
import os
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


def launched(code: str, cwd: Path) -> subprocess.Popen[str]:
    """Python code with the launcher's names, whose programs run on this very Python."""
    before = f"import runpy, sys; L = runpy.run_path({str(ROOT / 'run.py')!r}); names = L['hand_on'].__globals__\n"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"{before}names['PYTHON'] = sys.executable\n{code}"],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_folders_where_the_person_stands_are_not_taken_for_ours(tmp_path: Path):
    for name in ("bot", "storage"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('somebody else')")
    said, _ = launched("sys.exit(L['hand_on'](['-m', 'bot', '--help']))", tmp_path).communicate(timeout=60)
    assert "Animates pictures" in said


@pytest.mark.skipif(sys.platform == "win32", reason="a console Ctrl-C cannot be sent to one process there")
def test_ctrl_c_is_answered_by_the_program_however_long_it_takes(tmp_path: Path):
    program = (
        "import signal, sys, time\n"
        "def answer(*_): time.sleep(1); print('kept', flush=True); sys.exit(7)\n"
        "signal.signal(signal.SIGINT, answer); print('ready', flush=True); signal.pause()"
    )
    launcher = launched(f"sys.exit(L['wait_for']([sys.executable, '-c', {program!r}]))", tmp_path)
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == "ready\n"
    os.killpg(launcher.pid, signal.SIGINT)
    said, _ = launcher.communicate(timeout=60)
    assert (said, launcher.returncode) == ("kept\n", 7)
