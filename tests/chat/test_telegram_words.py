"""What messages say, read and written: options in plain words, calls, lengths. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import User

from bot.chat import Action
from bot.telegram.controls import AGAIN, DATA_BYTES_MAX, PAGE, Pressed, data, read_data
from bot.telegram.front import member_of
from bot.telegram.origin import Origin, read_origin
from bot.telegram.reading import Wish, read_wish
from bot.telegram.text import calling, inert, shortened, utf16
from bot.wording import LANGUAGES
from storage.jobs import ORIGIN_CHARS_MAX, Member

IT = LANGUAGES["it"].telegram.marks


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", Wish()),
        ("the fox turns its head", Wish(prompt="the fox turns its head")),
        ("5s the fox", Wish(prompt="the fox", seconds="5")),
        ("the fox 2.5s seed 7 gif", Wish(prompt="the fox", seconds="2.5", seed="7", gif=True)),
        ("seed: 7 style lively the fox 2,5 s", Wish(prompt="the fox", seconds="2,5", seed="7", style="lively")),
        ("the fox SPOILER", Wish(prompt="the fox", spoiler=True)),
        ("a gif of a fox", Wish(prompt="a gif of a fox")),
        ("he waits 5s and sits", Wish(prompt="he waits 5s and sits")),
        ("plants a seed slowly", Wish(prompt="plants a seed slowly")),
        ("5s 6s the fox", Wish(prompt="6s the fox", seconds="5")),
        ("99999s", Wish(seconds="99999")),
        ("gif", Wish(gif=True)),
    ],
)
def test_options_stand_before_or_after_the_words(text: str, wish: Wish) -> None:
    assert read_wish(text, {}) == wish


def test_options_in_the_members_language_and_in_english() -> None:
    wish = Wish(prompt="la volpe", seed="7", style="lively")
    assert read_wish("la volpe seme 7 stile lively", IT) == wish
    assert read_wish("la volpe seed 7 style lively", IT) == wish


@given(st.text())
def test_any_text_is_a_wish(text: str) -> None:
    wish = read_wish(text, IT)
    assert set(wish.prompt.split()) <= set(text.split())


@given(st.sampled_from([*Action, AGAIN, PAGE]), st.integers(0, 10**18 - 1))
def test_a_buttons_data_comes_back_and_is_short(what: Action | str, number: int) -> None:
    text = data(what, number)
    assert len(text.encode()) <= DATA_BYTES_MAX
    assert read_data(text) == Pressed(what, number)


@given(st.text(max_size=80))
def test_any_data_is_read_or_refused(text: str) -> None:
    found = read_data(text)
    assert found is None or data(found.what, found.number).partition(":")[0] == text.partition(":")[0]


@given(st.text(max_size=300), st.integers(2, 200))
def test_a_shortened_text_fits(text: str, most: int) -> None:
    assert utf16(shortened(text, most)) <= most


def test_marks_lose_their_meaning_and_keep_their_looks() -> None:
    for text in ("@mia", "/cancel 7", "“/cancel”", "#tag", "$ABC"):
        assert inert(text) != text
        assert inert(text).replace("\u2060", "") == text
    assert inert("1/2 a@ # / mia /history") == "1/2 a@ # / mia /history"


def test_a_call_names_the_member_where_the_name_stands() -> None:
    mia = Member(platform="telegram", user_id="7", name="🦊 @Mia")
    told = calling("✨ {name}: {text}", mia, chars_max=1024, text="{name} /x")
    (entity,) = told.entities
    coded = told.text.encode("utf-16-le")
    assert coded[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le") == "🦊 @\u2060Mia"
    assert told.text.endswith("{name} /\u2060x")


def test_a_name_that_is_empty_still_calls() -> None:
    told = calling("{name}!", Member(platform="telegram", user_id="7", name="\u200b "), chars_max=99)
    assert told.entities


@pytest.mark.parametrize(
    ("first", "name"),
    [("Mia", "Mia"), ("\u202eMia\u200b", "Mia"), ("\u200b \u2060", "#7"), ("👩\u200d🎨", "👩\u200d🎨")],
)
def test_a_members_name_can_be_seen_and_turns_nothing_around(first: str, name: str) -> None:
    assert member_of(User(id=7, first_name=first, is_bot=False)).name == name


ORIGINS = st.builds(
    Origin,
    photo=st.text("abcXYZ-_09", max_size=1200),
    topic=st.none() | st.integers(1),
    gif=st.booleans(),
    chat=st.none() | st.integers(-(2**53), -1),
)


@given(ORIGINS)
def test_an_origin_comes_back_or_loses_only_its_photo(origin: Origin) -> None:
    text = origin.text()
    assert len(text) <= ORIGIN_CHARS_MAX
    found = read_origin(text)
    assert (found.topic, found.chat, found.gif) == (origin.topic, origin.chat, origin.gif)
    assert found.photo in (origin.photo, "")


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"p": 7, "t": "x"}', '{"interaction": 1}'])
def test_an_origin_of_another_platform_says_nothing(text: str) -> None:
    assert read_origin(text) == Origin()
