from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from botkit.house import BEN, HERE, MIA, Bench, bench, png
from PIL import Image

from bot.chat import Action, Incoming
from bot.desk import Asker, Desk
from bot.wording import LANGUAGES
from bot.wording.views import film_view
from storage.errors import QueueFull, QuotaExceeded, RequestRejected, Rule, UnknownRequest
from storage.jobs import JobState, Member, MessageRef, Place, RequestKind, Schedule
from storage.settings import DataSettings, EngineSettings, ReactionSettings, RerollSettings, Settings
from storage.store import MessageKind


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path / "data") as opened:
        yield opened


def desk_of(room: Bench, **changes: object) -> Desk:
    settings = Settings(data=DataSettings(folder=room.folder, free_bytes_min=0), engine=EngineSettings(model="tiny"))
    settings = settings.model_copy(update=changes)
    return Desk(room.store, room.media, room.readers, settings=settings, draw=random.Random(7))


def wish(**changes: object) -> Incoming:
    plain = Incoming(idem="test:1", member=MIA, place=HERE, picture=png(), prompt="the fox turns", seconds="2.4")
    return replace(plain, **changes)  # type: ignore[arg-type]


def asker(member: Member = MIA, place: Place = HERE, idem: str = "click:1") -> Asker:
    return Asker(member=member, place=place, idem=idem)


def files(room: Bench) -> set[Path]:
    return {path for path in room.folder.glob("[0-9a-f][0-9a-f]/*")}


async def test_a_wish_becomes_a_queued_request_with_its_picture_in_the_media_folder(room: Bench) -> None:
    accepted = await desk_of(room).submit(wish(seed="9", schedule="forward", steps="3", size="128"))
    params = accepted.status.params
    assert accepted.status.state is JobState.QUEUED
    assert (params.prompt, params.duration_ms, params.seed) == ("the fox turns", 2400, 9)
    assert (params.schedule, params.steps, params.size, params.model) == (Schedule.FORWARD, 3, 128, "tiny")
    assert room.media.verify(params.picture)
    with Image.open(room.media.path(params.picture)) as kept:
        assert kept.size == (64, 64)
    assert accepted.notes == ()


async def test_the_engines_settings_go_into_every_film(room: Bench) -> None:
    engine = EngineSettings(negative_prompt="blur", true_cfg_scale=2.0, guidance_rescale=0.5, size=96, steps=4)
    params = (await desk_of(room, engine=engine).submit(wish())).status.params
    assert (params.negative_prompt, params.true_cfg_scale, params.guidance_rescale) == ("blur", 2.0, 0.5)
    assert (params.size, params.steps) == (96, 4)


async def test_a_redelivered_update_is_the_same_request_and_charged_once(room: Bench) -> None:
    desk = desk_of(room)
    first = await desk.submit(wish())
    again = await desk.submit(wish())
    assert again.status == first.status
    before = await desk.allowance(BEN, HERE.community_id)
    after = await desk.allowance(MIA, HERE.community_id)
    assert before.left_ms - after.left_ms == 2400
    assert await desk.queue() == [first.status]


async def test_an_end_picture_is_kept_beside_the_first(room: Bench) -> None:
    params = (await desk_of(room).submit(wish(end_picture=png((0, 0, 250))))).status.params
    assert params.end_picture is not None
    assert params.end_picture != params.picture
    assert room.media.verify(params.end_picture)


async def test_what_intake_left_out_of_a_picture_is_told(room: Bench) -> None:
    out = BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    [note] = (await desk_of(room).submit(wish(picture=out.getvalue()))).notes
    assert "first frame" in note


async def test_of_a_long_strip_is_told_how_much_will_be_seen(room: Bench) -> None:
    desk = desk_of(room)
    [note] = (await desk.submit(wish(picture=strip(4000, 200), size="640"))).notes
    assert "the middle 12 % of its width" in note
    [note] = (await desk.submit(wish(idem="test:2", picture=strip(100, 2000), size="640"))).notes
    assert "the middle 12 % of its height" in note
    assert (await desk.submit(wish(idem="test:3", picture=strip(600, 200)))).notes == ()
    italian = replace(MIA, locale="it")
    [note] = (await desk.submit(wish(idem="test:4", member=italian, picture=strip(4000, 200), size="640"))).notes
    assert "12 % centrale della larghezza" in note


