from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest
from botkit.statuses import CANCELLED, DONE, EXPIRED, FAILED, MIA, PARAMS, QUEUED, RUNNING, progress

from bot.chat import Action
from bot.wording import LANGUAGES, durations, table
from bot.wording.pages import history_page, privacy_page, queue_page, quota_page
from bot.wording.refusals import refusal
from bot.wording.views import ACTIONS, action_label, closed_notice, film_view, status_view
from storage.errors import Figure, QueueFull, QuotaExceeded, RequestRejected, Rule
from storage.jobs import JobState, Phase, Schedule, Status
from storage.quota import Allowance
from storage.settings import RetentionSettings
from storage.store.rescue import POISON

ROOT = Path(__file__).parents[2]

EVERY = {
    "queued": QUEUED,
    "unmeasured": replace(QUEUED, wait_ms=None),
    "interrupted": replace(QUEUED, interrupted=True, position=1),
    "paused": replace(QUEUED, interrupted=True, paused=True, wait_ms=None),
    "down": replace(QUEUED, interrupted=True, down_ms=1_764_425_100_000, wait_ms=None),
    "paused for now": replace(QUEUED, paused=True, pause_ends=True, wait_ms=None),
    "starting": RUNNING,
    "part": replace(RUNNING, progress=progress()),
    "finishing": replace(RUNNING, progress=progress(section=3, phase=Phase.ENCODING)),
    "done": DONE,
    "failed": FAILED,
    "cancelled": CANCELLED,
    "expired": EXPIRED,
}


def said(status: Status, locale: str = "en") -> str:
    return status_view(replace(status, member=replace(status.member, locale=locale))).text


@pytest.mark.parametrize("locale", sorted(LANGUAGES))
def test_every_state_has_its_own_sentence_in_every_language(locale: str) -> None:
    texts = {name: said(status, locale) for name, status in EVERY.items()}
    assert len(set(texts.values())) == len(EVERY)
    assert all("{" not in text and "None" not in text for text in texts.values())


def test_languages_differ_in_every_state() -> None:
    for name, status in EVERY.items():
        assert len({said(status, locale) for locale in LANGUAGES}) == len(LANGUAGES), name


@pytest.mark.parametrize("locale", sorted(set(LANGUAGES) - {"en"}))
def test_every_language_has_the_same_sentences_with_the_same_gaps(locale: str) -> None:
    for field in fields(LANGUAGES["en"]):
        ours, theirs = getattr(LANGUAGES["en"], field.name), getattr(LANGUAGES[locale], field.name)
        if isinstance(ours, str):
            assert theirs.strip(), field.name
            assert _gaps(ours) == _gaps(theirs), field.name
        if isinstance(ours, Mapping) and field.name in ("actions", "states"):
            assert ours.keys() == theirs.keys()


def _gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("locale", sorted(LANGUAGES))
def test_every_action_and_every_state_has_a_name(locale: str) -> None:
    assert set(LANGUAGES[locale].actions) == set(Action)
    assert set(LANGUAGES[locale].states) == {state.value for state in JobState}


def test_a_queued_film_says_place_wait_words_and_length() -> None:
    assert said(QUEUED) == "🎬 Queued: 3rd, about 11 min. “the fox turns its head” · 5 s · seed 8841"


def test_a_queued_film_repeats_all_that_was_understood_of_the_wish() -> None:
    params = replace(PARAMS, form="gif", style=LANGUAGES["it"].styles["lively"].phrase)
    wished = replace(QUEUED, params=params, spoiler=True)
    assert said(wished).endswith("· 5 s · seed 8841 · style lively · GIF · spoiler")
    assert said(wished, "it").endswith("· 5 s · seme 8841 · stile vivace · GIF · spoiler")
    assert said(replace(QUEUED, params=replace(PARAMS, style="my way"))).endswith("· style my way")


