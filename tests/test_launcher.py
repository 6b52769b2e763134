"""run.py on machines that lack something: one sentence, and nothing half made."""

import argparse
import os
import runpy
import shutil
import signal
import subprocess
import sys
import zipfile
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
    before = f"import runpy, sys; L = runpy.run_path({str(ROOT / 'run.py')!r}); used = L['USED']\n"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"{before}used.python = sys.executable\n{code}"],
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
    said, _ = launched("sys.exit(L['hand_on'](used, ['-m', 'bot', '--help']))", tmp_path).communicate(timeout=60)
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


@pytest.mark.parametrize("verb", ["try", "run", "doctor", "pause", "history"])
def test_help_of_a_verb_installs_nothing(tmp_path: Path, verb: str):
    shutil.copytree(ROOT / "bot", tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    done = start(tmp_path, "", verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"run.py {verb}" in done.stdout
    assert not (tmp_path / ".venv").exists()


BACKEND = """
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "flipbook_bot-0.1.0-py3-none-any.whl"
    told = "Metadata-Version: 2.1\\nName: flipbook-bot\\nVersion: 0.1.0\\nRequires-Dist: paint>={bound}\\n"
    with zipfile.ZipFile(wheel_directory + "/" + name, "w") as wheel:
        folder = "flipbook_bot-0.1.0.dist-info/"
        wheel.writestr(folder + "METADATA", told)
        wheel.writestr(folder + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(folder + "RECORD", "")
    return name
"""


def clone(folder: Path, bound: str) -> None:
    """A clone whose one dependency is `paint`, of which 1.0 and 2.0 lie in `wheels`: real pip, no network."""
    (folder / "wheels").mkdir(exist_ok=True)
    for version in ("1.0", "1.5", "2.0"):
        with zipfile.ZipFile(folder / "wheels" / f"paint-{version}-py3-none-any.whl", "w") as wheel:
            about = f"paint-{version}.dist-info/"
            wheel.writestr(about + "METADATA", f"Metadata-Version: 2.1\nName: paint\nVersion: {version}\n")
            wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(about + "RECORD", "")
    (folder / "backend.py").write_text(BACKEND.replace("{bound}", bound))
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        f"[project]\nname = 'flipbook-bot'\nversion = '0.1.0'\ndependencies = ['paint>={bound}']\n"
        "[project.optional-dependencies]\n"
    )
    shutil.copy(ROOT / "run.py", folder / "run.py")


def installed(folder: Path, *, lowest: bool = False) -> str:
    """Let run.py prepare the environment, and say which `paint` is in it then."""
    program = (
        "import runpy; L = runpy.run_path('run.py')\n"
        f"used = L['LOWEST' if {lowest} else 'USED']\n"
        f"L['prepare'](used, set(), None, lowest={lowest})\n"
        "print(used.ask('import importlib.metadata as m; print(m.version(\"paint\"))'))"
    )
    own = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**own, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_CONFIG_FILE": os.devnull},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def put_in(folder: Path, version: str) -> None:
    environment = runpy.run_path(str(folder / "run.py"))["USED"]
    wheel = folder / "wheels" / f"paint-{version}-py3-none-any.whl"
    subprocess.run([environment.python, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True)


def test_an_installation_is_brought_above_a_lower_bound(tmp_path: Path):
    clone(tmp_path, bound="1.0")
    assert installed(tmp_path) == "2.0"
    put_in(tmp_path, "1.0")
    assert installed(tmp_path) == "1.0"  # allowed, so left alone
    clone(tmp_path, bound="1.5")
    assert installed(tmp_path) == "2.0"
    # By hand, after run.py had noted that all is well.
    put_in(tmp_path, "1.0")
    assert installed(tmp_path) == "2.0"


def test_the_lowest_versions_have_an_environment_of_their_own(tmp_path: Path):
    clone(tmp_path, bound="1.5")
    assert installed(tmp_path, lowest=True) == "1.5"
    assert not (tmp_path / ".venv").exists()
    clone(tmp_path, bound="1.0")
    assert installed(tmp_path, lowest=True) == "1.0"


def test_every_dependency_has_a_lowest_version():
    """The lowest versions are tested; what names none would be tested at its newest only."""
    lowest = list(runpy.run_path(str(ROOT / "run.py"))["lowest_versions"]())
    names = {line.partition("==")[0] for line in lowest}
    assert {"aiohttp", "av", "discord.py", "filelock", "pillow", "psycopg", "python-telegram-bot", "torch"} <= names
    assert len(names) == len(lowest)
    assert "pysqlite3==0.6; sys_platform != 'darwin'" in lowest
