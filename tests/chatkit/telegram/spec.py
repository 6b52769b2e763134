"""The published Bot API document as JSON Schema: a judge of requests and of the stand-in's own answers."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import jsonschema_rs

from chatkit.specs import specs_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLAIN: dict[str, dict[str, Any]] = {
    "String": {"type": "string"},
    "Integer": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "InputFile": {"type": "string"},  # an upload stands in the parameters as attach://name
}
ARRAY = "Array of "
# `always "emoji"`, `must be photo`: the value that tells one variant of a type from the others.
CONSTANT = re.compile(r'(?:, always|, must be) "?(\w+)"?$')
TAGS = ("type", "status", "source")


@functools.cache
def load() -> Spec | None:
    """The document, read once a process; None where it is absent."""
    file = specs_file("telegram_api.json")
    return None if file is None else Spec(json.loads(file.read_text(encoding="utf-8")))


class Spec:
    """Which methods there are, and whether parameters and answers are what the document says."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._methods: dict[str, Any] = document["methods"]
        self._types: dict[str, Any] = document["types"]
        defs = {name: self._definition(type_) for name, type_ in self._types.items() if name not in PLAIN}
        self._registry = jsonschema_rs.Registry([("urn:telegram", {"$schema": DIALECT, "$defs": defs})])
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def knows(self, method: str) -> bool:
        return method in self._methods

    def texts(self, method: str) -> frozenset[str]:
        """Names of the parameters that are text and nothing else: never read as JSON."""
        fields = self._methods[method].get("fields", [])
        return frozenset(f["name"] for f in fields if set(f["types"]) <= {"String", "InputFile"})

    def request_faults(self, method: str, params: dict[str, Any]) -> list[str]:
        """What is wrong with a method's decoded parameters; an upload is its `attach://` name."""
        if method not in self._methods:
            return [f"{method}: the document knows no such method"]
        schema = self._object(self._methods[method].get("fields", []))
        return [f"{method}: {fault}" for fault in self._faults(f"request {method}", schema, params)]

    def answer_faults(self, method: str, result: Any) -> list[str]:
        """What is wrong with the `result` of the stand-in's own answer."""
        schema = self._any_of(self._methods[method]["returns"])
        return [f"{method} answered {fault}" for fault in self._faults(f"answer {method}", schema, result)]

    def update_faults(self, update: Any) -> list[str]:
        return [f"update {fault}" for fault in self._faults("Update", self._type("Update"), update)]

    def field(self, type_: str, name: str) -> dict[str, Any]:
        """A documented field, for tests that hold a table of the kit against the document."""
        return next(field for field in self._types[type_]["fields"] if field["name"] == name)

    def _faults(self, key: str, schema: dict[str, Any], value: Any) -> list[str]:
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.validator_for({"$schema": DIALECT, **schema}, registry=self._registry)
        return [
            f"{'/'.join(str(step) for step in error.instance_path) or 'as a whole'}: {error.message[:400]}"
            for error in self._validators[key].iter_errors(value)
        ]

    def _definition(self, type_: dict[str, Any]) -> dict[str, Any]:
        if "subtypes" in type_:
            return self._any_of(type_["subtypes"])
        return self._object(type_.get("fields", []))

    def _object(self, fields: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {field["name"]: self._field(field) for field in fields},
            "required": [field["name"] for field in fields if field["required"]],
            "additionalProperties": False,
        }

    def _field(self, field: dict[str, Any]) -> dict[str, Any]:
        constant = CONSTANT.search(field["description"]) if field["name"] in TAGS else None
        return {"const": constant[1]} if constant else self._any_of(field["types"])

    def _any_of(self, types: list[str]) -> dict[str, Any]:
        return self._type(types[0]) if len(types) == 1 else {"anyOf": [self._type(name) for name in types]}

    def _type(self, name: str) -> dict[str, Any]:
        if name.startswith(ARRAY):
            return {"type": "array", "items": self._type(name.removeprefix(ARRAY))}
        return PLAIN.get(name) or {"$ref": f"urn:telegram#/$defs/{name}"}