def test_a_prompt_that_was_too_long_for_the_model_says_where_it_was_cut() -> None:
    params = replace(PARAMS, prompt="the fox turns its head and " * 20 + "never this")
    assert DONE.result is not None
    cut = replace(DONE, params=params, result=replace(DONE.result, unread_chars=len("never this")))
    assert "the fox turns its head and”, 10 characters" in said(cut)
    assert "10 caratteri" in said(cut, "it")
    assert "only the beginning" not in said(DONE)


def test_words_in_another_script_keep_to_themselves() -> None:
    hebrew = replace(QUEUED, params=replace(PARAMS, prompt="השועל רץ 7"))
    assert "“\u2068השועל רץ 7\u2069” · 5 s" in said(hebrew)
    assert "«\u2068השועל רץ 7\u2069» · 5 s" in said(hebrew, "it")
    long = replace(DONE, params=replace(PARAMS, prompt="שועל " * 1000))
    view = film_view(long, film=Path("film.mp4"), gif=None)
    for text in (view.text, view.alt_text):
        assert text.count("\u2068") == text.count("\u2069") == 1
    assert len(view.alt_text) <= 1024
    named = replace(CANCELLED, member=replace(MIA, name="מיה"))
    assert "by \u2068מיה\u2069." in said(named)
    other = replace(DONE, parent_member=replace(MIA, user_id="2", name="\u202eمريم"))
    assert "\u2068مريم\u2069" in said(other)
    page = queue_page(table("en"), [replace(QUEUED, member=named.member)], replace(MIA, user_id="9"), count=1)
    assert "\u2068מיה\u2069" in page
    assert "\u2068" not in said(QUEUED)


def test_an_interrupted_film_says_that_its_place_is_kept() -> None:
    assert "Your place is kept (now 1st)" in said(EVERY["interrupted"])


def test_a_film_that_waits_for_the_owners_pause_says_so_and_promises_no_time() -> None:
    assert said(EVERY["paused"]) == (
        "🎮 The host is using the card. Drawing goes on when they hand it back; your place is kept. "
        "Now 3rd: “the fox turns its head” · 5 s · seed 8841"
    )


def test_only_a_pause_with_an_end_is_said_to_end_by_itself() -> None:
    assert "goes on by itself" in said(EVERY["paused for now"])
    assert "by itself" not in said(EVERY["paused"])
    assert "da sé" in said(EVERY["paused for now"], "it")
    assert "da sé" not in said(EVERY["paused"], "it")


def test_a_film_that_waits_for_a_dead_engine_says_since_when_and_promises_no_time() -> None:
    assert said(EVERY["down"]) == (
        "🔧 The host's engine has been down since 2025-11-29 14:05 UTC; I keep trying to start it. "
        "Your place is kept (now 3rd). “the fox turns its head” · 5 s · seed 8841"
    )
    assert "fermo dal 2025-11-29 14:05 UTC" in said(EVERY["down"], "it")
    # Nobody mends what is paused.
    assert said(replace(EVERY["down"], paused=True)) == said(EVERY["paused"])


@pytest.mark.parametrize("days", [-365_000, -20_000, 0, 365_000])
def test_a_moment_is_said_whatever_the_clock_says(days: int) -> None:
    assert durations.moment(1_764_425_100_000 + days * 86_400_000).endswith(":05 UTC")


def test_a_running_film_says_its_part_and_that_the_ending_comes_first() -> None:
    assert said(EVERY["part"]) == "🎞 Part 2 of 4 · about 3 min left · The ending is drawn first."
    forward = replace(EVERY["part"], params=replace(PARAMS, schedule=Schedule.FORWARD))
    assert "ending" not in said(forward)
    assert "left" not in said(replace(RUNNING, progress=progress(eta_ms=None)))
    one_part = replace(RUNNING, progress=progress(section=0, sections=1))
    assert "ending" not in said(one_part)


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.CONDITIONING])
def test_a_film_that_is_being_prepared_is_starting(phase: Phase) -> None:
    assert said(replace(RUNNING, progress=progress(phase=phase))) == said(RUNNING)


