"""What lives as long as the engine: the loaded model, the cache of encoded inputs, the folders of films under way."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from engine.conditioning import Conditioning
from engine.draw import Drawing, KeepSection
from engine.encoders import FilmInputs, encode_inputs
from engine.link import Link
from engine.little.shipped import little_weights
from engine.tiny import tiny_weights
from engine.weights import ModelSet, choose_device, take_inventory
from storage import files
from storage.errors import FilmFailed, WeightsMissing
from storage.jobs import Job, Result
from storage.media import Media
from storage.models import model_card
from storage.settings import Settings

CONDITIONINGS_KEPT = 200
"""Files of up to 10 MB each, so that rerolls and resumed films skip the encoders."""


class Studio:
    """Only the drawing thread calls `draw` and `put_away`, one film at a time."""

    def __init__(self, settings: Settings, media: Media) -> None:
        self._settings = settings
        self._media = media
        self._work = settings.data.folder / "work"
        self._cache = settings.data.folder / "cache"
        self._models: ModelSet | None = None

    def draw(self, job: Job, link: Link, keep_section: KeepSection) -> Result:
        """Raises Halted, FilmFailed, OwnerError, StaleClaim."""
        model = self._settings.engine.model
        if job.params.model != model:
            # Refunded, not waited for: one film of a model that the owner has left must not hold up all others.
            raise FilmFailed(
                f"It was asked of the model “{job.params.model}”, and this host draws with “{model}” now.",
                code="other_model",
            )
        if self._models is None:
            self._models = self._open(model)
        drawing = Drawing(
            job,
            settings=self._settings,
            media=self._media,
            folder=self._folder_of(job.claim.request_id),
            link=link,
            keep_section=keep_section,
        )
        return drawing.run(self._models, partial(self._encode, models=self._models, link=link))

    def put_away(self) -> bool:
        """Drop the networks; the next film loads them again. True where the process still holds some of the card.

        A CUDA context, some hundreds of megabytes, stays with its process whatever is freed in it.
        """
        if self._models is None:
            return False
        self._models.close()
        return self._models.device.type == "cuda"

    def open_films(self) -> list[int]:
        """Requests that have a work folder."""
        return [int(folder.name) for folder in self._work.glob("*") if folder.name.isdecimal()]

    def tidy(self, request_id: int) -> None:
        """Remove the work folder of a film that does not go on."""
        files.remove_folder(self._folder_of(request_id))

    def _folder_of(self, request_id: int) -> Path:
        return self._work / str(request_id)

    def _encode(self, inputs: FilmInputs, *, models: ModelSet, link: Link) -> Conditioning:
        cache = self._cache / "conditioning"
        conditioning = encode_inputs(inputs, models, cache=cache, between_blocks=link.pulse)
        _keep_newest(cache, CONDITIONINGS_KEPT)
        return conditioning

    def _open(self, model: str) -> ModelSet:
        weights = self._weights(model)
        inventory = take_inventory(weights, model_card(model).schedules)
        return ModelSet(weights, inventory, choose_device(self._settings.engine.device))

    def _weights(self, model: str) -> Path:
        if model == "tiny":
            return tiny_weights(self._cache / "models")
        if model == "little":
            return little_weights()
        if self._settings.engine.weights is None:
            raise WeightsMissing(f'engine.weights is not set; the model "{model}" needs a folder with its weights.')
        return self._settings.engine.weights


def _keep_newest(folder: Path, count: int) -> None:
    """Those used longest ago go first."""
    kept = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-count]:
        files.unlink(path, missing_ok=True)
