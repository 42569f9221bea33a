"""A fault in config.yaml, told so that its owner can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from domain.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The way from the document's root to a value: mapping keys as written, sequence positions from 0."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text, counted from 1 as editors count."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is, what was found and what is allowed. Without a ``place`` the file itself is at fault."""

    path: Path
    message: str
    place: Place | None = None
    key_path: KeyPath = ()

    def __str__(self) -> str:
        """``file:line:column: key.path: message``, as compilers and editors write it."""
        where = str(self.path)
        if self.place is not None:
            where += f":{self.place.line}:{self.place.column}"
        key = f" {key_text(self.key_path)}:" if self.key_path else ""
        return f"{where}:{key} {self.message}"


class ConfigRejected(ConfigError):
    """config.yaml cannot be used; ``problems`` holds every fault found, in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def key_text(path: KeyPath) -> str:
    """The key path as a person writes it: ``routes[0].volume``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)
