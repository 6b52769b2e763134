"""What counts as an option in real sentences, and what stays words. The table is the specification."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options import UNREAD_MAX, Wish, read_wish


def w(prompt: str = "", seconds: str | None = None, *unread: str, **rest: object) -> Wish:
    return Wish(prompt=prompt, seconds=seconds, unread=unread, **rest)  # type: ignore[arg-type]


ENGLISH = {
    # lengths, as people write them
    "the fox turns its head": w("the fox turns its head"),
    "": w(),
    "5s the fox": w("the fox", "5"),
    "the fox runs 10 seconds": w("the fox runs", "10"),
    "the fox runs 10sec": w("the fox runs", "10"),
    "the fox runs 10 secs.": w("the fox runs", "10"),
    "the fox runs (3s)": w("the fox runs", "3"),
    "(3 s) the fox runs": w("the fox runs", "3"),
    "[5s] the fox runs": w("the fox runs", "5"),
    "the fox runs 3s.": w("the fox runs", "3"),
    "The fox runs. 3s": w("The fox runs.", "3"),
    "the fox runs, 3 s!": w("the fox runs", "3"),
    "3s: the fox runs": w("the fox runs", "3"),
    "3s - the fox runs": w("the fox runs", "3"),
    "the fox runs - 3s": w("the fox runs", "3"),
    "the fox runs for 5 seconds": w("the fox runs", "5"),
    "for 5 seconds the fox runs": w("the fox runs", "5"),
    "the fox runs for about 5 seconds please": w("the fox runs", "5"),
    "the fox runs for five seconds": w("the fox runs", "5"),
    "a video of a fox, 8 seconds long": w("a video of a fox", "8"),
    "a 10-second video of a fox": w("video of a fox", "10"),
    "5 second clip of a fox": w("clip of a fox", "5"),
    "5 seconds of rain on the window": w("rain on the window", "5"),
    "the fox 2.5s": w("the fox", "2.5"),
    "the fox 2,5 s": w("the fox", "2,5"),
    "the fox .5s": w("the fox", ".5"),
    "zoom in 5s": w("zoom in", "5"),
    "slowly fade in 3 seconds": w("slowly fade in", "3"),
    "the fox turns around 5s": w("the fox turns around", "5"),
    "the fox turns its head 20s": w("the fox turns its head", "20"),
    "30s the fox runs": w("the fox runs", "30"),
    "80s": w("", "80"),
    "99999s": w("", "99999"),
    "99999 seconds of noise": w("noise", "99999"),
    "length: 5 seconds, the fox": w("the fox", "5"),
    "the fox duration 5s": w("the fox", "5"),
    # decades, plurals, products, moments: no lengths
    "80s anime style": w("80s anime style", None, "80s"),
    "dance like in the 90s": w("dance like in the 90s"),
    "a diner in the 1980s": w("a diner in the 1980s"),
    "1950s diner, neon": w("1950s diner, neon"),
    "the roaring 20s": w("the roaring 20s"),
    "20s flapper dancing": w("20s flapper dancing", None, "20s"),
    "neon, synthwave, 80s": w("neon, synthwave, 80s", None, "80s"),
    "a '70s disco": w("a '70s disco"),
    "'90s music video": w("'90s music video"),
    "an 80's haircut": w("an 80's haircut"),
    "an 80s haircut": w("an 80s haircut"),
    "dancing from the early 60s seed 7": w("dancing from the early 60s", seed="7"),
    "1000s of butterflies": w("1000s of butterflies"),
    "10s of people cheer": w("10s of people cheer", None, "10s"),
    "two 747s": w("two 747s", None, "747s"),
    "he drops his iPhone 5s": w("he drops his iPhone 5s"),
    "a stream of 1s and 0s": w("a stream of 1s and 0s"),
    "7 dwarfs dance": w("7 dwarfs dance"),
    "snow white and the 7 dwarfs": w("snow white and the 7 dwarfs"),
    "24 hours in Rome": w("24 hours in Rome"),
    "agent 007": w("agent 007"),
    "a 3d render of 2 foxes, 4k": w("a 3d render of 2 foxes, 4k"),
    "10 seconds later the fox jumps": w("10 seconds later the fox jumps"),
    "the fox jumps after 2 seconds": w("the fox jumps after 2 seconds"),
    "the ice melts in 10 seconds": w("the ice melts in 10 seconds", None, "10 seconds"),
    "the lamp blinks every 2 seconds": w("the lamp blinks every 2 seconds"),
    "10 seconds to midnight": w("10 seconds to midnight"),
    "the 5 second rule": w("the 5 second rule"),
    "he waits 5s and sits": w("he waits 5s and sits", None, "5s"),
    "the fox sleeps 2 minutes": w("the fox sleeps 2 minutes", None, "2 minutes"),
    "one second later it rains": w("one second later it rains"),
    "5s 6s the fox": w("6s the fox", "5"),
    "couple in their 20s": w("couple in their 20s"),
    "portrait of a woman, 30s": w("portrait of a woman, 30s", None, "30s"),
    "portrait of a woman, 30s, 4s": w("portrait of a woman, 30s", "4"),
    "portrait of a woman, 5s": w("portrait of a woman", "5"),
    "the fox --5s": w("the fox", "5"),
    "the fox —5s": w("the fox", "5"),
    "the fox -5s": w("the fox -5s"),
    "a man in his 40s": w("a man in his 40s"),
    "'80s": w("'80s"),
    "an 8s video of a fox": w("video of a fox", "8"),
    "an 80s video of a fox": w("an 80s video of a fox"),
    "the fox waves for three secs": w("the fox waves", "3"),
    "8 seconds please, the camera pans left": w("the camera pans left", "8"),
    "please 4s, the fox runs": w("the fox runs", "4"),
    "the fox with a duration of 5 seconds": w("the fox", "5"),
    "the fox ~ 4 s": w("the fox", "4"),
    "the fox for only 4 seconds": w("the fox", "4"),
    "pan left during 4 seconds": w("pan left", "4"),
    "the fox sleeps two minutes": w("the fox sleeps two minutes", None, "two minutes"),
    # letterbox
    "the fox runs letterbox": w("the fox runs", letterbox=True),
    "the fox, letterbox": w("the fox", letterbox=True),
    "letterbox": w(letterbox=True),
    "the fox runs 5s letterbox seed 7": w("the fox runs", "5", seed="7", letterbox=True),
    "--letterbox the fox": w("the fox", letterbox=True),
    "the cat sits on a red letterbox": w("the cat sits on a red letterbox"),
    "a letterbox opens": w("a letterbox opens"),
    # seed
    "the fox seed 7": w("the fox", seed="7"),
    "the fox runs seed=7": w("the fox runs", seed="7"),
    "seed: 7 style lively the fox 2,5 s": w("the fox", "2,5", seed="7", style="lively"),
    "the fox runs, Seed = 7.": w("the fox runs", seed="7"),
    "the fox runs with the seed 7": w("the fox runs", seed="7"),
    "the fox runs seed #7": w("the fox runs", seed="7"),
    "--seconds 3 --seed 7 the fox": w("the fox", "3", seed="7"),
    "the fox --seed=7 runs --seconds=3": w("the fox runs", "3", seed="7"),
    "the fox —seed 7": w("the fox", seed="7"),
    "the fox (seed 7, 5s)": w("the fox", "5", seed="7"),
    "5s and seed 7": w("", "5", seed="7"),
    "the fox seed 7 and 5s": w("the fox", "5", seed="7"),
    "the fox 5s,seed=7,gif": w("the fox", "5", seed="7", form="gif"),
    "the fox seed 99999999999999": w("the fox", seed="99999999999999"),
    "the fox -seed 7 -seconds 4": w("the fox", "4", seed="7"),
    "the fox -seed": w("the fox -seed"),
    "the fox seed 7 runs": w("the fox seed 7 runs", None, "seed 7"),
    "use seed 12 and make it 4 seconds": w("use seed 12 and make it", "4", "seed 12"),
    "the fox seed: 7a": w("the fox seed: 7a", None, "seed: 7a"),
    "plants a seed slowly": w("plants a seed slowly"),
    "a seed sprouts": w("a seed sprouts"),
    "plants a seed 7": w("plants a seed 7"),
    "the fox seed=abc": w("the fox seed=abc", None, "seed=abc"),
    "the fox --seed abc": w("the fox --seed abc", None, "--seed abc"),
    "the fox --seed -1": w("the fox --seed -1", None, "--seed -1"),
    "the fox --ar 16:9": w("the fox --ar 16:9", None, "--ar"),
    "5s in slow motion": w("in slow motion", "5"),
    "the fox --fps 30": w("the fox --fps 30", None, "--fps"),
    # style, form, cover
    "the fox style lively": w("the fox", style="lively"),
    "the fox Style: Cinematic": w("the fox", style="cinematic"),
    "the fox style=gentle": w("the fox", style="gentle"),
    "style gentle, the fox": w("the fox", style="gentle"),
    "the fox, style watercolor": w("the fox, style watercolor", None, "style watercolor"),
    "the fox in style lively walks": w("the fox in style lively walks", None, "style lively"),
    "in the style of Van Gogh": w("in the style of Van Gogh"),
    "anime style": w("anime style"),
    "the fox in a gentle style": w("the fox in a gentle style"),
    "the fox gif": w("the fox", form="gif"),
    "the fox as a GIF": w("the fox", form="gif"),
    "the fox --mp4": w("the fox", form="mp4"),
    "format: gif the fox": w("the fox", form="gif"),
    "a gif of a fox": w("a gif of a fox"),
    "gif of a dancing fox": w("gif of a dancing fox"),
    "the fox SPOILER": w("the fox", spoiler=True),
    "spoiler the fox": w("the fox", spoiler=True),
    "the fox --spoiler": w("the fox", spoiler=True),
    "a red car with a spoiler": w("a red car with a spoiler"),
    "spoiler alert": w("spoiler alert"),
    "faster please 1.2s seed 7 gif spoiler style lively": w(
        "faster please", "1.2", seed="7", form="gif", spoiler=True, style="lively"
    ),
    "a fox, anime style gif": w("a fox, anime style", form="gif"),
    "gif": w(form="gif"),
}

ITALIAN = {
    "la volpe gira la testa": w("la volpe gira la testa"),
    "la volpe corre 10 secondi": w("la volpe corre", "10"),
    "la volpe corre per 5 secondi": w("la volpe corre", "5"),
    "per 5 secondi la volpe corre": w("la volpe corre", "5"),
    "la volpe corre per circa 5 secondi": w("la volpe corre", "5"),
    "la volpe corre per cinque secondi": w("la volpe corre", "5"),
    "la volpe corre, 2,5 secondi.": w("la volpe corre", "2,5"),
    "la volpe corre (3s)": w("la volpe corre", "3"),
    "la volpe corre 10sec": w("la volpe corre", "10"),
    "5s la volpe": w("la volpe", "5"),
    "30s la volpe corre": w("la volpe corre", "30"),
    "10 secondi di pioggia": w("pioggia", "10"),
    "un filmato di 10 secondi": w("un filmato", "10"),
    "un video che dura 8 secondi": w("un video", "8"),
    "durata: 5 secondi, la volpe": w("la volpe", "5"),
    "la volpe, lunghezza 5": w("la volpe", "5"),
    "secondi=3 la volpe": w("la volpe", "3"),
    "la volpe --secondi 3 --seme 7": w("la volpe", "3", seed="7"),
    "la volpe corre 5 secondi grazie": w("la volpe corre", "5"),
    "la volpe corre da 5 secondi": w("la volpe corre", "5"),
    "zoom in 5 secondi": w("zoom in", "5"),
    "falla sorridere 4 secondi per favore": w("falla sorridere", "4"),
    "4 secondi per favore": w("", "4"),
    "per favore 6 secondi, la nonna saluta": w("la nonna saluta", "6"),
    "la volpe corre solo 3 secondi": w("la volpe corre", "3"),
    "una donna sui 30s": w("una donna sui 30s"),
    "una ragazza nei suoi 20s": w("una ragazza nei suoi 20s"),
    "dorme due minuti": w("dorme due minuti", None, "due minuti"),
    "ballo anni 80": w("ballo anni 80"),
    "una festa degli anni '80": w("una festa degli anni '80"),
    "stile anni 80": w("stile anni 80"),
    "musica anni 90s": w("musica anni 90s"),
    "negli anni 1980": w("negli anni 1980"),
    "i 7 nani": w("i 7 nani"),
    "24 ore a Roma": w("24 ore a Roma"),
    "agente 007": w("agente 007"),
    "44 gatti in fila per 6": w("44 gatti in fila per 6"),
    "la volpe salta dopo 2 secondi": w("la volpe salta dopo 2 secondi"),
    "ogni 2 secondi lampeggia": w("ogni 2 secondi lampeggia"),
    "il ghiaccio si scioglie entro 10 secondi": w("il ghiaccio si scioglie entro 10 secondi", None, "10 secondi"),
    "10 secondi dopo la volpe salta": w("10 secondi dopo la volpe salta"),
    "aspetta un secondo": w("aspetta un secondo"),
    "la volpe aspetta 5s e si siede": w("la volpe aspetta 5s e si siede", None, "5s"),
    "dorme 2 minuti": w("dorme 2 minuti", None, "2 minuti"),
    "la volpe seme 7": w("la volpe", seed="7"),
    "la volpe seme=7": w("la volpe", seed="7"),
    "la volpe con seme 7": w("la volpe", seed="7"),
    "la volpe con il seme 7": w("la volpe", seed="7"),
    "seme: 7, la volpe": w("la volpe", seed="7"),
    "la volpe seed 7 e 5s": w("la volpe", "5", seed="7"),
    "pianta un seme": w("pianta un seme"),
    "il seme germoglia": w("il seme germoglia"),
    "la volpe stile dolce": w("la volpe", style="gentle"),
    "la volpe balla in stile vivace": w("la volpe balla", style="lively"),
    "la volpe stile: lively": w("la volpe", style="lively"),
    "in stile cartone animato": w("in stile cartone animato"),
    "in stile Van Gogh": w("in stile Van Gogh"),
    "la volpe stile acquerello": w("la volpe stile acquerello", None, "stile acquerello"),
    "la volpe in gif": w("la volpe", form="gif"),
    "la volpe come gif": w("la volpe", form="gif"),
    "la volpe in formato gif": w("la volpe", form="gif"),
    "la volpe spoiler": w("la volpe", spoiler=True),
    "un'auto con spoiler": w("un'auto con spoiler"),
    "una gif di una volpe": w("una gif di una volpe"),
}


@pytest.mark.parametrize(("text", "wish"), [*ENGLISH.items(), *ITALIAN.items()])
def test_a_real_sentence_is_read_as_it_is_meant(text: str, wish: Wish) -> None:
    assert read_wish(text) == wish


def test_the_table_is_large_enough_to_speak_for_both_languages() -> None:
    assert len(ENGLISH) >= 40
    assert len(ITALIAN) >= 40


OPTIONS = [
    "5s",
    "seed",
    "7",
    "style",
    "lively",
    "gif",
    "spoiler",
    "--seed",
    "=",
    "for",
    "and",
    "80s",
    "fox",
    ",",
    "(",
    "in",
]


@given(st.text() | st.lists(st.sampled_from(OPTIONS), max_size=12).map(" ".join))
def test_any_text_is_a_wish_and_no_word_is_invented(text: str) -> None:
    wish = read_wish(text)
    assert "".join(wish.prompt.split()) in "".join(text.split()) or set(wish.prompt.split()) <= set(text.split())
    assert len(wish.unread) <= UNREAD_MAX


@pytest.mark.parametrize(
    "piece",
    [
        "5s ",
        "--seed ",
        "seed=",
        "seed = ",
        "(((",
        "1,",
        "please ",
        ", ",
        "for ",
        "1.2.3",
        "a",
        "- ",
        "—a",
        "80s of ",
        "'",
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    def taken(count: int) -> float:
        text = piece * count
        begun = time.process_time()
        read_wish(text)
        read_wish("the fox 5s " + text)
        return time.process_time() - begun

    # Sixteen times as long: in proportion that is about 16, with the square it would be 256.
    assert taken(20_000) < 100 * max(taken(1_250), 0.005)
