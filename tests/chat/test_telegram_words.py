"""What messages say, read and written: calls, marks, lengths. Pure."""

from __future__ import annotations

import pytest
from chatkit.telegram.entities import found_alone
from hypothesis import given
from hypothesis import strategies as st
from telegram import User

from bot.chat import Action
from bot.telegram.controls import AGAIN, DATA_BYTES_MAX, PAGE, Pressed, data, read_data
from bot.telegram.front import member_of
from bot.telegram.origin import Origin, read_origin
from bot.telegram.text import calling, inert, shortened, utf16
from storage.jobs import ORIGIN_CHARS_MAX, Member


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
    for text in LIVE:
        assert found_alone(text), text
        assert found_alone(inert(text)) == [], text
        assert inert(text).replace("\u2060", "") == text
    assert inert("1/2 a@ # / mia 2.5 s. Seed 4294967295…") == "1/2 a@ # / mia 2.5 s. Seed 4294967295…"


@given(
    st.lists(st.sampled_from([*"@#$/.+:-( ", *"aZ7", "39 333", "com", "t.me", "/queue", "evil.example"]), max_size=12)
)
def test_no_text_whatever_is_live(pieces: list[str]) -> None:
    assert found_alone(inert("".join(pieces))) == []


def test_a_name_in_another_script_is_called_and_keeps_to_itself() -> None:
    mia = Member(platform="telegram", user_id="7", name="מיה")
    told = calling("{name}: {text}", mia, chars_max=1024, text="5 s")
    assert told.text == "\u2068מיה\u2069: 5 s"
    (entity,) = told.entities
    assert (entity.offset, entity.length) == (1, 3)


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


LIVE = (
    "@miamia",
    "/cancel 7",
    "“/cancel”",
    "see /history",
    "#tag",
    "$ABC",
    "evil.example",
    "evil\u200d.example",
    "evil\u2010.example",
    "https://evil.example/x",
    "t.me/evil",
    "tg://resolve?domain=evil",
    "write to mia@evil.example",
    "at 10.0.0.1 now",
    "call +39 333 123 4567",
    "+393331234567",
)
ORIGINS = st.builds(
    Origin,
    photo=st.text("abcXYZ-_09", max_size=1200),
    topic=st.none() | st.integers(1),
    chat=st.none() | st.integers(-(2**53), -1),
)


@given(ORIGINS)
def test_an_origin_comes_back_or_loses_only_its_photo(origin: Origin) -> None:
    text = origin.text()
    assert len(text) <= ORIGIN_CHARS_MAX
    found = read_origin(text)
    assert (found.topic, found.chat) == (origin.topic, origin.chat)
    assert found.photo in (origin.photo, "")


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"p": 7, "t": "x"}', '{"interaction": 1}'])
def test_an_origin_of_another_platform_says_nothing(text: str) -> None:
    assert read_origin(text) == Origin()
