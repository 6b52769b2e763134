"""The files that Telegram keeps: ids, sizes, paths."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from chatkit.telegram import probing
from chatkit.telegram.limits import DOWNLOAD_BYTES_MAX
from chatkit.telegram.model import Media, StoredFile
from chatkit.telegram.probing import Still
from chatkit.telegram.refusals import bad_request, broken_rule

PREFIX = {"photo": "AgACAgIAAx", "animation": "CgACAgQAAx", "video": "BAACAgIAAx", "sticker": "CAACAgIAAx"}
FOLDER = {"photo": "photos", "sticker": "stickers", "voice": "voice", "video": "videos", "animation": "animations"}
ENDING = {"photo": "jpg", "sticker": "webp", "voice": "oga", "video": "mp4", "animation": "mp4"}


@dataclass(slots=True)
class Files:
    local_folder: Path | None = None
    """Set: a local Bot API server (`--local`), which hands out paths on this machine and has no limits."""
    _by_id: dict[str, StoredFile] = field(default_factory=dict[str, StoredFile])
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, kind: str, data: bytes | None, **known: int | str) -> StoredFile:
        """Keep a file. known: fields of StoredFile, `size` where there is no data."""
        number = next(self._serial)
        claimed = int(known.pop("size", 0))
        size = claimed if data is None else len(data)
        file_id = f"{PREFIX.get(kind, 'BQACAgIAAx')}kBAAID{number:06d}"
        file = StoredFile(file_id, f"AQAD{number:06d}", kind, size, data=data, **known)  # type: ignore[arg-type]
        ending = file.name.rpartition(".")[2] if "." in file.name else ENDING.get(kind, "bin")
        file.path = f"{FOLDER.get(kind, 'documents')}/file_{number}.{ending}"
        self._by_id[file.file_id] = file
        return file

    def media(self, kind: str, data: bytes, *, name: str = "", mime: str = "") -> Media:
        """A message's media made of bytes. Raises Refusal where they are not of that kind."""
        match kind:
            case "photo":
                return self._photo(data)
            case "animation" | "video":
                return self._clip(kind, data, name, mime)
            case _:
                return Media(kind, self.add(kind, data, name=name, mime=mime))

    def by_id(self, file_id: str, kind: str | None = None) -> StoredFile:
        """Raises Refusal for an unknown, expired or, where `kind` is given, otherwise used file."""
        file = self._by_id.get(file_id)
        if file is None:
            raise broken_rule("wrong file identifier/HTTP URL specified")
        if file.expired:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if kind is not None and file.kind != kind:
            raise broken_rule(f"can't use file of type {file.kind.title()} as {kind.title()}")
        return file

    def known_media(self, kind: str, file_id: str) -> Media:
        """Media sent once more by its id."""
        file = self.by_id(file_id, kind)
        return Media(kind, file, sizes=(file,) if kind == "photo" else ())

    def locate(self, file_id: str) -> StoredFile:
        """For getFile. Raises Refusal for what is too big to be downloaded."""
        file = self.by_id(file_id)
        if self.local_folder is None and file.size > DOWNLOAD_BYTES_MAX:
            raise bad_request("file is too big")
        return file

    def local_path(self, file: StoredFile) -> Path:
        """Where the local server has the file; written now if it is not there yet."""
        assert self.local_folder is not None
        path = self.local_folder / file.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data if file.data is not None else bytes(file.size))
        return path

    def by_path(self, path: str) -> StoredFile | None:
        return next((f for f in self._by_id.values() if f.path == path and not f.expired), None)

    def _photo(self, data: bytes) -> Media:
        sizes = tuple(self._keep_still(still) for still in probing.photo_sizes(data))
        return Media("photo", sizes[-1], sizes=sizes)

    def _clip(self, kind: str, data: bytes, name: str, mime: str) -> Media:
        clip = probing.clip(data)
        if kind == "animation" and not clip.silent:
            raise broken_rule("an animation with sound: Telegram would show it as a video")
        # Telegram keeps every animation as a silent MP4, a GIF too.
        mime = mime if kind == "video" and mime.startswith("video/") else "video/mp4"
        known = {"width": clip.width, "height": clip.height, "duration_s": clip.duration_s}
        file = self.add(kind, data, name=name or f"{kind}.mp4", mime=mime, **known)
        return Media(kind, file, thumbnail=self._keep_still(clip.poster))

    def _keep_still(self, still: Still) -> StoredFile:
        return self.add("photo", still.jpeg, width=still.width, height=still.height)
