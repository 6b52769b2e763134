"""The values that cross every seam: frozen, standard library only, free of behaviour that could fail.

Times are integer milliseconds since the epoch (`_ms`, read from an injected clock);
durations are integer milliseconds too. A blob is named by its SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FPS = 30
"""Frames per second of every film: FramePack was trained at this rate."""

LATENT_WINDOW = 9
"""Latents drawn per section (W); a section adds 4·W frames."""

SECTION_MS = 4 * LATENT_WINDOW * 1000 // FPS
"""Of film in one section: 1.2 s."""


class JobState(StrEnum):
    """Where a request stands. `queued ⇄ running` until one of the four terminal states, which never change."""

    QUEUED = "queued"
    """Accepted and paid for; leaves by a claim, a cancel or expiry."""
    RUNNING = "running"
    """Held by one attempt under a lease; leaves by done, failed, cancelled, or back to queued."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Schedule(StrEnum):
    """Order in which sections are drawn (FramePack's two published programs)."""

    INVERTED = "inverted"
    """The ending first, toward the start picture: anti-drifting, the original program."""
    FORWARD = "forward"
    """From the start picture on: F1."""


class RequestKind(StrEnum):
    NEW = "new"
    REROLL = "reroll"
    """Same picture and words as its parent, a new seed."""
    EXTEND = "extend"
    """Starts at the last frame of its parent's film."""


