"""Log lines: one record is one line, and a failure that comes without end does not fill the log."""

from __future__ import annotations

import ast
import io
import logging
from pathlib import Path

import pytest

from storage.logs import REPEAT_S, REPEATS_SHOWN, FactFormatter, LogHandler

ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.said = io.StringIO()
        handler = LogHandler(monotonic=self.clock)
        handler.setStream(self.said)
        self.log = logging.Logger("bot.test", logging.DEBUG)
        self.log.addHandler(handler)

    def lines(self) -> list[str]:
        return self.said.getvalue().splitlines()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    "mark", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"], ids=lambda mark: ascii(mark)
)
def test_a_value_with_a_line_break_stays_in_its_line(bench: Bench, mark: str) -> None:
    forged = f"fox{mark}2026-11-23T07:29:03Z ERROR bot: all films are lost"
    bench.log.info("film started", extra={"name_of": forged})
    bench.log.info(forged)
    bench.log.info("of %s", forged)
    assert len(bench.lines()) == 3
    assert bench.lines()[0].endswith("all films are lost")


def test_what_moves_a_terminal_s_cursor_or_turns_its_text_is_shown_as_an_escape(bench: Bench) -> None:
    bench.log.warning("said", extra={"reason": "\x1b[2J\x07 \x9b1A ‮nwod‬ \ud800"})
    [line] = bench.lines()
    assert line.endswith(r"reason=\x1b[2J\x07 \x9b1A \u202enwod\u202c \ud800")


def test_words_of_every_language_stay_as_they_are(bench: Bench) -> None:
    bench.log.warning("said", extra={"reason": "la volpe è qui · ברוך · 狐 · 🦊"})
    assert bench.lines()[0].endswith("reason=la volpe è qui · ברוך · 狐 · 🦊")


def test_no_line_of_a_traceback_can_pass_for_a_record(bench: Bench) -> None:
    try:
        raise ValueError("x\n2026-11-23T07:29:03Z ERROR bot: forged\x1b[1A")
    except ValueError:
        bench.log.exception("it failed")
    first, *rest = bench.lines()
    assert first.endswith("it failed")
    assert len(rest) >= 4
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in bench.said.getvalue()


def test_a_failure_without_end_is_shown_a_few_times_and_counted(bench: Bench) -> None:
    for number in range(10_000):
        bench.log.error("not saved", extra={"request_id": number})
    assert len(bench.lines()) == REPEATS_SHOWN
    bench.clock.now_s += REPEAT_S
    bench.log.info("something else")
    *_, told, other = bench.lines()
    assert told.endswith(f"ERROR bot.test: not saved (again) times={10_000 - REPEATS_SHOWN}")
    assert other.endswith("something else")
    bench.log.error("not saved")
    assert bench.lines()[-1].endswith("not saved")


def test_numbers_and_addresses_in_the_message_make_no_other_failure_of_it(bench: Bench) -> None:
    for number in range(100):
        bench.log.error("Task exception was never retrieved <Task-%d at 0x%x>", number, 0x7F0000 + number)
    assert len(bench.lines()) == REPEATS_SHOWN


def test_different_failures_do_not_hide_each_other_and_memory_is_bounded(bench: Bench) -> None:
    words = [f"{chr(97 + a)}{chr(97 + b)}" for a in range(26) for b in range(26)]
    for word in words:
        bench.log.warning(word)
    assert len(bench.lines()) == len(words)
    handler = bench.log.handlers[0]
    assert isinstance(handler, LogHandler)
    assert len(handler._repeats._known) <= 200


def test_what_is_no_failure_is_always_shown(bench: Bench) -> None:
    for _ in range(100):
        bench.log.info("film started")
    assert len(bench.lines()) == 100


def test_a_line_looks_as_documented() -> None:
    record = logging.makeLogRecord(
        {"name": "engine.worker", "levelname": "INFO", "msg": "film started", "request_id": 7, "epoch": 1, "created": 0}
    )
    assert (
        FactFormatter().format(record) == "1970-01-01T00:00:00Z INFO engine.worker: film started request_id=7 epoch=1"
    )


def test_a_film_s_number_has_one_name_in_every_log_line() -> None:
    """Whoever looks for one film looks for one word."""
    facts: set[str] = set()
    for room in ("bot", "engine", "storage"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                # `extra={…}`, or the `facts = {…}` that several lines share.
                named = (isinstance(node, ast.keyword) and node.arg == "extra") or (
                    isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "facts"
                )
                if named and isinstance(node.value, ast.Dict):
                    facts |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
    assert "request_id" in facts
    assert not facts & {"request", "job", "job_id", "film_id", "claim"}
