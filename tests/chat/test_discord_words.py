"""Discord's own words and limits: every language says the same, within what Discord takes; nothing has its meaning."""

from __future__ import annotations

import re
import string
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat import Action
from bot.discord.controls import custom_id, read_custom_id
from bot.discord.text import CONTENT_CHARS_MAX, content, inert
from bot.wording import LANGUAGES, en
from bot.wording.discord_words import DiscordWords, Named

LABELS = ("form_title", "form_picture", "form_prompt", "form_seconds", "edit_title")
EVERY_LANGUAGE = pytest.mark.parametrize("words", [table.discord for table in LANGUAGES.values()], ids=list(LANGUAGES))


@EVERY_LANGUAGE
def test_gaps_are_the_same_in_every_language(words: DiscordWords) -> None:
    for field in fields(DiscordWords):
        ours, english = getattr(words, field.name), getattr(en.TABLE.discord, field.name)
        if isinstance(ours, str):
            assert gaps(ours) == gaps(english), field.name
    assert words.permissions.keys() == en.TABLE.discord.permissions.keys()


@EVERY_LANGUAGE
def test_names_and_labels_are_what_discord_takes(words: DiscordWords) -> None:
    for field in fields(DiscordWords):
        named = getattr(words, field.name)
        if isinstance(named, Named):
            assert re.fullmatch(r"[-_'\w]{1,32}", named.name)
            assert named.name == named.name.lower()
            assert 1 <= len(named.help) <= 100
    for label in LABELS:
        assert len(getattr(words, label).format(request_id=10**18 - 1)) <= 45
    assert len(words.animate_message) <= 32
    assert len(words.help_text) <= CONTENT_CHARS_MAX


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@given(st.text(max_size=3000))
def test_whatever_is_written_fits_and_means_nothing(text: str) -> None:
    shown = content(text)
    assert len(shown) <= CONTENT_CHARS_MAX
    bare = re.sub(r"\\.", "", shown, flags=re.DOTALL)
    assert not re.search(r"[*_~|`<\[\]]", bare)
    assert not re.search(r"@(everyone|here)", shown)
    assert "://" not in shown
    # In what is shown: an escaped first mark takes the meaning of all that follow it, as in "\\-#" and "\\>>>".
    assert not re.search(r"^\s*(#|>|-|\+)", shown, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("-# small", "\\-# small"),
        ("## big", "\\## big"),
        (">>> all of it", "\\>>> all of it"),
        ("> one", "\\> one"),
        ("a\n  - b", "a\n  \\- b"),
        ("1. c", "1\u200b. c"),
    ],
)
def test_what_begins_a_line_loses_its_meaning_and_nothing_else(written: str, shown: str) -> None:
    assert inert(written) == shown


@pytest.mark.parametrize("invite", ["discord.gg/foxes", "Discord.com/invite/foxes", "join discordapp.com/invite/x now"])
def test_an_invitation_without_a_scheme_is_no_link(invite: str) -> None:
    assert "\\/" in inert(invite)
    assert not re.search(r"(?i)discord(app)?\.\w+/", inert(invite))


def test_plain_words_stay_as_they_are() -> None:
    words = "🎬 In coda: 3º posto, circa 11 min. «la volpe gira la testa» · 2,5 s"
    assert inert(words) == words


@given(st.sampled_from(list(Action)), st.integers(1, 10**18 - 1))
def test_a_custom_id_says_what_it_was_made_of(action: Action, request_id: int) -> None:
    assert read_custom_id(custom_id(action, request_id)) == (action, request_id)


NEARLY = st.from_regex(r"(reroll|extend|delete|like|)[:;](0|-|\+|)[0-9]{0,19}( |:1|\n|)", fullmatch=True)


@given(st.text(max_size=40) | NEARLY)
def test_other_custom_ids_say_nothing(text: str) -> None:
    found = read_custom_id("fb:" + text)
    # What is read is what was written, to the letter: nothing is guessed.
    assert found is None or custom_id(*found) == "fb:" + text
    assert found is None or 1 <= found[1] < 10**18
