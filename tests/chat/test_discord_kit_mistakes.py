"""The kit itself on trial: mistakes are planted in requests and in answers, and each must be caught."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from chatkit.discord import Discord, payloads
from chatkit.discord.interactions import begin
from chatkit.discord.routes.table import ROUTES, Route
from chatkit.discord.sample import Raw, needs_document

if TYPE_CHECKING:
    from collections.abc import Callable


def button(label: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 2, "label": label, "custom_id": f"id:{label}", **more}


def rows(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [row(part) for part in parts]


def row(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(parts)}


def choice(name: str) -> dict[str, Any]:
    return {"name": name, "value": name}


def option(name: str, **more: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "x", **more}


def command(name: str = "animate", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "x", "type": 1, **more}


def wordy(n: int) -> dict[str, Any]:
    choices = [{"name": f"{'n' * 90}{i}", "value": f"{'v' * 90}{i}"} for i in range(10)]
    return option(f"o{n}", description="x" * 100, choices=choices)


# What is planted, and a word of the complaint that it must bring. BY_DOCUMENT: the published document knows it; what
# else is caught, the kit's own limits must catch.
BY_DOCUMENT: list[tuple[str, dict[str, Any], str]] = [
    ("a key that nobody knows", {"contents": "x"}, "contents"),
    ("text that is a number", {"content": 5}, "content"),
    ("eleven embeds", {"embeds": [{"title": "x"}] * 11}, "embeds"),
    ("an alt text of 1025 characters", {"attachments": [{"id": 0, "description": "x" * 1025}]}, "description"),
    ("a button style that does not exist", {"components": rows(button(style=9))}, "components"),
    ("a label of 81 characters", {"components": rows(button("x" * 81, custom_id="a"))}, "components"),
    (
        "six buttons in a row",
        {"components": [row(*(button(str(n)) for n in range(6)))]},
        "components",
    ),
    ("a custom_id of 101 characters", {"components": rows(button(custom_id="x" * 101))}, "components"),
    ("a button outside of a row", {"components": [button()]}, "components"),
    ("an unknown kind of mentions", {"content": "x", "allowed_mentions": {"parse": ["all"]}}, "allowed_mentions"),
    ("an id with letters", {"content": "x", "message_reference": {"message_id": "last"}}, "message_reference"),
]
BY_LIMITS: list[tuple[str, dict[str, Any], str]] = [
    ("nothing at all", {"content": " "}, "an empty message"),
    ("2001 characters", {"content": "x" * 2001}, "content has 2001 characters"),
    ("6001 in embeds", {"embeds": [{"description": "x" * 3000}] * 2 + [{"title": "x"}]}, "embeds have 6001 characters"),
    ("six rows", {"components": rows(*(button(str(n)) for n in range(6)))}, "6 rows"),
    ("a custom_id twice", {"components": rows(button("a", custom_id="c"), button("b", custom_id="c"))}, "used twice"),
    ("a button without a word", {"components": rows(button("", custom_id="a"))}, "neither label nor emoji"),
    ("a link with a custom_id", {"components": rows(button(style=5, url="https://a.example"))}, "no custom_id"),
    ("a button with neither id nor link", {"components": rows(button(custom_id=None))}, "needs a custom_id"),
    ("text beside components v2", {"flags": 1 << 15, "content": "x", "components": rows(button())}, "components v2"),
    ("a flag that is not the bot's to set", {"content": "x", "flags": 1 << 7}, "flags 128"),
    ("a hidden message without interaction", {"content": "x", "flags": 1 << 6}, "flags 64"),
    (
        "all users and some",
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        "exclude each other",
    ),
    ("an attachment that was not sent", {"content": "x", "attachments": [{"id": 3}]}, "no files[3]"),
]
COMMANDS_BY_DOCUMENT: list[tuple[str, list[dict[str, Any]], str]] = [
    ("a name of 33 characters", [command("x" * 33)], "name"),
    ("26 options", [command(options=[option(f"o{n}") for n in range(26)])], "options"),
    ("26 choices", [command(options=[option("a", choices=[choice(str(n)) for n in range(26)])])], "options"),
    ("a description of 101 characters", [command(description="x" * 101)], "description"),
]
COMMANDS_BY_LIMITS: list[tuple[str, list[dict[str, Any]], str]] = [
    ("an upper-case name", [command("Animate")], "'Animate' is no valid name"),
    ("a name with a space", [command("animate it")], "'animate it' is no valid name"),
    ("an upper-case translation", [command(name_localizations={"it": "Anima"})], "'Anima' is no valid name"),
    ("no description", [command(description="")], "a description of 0 characters"),
    (
        "a required option after an optional one",
        [command(options=[option("a"), option("b", required=True)])],
        "required",
    ),
    ("an option twice", [command(options=[option("a"), option("a")])], "stands twice"),
    (
        "a translated option twice",
        [command(options=[option("a", name_localizations={"it": "b"}), option("b")])],
        "one name in it",
    ),
    ("a command twice", [command(), command()], "stands twice"),
    ("six context menus", [{"type": 3, "name": f"Menu {n}"} for n in range(6)], "6 commands of type 3"),
    ("a described context menu", [{"type": 3, "name": "Menu", "description": "x"}], "has a description"),
    (
        "choices beside autocomplete",
        [command(options=[option("a", autocomplete=True, choices=[choice("a")])])],
        "exclude each other",
    ),
    ("more than 8000 characters", [command(options=[wordy(n) for n in range(5)])], "8000 are allowed"),
]


def planted(by_document: list[Any], by_limits: list[Any]) -> Any:
    """Parameters `body, complaint` of a test, each under its name."""
    marked = [pytest.param(body, word, id=name, marks=needs_document) for name, body, word in by_document]
    plain = [pytest.param(body, word, id=name) for name, body, word in by_limits]
    return pytest.mark.parametrize(("body", "complaint"), [*marked, *plain])


@planted(BY_DOCUMENT, BY_LIMITS)
async def test_a_planted_mistake_in_a_message_is_caught(body: dict[str, Any], complaint: str):
    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        assert (await ask("POST", f"/channels/{room.id}/messages", body))[0] == 400
        assert complaint in "\n".join(kit.problems())
        assert not room.messages


@planted(BY_DOCUMENT, BY_LIMITS)
async def test_the_same_mistake_in_an_edit_is_caught(body: dict[str, Any], complaint: str):
    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        _, made = await ask("POST", f"/channels/{room.id}/messages", {"content": "film"})
        status, _ = await ask("PATCH", f"/channels/{room.id}/messages/{made['id']}", body)
        message = room.messages[int(made["id"])]
        assert (status, bool(kit.problems())) == (400, True), complaint
        assert (message.content, message.edits) == ("film", 0)


@planted(COMMANDS_BY_DOCUMENT, COMMANDS_BY_LIMITS)
async def test_a_planted_mistake_in_commands_is_caught(body: list[dict[str, Any]], complaint: str):
    async with Discord() as kit, Raw(kit) as ask:
        assert (await ask("PUT", f"/applications/{kit.world.bot.id}/commands", body))[0] == 400
        assert complaint in "\n".join(kit.problems())
        assert not kit.world.commands


async def test_a_message_and_commands_without_mistakes_are_taken():
    """The plain case of everything above: what catches all catches nothing."""
    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        parts = [{"type": 1, "components": [button(f"{row}{n}") for n in range(5)]} for row in range(5)]
        body = {"content": "x" * 2000, "components": parts, "attachments": [{"id": 0, "description": "x" * 1024}]}
        assert (await ask("POST", f"/channels/{room.id}/messages", body, files={"files[0]": b"film"}))[0] == 200
        options = [option("a", required=True), option("b", choices=[{"name": "x", "value": "x"}])]
        commands = [command(options=options), command("edit"), {"type": 3, "name": "Animate this picture"}]
        assert (await ask("PUT", f"/applications/{kit.world.bot.id}/commands", commands))[0] == 200
        assert kit.problems() == []


async def test_mistakes_in_forms_are_caught():
    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        path = f"/channels/{room.id}/messages"
        entry = {"id": 0, "filename": "film.mp4"}
        for body, files in (
            ({"attachments": [{**entry, "id": 1}]}, {"files[0]": b"x"}),
            ({"attachments": []}, {"files[0]": b"x"}),
            ({"attachments": [entry, entry]}, {"files[0]": b"x"}),
            ({"content": "x"}, {"file": b"x"}),
            ({"content": "x"}, {"files[10]": b"x"}),
        ):
            assert (await ask("POST", path, body, files=files))[0] == 400
            assert kit.world.problems.take(), (body, files)
        form = aiohttp.FormData({"content": "x"})
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bot {kit.token}"}
            for data in (form, "content=x", b"{"):
                async with session.post(kit.api_url + path, data=data, headers=headers) as response:
                    assert response.status == 400
                    assert kit.world.problems.take(), data
        assert not room.messages


@needs_document
async def test_requests_to_nowhere_and_with_strange_parameters_are_caught():
    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        for method, path in (
            ("GET", "/channel/1"),
            ("GET", f"/channels/{room.id}/messages?limit=101"),
            ("GET", f"/channels/{room.id}/messages?newest=1"),
            ("GET", f"/channels/{room.name}/messages"),
            ("POST", f"/channels/{room.id}/messages"),
        ):
            assert (await ask(method, path))[0] >= 400
            assert kit.world.problems.take(), path
        assert (await ask("PUT", f"/channels/{room.id}/messages/1/reactions/x/@me", {"content": "x"}))[0] == 400
        assert kit.world.problems.take()


FIELD = {"type": 4, "custom_id": "b", "style": 1, "label": "x"}


def modal(*parts: dict[str, Any], title: str = "x") -> dict[str, Any]:
    return {"type": 9, "data": {"custom_id": "a", "title": title, "components": rows(*parts)}}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(3, {"type": 8, "data": {"choices": []}}, id="choices for a press"),
        pytest.param(2, {"type": 7, "data": {"content": "x"}}, id="an update where no message was"),
        pytest.param(4, {"type": 4, "data": {"content": "x"}}, id="a message for a completion"),
        pytest.param(5, modal(FIELD), id="a modal after a modal"),
        pytest.param(2, modal(FIELD, title="x" * 46), id="a title of 46 characters", marks=needs_document),
        pytest.param(2, modal(FIELD, FIELD), id="a field twice"),
        pytest.param(2, modal({**FIELD, "min_length": 9, "max_length": 5}), id="a field that takes nothing"),
        pytest.param(2, {"type": 4, "data": {"content": "x" * 2001}}, id="2001 characters"),
        pytest.param(2, {"type": 4, "data": {}}, id="nothing at all"),
    ],
)
async def test_answers_that_do_not_fit_an_interaction_are_caught(kind: int, body: dict[str, Any]):
    async with Discord() as kit, Raw(kit) as ask:
        guild = kit.guild("Foxes")
        room = kit.text(guild, "animations")
        asked = begin(kit.world, kind, kit.operator.user, room, {"id": "1", "name": "x", "type": 1})
        assert (await ask("POST", f"/interactions/{asked.id}/{asked.token}/callback", body))[0] == 400
        assert kit.problems()
        assert not asked.acknowledged


def _without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.pop(key)


def _with(**more: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(more)


@needs_document
@pytest.mark.parametrize(
    "spoil",
    [
        _without("author"),
        _without("timestamp"),
        _with(id=5),
        _with(content=None),
        _with(nobody="knows"),
        _with(timestamp="now"),
    ],
    ids=["no author", "no time", "a number for an id", "null for text", "an unknown key", "a time that is none"],
)
async def test_a_planted_mistake_in_the_stand_ins_own_answer_is_caught(
    spoil: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
):
    honest = payloads.message

    def spoilt(*args: Any, **more: Any) -> dict[str, Any]:
        body = honest(*args, **more)
        spoil(body)
        return body

    async with Discord() as kit, Raw(kit) as ask:
        room = kit.text(kit.guild("Foxes"), "animations")
        said = kit.operator.say(room, "hello")
        path = f"/channels/{room.id}/messages/{said.id}"
        assert (await ask("GET", path))[0] == 200
        assert kit.problems() == []
        monkeypatch.setattr(payloads, "message", spoilt)
        await ask("GET", path)
        assert kit.world.problems.take(), "in an answer"
        kit.operator.say(room, "hello")
        assert kit.world.problems.take(), "in an event"


@needs_document
async def test_an_undocumented_status_and_a_failing_route_are_problems(monkeypatch: pytest.MonkeyPatch):
    def fails(_call: object) -> tuple[int, Any]:
        raise KeyError("forgotten")

    async with Discord() as kit, Raw(kit) as ask:
        key = ("GET", "/users/@me")
        monkeypatch.setitem(ROUTES, key, Route(lambda _call: (204, None), open=False))
        await ask(*key)
        assert "not documented" in kit.world.problems.take()[0]
        monkeypatch.setitem(ROUTES, key, Route(fails, open=False))
        assert (await ask(*key))[0] == 500
        assert "the stand-in failed" in kit.world.problems.take()[0]