@pytest.mark.parametrize("changes", [{"prompt": "the fox turns, letterbox"}, {"letterbox": True}])
async def test_a_letterboxed_strip_is_kept_whole(room: Bench, changes: dict[str, object]) -> None:
    accepted = await desk_of(room).submit(wish(picture=strip(4000, 200), end_picture=png(), size="640", **changes))
    params = accepted.status.params
    assert params.prompt == "the fox turns"
    assert ["Letterbox" in note for note in accepted.notes] == [True]
    assert params.end_picture is not None
    for blob in (params.picture, params.end_picture):
        with Image.open(room.media.path(blob)) as kept:
            assert kept.size == (960, 416)


async def test_a_strip_is_letterboxed_also_when_its_film_is_asked_for_again(room: Bench) -> None:
    desk = desk_of(room)
    await desk.submit(wish(picture=strip(4000, 200), end_picture=png(), size="640"))
    await room.draw_next()
    accepted = await desk.reroll(1, asker(), prompt="letterbox")
    params = accepted.status.params
    assert [accepted.notes, params.prompt] == [(LANGUAGES["en"].letterboxed,), "the fox turns"]
    assert params.end_picture is not None
    for blob in (params.picture, params.end_picture):
        with Image.open(room.media.path(blob)) as kept:
            assert kept.size == (960, 416)


def strip(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), (40, 90, 160)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seconds": "abc"}, "seconds"),
        ({"seconds": "121"}, "seconds"),
        ({"picture": b"<html>"}, "picture"),
        ({"picture": png()[:60]}, "picture"),
        ({"end_picture": b"text"}, "end_picture"),
        ({"end_picture": png(), "schedule": "forward"}, "end_picture"),
        ({"prompt": "a" * 10_000}, "prompt"),
    ],
)
async def test_a_refusal_stores_and_charges_nothing(room: Bench, changes: dict[str, object], field: str) -> None:
    desk = desk_of(room)
    with pytest.raises(RequestRejected) as caught:
        await desk.submit(wish(**changes))
    assert caught.value.field == field
    assert await desk.queue() == []
    assert await desk.history(MIA) == []
    assert files(room) == set()
    allowance = await desk.allowance(MIA, HERE.community_id)
    assert allowance.left_ms == allowance.burst_ms


async def test_more_than_the_quota_is_refused_with_what_is_left(room: Bench) -> None:
    desk = desk_of(room)
    await desk.submit(wish(seconds="118"))
    with pytest.raises(QuotaExceeded) as caught:
        await desk.submit(wish(idem="test:2", seconds="5"))
    assert caught.value.left_ms == 120_000 - 117_600


async def test_a_disk_without_room_accepts_nothing(room: Bench) -> None:
    desk = desk_of(room, data=DataSettings(folder=room.folder, free_bytes_min=2**62))
    with pytest.raises(QueueFull, match="disk"):
        await desk.submit(wish())
    assert files(room) == set()


async def test_a_reroll_keeps_everything_but_the_seed_and_is_paid_by_who_asks(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish(end_picture=png((0, 0, 250)), seed="9", steps="3"))).status
    await room.draw_next()
    again = (await desk.reroll(first.request_id, asker(BEN))).status
    assert again.params.seed != first.params.seed
    assert replace(again.params, seed=first.params.seed) == first.params
    assert (again.kind, again.parent_id, again.member) == (RequestKind.REROLL, first.request_id, BEN)
    assert again.charged_ms == 2400
    assert (await desk.allowance(BEN, HERE.community_id)).left_ms == 120_000 - 2400


async def test_a_film_that_another_seed_does_not_change_is_not_drawn_again_but_with_other_words(room: Bench) -> None:
    desk = desk_of(room, engine=EngineSettings(model="little"))
    first = (await desk.submit(wish(prompt="zoom in"))).status
    drawn = await room.draw_next()

    with pytest.raises(RequestRejected, match="nearly the same film") as refused:
        await desk.reroll(first.request_id, asker(BEN))
    assert refused.value.field == "seed"
    assert (await desk.allowance(BEN, HERE.community_id)).left_ms == 120_000
    assert Action.REROLL not in film_view(drawn, film=Path("film.mp4"), gif=None).actions
    assert Action.EDIT in film_view(drawn, film=Path("film.mp4"), gif=None).actions

    other = (await desk.reroll(first.request_id, asker(BEN), prompt="zoom out")).status
    assert other.params.prompt == "zoom out"