def test_a_finished_film_says_seed_and_time_and_calls_its_requester(tmp_path) -> None:
    view = film_view(DONE, film=tmp_path / "film.mp4", gif=None)
    assert view.text == "✨ “the fox turns its head” · 5 s · seed 8841 · took 5:12"
    assert view.mention == MIA
    assert view.alt_text == "The picture, animated: the fox turns its head"
    assert view.actions == (Action.REROLL, Action.EDIT, Action.EXTEND, Action.DELETE, Action.HIDE)


@pytest.mark.parametrize("locale", sorted(LANGUAGES))
def test_a_film_of_an_untrained_model_says_so_and_others_do_not(locale: str) -> None:
    untrained = replace(DONE, params=replace(PARAMS, model="tiny"))
    assert "tiny" in said(untrained, locale)
    assert "framepack" not in said(DONE, locale)


def test_a_failed_film_says_why_and_that_nothing_is_charged() -> None:
    assert said(FAILED) == "⚠️ The card ran out of memory. Nothing was charged."


def test_a_cancelled_film_says_what_comes_back() -> None:
    assert said(CANCELLED) == "✖️ Cancelled by mia. 3 s refunded."
    assert "nothing is refunded" in said(replace(CANCELLED, charged_ms=5000))
    assert said(replace(CANCELLED, cancelled_by_other=True)) == "✖️ Cancelled by a moderator. 3 s refunded."


def test_an_expired_film_says_how_long_it_waited() -> None:
    assert said(EXPIRED) == "💤 Waited 6 h while the host was away. Refunded."


def test_what_can_be_done_follows_the_state() -> None:
    assert {state: len(actions) for state, actions in ACTIONS.items()}.keys() == set(JobState)
    assert status_view(QUEUED).actions == status_view(RUNNING).actions == (Action.CANCEL,)
    assert status_view(FAILED).actions == (Action.RETRY, Action.SHORTER)
    one_part = replace(FAILED, params=replace(PARAMS, duration_ms=1200))
    assert status_view(one_part).actions == status_view(EXPIRED).actions == (Action.RETRY,)
    assert status_view(CANCELLED).actions == ()


@pytest.mark.parametrize(
    ("locale", "queued", "tried"), [("en", "Queue again", "Try again"), ("it", "Rimetti", "Riprova")]
)
def test_what_only_waited_too_long_is_queued_again(locale: str, queued: str, tried: str):
    words = table(locale)
    assert action_label(words, Action.RETRY, EXPIRED).startswith(queued)
    assert action_label(words, Action.RETRY, FAILED).startswith(tried)


def test_a_prompt_with_gaps_and_markup_of_its_own_stays_as_typed() -> None:
    odd = replace(QUEUED, params=replace(PARAMS, prompt="{seed} {0} %s **@everyone**"))
    assert "{seed} {0} %s **@everyone**" in said(odd)


def test_long_prompts_are_shortened_and_alt_text_keeps_to_the_platforms_limit(tmp_path) -> None:
    long = replace(DONE, params=replace(PARAMS, prompt="a" * 2000))
    assert len(said(long)) < 200
    assert len(film_view(long, film=tmp_path, gif=None).alt_text) <= 1024


@pytest.mark.parametrize(
    ("number", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (121, "121st")]
)
def test_english_ordinals(number: int, word: str) -> None:
    assert table("en").ordinal(number) == word


@pytest.mark.parametrize("locale", ["it", "it-IT", "it_CH", "IT"])
def test_regional_locales_find_their_language(locale: str) -> None:
    assert table(locale) is LANGUAGES["it"]


