"""A bot whose platforms cannot be reached, as a process of its own: it says so in a few lines and waits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import botkit

KIT = Path(botkit.__file__).parent
LINES_MAX = 30


def closed_port() -> int:
    """A port of this machine that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_no_network_is_said_in_a_line_for_each_platform(tmp_path: Path) -> None:
    port = closed_port()
    (tmp_path / "config.toml").write_text(
        f"""[data]
folder = "data"
free_bytes_min = 1
ballast_bytes = 0
[discord]
proxy = "http://127.0.0.1:{port}"
[telegram]
base_url = "http://127.0.0.1:{port}/bot"
base_file_url = "http://127.0.0.1:{port}/file/bot"
"""
    )
    tokens = {"FLIPBOOK_DISCORD_TOKEN": "MTA.x.hunter2", "FLIPBOOK_TELEGRAM_TOKEN": "7:hunter2-hunter2-hunter2-hunter2"}
    bot = subprocess.Popen(
        (sys.executable, "-m", "bot", "run", "--config", "config.toml"),
        cwd=tmp_path,
        env={**os.environ, **tokens, "PYTHONPATH": os.pathsep.join((str(KIT / "stub"), str(KIT.parent)))},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert bot.stderr is not None
    lines: list[str] = []
    missing = {"platform=discord", "platform=telegram"}
    try:
        for line in bot.stderr:
            lines.append(line)
            if "cannot be reached" in line:
                missing = {name for name in missing if name not in line}
                assert "wait_s=" in line
            # The second try of each is a line too: what comes between them would be seen.
            if not missing and sum("tries=2" in it for it in lines) == 2:
                break
    finally:
        bot.kill()
        bot.stderr.close()
        bot.wait()
    said = "".join(lines)
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert len(lines) <= LINES_MAX, said
