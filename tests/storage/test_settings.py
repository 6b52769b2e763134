"""Settings that are wrong: the sentence says what to change, and never repeats what may be a secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.platforms import configured
from storage.errors import SettingsError
from storage.settings import SECRET_VARIABLES, Settings, load_settings, read_token

TOKEN = "MTA4NjU0.GxYz12.s3cr3t-s3cr3t-s3cr3t"


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SECRET_VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def refused(folder: Path, content: str | bytes) -> str:
    """What is said of a configuration; as `run` would go on, tokens are read too."""
    path = folder / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        configured(load_settings(path))
    assert "\n" not in str(caught.value)
    # Whoever logs it with its traceback shows no more: it has no cause that holds the value.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'[discord]\ntoken_file = "{TOKEN}"', "discord.token_file"),
        (f'[telegram]\ntoken_file = "{TOKEN}"', "telegram.token_file"),
        (f'discord = "{TOKEN}"', "discord"),
        (f'[discord]\nenabled = "{TOKEN}"', "discord.enabled"),
        (f'[discord]\nproxy = "{TOKEN}"', "discord.proxy"),
        ('[discord]\nproxy = "htp://me:s3cr3t@proxy:80"', "discord.proxy"),
        ('[telegram]\nproxy = "http://me:s3cr3t@:80"', "telegram.proxy"),
        ('[telegram]\nproxy = "http://me:s3cr3t@proxy:port"', "telegram.proxy"),
        ('[telegram]\nbase_url = "api.example.org/bot123:s3cr3t"', "telegram.base_url"),
        ('[telegram]\nwebhook_url = "example.org/s3cr3t"', "telegram.webhook_url"),
        ('[telegram]\nwebhook_port = "s3cr3t"', "telegram.webhook_port"),
        (f'[telegram]\nlocal_mode = ["{TOKEN}"]', "telegram.local_mode"),
        ('[data]\ndatabase = "postgresql://me:s3cr3t@host/flipbook"', "data.database"),
        ('[data]\ndatabase = "mysql://me:s3cr3t@host/flipbook"', "data.database"),
        ('[data]\ndatabase = ["s3cr3t"]', "data.database"),
        (f'[engine]\nmodel = "{TOKEN}"', "engine.model"),
        (f'[engine]\ndevice = "{TOKEN}"', "engine.device"),
        (f'[log]\nlevel = "{TOKEN}"', "log.level"),
        (f'["{TOKEN}"]\nx = 1', "…"),
        (f'[discord]\n"{TOKEN}" = true', "discord.…"),
        (f'[community."{TOKEN}"]\nform = "film"', "community.….form"),
        (f"[discord]\ntoken_file = {TOKEN}", "line 2"),
        (f'[discord]\ntoken_file = "{TOKEN}', "line 2"),
        (f"[discord]\n{TOKEN}", "line"),
    ],
)
def test_what_may_be_a_secret_is_never_repeated(tmp_path: Path, text: str, key: str) -> None:
    said = refused(tmp_path, text)
    assert key in said
    assert "s3cr3t" not in said
    assert TOKEN[:8] not in said


def test_the_program_says_it_without_the_token_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[discord]\ntoken_file = "{TOKEN}"\n[data]\nfolder = "data"\n')
    done = subprocess.run(
        (sys.executable, "-m", "bot", "run", "--config", "config.toml"),
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("FLIPBOOK_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "discord.token_file" in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "text",
    [
        '[data]\nfolder = "C:\\Users\\me\\films"',
        '[engine]\nweights = "D:\\models"',
        '[data]\nfolder = "C:\\temp\\new"',  # valid TOML, and no path: a tab and a line break
        '[discord]\ntoken_file = "C:\\tokens\\discord"',
    ],
)
def test_a_windows_path_in_double_quotes_is_told_how_it_is_written(tmp_path: Path, text: str) -> None:
    said = refused(tmp_path, text)
    assert "single quotes ('C:\\Users\\me\\films')" in said
    assert "hex" not in said


def test_a_windows_path_in_single_quotes_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[engine]\nweights = 'C:\\Users\\me\\weights'")
    assert str(load_settings(path).engine.weights).endswith("C:\\Users\\me\\weights")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[log]\r\nlevel = 'debug'\r\n", "utf-8-sig")
    assert load_settings(path).log.level == "debug"
    token = tmp_path / "token"
    token.write_text("1234:abc\r\n", "utf-8-sig")
    found = read_token("telegram", "X", token, {})
    assert found is not None
    assert found.get_secret_value() == "1234:abc"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    said = refused(tmp_path, "[log]\nlevel = 'debug'\n".encode(encoding))
    assert "UTF-16" in said
    assert "save it as UTF-8" in said
    token = tmp_path / "token"
    token.write_bytes("1234:abc".encode(encoding))
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        read_token("telegram", "X", token, {})


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    said = refused(tmp_path, "[film]\nprompt_default = 'così'\n".encode("cp1252"))
    assert "line 2" in said
    assert "save it as UTF-8" in said


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("[log]\nlevel = debug", "text stands in quotes"),
        ("[discord]\nenabled = True", "true and false are written small"),
        ("[log]\nlevel: 'debug'", "a line such as `key = value`"),
        ("[log]\nlevel = 'debug'\nlevel = 'info'", "line 3: the same key"),
        ("[log]\nlevel = 'debug", "closing quote is missing"),
        ("discord = true", "write [discord] in a line of its own"),
    ],
)
def test_what_is_no_toml_is_told_what_to_change(tmp_path: Path, text: str, cure: str) -> None:
    assert cure in refused(tmp_path, text)


@pytest.mark.parametrize("content", [b"", b"  \r\n"])
def test_an_empty_token_file_is_named_by_its_setting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    assert refused(tmp_path, "[telegram]\ntoken_file = 'token'") == "The file that telegram.token_file names is empty."


def test_a_token_file_that_is_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    assert "never the token itself" in refused(tmp_path, "[telegram]\ntoken_file = 'token'")


def test_addresses_that_work_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[discord]\nproxy = 'http://me:secret@127.0.0.1:8080'\n"
        "[telegram]\nproxy = 'socks5://proxy:1080'\nwebhook_url = 'https://films.example.org/telegram'\n"
        "base_url = 'http://[::1]:8081/bot'\n"
    )
    assert load_settings(path).telegram.proxy == "socks5://proxy:1080"


def test_the_engine_does_not_repeat_what_it_was_told_wrong(tmp_path: Path) -> None:
    path = tmp_path / "engine-settings.json"
    told = json.loads(Settings().model_dump_json())
    told["log"]["level"] = TOKEN
    path.write_text(json.dumps(told))
    command = (sys.executable, "-m", "engine", "doctor", "--settings", str(path))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert '"log.level" is refused' in done.stderr
    assert TOKEN not in done.stderr