@pytest.mark.parametrize("locale", ["", "xx", "de-DE"])
def test_unknown_locales_are_spoken_to_in_english(locale: str) -> None:
    assert table(locale) is LANGUAGES["en"]


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "5 s"), (33_000, "35 s"), (59_999, "60 s"), (60_000, "1 min"), (660_000, "11 min"), (3_600_000, "1 h 0 min")],
)
def test_waits_are_rounded_as_their_length_allows(ms: int, words: str) -> None:
    assert durations.about(table("en"), ms) == words


def test_stopwatch_reads_as_minutes_and_hours() -> None:
    assert [durations.stopwatch(ms) for ms in (7_000, 312_000, 3_729_000)] == ["0:07", "5:12", "1:02:09"]


def test_a_film_that_comes_from_somebody_elses_credits_both() -> None:
    ben = replace(MIA, user_id="2", name="ben")
    assert said(replace(DONE, parent_member=ben)).endswith("\nFrom a film that ben asked for.")
    assert "From a film" not in said(replace(DONE, parent_member=MIA))


def test_a_closed_room_is_told_of_with_how_the_film_ended() -> None:
    assert "/history" in closed_notice(DONE)
    assert "ran out of memory" in closed_notice(FAILED)
    assert "damaged" in closed_notice(replace(DONE, film_lost=True))


FIGURES: dict[Rule, dict[str, Figure]] = {
    Rule.QUEUE_FULL: {"count": 500},
    Rule.WAITING_ALREADY: {"count": 5},
    Rule.WAIT_TOO_LONG: {"wait_ms": 100_000_000, "most_ms": 86_400_000},
    Rule.DISK_FULL: {},
    Rule.DATABASE_AWAY: {},
    Rule.DATABASE_BUSY: {},
    Rule.UNKNOWN_FILM: {"request_id": 7},
    Rule.REROLL_OPEN: {"request_id": 7},
    Rule.REROLL_TOO_SOON: {"wait_ms": 9_000},
    Rule.REROLLED_OUT: {"request_id": 7, "most": 20},
    Rule.STILL_OPEN: {"request_id": 7},
    Rule.NO_FILM: {"request_id": 7},
    Rule.PICTURE_EMPTY: {},
    Rule.PICTURE_HEAVY: {"megabytes": 25.04, "most": 20.0},
    Rule.PICTURE_HEIC: {},
    Rule.NO_PICTURE: {"accepted": "JPEG, PNG"},
    Rule.PICTURE_SMALL: {"width": 8, "height": 9, "least": 32},
    Rule.PICTURE_LARGE: {"width": 20_000, "height": 10_000, "most": 50.0},
    Rule.PICTURE_LAYERS: {},
    Rule.PICTURE_COSTLY: {},
    Rule.PICTURES_UNREAD: {},
    Rule.PICTURE_VARIANT: {"format": "TIFF"},
    Rule.PICTURE_DAMAGED: {"format": "PNG"},
    Rule.PICTURE_INVISIBLE: {},
}


@pytest.mark.parametrize("locale", sorted(set(LANGUAGES) - {"en"}))
@pytest.mark.parametrize("rule", list(Rule))
def test_every_refusal_is_said_in_every_language_with_all_its_figures(rule: Rule, locale: str) -> None:
    assert _gaps(LANGUAGES[locale].refusals[rule]) == FIGURES[rule].keys()
    error = RequestRejected("In English.", field="request", rule=rule, figures=FIGURES[rule])
    sentence = refusal(error, locale=locale, now_ms=0)
    assert sentence != "In English."
    assert "{" not in sentence
    assert refusal(error, locale="en", now_ms=0) == "In English."


def test_figures_are_said_as_people_say_them() -> None:
    too_soon = RequestRejected("…", field="request", rule=Rule.REROLL_TOO_SOON, figures={"wait_ms": 38_400})
    assert refusal(too_soon, locale="it", now_ms=0).endswith("fra circa 40 s.")
    heavy = RequestRejected("…", field="end_picture", rule=Rule.PICTURE_HEAVY, figures=FIGURES[Rule.PICTURE_HEAVY])
    assert refusal(heavy, locale="it", now_ms=0) == (
        "L'immagine finale non si può usare. L'immagine è di 25 MB; se ne accettano al massimo 20."
    )


