"""Start Flipbook from a clone: `python3 run.py try`, `… run`, `… test`, `… bench`, `… doctor`.

Makes `.venv` beside this file, installs what the verb needs and hands on to it. Standard library only,
and written so that even an old Python gets as far as the sentence that says it is too old.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

TORCH = "torch==2.13.0"
# The default wheel for Windows has no CUDA; this index has the same version with it.
TORCH_INDEX_WINDOWS_NVIDIA = "https://download.pytorch.org/whl/cu130"

ROOT = Path(__file__).resolve().parent

# What each verb installs: extras of pyproject.toml.
VERBS = {
    "try": ["engine"],
    "run": ["discord", "engine", "telegram"],
    "doctor": ["engine"],
    "restore": [],
    "erase": [],
    "pause": [],
    "resume": [],
    "requeue": [],
    "history": ["engine"],
    "reroll": ["engine"],
    "extend": ["engine"],
    "bench": ["dev"],
    "test": ["dev"],
}
PROGRAM = set(VERBS) - {"bench", "test"}
"""Verbs of the program itself."""

HELP = "import sys; sys.path.insert(0, sys.argv[1]); from bot.__main__ import main; sys.exit(main(sys.argv[2:]))"

USAGE = """usage: python3 run.py [--torch-index URL] VERB [ARGUMENTS]

  try [PICTURE] [PROMPT] …   animate a picture here in the terminal; --help lists its options
  run --config FILE          start the bot and its engine
  history                    films made by `try`
  reroll ID, extend ID       draw one again with a new seed; go on from its last frame
  doctor                     check Python, card, memory, disk, database and weights
  pause [--for 2h]           have the card for yourself, while the bot runs; resume lends it again
  requeue ID                 queue a failed request again, for its member
  restore [BACKUP]           put a backup in the place of a damaged database
  erase PLATFORM USER_ID     forget a person
  test [PYTEST ARGUMENTS]    the checks and tests of this repository
  test --lowest [PYTEST …]   the tests with every dependency at its lowest allowed version, in .venv-lowest
  bench NAME [ARGUMENTS]     one of bench/*.py, such as film, parity, queue

The first start makes .venv and installs what the verb needs.
--torch-index URL  take PyTorch from this wheel index (any address that `pip --index-url` takes),
                   such as https://download.pytorch.org/whl/cpu for a small download without CUDA
"""


class Environment:
    """A virtual environment beside this file, and the note of what was installed into it."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = folder / "flipbook-installed.json"
        self.constraints = folder / "lowest.txt"

    def read_stamp(self):
        try:
            stamp = json.loads(self.stamp.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) and self.python.is_file() else {}

    def holds(self):
        """Hash of the names and versions of all installed packages: one look into a folder."""
        pattern = "Lib/site-packages" if os.name == "nt" else "lib/python3.*/site-packages"
        names = sorted(path.name for path in self.folder.glob(pattern + "/*.dist-info"))
        return hashlib.sha256("\n".join(names).encode("utf-8")).hexdigest()

    def pip(self, *arguments):
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet", "--no-input"]
        if subprocess.run(command, check=False).returncode != 0:
            stop(
                "The installation stopped; pip's own words are above. What was fetched is kept: "
                "mend the cause (network, disk space) and start again."
            )

    def ask(self, code):
        """What a line of Python prints there; empty where it fails."""
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""


USED = Environment(ROOT / ".venv")
LOWEST = Environment(ROOT / ".venv-lowest")


def main(arguments):
    if sys.version_info < (3, 11):
        stop("Flipbook needs Python 3.11 or newer; this is {}.{}. Get one from python.org.".format(*sys.version_info))
    # Sentences of the program name its commands as they are called here.
    os.environ.setdefault("FLIPBOOK_PROGRAM", "py run.py" if os.name == "nt" else "python3 run.py")
    torch_index = None
    if arguments[:1] == ["--torch-index"]:
        if len(arguments) < 2:
            stop("--torch-index needs the address of a wheel index after it.")
        torch_index, arguments = arguments[1], arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        stop("'{}' is not something run.py can do; it knows: {}.".format(verb, ", ".join(VERBS)))
    if verb == "test" and rest[:1] == ["--lowest"]:
        prepare(LOWEST, set(VERBS[verb]), torch_index, lowest=True)
        os.chdir(ROOT)
        return hand_on(LOWEST, ["-m", "pytest", *rest[1:]])
    if verb in PROGRAM and asks_for_help(rest):
        return show_help([verb, *rest])
    prepare(USED, set(VERBS[verb]), torch_index)
    if verb == "test":
        return run_tests(rest)
    if verb == "bench":
        return run_bench(rest)
    return hand_on(USED, ["-m", "bot", verb, *rest])


def asks_for_help(arguments):
    """Whether argparse would print its help for these; what stands behind `--` are values."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-h" in before or "--help" in before


def show_help(arguments):
    """The program's own help by this Python: it needs the standard library alone, so nothing is installed for it."""
    command = [sys.executable, "-P", "-c", HELP, str(ROOT), *arguments]
    return subprocess.run(command, check=False).returncode


