from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import intake
from bot.chat import Incoming
from bot.intake import Rules
from bot.wording import table
from storage.errors import RequestRejected
from storage.jobs import Member, Place, Schedule
from storage.models import MODELS, model_card
from storage.settings import FilmSettings, IntakeSettings

MIA = Member(platform="test", user_id="1", name="mia")
HERE = Place(platform="test", community_id="guild", chat_id="room")


def rules(model: str = "tiny") -> Rules:
    card = model_card(model)
    return Rules(intake=IntakeSettings(), film=FilmSettings(), model=card, size=card.size, steps=card.steps)


def wish(**options: object) -> Incoming:
    return Incoming(idem="test:1", member=MIA, place=HERE, picture=b"", **options)  # type: ignore[arg-type]


def read(model: str = "tiny", **options: object) -> intake.Options:
    return intake.read_options(wish(**options), rules(model), random.Random(7))


typed = st.none() | st.text(max_size=30) | st.decimals().map(str) | st.integers().map(str) | st.floats().map(repr)


@given(
    prompt=st.text(max_size=2100) | st.text(alphabet=st.characters(codec=None), max_size=50),
    seconds=typed,
    seed=typed,
    schedule=typed | st.sampled_from(["inverted", " Forward "]),
    steps=typed,
    size=typed,
    end_picture=st.none() | st.just(b"x"),
    model=st.sampled_from(sorted(MODELS)),
    locale=st.sampled_from(["en", "it-IT", "de", ""]),
)
def test_any_options_give_a_film_within_its_limits_or_one_sentence(
    prompt: str, model: str, locale: str, **options: object
) -> None:
    member = Member(platform="test", user_id="1", name="mia", locale=locale)
    incoming = Incoming(idem="i", member=member, place=HERE, picture=b"", prompt=prompt, **options)  # type: ignore[arg-type]
    refused: RequestRejected | None = None
    try:
        found = intake.read_options(incoming, rules(model), random.Random(0))
    except RequestRejected as error:
        refused = error
    if refused is not None:
        assert refused.field in {"prompt", "seconds", "seed", "schedule", "steps", "size", "end_picture"}
        assert str(refused).endswith(".")
        assert "\n" not in str(refused)
        str(refused).encode()
        return
    assert 500 <= found.duration_ms <= 120_000
    assert 0 <= found.seed < 2**32
    assert found.schedule in model_card(model).schedules
    assert 1 <= found.steps <= 100
    assert found.size % 16 == 0
    assert 64 <= found.size <= 1024
    assert 0 < len(found.prompt) <= 2000
    assert found.prompt == found.prompt.strip()
    assert not (incoming.end_picture and found.schedule is Schedule.FORWARD)
    found.prompt.encode()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("3", 3000),
        ("2.5", 2500),
        ("2,5", 2500),
        (" 120 ", 120_000),
        ("0.5", 500),
        (".75", 750),
        ("3.", 3000),
        ("٣", 3000),
    ],
)
def test_seconds_are_decimals_with_either_mark(text: str, ms: int) -> None:
    assert read(seconds=text).duration_ms == ms


@pytest.mark.parametrize(
    "text",
    ["abc", "0", "-1", "121", "120.01", "nan", "inf", "1e9", "1e1", "0.0001", "1_0", "3 s", "--", "1.2.3", "9" * 400],
)
def test_seconds_out_of_range_are_refused_with_the_range(text: str) -> None:
    with pytest.raises(RequestRejected, match=r"from 0\.5 to 120") as caught:
        read(seconds=text)
    assert caught.value.field == "seconds"
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", [None, "", "  "])
def test_absent_options_take_the_defaults_of_host_and_model(text: str | None) -> None:
    found = read(seconds=text, steps=text, size=text, schedule=text)
    assert (found.duration_ms, found.steps, found.size) == (5000, 6, 256)
    assert found.schedule is Schedule.INVERTED
    assert read("framepack-f1").schedule is Schedule.FORWARD


@given(st.integers(min_value=0, max_value=2**32 - 1))
@example(0)
@example(2**32 - 1)
def test_every_seed_of_32_bits_is_kept(seed: int) -> None:
    assert read(seed=str(seed)).seed == seed


@pytest.mark.parametrize("text", ["-1", str(2**32), "1.5", "0x10", "seven"])
def test_other_seeds_are_refused_with_the_range(text: str) -> None:
    with pytest.raises(RequestRejected, match="0 to 4294967295"):
        read(seed=text)


def test_an_absent_seed_is_drawn_from_the_given_source() -> None:
    one = intake.read_options(wish(), rules(), random.Random(1)).seed
    assert one == intake.read_options(wish(), rules(), random.Random(1)).seed
    assert one != intake.read_options(wish(), rules(), random.Random(2)).seed


@pytest.mark.parametrize("text", ["0", "101", "-3", "6.5", "many"])
def test_steps_out_of_range_are_refused_with_the_range(text: str) -> None:
    with pytest.raises(RequestRejected, match="1 to 100"):
        read(steps=text)


@pytest.mark.parametrize("text", ["48", "1040", "100", "big", "-64"])
def test_sizes_between_the_grid_or_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(RequestRejected, match="multiple of 16 from 64 to 1024"):
        read(size=text)


