"""A request's parameters: from a form, a multipart form, JSON or the address, where everything is text, to values."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from chatkit.telegram.model import Json, Upload

# Where the document is at hand it says what is text; these are what a bot like ours sends.
_TEXTS = """
text caption parse_mode callback_query_id file_id url action language_code secret_token title description name
photo animation video document sticker voice audio thumbnail
"""
TEXTS = frozenset(_TEXTS.split())
PROSE = ("text", "caption")


class BadForm(Exception):
    """A body that is no form, or a form that contradicts itself."""


async def read(request: web.Request, texts: frozenset[str]) -> tuple[Json, dict[str, Upload]]:
    """The parameters and the uploads by their part's name. A file given directly as a parameter stands as `attach://name`.

    texts: parameters that are text even where they look like JSON. Raises BadForm.
    """
    raw: dict[str, Any] = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.content_type == "application/json":
        return {**_decoded(raw, texts), **_object(await request.read())}, uploads
    for name, value in (await request.post()).items():
        if name in raw or name in uploads:
            raise BadForm(f"{name} stands twice")
        if isinstance(value, web.FileField):
            uploads[name] = Upload(name, value.filename, value.content_type, value.file.read())
        else:
            raw[name] = value if isinstance(value, str) else value.decode()
    params = _decoded(raw, texts)
    named = _attached(params)
    for name in uploads:
        if name not in named:  # the part is the parameter itself
            params[name] = f"attach://{name}"
    if missing := named - uploads.keys():
        raise BadForm(f"attach://{', attach://'.join(sorted(missing))} without its part")
    return params, uploads


def _object(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise BadForm(f"a body that is no JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise BadForm("a body that is no JSON object")
    return value


def _decoded(raw: dict[str, str], texts: frozenset[str]) -> Json:
    return {name: value if name in texts else _value(value) for name, value in raw.items()}


def _value(text: str) -> Any:
    """A number, boolean, list or object where the text is one; a text otherwise (`@channel`)."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _attached(value: Any) -> set[str]:
    """Names of all parts that parameters speak of."""
    if isinstance(value, str):
        return {value.removeprefix("attach://")} if value.startswith("attach://") else set()
    if isinstance(value, dict):
        return set().union(*(_attached(inner) for key, inner in value.items() if key not in PROSE))
    if isinstance(value, list):
        return set().union(*(_attached(inner) for inner in value))
    return set()
