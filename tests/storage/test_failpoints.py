"""Failpoints: each name that the product reaches is in the table, and a typo tests nothing silently."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage import failpoints
from storage.failpoints import POINTS, VARIABLE, parse

ROOT = Path(__file__).parents[2]


def test_the_table_names_exactly_what_the_product_reaches():
    reached = {
        call.args[0].value
        for room in ("storage", "bot", "engine")
        for path in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "id", None) == "reach" or getattr(call.func, "attr", None) in ("reach", "_reach"))
        and isinstance(call.args[0], ast.Constant)
    }
    assert reached == set(POINTS)


@pytest.mark.parametrize("text", ["media.kep=kill", "media.kept=explode", "media.kept", "media.kept=kill@0", "x"])
def test_a_mistake_in_the_variable_is_refused(text: str):
    with pytest.raises(ValueError, match=VARIABLE):
        parse(text)


def test_a_full_disk_comes_at_its_turn_alone():
    act = parse(" media.kept = enospc@2 ; ".replace(" = ", "="))["media.kept"]
    act()
    with pytest.raises(OSError) as caught:
        act()
    assert caught.value.errno == errno.ENOSPC
    act()


def test_nothing_happens_where_nobody_asks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(failpoints, "_points", None)
    monkeypatch.delenv(VARIABLE, raising=False)
    failpoints.reach("media.kept")
    assert failpoints._points == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_kill_is_a_real_one():
    code = "from storage.failpoints import reach\nfor _ in range(3): print('here', flush=True); reach('media.kept')"
    environment = {**os.environ, VARIABLE: "media.kept=kill@2"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == ["here", "here"]