def prepare(environment, extras, torch_index, lowest=False):
    """Make the environment hold these extras; costs one small file and one folder read where it already does.

    lowest: every direct dependency at the lowest version that pyproject.toml allows.
    """
    wanted = fingerprint()
    stamp = environment.read_stamp()
    if (
        stamp.get("fingerprint") == wanted
        # Else somebody has installed or removed something by hand since, perhaps below what we need.
        and stamp.get("holds") == environment.holds()
        and extras <= set(stamp.get("extras", []))
        and torch_index is None
    ):
        return
    if not environment.python.is_file() or environment.ask("import pip; print('yes')") != "yes":
        say(f"Making an environment in {environment.folder} (once).")
        make_venv(environment)
    extras = sorted(extras | set(stamp.get("extras", [])))
    # Gone until the installation is whole: a run that is interrupted here starts over next time.
    environment.stamp.unlink(missing_ok=True)
    if any(extra in ("engine", "dev") for extra in extras):
        install_torch(environment, torch_index)
    say("Installing Flipbook{} (a minute or two).".format(" with: " + ", ".join(extras) if extras else ""))
    constraints = []
    if lowest:
        environment.constraints.write_text("\n".join(lowest_versions()) + "\n", "utf-8")
        constraints = ["--constraint", str(environment.constraints)]
    # Upgrades what is below its bound and leaves the rest as it is.
    what = "{}[{}]".format(ROOT, ",".join(extras)) if extras else str(ROOT)
    environment.pip("install", *constraints, "--editable", what)
    stamp = {"fingerprint": wanted, "holds": environment.holds(), "extras": extras}
    environment.stamp.write_text(json.dumps(stamp), "utf-8")
    say("Installed.")


def lowest_versions():
    """A line such as "av==18" for every dependency of pyproject.toml that has a lower bound."""
    import tomllib  # not at the top: an old Python must reach the sentence that says so

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement, _, marker = requirement.partition(";")
        # Extras do not belong into a constraint.
        found = re.match(r"\s*([\w.-]+)(?:\[[^]]*\])?.*?[>=]=\s*([\w.]+)", requirement)
        if found:
            yield "{}=={}{}".format(*found.groups(), ";" + marker if marker else "")


def fingerprint():
    """Changes with whatever would need a new installation: the dependencies, this clone's place, the Python."""
    told = "{}\n{}\n{}".format((ROOT / "pyproject.toml").read_text("utf-8"), ROOT, sys.version)
    return hashlib.sha256(told.encode("utf-8")).hexdigest()


def make_venv(environment):
    try:
        import ensurepip  # noqa: F401 - only asked whether it is there
        import venv
    except ImportError:
        stop(
            "This Python cannot make virtual environments (ensurepip is missing). "
            "On Debian or Ubuntu: sudo apt install python3-venv. Then start again."
        )
    try:
        venv.EnvBuilder(with_pip=True, clear=True, symlinks=os.name != "nt").create(environment.folder)
    except (OSError, subprocess.CalledProcessError) as exc:
        stop(f"The environment {environment.folder} could not be made: {exc}.")


def install_torch(environment, torch_index):
    if torch_index is None and os.name == "nt" and shutil.which("nvidia-smi"):
        if "+cu" in environment.ask("import importlib.metadata as m; print(m.version('torch'))"):
            return
        torch_index = TORCH_INDEX_WINDOWS_NVIDIA
    say(f"Installing PyTorch ({TORCH}); with CUDA this is a download of some gigabytes.")
    # A build that is already there satisfies the version whatever its CUDA, so a named index must replace it;
    # what torch itself needs comes from the default index with the rest.
    index = ["--index-url", torch_index, "--force-reinstall", "--no-deps"] if torch_index else []
    environment.pip("install", *index, TORCH)


def hand_on(environment, arguments):
    """Become the program (POSIX), or wait for it (Windows, whose exec leaves the console behind)."""
    # -P: a folder called "bot" where the person happens to stand must not be taken for ours.
    command = [str(environment.python), "-P", *arguments]
    if os.name != "nt":
        os.execv(command[0], command)
    return wait_for(command)


def wait_for(command):
    """The program's exit code. Ctrl-C is the program's affair: it had it too, and ends in its own time."""
    with subprocess.Popen(command) as program:
        while True:
            try:
                return program.wait()
            except KeyboardInterrupt:
                continue


def run_tests(pytest_arguments):
    checks = (
        ("ruff check", ["-m", "ruff", "check", "."]),
        ("ruff format", ["-m", "ruff", "format", "--check", "."]),
        ("pyright", ["-m", "pyright", "--pythonpath", str(USED.python)]),
        ("import contracts", ["-c", "from importlinter.cli import lint_imports_command as c; c()"]),
    )
    for name, arguments in checks:
        say(name)
        code = subprocess.call([str(USED.python), *arguments], cwd=ROOT)
        if code != 0:
            stop(f"{name} found something; its words are above.")
    say("pytest")
    os.chdir(ROOT)
    return hand_on(USED, ["-m", "pytest", *pytest_arguments])


def run_bench(arguments):
    known = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "__init__")
    if not arguments or arguments[0] not in known:
        stop("Name a bench: {}.".format(", ".join(known)))
    return hand_on(USED, ["-m", "bench." + arguments[0], *arguments[1:]])


def say(sentence):
    print("· " + sentence, file=sys.stderr, flush=True)


def stop(sentence):
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(2)


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        stop("Stopped; what was installed so far is kept, start again to go on.")
