"""One film, from a claimed job to its files: what the drawing thread does. Synchronous throughout."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image

from engine.backbone import Backbone
from engine.checkpoint import Checkpoint
from engine.conditioning import Conditioning
from engine.encoders import FilmInputs
from engine.film import Event, Guidance, SectionDecoded, SectionDrawn, Step, film_identity, generate
from engine.link import Halt, Halted, Link
from engine.pace import Pace
from engine.plan import Plan, plan_film
from engine.preview import LatentRgb, fit_latent_rgb, frame_preview, latent_preview
from engine.resume import restore, section_part, step_part
from engine.text import with_style
from engine.video import FilmTags, SegmentStore, to_uint8
from engine.weights import ModelSet
from storage import files
from storage.errors import FilmFailed
from storage.failpoints import reach
from storage.film import poster, write_gif
from storage.h264 import REVISION
from storage.jobs import Blob, Job, Part, Phase, Progress, Result, Section
from storage.media import Media
from storage.settings import Settings

log = logging.getLogger(__name__)

PREVIEWS_KEPT = 3
"""Of one attempt: a chat may be about to send one that was the newest a moment ago."""

KeepSection = Callable[[Section], None]
"""Makes a drawn section durable in the store before it returns."""

Encode = Callable[[FilmInputs], Conditioning]


class Drawing:
    """One attempt at one film."""

    def __init__(
        self, job: Job, *, settings: Settings, media: Media, folder: Path, link: Link, keep_section: KeepSection
    ) -> None:
        """folder: the request's own, the same for every attempt."""
        self._settings = settings
        self._media = media
        self._job = job
        self._link = link
        self._keep_section = keep_section
        self._folder = folder
        self._step_file = self._folder / "step.safetensors"
        self._previews: deque[Blob] = deque()
        self._unread_chars = 0

    def run(self, models: ModelSet, encode: Encode) -> Result:
        """Raises Halted, FilmFailed, OwnerError, StaleClaim."""
        started_s = time.monotonic()
        params = self._job.params
        self._folder.mkdir(parents=True, exist_ok=True)
        picture = self._picture(params.picture)
        end_picture = None if params.end_picture is None else self._picture(params.end_picture)
        self._plan = plan = plan_film(
            duration_ms=params.duration_ms,
            schedule=params.schedule,
            steps=params.steps,
            size=params.size,
            picture_height=picture.height,
            picture_width=picture.width,
        )
        self._pace = Pace(plan.sections, plan.steps)
        self._report(Phase.CONDITIONING, section=len(self._job.sections), step=0)
        inputs = FilmInputs(
            prompt=params.prompt,
            style=params.style,
            negative_prompt=params.negative_prompt if params.true_cfg_scale > 1 else None,
            picture=picture,
            end_picture=end_picture,
            height=plan.height,
            width=plan.width,
        )
        conditioning = encode(inputs)
        self._unread_chars = conditioning.unread_chars
        guidance = Guidance(
            scale=params.guidance_scale, true_cfg_scale=params.true_cfg_scale, rescale=params.guidance_rescale
        )
        weights = models.backbone_identity(params.schedule)
        film = film_identity(plan, conditioning, weights, seed=params.seed, guidance=guidance)
        crf = self._settings.film.crf
        # Named by all that decides the frames: what an earlier attempt wrote with other weights, or an older Flipbook
        # in another way, is not taken for these.
        segments = SegmentStore(
            self._folder / f"segments-{film[:16]}-{crf}-{REVISION}",
            frames=plan.frames,
            width=plan.width,
            height=plan.height,
            crf=crf,
        )
        self._report(Phase.LOADING, section=len(self._job.sections), step=0)
        with models.backbone(params.schedule) as backbone:
            self._draw(film, conditioning, guidance, backbone, segments)
        self._report(Phase.ENCODING, section=plan.sections - 1, step=plan.steps)
        return self._finish(segments, started_s)

    def _draw(
        self, film: str, conditioning: Conditioning, guidance: Guidance, backbone: Backbone, segments: SegmentStore
    ) -> None:
        plan = self._plan
        resume = restore(
            [self._media.path(section.checkpoint) for section in self._job.sections],
            self._step_file,
            plan=plan,
            film=film,
        )
        events = generate(
            plan,
            conditioning,
            backbone,
            seed=self._job.params.seed,
            guidance=guidance,
            between_blocks=self._link.pulse,
            resume=resume,
            kept=_written(plan, segments),
        )
        drawn = 0 if resume is None else resume.sections_drawn
        step = 0 if resume is None or resume.sampler is None else resume.sampler.step
        colours = _colours(conditioning, backbone)
        self._report(Phase.SAMPLING, section=drawn, step=step)
        self._follow(events, colours, segments, section=drawn, step=step)

    def _follow(
        self, events: Iterator[Event], colours: LatentRgb, segments: SegmentStore, *, section: int, step: int
    ) -> None:
        """Take what the algorithm yields: keep, show, encode.

        section, step: where it begins; the steps before were taken by an earlier attempt.
        """
        plan, step_checkpoint_s = self._plan, self._settings.engine.step_checkpoint_s
        previewed = _preview_steps(plan.steps, self._settings.progress.preview_strips)
        newest: Checkpoint | None = None
        # Where every section is drawn already, the frames that are missing are decoded again, and no step is taken.
        sampling, steps_here = section < plan.sections, 0
        section_s = event_s = saved_s = time.monotonic()
        try:
            for event in events:
                now_s = time.monotonic()
                match event:
                    case Step():
                        newest = event.checkpoint
                        step = event.step
                        steps_here += 1
                        self._pace.step_took(now_s - event_s)
                        preview = None
                        if event.step in previewed:
                            preview = self._preview(
                                lambda x0=event.x0: latent_preview(x0, colours, height=plan.height, width=plan.width)
                            )
                        self._report(Phase.SAMPLING, section=event.section, step=event.step, preview=preview)
                        if now_s - saved_s >= step_checkpoint_s:
                            step_part(newest).save(self._step_file)
                            saved_s = time.monotonic()
                    case SectionDrawn():
                        newest = None
                        # From one section's end to the next, so that decoding is in it; of a section that an earlier
                        # attempt began, as if all its steps had been taken here: waits are estimated from this.
                        whole_s = (now_s - section_s) * plan.steps / max(1, steps_here)
                        self._keep(event, gpu_ms=round(1000 * whole_s))
                        section, step, sampling = event.section + 1, 0, False
                        section_s, steps_here = time.monotonic(), 0
                        self._report(Phase.DECODING, section=event.section, step=plan.steps)
                    case SectionDecoded():
                        sampling = section < plan.sections
                        if event.segment is not None:
                            segments.write_segment(event.segment.first_frame, to_uint8(event.segment.frames))
                            reach("draw.segment")
                        preview = self._preview(lambda window=event.window: frame_preview(window))
                        self._pace.section_finished(time.monotonic() - event_s)
                        saved_s = time.monotonic()
                        self._report(Phase.DECODING, section=event.section, step=plan.steps, preview=preview)
                    case _:
                        pass
                event_s = time.monotonic()
        except Halted as exc:
            # Between blocks: the step under way is lost, those before it are not.
            if exc.halt is Halt.STOP and newest is not None:
                step_part(newest).save(self._step_file)
            if sampling:
                begun = min(step + 1, plan.steps)
                whole_s = (time.monotonic() - section_s) * begun / (steps_here + 1)
                exc.part = Part(section=section, step=begun, steps=plan.steps, gpu_ms=round(1000 * whole_s))
            raise

    def _keep(self, event: SectionDrawn, *, gpu_ms: int) -> None:
        file = self._folder / f"section-{event.section}.safetensors"
        section_part(event.checkpoint, self._plan).save(file)
        blob = self._media.put_file(file)
        self._keep_section(Section(index=event.section, checkpoint=blob, gpu_ms=gpu_ms))
        files.unlink(self._step_file, missing_ok=True)

    def _finish(self, segments: SegmentStore, started_s: float) -> Result:
        params, plan, limits = self._job.params, self._plan, self._settings.film
        film, gif, still = (self._folder / name for name in ("film.mp4", "film.gif", "film.png"))
        reach("draw.join.before")
        words = with_style(params.prompt, params.style)
        segments.join(film, FilmTags(prompt=words, seed=params.seed, model=params.model))
        reach("draw.joined")
        self._link.pulse()
        info = write_gif(
            film, gif, width_max=limits.gif_width_max, fps_max=limits.gif_fps_max, bytes_max=limits.gif_bytes_max
        )
        poster(film, still)
        self._link.pulse()
        return Result(
            film=self._media.put_file(film),
            gif=None if info is None else self._media.put_file(gif),
            poster=self._media.put_file(still),
            width=plan.width,
            height=plan.height,
            frames=plan.frames,
            gpu_ms=round(1000 * (time.monotonic() - started_s)),
            unread_chars=self._unread_chars,
        )

    def _picture(self, blob: Blob) -> Image.Image:
        # By its hash: a decoder would draw on with most flipped bits.
        if self._media.damaged(blob):
            raise FilmFailed("The picture is no longer in the media folder, or damaged.", code="picture_lost")
        with Image.open(self._media.path(blob)) as picture:
            return picture.convert("RGB")

    def _preview(self, make: Callable[[], bytes]) -> Blob | None:
        """A film is not lost over its preview."""
        try:
            return self._media.put_bytes(make(), ".gif", durable=False)
        except (FilmFailed, OSError) as exc:
            log.warning("no preview", extra={"request_id": self._job.claim.request_id, "reason": str(exc)})
            return None

    def _report(self, phase: Phase, *, section: int, step: int, preview: Blob | None = None) -> None:
        self._link.pulse()
        if preview is not None:
            self._previews.append(preview)
            # Those before the last two are no chat's any more; a film of noise would leave megabytes of them.
            while len(self._previews) > PREVIEWS_KEPT:
                with suppress(OSError):
                    self._media.remove(self._previews.popleft())
        self._link.report(
            Progress(
                claim=self._job.claim,
                phase=phase,
                section=section,
                sections=self._plan.sections,
                step=step,
                steps=self._plan.steps,
                eta_ms=self._pace.eta_ms(section=section, step=step),
                preview=self._previews[-1] if self._previews else None,
                at_ms=time.time_ns() // 1_000_000,
            )
        )


def _colours(conditioning: Conditioning, backbone: Backbone) -> LatentRgb:
    """The linear latent-to-RGB map of this film, from its first latent and what that decodes to.

    One latent has thousands of places against sixteen channels, and its colours are the film's own.
    """
    start = conditioning.start
    return fit_latent_rgb(start, backbone.decode(start, lambda: None))


def _written(plan: Plan, segments: SegmentStore) -> set[int]:
    """Sections whose frames an earlier attempt encoded already."""
    spans = {section: plan.segment(section) for section in range(plan.sections)}
    return {s for s, span in spans.items() if span.count == 0 or segments.has(span.first_frame, span.count)}


def _preview_steps(steps: int, strips: int) -> set[int]:
    """Evenly spread, none after the last step: the decoded section follows at once."""
    return {round(steps * (strip + 1) / (strips + 1)) for strip in range(strips)} - {0, steps}
