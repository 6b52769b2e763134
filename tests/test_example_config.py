"""config.example.toml and the settings models say the same thing."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from storage.errors import SettingsError
from storage.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"
OPTIONAL = re.compile(r"^# (?=[a-z_]+ = |\[)", re.MULTILINE)
"""A setting whose default is "none" stands there commented out."""


def settings_of(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= settings_of(field.annotation, f"{prefix}{name}.")
        elif get_origin(field.annotation) is dict:
            found |= settings_of(get_args(field.annotation)[1], f"{prefix}{name}.*.")
        else:
            found[prefix + name] = field.get_default()
    return found


def test_example_shows_every_setting_and_no_other():
    shown = tomllib.loads(OPTIONAL.sub("", EXAMPLE.read_text("utf-8")))
    communities = shown.pop("community").values()
    keys = {f"{section}.{key}" for section, body in shown.items() for key in body}
    keys |= {f"community.*.{key}" for community in communities for key in community}
    assert keys == set(settings_of(Settings))


def test_example_holds_the_defaults():
    raw = tomllib.loads(EXAMPLE.read_text("utf-8"))
    defaults = settings_of(Settings)
    for section, body in raw.items():
        for key, value in body.items():
            default = defaults[f"{section}.{key}"]
            assert value == (str(default) if isinstance(default, Path) else default), f"{section}.{key}"


def test_every_setting_is_explained_where_it_stands():
    lines = EXAMPLE.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"^(# )?[a-z_]+ = ", line):
            assert lines[number - 1].startswith("# "), f"no reason above: {line}"


def test_example_loads_with_every_optional_setting_switched_on(tmp_path: Path):
    target = tmp_path / "config.toml"
    target.write_text(OPTIONAL.sub("", EXAMPLE.read_text("utf-8")), "utf-8")
    settings = load_settings(target)
    assert settings.data.folder == tmp_path / "data"
    assert settings.telegram.base_url == "http://127.0.0.1:8081/bot"
    assert (settings.form("123456789012345678"), settings.form("another")) == ("gif", "both")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[film]\nsecondz_max = 3", "film.secondz_max"),
        ("[film]\nseconds_max = 121", "film.seconds_max"),
        ('[queue]\nlease_s = "soon"', "queue.lease_s"),
        ('[engine]\nmodel = "sora"', "engine.model"),
        ("[engine]\nsize = 100", "engine.size"),
        ("[film]\nseconds_max = 3", "seconds_default"),
        ("[queue]\nwait_hours_max = 12", "queue.wait_hours_promised_max"),
        ("[film", "TOML"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path, text: str, named: str):
    target = tmp_path / "config.toml"
    target.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=re.escape(named)) as caught:
        load_settings(target)
    assert "\n" not in str(caught.value)
