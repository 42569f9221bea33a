"""What our core and aiortc have in common as servers of the bench: calls come line by line, answers go as JSON.

``open ID KIND NAME SDP`` (NAME ``-`` for none; tabs for the line ends of the SDP) and ``close ID``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opening:
    """A call that is to be answered."""

    leg_id: str
    kind: str
    name: str
    offer: str


@dataclass(frozen=True, slots=True)
class Closing:
    """A call that is over."""

    leg_id: str


def read_command(line: str) -> Opening | Closing:
    """The command of one line. Raise ValueError for anything else."""
    match line.rstrip("\n").split(" ", 4):
        case ["open", leg_id, kind, name, sdp]:
            return Opening(leg_id, kind, "" if name == "-" else name, sdp.replace("\t", "\r\n"))
        case ["close", leg_id]:
            return Closing(leg_id)
    raise ValueError(f"no such command: {line!r}")


def say(**values: object) -> None:
    """One line to whoever drives this server."""
    print(json.dumps(values), flush=True)