async def test_a_repeated_click_is_one_reroll(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    one = await desk.reroll(first.request_id, asker(BEN))
    assert (await desk.reroll(first.request_id, asker(BEN))).status == one.status


async def test_a_reroll_with_other_words_keeps_the_picture(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    again = (await desk.reroll(first.request_id, asker(), prompt="  it  snows ")).status
    assert again.params.prompt == "it snows"
    assert again.params.picture == first.params.picture


EVERYTHING = "faster please 1.2s seed 7 gif spoiler style lively"


async def test_options_among_the_words_count_in_a_new_film(room: Bench) -> None:
    status = (await desk_of(room).submit(wish(prompt=EVERYTHING, seconds=None, seed=None))).status
    assert status.params.prompt == "faster please"
    assert (status.params.duration_ms, status.params.seed, status.params.form) == (1200, 7, "gif")
    assert status.params.style == LANGUAGES["en"].styles["lively"].phrase
    assert status.spoiler


@pytest.mark.parametrize("verb", ["reroll", "extend"])
async def test_options_among_the_words_count_in_a_film_that_comes_from_another(room: Bench, verb: str) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    accepted = await getattr(desk, verb)(first.request_id, asker(), prompt=EVERYTHING)
    params = accepted.status.params
    assert (params.prompt, params.duration_ms, params.seed, params.form) == ("faster please", 1200, 7, "gif")
    assert params.style == LANGUAGES["en"].styles["lively"].phrase
    assert accepted.status.spoiler
    assert accepted.notes == ()


async def test_options_alone_leave_the_words_and_words_alone_the_rest(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish(style="gentle"))).status
    await room.draw_next()
    options = (await desk.reroll(first.request_id, asker(), prompt="1.2s gif")).status.params
    assert (options.prompt, options.style, options.form) == (first.params.prompt, first.params.style, "gif")
    other = (await desk.reroll(first.request_id, asker(BEN, idem="b"), prompt="it snows")).status.params
    assert (other.prompt, other.style, other.duration_ms) == ("it snows", "", first.params.duration_ms)


async def test_what_a_field_of_its_own_says_counts_before_the_words(room: Bench) -> None:
    params = (await desk_of(room).submit(wish(prompt="the fox 5s seed 7", seconds="3", seed="8"))).status.params
    assert (params.prompt, params.duration_ms, params.seed) == ("the fox", 2400, 8)


@pytest.mark.parametrize(("locale", "said"), [("en", "I read this as part"), ("it", "L'ho letto come parte")])
async def test_what_looks_like_an_option_and_is_none_is_said(room: Bench, locale: str, said: str) -> None:
    desk = desk_of(room)
    member = replace(MIA, locale=locale)
    accepted = await desk.submit(wish(member=member, prompt="80s anime style", seconds=None))
    assert accepted.status.params.prompt == "80s anime style"
    assert accepted.status.params.duration_ms == 4800
    (note,) = accepted.notes
    assert note.startswith(said)
    assert "“80s”" in note


@pytest.mark.parametrize("verb", ["reroll", "extend"])
async def test_only_a_finished_film_can_be_drawn_again_or_extended(room: Bench, verb: str) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    with pytest.raises(RequestRejected, match="Film 1 is still queued"):
        await getattr(desk, verb)(first.request_id, asker())
    await room.start()
    with pytest.raises(RequestRejected, match="Film 1 is still being drawn"):
        await getattr(desk, verb)(first.request_id, asker())
    assert len(await desk.queue()) == 1


async def test_an_extension_starts_at_the_last_frame_of_its_parent(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish(end_picture=png((0, 0, 250))))).status
    await room.draw_next()
    longer = (await desk.extend(first.request_id, asker(), seconds="1,5", prompt="on it goes")).status
    assert (longer.kind, longer.parent_id) == (RequestKind.EXTEND, first.request_id)
    assert longer.params.end_picture is None
    assert (longer.params.duration_ms, longer.params.prompt) == (1200, "on it goes")
    with Image.open(room.media.path(longer.params.picture)) as start:
        # The film rises from black to white; decoding may miss white by a little.
        assert min(start.convert("L").tobytes()) > 245
    assert not list(room.folder.glob(".frame-*"))


