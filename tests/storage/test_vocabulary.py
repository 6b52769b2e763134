"""What the bot takes a little model's wishes for, beside what that model was taught."""

from __future__ import annotations

import json
from random import Random

import pytest

from bot.commands import EXAMPLE_PROMPT
from engine.little.captions import LANGUAGES, wish
from engine.little.motions import Motion
from engine.little.pack import LESSON
from engine.little.shipped import SHIPPED
from storage.models import MODELS, model_card
from storage.vocabulary import CAMERA_AND_LIGHT

TAUGHT = [Motion(name) for name in json.loads((SHIPPED / LESSON).read_text("utf-8"))["motions"]]
WISHES = 400


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("motion", Motion)
def test_wishes_for_what_was_taught_are_known_and_those_for_other_motions_are_not(
    motion: Motion, language: str
) -> None:
    dice = Random(f"{motion} {language}")
    wishes = [wish(dice, held_out=True, motion=motion, language=language).text for _ in range(WISHES)]
    mistaken = [text for text in wishes if CAMERA_AND_LIGHT.understands(text) is not (motion in TAUGHT)]
    assert len(mistaken) <= WISHES / 50, mistaken[:10]


def test_wishes_for_no_motion_of_ours_are_not_known() -> None:
    dice = Random("none")
    wishes = [each.text for _ in range(4000) if (each := wish(dice)).language == ""]
    assert len(wishes) > 300
    mistaken = [text for text in wishes if CAMERA_AND_LIGHT.understands(text)]
    assert len(mistaken) <= len(wishes) / 50, mistaken[:10]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("the fox turns its head", False),
        ("la volpe gira la testa", False),
        ("make her smile and wave", False),
        ("the fox walks to the right", False),
        ("la volpe va a destra", False),
        ("The camera slowly moves to the left.", True),
        ("l'inquadratura va lentamente a sinistra", True),
        ("the camera shakes and moves to the left", False),
        ("spin left", False),
        ("a leftover pan of soup", True),  # a guess by words: silence is the milder error
        ("Zoom in on the fox!", True),
        ("please get closer, slowly", True),
        ("Cala la notte sul bosco", True),
        ("più vicino", True),
        ("avvicinati alla volpe", True),
        ("fade to black", True),
        ("🔥🔥🔥", False),
        ("", False),
    ],
)
def test_single_wishes(text: str, known: bool) -> None:
    assert CAMERA_AND_LIGHT.understands(text) is known


def test_the_example_of_flipbook_try_is_known() -> None:
    assert CAMERA_AND_LIGHT.understands(EXAMPLE_PROMPT)


def test_only_a_model_that_was_taught_little_has_a_vocabulary() -> None:
    assert {name for name, card in MODELS.items() if card.vocabulary is not None} == {"little"}
    assert model_card("little").seed_varies is False
