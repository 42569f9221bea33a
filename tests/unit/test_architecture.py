"""Who may know whom, and how long a file may be. The Python layers are import-linter's (`make lint`)."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
SRC = ROOT / "src"
LONGEST_FILE = 400

BEYOND_THE_STANDARD_LIBRARY = {
    "pybind11": {"bindings"},
    "Python.h": {"bindings"},
    "pjsip": {"stack"},
    "dlfcn.h": {"stack"},
    "openssl/": {"auth", "webrtc"},
    "opus/": {"audio"},
    "spandsp": {"audio"},
    "speex/": {"audio"},
}
"""What may be included, by the beginning of its name, and by whom."""


def room_links() -> dict[str, set[str]]:
    """The edges that cpp/CMakeLists.txt declares; the bindings stand above the engine."""
    text = (CPP / "CMakeLists.txt").read_text()
    calls = re.findall(r"^sr_room\((\w+)(?: LINKS ([\w ]+))?\)", text, re.MULTILINE)
    links = {room: set(linked.split()) for room, linked in calls}
    assert "target_link_libraries(_engine PRIVATE sr_engine)" in text
    return links | {"bindings": {"engine"}}


def known_rooms(room: str, links: dict[str, set[str]]) -> set[str]:
    """The room itself, and all that it links directly or through others."""
    return {room}.union(*(known_rooms(linked, links) for linked in links[room]))


def cpp_files() -> list[Path]:
    return sorted(path for path in CPP.rglob("*") if path.suffix in {".cpp", ".hpp", ".c", ".h"})


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def source_modules() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)


def test_the_edges_of_the_rooms_are_those_of_the_design() -> None:
    above_sip = {"stack", "registrar", "location", "auth", "dialog", "sdp", "webrtc"}
    assert room_links() == {
        "base": set(),
        "sip": {"base"},
        "audio": {"base"},
        **{room: {"sip"} for room in above_sip},
        "events": {"dialog"},
        "exchange": {"dialog"},
        "media": {"audio", "sdp", "webrtc"},
        "engine": above_sip - {"sdp", "webrtc"} | {"events", "exchange", "media"},
        "bindings": {"engine"},
    }


def test_every_room_of_cpp_is_declared() -> None:
    assert {path.relative_to(CPP).parts[0] for path in cpp_files()} <= set(room_links())


def test_a_room_includes_only_itself_and_the_rooms_it_links() -> None:
    links = room_links()
    offences = [
        f"{path.relative_to(ROOT)} includes {name}"
        for path in cpp_files()
        for name in includes(path)
        if (room := name.partition("/")[0]) in links and room not in known_rooms(path.relative_to(CPP).parts[0], links)
    ]
    assert offences == []


def test_a_room_is_included_by_its_name() -> None:
    """`#include "contact.hpp"` and `"../sip/contact.hpp"` would go round the rule above."""
    links = room_links()
    offences = [
        f"{path.relative_to(ROOT)} includes {name}"
        for path in cpp_files()
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.MULTILINE)
        if name.partition("/")[0] not in links
    ]
    assert offences == []


@pytest.mark.parametrize(("prefix", "rooms"), BEYOND_THE_STANDARD_LIBRARY.items())
def test_a_foreign_library_is_known_to_its_own_room_only(prefix: str, rooms: set[str]) -> None:
    who = {path.relative_to(CPP).parts[0] for path in cpp_files() for name in includes(path) if name.startswith(prefix)}
    assert who <= rooms


def test_pjsip_symbols_are_named_in_stack_only() -> None:
    pjsip = re.compile(r"\b(?:pj|pjsip|pjsua|pjmedia|pjlib)_\w+|\bdl(?:open|sym|close)\s*\(")
    without_comments = {
        path: re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in cpp_files()
    }
    who = {path.relative_to(CPP).parts[0] for path, text in without_comments.items() if pjsip.search(text)}
    assert who <= {"stack"}


def test_pjsua2_is_imported_in_sip_manager_only() -> None:
    """Held here as well as by import-linter, which does not see an import inside `if TYPE_CHECKING`."""
    who = {
        path.relative_to(SRC).as_posix()
        for path in source_modules()
        if any(name.split(".")[0] == "pjsua2" for name in imported_modules(path))
    }
    assert who <= {"sip_server/sip_manager.py"}


def test_the_core_is_imported_in_engine_only() -> None:
    who = {
        path.relative_to(SRC).parts[0]
        for path in source_modules()
        if any(name.startswith("engine._engine") for name in imported_modules(path))
    }
    assert who <= {"engine"}


def test_import_linter_knows_every_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    packages = {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}
    assert set(settings["root_packages"]) == packages
    layers = {
        name.strip("() ")
        for contract in settings["contracts"]
        for row in contract.get("layers", [])
        for name in row.split("|")
    }
    assert packages <= layers


@pytest.mark.parametrize("root", [SRC, CPP], ids=["src", "cpp"])
def test_no_file_is_longer_than_its_reader_can_hold(root: Path) -> None:
    suffixes = {".py", ".pyi", ".cpp", ".hpp"}
    lengths = {path: len(path.read_text().splitlines()) for path in root.rglob("*") if path.suffix in suffixes}
    assert lengths, f"no source in {root}"
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE} == {}
