"""The reference of config.yaml and its JSON Schema, both made from the schema that the daemon checks with.

``python scripts/write-config-docs.py`` writes them into docs/; a test fails when they are stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from configuration.config_access import NetworkEntry
from configuration.config_diff import Effect, effect_of_setting
from configuration.config_document import ConfigDocument, DeviceEntry, FormatEntry, RouteEntry
from configuration.entry_change import MASTERS, Master
from configuration.problem import KeyPath, key_text

_HEAD = """\
# config.yaml: every key

Made from the schema by `scripts/write-config-docs.py`; do not edit. `config.yaml` itself tells what each key is for.

A key, or a whole section, may be left out or left empty; it then has its default. Unknown keys, keys given twice and
values of the wrong type are refused with file, line and column. *At once*: a saved edit is in force within a second.
*Restart*: it is in force after the next start of the daemon, which names it in the log and in `screamrouter-sip
check`.

For completion and checking in an editor with a YAML language server, make this the file's first line:

    # yaml-language-server: $schema=<path of config.schema.json>
"""
_DEVICES = """\
## devices

A mapping: a device's key (its UUID, else its SIP address, 1 to 255 characters), and below it the keys here. The
daemon never overwrites a field of the owner's; it fills `name` and `role` in while they are open (no name, or the one
it gave itself; no role, or `unknown`). A field of the daemon's that is edited gets the daemon's value back. An entry
that is deleted is gone until the core reports a new or changed registration of the device: a refresh does not bring
it back, nor does a device that is heard again, nor what was on its way into the file when the deletion was seen.
"""
_RULES = """\
## admission.rules

A list; each rule has the keys here. Of the networks and rules that hold for an address, the one with the longest prefix
counts; of equals a rule before a network, and of rules the first.
"""
_ROUTES = """\
## routes

A list; each route has the keys here.
"""


def reference() -> str:
    """docs/config-reference.md."""
    parts = [
        _HEAD,
        "## Settings\n",
        _table(("Key", "Allowed", "Default", "In force"), _setting_rows(ConfigDocument(), ())),
    ]
    parts += [_DEVICES, _table(("Key", "Whose", "Allowed"), _device_rows())]
    parts += ["Each of `formats` has the keys here.\n", _table(("Key", "Allowed", "Default"), _entry_rows(FormatEntry))]
    parts += [_RULES, _table(("Key", "Allowed", "Default"), _entry_rows(NetworkEntry))]
    parts += [_ROUTES, _table(("Key", "Allowed", "Default"), _entry_rows(RouteEntry))]
    return "\n".join(parts)


def json_schema() -> str:
    """docs/config.schema.json: JSON Schema 2020-12, for editors. Rules between keys are the daemon's alone."""
    schema = ConfigDocument.model_json_schema()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "config.yaml of screamrouter-sip"}
    return json.dumps({**head, **{key: value for key, value in schema.items() if key != "title"}}, indent=2) + "\n"


def _setting_rows(section: BaseModel, path: KeyPath) -> Iterator[tuple[str, ...]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        key_path = (*path, name)
        if isinstance(value, BaseModel):
            yield from _setting_rows(value, key_path)
        elif name not in ("devices", "routes"):
            when = "restart" if effect_of_setting(key_path) is Effect.RESTART else "at once"
            yield (f"`{key_text(key_path)}`", field.description or "", _default(value), when)


def _device_rows() -> Iterator[tuple[str, ...]]:
    for name, field in DeviceEntry.model_fields.items():
        whose = "the owner's" if MASTERS[name] is Master.OWNER else "the daemon's"
        yield (f"`{name}`", whose, field.description or "")


def _entry_rows(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (f"`{name}`", field.description or "", "required" if field.is_required() else _default(field.default))


def _default(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, tuple):
        return f"`[{', '.join(json.dumps(item) for item in value)}]`"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | dict) else f"`{value}`"


def _table(titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


DOCUMENTS: Mapping[str, Any] = {"config-reference.md": reference, "config.schema.json": json_schema}
"""Files below docs/ and what makes their content."""