class Phase(StrEnum):
    """What the engine is doing with a running request."""

    LOADING = "loading"
    CONDITIONING = "conditioning"
    SAMPLING = "sampling"
    DECODING = "decoding"
    ENCODING = "encoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person as one platform knows them. `user_id` is text: platform ids do not fit a float."""

    platform: str
    user_id: str
    name: str
    locale: str = "en"
    """Empty where the platform did not say it this time: then the one it last said counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where answers to a request go. `community_id` is the unit of quota and settings, `chat_id` the room in it."""

    platform: str
    community_id: str
    chat_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """A message the bot posted; enough to edit or remove it later."""

    platform: str
    chat_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file in the media folder."""

    sha256: str
    suffix: str
    """With its dot, lower case: ".png"."""
    byte_count: int


ORIGIN_CHARS_MAX = 1000

GONE = Blob(sha256="0" * 64, suffix=".gone", byte_count=0)
"""Stands for a picture that is no longer kept: no file has this name, so whoever looks finds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmParams:
    """Everything that decides a film's pixels, together with the model's weights; and the form it is wanted in."""

    prompt: str
    """The member's own words."""
    picture: Blob
    """PNG, upright RGB, already bounded in size by intake. GONE once retention took it."""
    duration_ms: int
    seed: int
    """0 to 2**32 − 1."""
    model: str
    schedule: Schedule
    steps: int
    size: int
    """Bucket class in pixels (640 is FramePack's own): the film has about size² pixels."""
    end_picture: Blob | None = None
    negative_prompt: str = ""
    guidance_scale: float = 10.0
    """Distilled guidance, an input of the network."""
    true_cfg_scale: float = 1.0
    """1 means no second forward pass."""
    guidance_rescale: float = 0.0
    style: str = ""
    """A phrase that goes with the prompt, and is never cut off with a long one."""
    form: str = ""
    """"gif" or "mp4"; empty for what the community wishes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a member asks for, before it is accepted."""

    idem: str
    """Platform, bot and update id: a redelivered update carries the same key and changes nothing."""
    member: Member
    place: Place
    params: FilmParams
    kind: RequestKind = RequestKind.NEW
    parent_id: int | None = None
    """The request that a reroll or an extension comes from."""
    status_ref: MessageRef | None = None
    """A message that stands already where the request was made and becomes its status; committed with the request."""
    origin: str = ""
    """What the adapter wants back with every Status: opaque, at most ORIGIN_CHARS_MAX characters."""
    spoiler: bool = False
    """The film is to be covered until somebody wants to see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to write to a running request. Void as soon as the store holds a newer epoch."""

    request_id: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A drawn section, durable: its checkpoint is in the media folder."""

    index: int
    """In order of generation, from 0."""
    checkpoint: Blob
    gpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What an attempt drew of a section that it did not finish."""

    section: int
    """In order of generation, from 0: the first one that is not stored."""
    step: int
    """Steps begun: the one under way counts, since the card works on it."""
    steps: int
    """Of a whole section; at least 1."""
    gpu_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claimed request: all that the engine needs to know."""

    claim: Claim
    params: FilmParams
    sections: tuple[Section, ...]
    """Already drawn by earlier attempts, gapless from index 0."""


class Wish(StrEnum):
    """What a beat tells the engine about its job."""

    CONTINUE = "continue"
    CANCEL = "cancel"
    YIELD = "yield"
    """The owner wants the card: give the job back; it goes on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """No engine of the host can draw."""

    since_ms: int
    """Wall time."""
    reason: str
    """In the engine's own words, for the owner alone: it may name folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The owner has the card: requests are accepted and wait, nothing is drawn."""

    since_ms: int
    until_ms: int | None
    """When it ends by itself; None where only the owner ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished film."""

    film: Blob
    gif: Blob | None
    """None where no GIF of a bearable size exists (long films)."""
    poster: Blob
    width: int
    height: int
    frames: int
    gpu_ms: int
    """Spent by the attempt that finished it, all phases."""
    unread_chars: int = 0
    """Of the prompt, from its end: more than the model reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request failed. The refund is full, whatever the code."""

    code: str
    """Short and stable: "out_of_memory", "bad_numbers", "poison", …"""
    sentence: str
    """For the member; no paths, no stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The newest word from a running attempt. Lossy: only the latest counts."""

    claim: Claim
    phase: Phase
    section: int
    """Being drawn now, from 0, in order of generation."""
    sections: int
    step: int
    """Steps finished in this section."""
    steps: int
    eta_ms: int | None
    """Until the film is finished; None until enough is measured."""
    preview: Blob | None
    """Animated GIF, newest so far."""
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A request as a person may see it."""

    request_id: int
    state: JobState
    rev: int
    """Grows with every transition; a message shows the state of one revision."""
    member: Member
    place: Place
    kind: RequestKind
    parent_id: int | None
    params: FilmParams
    created_ms: int
    started_ms: int | None
    """Of the latest attempt."""
    ended_ms: int | None
    position: int | None
    """1 is next; None unless queued."""
    wait_ms: int | None
    """Estimated until it starts; None unless queued, where nothing is measured yet, in a pause, without engine."""
    interrupted: bool
    """Queued again after an attempt that ended early; its place is kept."""
    sections_done: int
    progress: Progress | None
    result: Result | None
    failure: Failure | None
    charged_ms: int
    """Of video, after settling or refund."""
    paused: bool = False
    """Queued while the owner pauses: nothing is drawn, its place is kept."""
    pause_ends: bool = False
    """The pause ends by itself; otherwise its owner ends it, and nobody knows when."""
    down_ms: int | None = None
    """Queued while no engine of the host can draw: since when, as wall time."""
    purged: bool = False
    """Its files are no longer kept: a film that is done has no `result` any more."""
    film_lost: bool = False
    """Done, but its film was found damaged before anybody saw it: nothing is charged, it can be asked for again."""
    origin: str = ""
    """As the request brought it."""
    spoiler: bool = False
    parent_member: Member | None = None
    """Who asked for the film that this one comes from; None where it comes from none, or from one of the erased."""
    hidden: bool = False
    """Covered since: its requester, a moderator or enough members wished so."""
    unreached: bool = False
    """It has ended and its chat takes no message of ours: only the history shows it."""
    cancelled_by_other: bool = False
    """A moderator or the owner cancelled it, not its requester."""


def section_count(duration_ms: int) -> int:
    """Sections in a film of this length: at least one, 1.2 s each.

    Source: FramePack's `total_latent_sections`, which rounds half to even.
    """
    return max(1, round(FPS * duration_ms / 1000 / (4 * LATENT_WINDOW)))


def drawn_ms(duration_ms: int) -> int:
    """Length of the film that is drawn where this one is asked for: whole sections, and what is charged.

    The start picture, one frame more, is shown and not drawn. Asking for the answer gives the same answer.
    """
    return section_count(duration_ms) * SECTION_MS


def frame_count(sections: int) -> int:
    """Frames in a film of this many sections; the first one is the start picture."""
    return 4 * LATENT_WINDOW * sections + 1
