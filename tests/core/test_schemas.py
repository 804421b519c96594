"""The schemas are valid, and hold the manifest and the values that adapters exchange."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from accsyn_plugins import model
from accsyn_plugins.actions.plan import Plan, Progress
from accsyn_plugins.manifest import manifest_path, read_toml

SCHEMAS = Path(model.__file__).parent / "schemas"
VALUES = [c for _, c in inspect.getmembers(model, dataclasses.is_dataclass)]


def load(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_every_schema_is_one(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_the_manifest_keeps_to_its_schema() -> None:
    table = read_toml(manifest_path())
    Draft202012Validator(load("plugin")).validate(table)
    with pytest.raises(ValidationError):
        Draft202012Validator(load("plugin")).validate({**table, "hosts": []})


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_of_the_model_is_described_field_by_field(kind: Any) -> None:
    described = load("model")["$defs"][kind.__name__]
    assert list(described["properties"]) == [field.name for field in dataclasses.fields(kind)]


def test_a_value_keeps_to_its_schema() -> None:
    schema = {**load("model"), "anyOf": [{"$ref": "#/$defs/Scene"}]}
    scene = model.as_json(model.Scene("generic", "/a", "p", dependencies=("/a",)))
    Draft202012Validator(schema).validate(scene)
    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate({**scene, "dependencies": "a"})


def test_plan_and_progress_are_described_field_by_field() -> None:
    plan = load("send")["$defs"]["Plan"]["properties"]
    assert set(plan) == {field.name for field in dataclasses.fields(Plan)} | {"file_count", "changes_nothing"}
    assert load("publish")["$defs"]["Plan"] == load("send")["$defs"]["Plan"]
    progress = {field.name for field in dataclasses.fields(Progress)}
    assert set(load("progress")["properties"]) == progress | {"event"}
