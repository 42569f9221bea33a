"""libyaml's words for what is wrong -> what the owner of the file can do about it."""

from __future__ import annotations

import re
from typing import Any

from configuration.problem import Place

_COLON = "a text with ': ' in it or ':' at its beginning must stand in quotes, and a key needs its ':' on its own line"
_INDENT = (
    "this line is indented otherwise than those it belongs with, or something stands behind a closing quote or bracket"
)
_ADVICE = {
    "mapping values are not allowed": _COLON,
    "did not find expected key": _INDENT,
    "did not find expected '-' indicator": _INDENT,
    "found character that cannot start any token": "a text that begins with @, % or ` must stand in quotes",
    "found unknown escape character": "double the backslash, or use ' instead of \" as quotes",
    "did not find expected alphabetic or numeric character": "a text that begins with * or & must stand in quotes",
    "block sequence entries are not allowed": (
        "a list begins on a line of its own below its key; a text that is - or begins with '- ' must stand in quotes"
    ),
}
_OCTAL = re.compile(r"([-+]?)0[0-7_]+")
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*|[0-9]*\.[0-9]*([eE][-+][0-9]+)?)")


def advice_on(error: Any) -> tuple[str, Any]:
    """The message for a ``yaml.MarkedYAMLError``, and the mark at which it is to be told."""
    mark = error.problem_mark or error.context_mark
    said = ", ".join(part for part in (error.context, error.problem) if part)
    problem = error.problem or ""
    if error.context_mark is not None and "quoted scalar" in (error.context or "") and "end of stream" in problem:
        return "this is not YAML: the quote that opens here is never closed", error.context_mark
    if error.context_mark is not None and "did not find expected ',' or" in problem:
        bracket = "{" if "mapping" in error.context else "["
        opening = Place(error.context_mark.line + 1, error.context_mark.column + 1)
        advice = (
            f"the {bracket} of line {opening.line}, column {opening.column} is not closed before this; or "
            "a text in it needs quotes"
        )
        return f"this is not YAML: {advice} ({said})", mark
    found = next((advice for words, advice in _ADVICE.items() if words in problem), None)
    return f"this is not YAML: {found} ({said})" if found else f"this is not YAML: {said}", mark


def odd_number(text: str, value: object) -> str | None:
    """What to tell of an unquoted number that YAML 1.1 takes for another than most people do; None if it is plain."""
    if (
        not isinstance(value, int | float)
        or _PLAIN_NUMBER.fullmatch(text)
        or not any("0" <= one <= "9" for one in text)
    ):
        return None
    octal = _OCTAL.fullmatch(text)
    meant = octal[1] + text.lstrip("+-0_").replace("_", "") if octal else str(value)
    return f"YAML takes {text} for {value}; write it as {meant or 0}, or in quotes if it is a text"