@pytest.mark.parametrize("locale", sorted(LANGUAGES))
def test_styles_go_by_the_same_names_in_every_language(locale: str) -> None:
    assert set(LANGUAGES[locale].styles) == {"gentle", "lively", "cinematic"}


def test_the_queue_page_marks_the_readers_own_and_counts_the_rest() -> None:
    ben = replace(MIA, user_id="2", name="ben")
    page = queue_page(table("en"), [RUNNING, replace(QUEUED, member=ben)], MIA, count=5)
    assert page.splitlines()[1:] == [
        "🎞 now · “the fox turns its head” · 5 s · yours",
        "3rd · “the fox turns its head” · 5 s · ben · about 11 min",
        "… and 3 more",
    ]
    assert "/animate" in queue_page(table("en"), [], MIA, count=0)


def test_the_other_pages_say_what_there_is() -> None:
    allowance = Allowance(
        left_ms=4500,
        everywhere=False,
        burst_ms=120_000,
        refill_ms_per_day=60_000,
        card_ms=7_200_000,
        queued=2,
        running=1,
    )
    page = quota_page(table("it"), allowance)
    assert page.startswith("Ti restano 4,5 s di video qui, su un massimo di 120 s")
    assert page.endswith("La scheda di questo host disegna 120 s di video in circa 2 h 0 min.")
    page = quota_page(table("en"), replace(allowance, everywhere=True, card_ms=None))
    assert page.startswith("You have 4.5 s of video left in all communities together, of 120 s at most; 60 s come back")
    assert "card" not in page
    page = history_page(table("en"), [DONE, replace(DONE, unreached=True), replace(DONE, purged=True)])
    assert page.splitlines()[1] == "7 · done · “the fox turns its head” · 5 s"
    assert page.splitlines()[2].endswith("could not be posted in its chat")
    assert page.splitlines()[3].endswith("no longer kept")
    assert "24 h" in privacy_page(table("en"), RetentionSettings())


def test_a_quota_refusal_says_what_is_left_what_would_fit_and_when() -> None:
    error = QuotaExceeded("…", left_ms=4500, needed_ms=5000, back_at_ms=600_000)
    sentence = refusal(error, locale="it", now_ms=0)
    assert "4,5 s" in sentence
    # What 4.5 s pay for: films are whole sections of 1.2 s.
    assert "3,6 s" in sentence
    assert "10 min" in sentence
    everywhere = QuotaExceeded("…", left_ms=4500, needed_ms=6000, back_at_ms=600_000, everywhere=True)
    assert refusal(everywhere, locale="en", now_ms=0) == (
        "You have 4.5 s of video left in all communities together and this film needs 6 s; try 3.6 s, "
        "or come back in about 10 min."
    )
    assert "in tutte le comunità insieme" in refusal(everywhere, locale="it", now_ms=0)
    nothing_left = QuotaExceeded("…", left_ms=300, needed_ms=5000, back_at_ms=None)
    assert refusal(nothing_left, locale="en", now_ms=0) == "You have 0.3 s of video left and this film needs 5 s."
    assert refusal(QueueFull("The queue is full."), locale="it", now_ms=0) == "The queue is full."


def test_every_failure_of_an_engine_has_its_sentence_in_every_language() -> None:
    sources = (path for folder in ("engine", "storage") for path in (ROOT / folder).rglob("*.py"))
    codes = {code for path in sources for code in re.findall(r'\bcode="(\w+)"', path.read_text("utf-8"))}
    assert {"engine_error", "out_of_memory", "picture_lost"} <= codes
    for language, words in LANGUAGES.items():
        assert language == "en" or codes | {POISON} <= words.failures.keys()