def test_a_schedule_the_model_was_not_trained_for_is_refused_with_those_it_was() -> None:
    with pytest.raises(RequestRejected, match="it can draw: inverted") as caught:
        read("framepack", schedule="forward")
    assert caught.value.field == "schedule"
    assert read(schedule="FORWARD").schedule is Schedule.FORWARD


@pytest.mark.parametrize(("model", "schedule"), [("tiny", "forward"), ("framepack-f1", None)])
def test_an_end_picture_is_refused_where_the_film_is_drawn_forward(model: str, schedule: str | None) -> None:
    with pytest.raises(RequestRejected) as caught:
        read(model, schedule=schedule, end_picture=b"x")
    assert caught.value.field == "end_picture"


def test_a_prompt_over_the_limit_is_refused_with_the_limit() -> None:
    assert len(read(prompt="a" * 2000).prompt) == 2000
    with pytest.raises(RequestRejected, match="10000 characters; at most 2000"):
        read(prompt="a" * 10_000)


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\ufeff", "\u200d", "\u202e\u2066", "\x00\x07"])
def test_a_prompt_without_anything_visible_becomes_the_default_motion(text: str) -> None:
    assert read(prompt=text).prompt == FilmSettings().prompt_default


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  the fox\r\n\tturns  its head ", "the fox turns its head"),
        ("زوم\u200cکن \u200fببین", "زوم\u200cکن \u200fببین"),
        ("👩\u200d🚀 waves", "👩\u200d🚀 waves"),
        ("a\u202ecod.exe\u202c b", "acod.exe b"),
        ("zero\u200bwidth\u00ad\ufeff", "zerowidth"),
        ("cafe\u0301", "café"),
        ("bell\x07 null\x00", "bell null"),
        ("broken \udcff byte", "broken byte"),
    ],
)
def test_a_prompt_keeps_what_spells_words_and_loses_what_only_hides(text: str, clean: str) -> None:
    assert intake.clean_text(text) == clean


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = intake.clean_text(text)
    assert intake.clean_text(once) == once
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in once)


def test_refusals_speak_the_members_language() -> None:
    member = Member(platform="test", user_id="1", name="mia", locale="it-IT")
    incoming = Incoming(idem="i", member=member, place=HERE, picture=b"", seconds="abc")
    with pytest.raises(RequestRejected, match="da 0,5 a 120"):
        intake.read_options(incoming, rules(), random.Random(0))


def test_a_refused_value_in_another_script_keeps_to_itself() -> None:
    with pytest.raises(RequestRejected, match="“\u2068שבע\u2069” is not a valid seed"):
        read(seed="שבע")


# -- a model that was taught little -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("the fox turns its head", True), ("la volpe gira la testa", True), ("zoom in on the fox", False), ("", False)],
)
@pytest.mark.parametrize("locale", ["en", "it"])
def test_a_wish_beyond_the_little_model_is_answered_in_words(prompt: str, said: bool, locale: str):
    words = table(locale)
    options = intake.read_options(
        replace(wish(prompt=prompt), member=replace(MIA, locale=locale)), rules("little"), random.Random(7)
    )
    assert (words.wish_beyond_model in options.notes) is said
    assert read("framepack", prompt=prompt).notes == ()


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("fade to black", True),
        ("The picture slowly fades into darkness.", True),
        ("it gets completely dark", True),
        ("dissolvenza in nero", True),
        ("la luce cala fino al buio", True),
        ("buio totale", True),
        ("night falls", False),
        ("zoom in on the black cat", False),
        ("zoom in on the man in black", False),
        ("the fox dances to black metal", False),
        ("zoom sull'uomo in nero", False),
    ],
)
def test_a_film_of_the_little_model_that_is_to_end_black_says_that_it_does_not(prompt: str, said: bool):
    notes = read("little", prompt=prompt).notes
    assert (table("en").model_stays_lit in notes) is said
    assert read("framepack", prompt=prompt).notes == ()


@pytest.mark.parametrize(("seconds", "said"), [(None, False), ("5", False), ("6", True), ("20", True)])
def test_a_long_film_of_the_little_model_says_that_it_stands_still(seconds: str | None, said: bool):
    notes = read("little", prompt="pan left", seconds=seconds).notes
    assert any("stands still" in note for note in notes) is said


@pytest.mark.parametrize("locale", ["en", "it"])
def test_the_examples_of_help_are_wishes_that_every_model_understands(locale: str):
    vocabulary = model_card("little").vocabulary
    assert vocabulary is not None
    telegram = table(locale).telegram
    examples = re.findall(r"^/animate (.+)", f"{telegram.help_text}\n{telegram.animate_help}", re.MULTILINE)
    assert len(examples) == 2
    for shown in examples:
        found = intake.read_options(wish(prompt=shown), rules("little"), random.Random(7))
        assert vocabulary.understands(found.prompt), shown
        assert found.duration_ms == 5000
        assert found.notes == ()


def test_other_words_for_a_film_are_answered_too():
    words = table("en")
    assert intake.read_changes("she smiles", rules("little"), random.Random(7), words).notes == (
        words.wish_beyond_model,
    )
    assert intake.read_changes("", rules("little"), random.Random(7), words).notes == ()
