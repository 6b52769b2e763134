"""Discord's published OpenAPI document as a judge of requests and of the stand-in's own answers.

Where the document lies, and what happens where it is absent, says `chatkit/specs.py`.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import jsonschema_rs

from chatkit.specs import specs_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Documented nowhere in the file, sent all the same: known gaps of the document.
UNDOCUMENTED_KEYS = {
    "ApplicationCommandUpdateRequest": "nsfw",
    "ApplicationCommandCreateRequest": "nsfw",
    "MessageEditRequestPartial": "tts",
    "IncomingWebhookUpdateRequestPartial": "tts",
    "IncomingWebhookUpdateForInteractionCallbackRequestPartial": "tts",
    "CreateForumThreadRequest": "type",
    "BaseCreateMessageCreateRequest": "tts",
    "CreatedThreadResponse": "message",
    # Documented in August 2026, after this document.
    "ApplicationCommandAttachmentOption": "file_types",
    "ApplicationCommandAttachmentOptionResponse": "file_types",
}
UNDOCUMENTED_QUERIES = {("/channels/{channel_id}/threads", "use_nested_fields")}


@functools.cache
def load() -> Spec | None:
    """The document, read once a process; None where it is absent."""
    file = specs_file("discord_openapi.json")
    return None if file is None else Spec(json.loads(file.read_text(encoding="utf-8")))


class Spec:
    """Which routes there are, and whether a body, a query or an answer is what the document says."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._requests = jsonschema_rs.Registry([("urn:discord", _strict(document, numeric_ids=True))])
        self._answers = jsonschema_rs.Registry([("urn:discord", _strict(document, numeric_ids=False))])
        self._validators: dict[tuple[str, bool], jsonschema_rs.Validator] = {}
        # Literal segments win over parameters: /messages/bulk-delete is no message id.
        paths = sorted(document["paths"], key=lambda path: (path.count("{"), path))
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"), path) for path in paths]

    def template(self, path: str) -> str | None:
        """`/channels/1/messages` as `/channels/{channel_id}/messages`."""
        return next((template for pattern, template in self._paths if pattern.match(path)), None)

    def operation(self, method: str, template: str) -> dict[str, Any] | None:
        return self._document["paths"].get(template, {}).get(method.lower())

    def request_faults(self, method: str, path: str, query: dict[str, str], body: Any) -> list[str]:
        """What is wrong with a request. `body` is the decoded JSON, `payload_json` for multipart; None for none."""
        template = self.template(path)
        operation = self.operation(method, template) if template else None
        if template is None or operation is None:
            return [f"{method} {path}: the document knows no such route"]
        faults = self._parameter_faults(template, operation, path, query)
        content = operation.get("requestBody", {}).get("content", {})
        if body is not None and not content:
            faults.append("a body where none belongs")
        elif body is None and operation.get("requestBody", {}).get("required"):
            faults.append("no body")
        elif body is not None:
            where = f"#/paths/{_pointer(template)}/{method.lower()}/requestBody/content/application~1json/schema"
            faults += self._faults(where, body, answer=False)
        return [f"{method} {template}: {fault}" for fault in faults]

    def answer_faults(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer of the stand-in. `body` is None where it is empty."""
        template = self.template(path)
        operation = self.operation(method, template) if template else None
        if template is None or operation is None:
            return []  # said by the request's check already
        responses = operation["responses"]
        key = next((key for key in (str(status), f"{status // 100}XX") if key in responses), None)
        name = f"{method} {template} answered {status}"
        if key is None:
            return [f"{name}, which is not documented"]
        where = f"#/paths/{_pointer(template)}/{method.lower()}/responses/{key}"
        if "$ref" in responses[key]:
            where = responses[key]["$ref"]
            response = self._document["components"]["responses"][where.rsplit("/", 1)[1]]
        else:
            response = responses[key]
        if "content" not in response:
            return [] if body is None else [f"{name} with a body where none belongs"]
        if body is None:
            return [f"{name} without a body"]
        faults = self._faults(f"{where}/content/application~1json/schema", body, answer=True)
        return [f"{name}: {fault}" for fault in faults]

    def schema_faults(self, schema: str, value: Any) -> list[str]:
        """Whether a value is what components/schemas says, read as an answer."""
        return [f"{schema}: {fault}" for fault in self._faults(f"#/components/schemas/{schema}", value, answer=True)]

    def _parameter_faults(
        self, template: str, operation: dict[str, Any], path: str, query: dict[str, str]
    ) -> list[str]:
        shared = self._document["paths"][template].get("parameters", [])
        parameters = {(p["in"], p["name"]): p for p in [*shared, *operation.get("parameters", [])]}
        names = re.findall(r"\{(\w+)\}", template)
        values = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", template), path)
        given = [("path", name, value) for name, value in zip(names, values.groups() if values else (), strict=True)]
        given += [("query", name, value) for name, value in query.items()]
        faults: list[str] = []
        for place, name, value in given:
            parameter = parameters.pop((place, name), None)
            if (template, name) in UNDOCUMENTED_QUERIES:
                continue
            if parameter is None:
                faults.append(f"unknown {place} parameter {name}")
                continue
            validator = self._parameter(template, operation["operationId"], place, name, parameter["schema"])
            if not any(validator.is_valid(reading) for reading in _readings(value)):
                faults.append(f"{place} parameter {name}={value!r} is not what the document says")
        faults += [f"no {place} parameter {name}" for (place, name), p in parameters.items() if p.get("required")]
        return faults

    def _parameter(
        self, template: str, operation: str, place: str, name: str, schema: dict[str, Any]
    ) -> jsonschema_rs.Validator:
        key = (f"{template} {operation} {place} {name}", False)
        if key not in self._validators:
            absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:discord#/'))
            whole = {"$schema": DIALECT, **absolute}
            self._validators[key] = jsonschema_rs.validator_for(whole, registry=self._requests)
        return self._validators[key]

    def _faults(self, where: str, value: Any, *, answer: bool) -> list[str]:
        validator = self._validators.get((where, answer))
        if validator is None:
            schema = {"$schema": DIALECT, "$ref": f"urn:discord{where}"}
            registry = self._answers if answer else self._requests
            validator = jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)
            self._validators[where, answer] = validator
        return [
            f"{'/'.join(str(step) for step in error.instance_path) or 'body'}: {error.message[:400]}"
            for error in validator.iter_errors(value)
        ]


def _readings(value: str) -> list[Any]:
    """What a query's text may mean."""
    readings: list[Any] = [value]
    if value.lower() in ("true", "false", "1", "0"):
        readings.append(value.lower() in ("true", "1"))
    if re.fullmatch(r"-?\d+", value):
        readings.append(int(value))
    return readings


def _pointer(path: str) -> str:
    """A path as a step of a JSON pointer inside a URI."""
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _strict(document: dict[str, Any], *, numeric_ids: bool) -> dict[str, Any]:
    """The document with unknown keys refused, and, as Discord really does, ids taken as numbers in requests."""
    strict = json.loads(json.dumps(document))
    schemas = strict["components"]["schemas"]
    # What others are made of must let their keys through.
    parts = {part.get("$ref") for schema in schemas.values() for part in schema.get("allOf", [])}
    for name, schema in schemas.items():
        _close(schema, inside_all_of=f"#/components/schemas/{name}" in parts)
    for schema, key in UNDOCUMENTED_KEYS.items():
        schemas[schema]["properties"][key] = {}
    if numeric_ids:
        text = schemas["SnowflakeType"]
        schemas["SnowflakeType"] = {"anyOf": [text, {"type": "integer", "minimum": 0}]}
    strict["$schema"] = DIALECT
    return strict


def _close(schema: Any, *, inside_all_of: bool) -> None:
    if isinstance(schema, list):
        for item in schema:
            _close(item, inside_all_of=inside_all_of)
        return
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict) and "type" in schema and "additionalProperties" not in schema and not inside_all_of:
        closing = "unevaluatedProperties" if "allOf" in schema else "additionalProperties"
        schema[closing] = False
    for key, value in schema.items():
        _close(value, inside_all_of=key == "allOf")
