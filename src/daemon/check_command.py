"""``screamrouter-sip check``: every fault of a configuration file at once, and what it would change."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from api.control_socket import ask
from configuration.config_diff import Change, Effect, diff
from configuration.config_document import ConfigDocument, ServerSection
from configuration.config_loader import find_doubts, load_config
from configuration.problem import ConfigRejected
from domain.errors import UserError

_SERVICE_STATE_DIR = Path("/var/lib/screamrouter-sip")
"""Where systemd's StateDirectory puts it."""


def check(path: Path, config_path: Path, *, shows_diff: bool) -> int:
    """Print what is wrong, one line each; 0 when nothing is, else 1. What is only doubtful is printed and no fault.

    ``config_path`` is the running daemon's configuration as far as the user says; a daemon that runs with it is asked
    what is in force, to tell what ``path`` would change.
    """
    try:
        loaded = load_config(path)
    except ConfigRejected as rejected:
        return _refuse(path, rejected)
    for doubt in find_doubts(loaded):
        print(doubt, file=sys.stderr)
    wanted = loaded.document
    print(f"{path} is sound.")
    if shows_diff:
        _show_diff(_in_force(path, wanted, config_path), wanted)
    else:
        _name_restarts(path, wanted, config_path)
    return 0


def _refuse(path: Path, rejected: ConfigRejected) -> int:
    for problem in rejected.problems:
        print(problem, file=sys.stderr)
    count = "1 fault" if len(rejected.problems) == 1 else f"{len(rejected.problems)} faults"
    print(f"{path}: {count}; the daemon would not start with it, and a running one would not take it.", file=sys.stderr)
    return 1


def _show_diff(running: ConfigDocument | None, wanted: ConfigDocument) -> None:
    if running is None:
        print("No daemon runs with this state directory; compared with the defaults:")
    else:
        print("Compared with what the running daemon has in force:")
    changes = diff(running or ConfigDocument(), wanted)
    _print_group("A reload would change nothing.", "A reload changes:", _with(changes, Effect.LIVE))
    _print_group("", "Only a restart of the daemon changes:", _with(changes, Effect.RESTART))
    _print_group("", "Written by the daemon, whose values come back:", _with(changes, Effect.OVERWRITTEN))


def _name_restarts(path: Path, wanted: ConfigDocument, config_path: Path) -> None:
    try:
        running = _in_force(path, wanted, config_path)
    except UserError:  # it may not be asked, which has nothing to do with the file's soundness
        return
    if running is not None:
        _print_group("", "Only a restart of the running daemon changes:", _with(diff(running, wanted), Effect.RESTART))


def _in_force(path: Path, wanted: ConfigDocument, config_path: Path) -> ConfigDocument | None:
    """What the running daemon says is in force; None if none runs. Raise ``UserError`` when it may not be asked.

    The daemon of the file's own state directory is the one that is meant. A file may move that directory, so others are
    asked as well, and believed if they run with one of the two files.
    """
    files = {path.resolve(), config_path.resolve()}
    for state_dir in _state_dirs(wanted, config_path):
        answer = ask(state_dir, "config")
        if answer is not None and (state_dir == wanted.server.state_path() or Path(answer["path"]).resolve() in files):
            return ConfigDocument.model_validate_json(json.dumps(answer["document"]))
    return None


def _state_dirs(wanted: ConfigDocument, config_path: Path) -> Sequence[Path]:
    sections = [wanted.server]
    with contextlib.suppress(ConfigRejected):
        sections.append(load_config(config_path).document.server)
    sections.append(ServerSection())
    return list(dict.fromkeys([*(section.state_path() for section in sections), _SERVICE_STATE_DIR]))


def _with(changes: Sequence[Change], effect: Effect) -> list[str]:
    return [str(change) for change in changes if change.effect is effect]


def _print_group(nothing: str, title: str, lines: Sequence[str]) -> None:
    if lines:
        print("\n  ".join([title, *lines]))
    elif nothing:
        print(nothing)
