"""The reference and the JSON Schema in docs/ say what the daemon checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_reference import DOCUMENTS, json_schema, reference

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_shipped_document_is_the_schemas(name):
    advice = "stale: run python scripts/write-config-docs.py"
    assert (DOCS / name).read_text(encoding="utf-8") == DOCUMENTS[name](), advice


def row_of(key: str) -> str:
    (row,) = [line for line in reference().splitlines() if line.startswith(f"| `{key}` |")]
    return row


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sip.udp.port", "| a whole number, 0 to 65535; 0 takes a free one | `5060` | restart |"),
        ("server.state_dir", "| empty | restart |"),
        ("registrar.below_min", "| raise or reject | `raise` | at once |"),
        ("discovery.enabled", "| `true` | at once |"),
        ("role", "| the owner's | source, sink, phone or unknown |"),
        ("online", "| the daemon's | true or false |"),
        ("volume", "| `1.0` |"),
        ("sink", "| required |"),
    ],
)
def test_reference_tells_what_is_allowed_the_default_and_when_it_is_in_force(key, words):
    assert row_of(key).endswith(words)


def test_reference_has_every_device_field():
    assert all(row_of(name) for name in DeviceEntry.model_fields)


def resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """``node`` with its reference followed, the empty alternative left out."""
    for option in node.get("anyOf", [node]):
        if option.get("type") != "null":
            name = option.get("$ref", "").rpartition("/")[2]
            found: dict[str, Any] = schema["$defs"][name] if name else option
            return found
    raise AssertionError(node)


def allows_nothing(node: dict[str, Any]) -> bool:
    return any(option.get("type") == "null" for option in node.get("anyOf", []))


def test_json_schema_refuses_unknown_keys_in_every_section_and_takes_empty_ones():
    schema = json.loads(json_schema())
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if part["type"] == "object")
    assert set(schema["properties"]) == set(ConfigDocument.model_fields)
    assert [name for name, node in schema["properties"].items() if not allows_nothing(node)] == []


def test_json_schema_has_values_ranges_and_descriptions_for_completion():
    schema = json.loads(json_schema())
    registrar = resolved(schema, schema["properties"]["registrar"])["properties"]
    assert registrar["below_min"]["enum"] == ["raise", "reject"]
    assert (registrar["max_contacts"]["minimum"], registrar["max_contacts"]["maximum"]) == (1, 32)
    assert registrar["max_contacts"]["description"] == "a whole number, 1 to 32"


def test_json_schema_takes_one_listening_address_or_a_list():
    schema = json.loads(json_schema())
    address = schema["$defs"]["UdpSection"]["properties"]["address"]
    assert {option["type"] for option in address["anyOf"]} == {"string", "array"}
