"""What pydantic found -> problems in the owner's words: the place, what was found, what is allowed, the nearest key."""

from __future__ import annotations

import copy
import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from configuration.problem import KeyPath, Place, Problem
from configuration.yaml_reader import Reading

_LONGEST_SHOWN = 60
_LISTS = frozenset({"devices", "routes"})
_OWN_WORDS = frozenset({"address", "domain", "name", "network", "origin", "path", "repeat", "order"})


def problems_of(error: ValidationError, model: type[BaseModel], reading: Reading, path: Path) -> list[Problem]:
    """Every fault that ``error`` holds, with its place in ``reading``: the value's, or an unknown key's own.

    A rule between keys that pydantic did not come to, since another key of the section is wrong, counts as well.
    """
    found: dict[tuple[KeyPath, str], Problem] = {}
    faults = error.errors(include_url=False)
    for fault in [*faults, *_rules_not_reached(faults, model, reading.value)]:
        key_path = _known_prefix(fault["loc"], reading.value)
        if fault["type"] == "order":
            key_path = (*key_path, str(fault["ctx"]["key"]))
        message = _message(fault, key_path, model)
        places = reading.key_places if fault["type"] == "extra_forbidden" else reading.places
        place = places.get(key_path) or _place(key_path, reading.places)
        found.setdefault((key_path, message), Problem(path, message, place, key_path))
    return list(found.values())


def _rules_not_reached(faults: Sequence[Any], model: type[BaseModel], value: Any) -> list[Any]:
    """The broken rules between keys in what remains of the settings without the keys that are wrong."""
    settings = copy.deepcopy({key: item for key, item in value.items() if key not in _LISTS})
    removed = {_named_part(_known_prefix(fault["loc"], value)) for fault in faults}
    for *way, key in filter(None, removed):
        section: Any = settings
        for part in way:
            section = section.get(part, {}) if isinstance(section, dict) else {}
        if isinstance(section, dict):
            section.pop(key, None)
    try:
        model.model_validate(settings)
    except ValidationError as error:
        return [fault for fault in error.errors(include_url=False) if _is_rule(fault, removed)]
    return []


def _is_rule(fault: Any, removed: set[KeyPath]) -> bool:
    if fault["type"] != "order":
        return False
    context = fault["ctx"]
    return not any((*fault["loc"], name) in removed for name in (context["key"], *context["others"]))


def _named_part(path: KeyPath) -> KeyPath:
    return tuple(takewhile(lambda part: isinstance(part, str), path))


def _message(fault: Any, key_path: KeyPath, model: type[BaseModel]) -> str:
    kind, value = fault["type"], fault["input"]
    if kind == "extra_forbidden":
        return unknown_key(str(key_path[-1]), sorted(known_keys(model, key_path[:-1])))
    if kind == "missing":
        return f"the key {fault['loc'][-1]} is missing; allowed is {_allowed(model, fault['loc'])}"
    allowed = _allowed(model, key_path)
    if kind == "order":
        return f"{fault['msg']}; allowed is {allowed}"
    detail = f" {fault['msg']}" if kind in _OWN_WORDS else ""
    advice = ""
    if allowed.startswith("text") and isinstance(value, int | float | bool):
        advice = "; put it in quotes to make it text"
    return f"found {shown(value)},{' which' + detail + ',' if detail else ''} allowed is {allowed}{advice}"


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The message for a key that is not known, with the nearest one that is."""
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key; {hint}Known here: {', '.join(known)}" if known else "unknown key; no key is allowed here"


def shown(value: Any) -> str:
    """A value as it appears in a message: its kind and its text, cut to a readable length."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {str(value)[:_LONGEST_SHOWN]}"
        case str():
            cut = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "..."
            return f'the text "{cut}"'
        case None:
            return "nothing (null)"
        case _:
            return "a mapping of keys" if isinstance(value, dict) else "a list"


def known_keys(model: type[BaseModel], path: KeyPath) -> frozenset[str]:
    """The keys that the schema has at ``path``."""
    annotation: Any = model
    for part in path:
        annotation = _inner(annotation, part)
    found = _model_in(annotation)
    return frozenset(found.model_fields) if found else frozenset()


def _allowed(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """The description of the deepest described setting on the way to ``path``."""
    annotation: Any = model
    description = "a mapping of keys"
    for part in path:
        found = _model_in(annotation)
        if found is not None and part in found.model_fields:
            setting = found.model_fields[str(part)]
            nested = _model_in(setting.annotation)
            keys = f"a mapping with the keys {', '.join(nested.model_fields)}" if nested else description
            description = setting.description or keys
        elif (nested := _model_in(_inner(annotation, part))) is not None:
            description = f"a mapping with the keys {', '.join(nested.model_fields)}"
        annotation = _inner(annotation, part)
    return description


def _inner(annotation: Any, part: str | int) -> Any:
    found = _model_in(annotation)
    if found is not None:
        setting = found.model_fields.get(str(part))
        return setting.annotation if setting else None
    for candidate in _alternatives(annotation):
        arguments = get_args(candidate)
        origin = get_origin(candidate)
        if origin is tuple and isinstance(part, int):
            return arguments[0]
        if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(part, str):
            return arguments[1]
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for candidate in _alternatives(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        yield from get_args(annotation)
    elif hasattr(annotation, "__metadata__"):
        yield from _alternatives(annotation.__origin__)
    else:
        yield annotation


def _known_prefix(location: Sequence[str | int], value: Any) -> KeyPath:
    """The longest part of pydantic's location that ``value`` has; pydantic adds names of its own behind."""
    path: KeyPath = ()
    for part in location:
        is_there = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        if not is_there:
            break
        path, value = (*path, part), value[part]
    return path


def _place(path: KeyPath, places: Mapping[KeyPath, Place]) -> Place | None:
    while path and path not in places:
        path = path[:-1]
    return places.get(path)