async def test_nobody_extends_the_film_of_another(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    with pytest.raises(RequestRejected, match="belongs to someone else"):
        await desk.extend(first.request_id, asker(BEN))


@pytest.mark.parametrize("verb", ["reroll", "extend", "retry"])
async def test_a_button_from_another_community_finds_nothing(room: Bench, verb: str) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    forged = asker(place=replace(HERE, community_id="other guild"))
    with pytest.raises(UnknownRequest, match="no film number 1 here"):
        await getattr(desk, verb)(first.request_id, forged)
    with pytest.raises(UnknownRequest, match="no film number 99 here"):
        await getattr(desk, verb)(99, asker())


async def test_a_film_of_another_model_is_not_drawn_again_by_this_one(room: Bench) -> None:
    first = (await desk_of(room).submit(wish())).status
    await room.draw_next()
    desk = desk_of(room, engine=EngineSettings(model="framepack"))
    with pytest.raises(RequestRejected, match="“tiny”, but this host now draws with “framepack”"):
        await desk.reroll(first.request_id, asker())


async def test_a_film_whose_picture_is_gone_cannot_be_drawn_again(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    kept = room.media.path(first.params.picture).read_bytes()
    room.media.remove(first.params.picture)
    with pytest.raises(RequestRejected, match="no longer kept"):
        await desk.reroll(first.request_id, asker())
    room.media.put_bytes(kept, ".png")


async def test_a_film_that_ended_without_a_result_can_be_tried_again_with_the_same_seed(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    with pytest.raises(RequestRejected, match="still queued"):
        await desk.retry(first.request_id, asker())
    await desk.cancel(first.request_id, MIA)
    again = (await desk.retry(first.request_id, asker())).status
    assert again.params == first.params
    assert again.request_id != first.request_id
    await room.draw_next()
    with pytest.raises(RequestRejected, match="is done"):
        await desk.retry(again.request_id, asker(idem="click:2"))


@pytest.mark.parametrize(("seconds", "half_ms"), [("5", 2400), ("0.7", 1200), ("3.6", 2400)])
async def test_a_film_that_failed_can_be_tried_half_as_long(room: Bench, seconds: str, half_ms: int) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish(seconds=seconds))).status
    await desk.cancel(first.request_id, MIA)
    again = (await desk.retry(first.request_id, asker(), shorter=True)).status
    assert again.params == replace(first.params, duration_ms=half_ms)
    assert again.charged_ms == half_ms


async def test_a_cancelled_film_in_the_queue_gives_everything_back(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    with pytest.raises(UnknownRequest):
        await desk.cancel(first.request_id, BEN)
    cancelled = await desk.cancel(first.request_id, MIA)
    assert cancelled.state is JobState.CANCELLED
    allowance = await desk.allowance(MIA, HERE.community_id)
    assert allowance.left_ms == allowance.burst_ms


async def test_history_is_newest_first_and_paged(room: Bench) -> None:
    desk = desk_of(room)
    for number in range(3):
        await desk.submit(wish(idem=f"test:{number}"))
    assert [status.request_id for status in await desk.history(MIA, limit=2)] == [3, 2]
    assert [status.request_id for status in await desk.history(MIA, before_id=2)] == [1]
    assert (await desk.status(2)).request_id == 2


async def test_what_can_be_refused_without_the_pictures_is_refused_before_they_come(room: Bench) -> None:
    desk = desk_of(room)
    await desk.check(wish(picture=b"", end_picture=b""))
    for changes in ({"seconds": "999"}, {"style": "noisy"}, {"end_picture": b"", "schedule": "forward"}):
        with pytest.raises(RequestRejected):
            await desk.check(wish(picture=b"", **changes))
    await desk.submit(wish(seconds="118"))
    with pytest.raises(QuotaExceeded):
        await desk.check(wish(idem="test:2", picture=b"", seconds="5"))
    # What comes again is not new: it is answered with what was accepted.
    await desk.check(wish(picture=b"", seconds="118"))
    assert len(await desk.queue()) == 1


@pytest.mark.parametrize("style", ["gentle", " Gentle ", "DOLCE"])
async def test_a_style_adds_its_words_in_the_members_language(room: Bench, style: str) -> None:
    italian = replace(MIA, locale="it")
    accepted = await desk_of(room).submit(wish(member=italian, prompt="la volpe gira.", style=style))
    assert accepted.status.params.prompt == "la volpe gira."
    assert accepted.status.params.style == "movimento lento, morbido e dolce"


async def test_what_an_adapter_brings_along_comes_back_with_every_status(room: Bench) -> None:
    desk = desk_of(room)
    ref = MessageRef(platform="test", chat_id="room", message_id="5")
    accepted = await desk.submit(wish(status_ref=ref, origin="topic 7", spoiler=True))
    assert (accepted.status.origin, accepted.status.spoiler) == ("topic 7", True)
    assert await desk.request_of(ref) == accepted.status.request_id
    await room.draw_next()
    click = replace(asker(BEN), status_ref=replace(ref, message_id="6"), origin="topic 8")
    again = (await desk.reroll(accepted.status.request_id, click)).status
    assert (again.origin, again.spoiler, again.parent_member) == ("topic 8", True, MIA)
    assert await desk.request_of(replace(ref, message_id="6")) == again.request_id


async def test_rerolls_are_held_to_the_hosts_rules(room: Bench) -> None:
    desk = desk_of(room, reroll=RerollSettings(cooldown_s=60))
    first = (await desk.submit(wish())).status
    await room.draw_next()
    again = (await desk.reroll(first.request_id, asker(BEN))).status
    with pytest.raises(RequestRejected) as caught:
        await desk.reroll(first.request_id, asker(BEN, idem="click:2"))
    assert caught.value.rule == Rule.REROLL_OPEN
    taken = await desk.unreroll(first.request_id, BEN, place=HERE)
    assert taken is not None
    assert (taken.request_id, taken.state) == (again.request_id, JobState.CANCELLED)
    with pytest.raises(RequestRejected) as caught:
        await desk.reroll(first.request_id, asker(BEN, idem="click:2"))
    assert caught.value.rule == Rule.REROLL_TOO_SOON
    assert await desk.unreroll(first.request_id, BEN) is None


async def test_a_film_of_ones_own_can_be_had_once_more(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    with pytest.raises(RequestRejected, match="still queued"):
        await desk.film(first.request_id, asker())
    done = await room.draw_next()
    assert done.result is not None
    view = await desk.film(first.request_id, asker(place=replace(HERE, community_id="other guild")))
    assert view.media == room.media.path(done.result.film)
    assert view.gif is not None
    for member, number in ((BEN, first.request_id), (MIA, 99)):
        with pytest.raises(UnknownRequest):
            await desk.film(number, asker(member))
    await desk.delete(first.request_id, MIA)
    with pytest.raises(RequestRejected, match="no longer kept"):
        await desk.film(first.request_id, asker())


async def test_a_film_that_was_covered_stays_so_in_the_history_and_in_its_rerolls(room: Bench) -> None:
    desk = desk_of(room, reactions=ReactionSettings(hide_votes=2))
    first = (await desk.submit(wish())).status
    await room.draw_next()
    voters = [replace(BEN, user_id=str(number)) for number in (5, 6)]
    covered = [(await desk.hide(first.request_id, voter, place=HERE)).hidden for voter in voters]
    assert covered == [False, True]
    assert (await desk.film(first.request_id, asker())).spoiler
    assert (await desk.reroll(first.request_id, asker(BEN))).status.spoiler


async def test_a_moderator_of_another_community_changes_nothing(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    elsewhere = replace(HERE, community_id="other guild")
    for wished in (desk.cancel, desk.delete, desk.hide):
        with pytest.raises(UnknownRequest):
            await wished(first.request_id, BEN, everyone=True, place=elsewhere)
    assert (await desk.status(first.request_id)).state is JobState.QUEUED


async def test_a_deleted_film_is_gone_from_the_disk_at_the_next_sweep(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    done = await room.draw_next()
    ref = MessageRef(platform="test", chat_id="room", message_id="5")
    await room.store.message_posted(first.request_id, MessageKind.FILM, ref, done.rev)
    assert await desk.delete(first.request_id, MIA, place=HERE) == (ref,)
    assert await room.store.blobs_named() == set()
    [line] = await desk.history(MIA)
    assert line.purged


async def test_buttons_below_a_copy_work_for_its_requester_where_it_stands(room: Bench) -> None:
    desk = desk_of(room)
    first = (await desk.submit(wish())).status
    await room.draw_next()
    private = replace(HERE, community_id="mia alone", chat_id="a private chat")
    click = asker(idem="click:1", place=private)
    with pytest.raises(UnknownRequest):
        await desk.reroll(first.request_id, click)
    copy = MessageRef(platform="test", chat_id=private.chat_id, message_id="77")
    await desk.posted_again(await desk.film(first.request_id, click), copy)
    assert await desk.request_of(copy) == first.request_id
    assert (await desk.reroll(first.request_id, click)).status.place == private
    with pytest.raises(UnknownRequest):
        await desk.reroll(first.request_id, asker(BEN, idem="click:2", place=private))
    assert copy in await desk.delete(first.request_id, MIA, place=private)


async def test_who_says_no_language_keeps_the_one_they_had(room: Bench) -> None:
    desk = desk_of(room)
    silent = replace(MIA, locale="")
    await desk.submit(wish(member=replace(MIA, locale="it")))
    assert await desk.locale(silent) == "it"
    again = (await desk.submit(wish(idem="test:silent", member=silent))).status
    assert again.member.locale == "it"
    with pytest.raises(RequestRejected, match=r"secondi|durata|numero"):
        await desk.check(wish(idem="test:wrong", member=silent, seconds="abc"))
