"""A published PIDF document (RFC 3863, RFC 4479, RFC 4480) -> what it says, or why it cannot be read.

The document is a stranger's: no DTD, no entities, bounded in octets, elements and depth, read as a stream without ever
standing in memory as a tree. What devices really send is told by elements' local names: prefixes and namespaces of
four drafts are in use, activities stand in the person, in a tuple or in its status, and Event state comes in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.ElementTree import DefusedXMLParser

from domain.presence import Activity, PublishedState

MOST_OCTETS = 16 * 1024
MOST_ELEMENTS = 500
DEEPEST = 16
LONGEST_NOTE = 200

_ACTIVITIES = {
    "on-the-phone": Activity.ON_THE_PHONE,
    "busy": Activity.BUSY,
    "meeting": Activity.MEETING,
    "appointment": Activity.MEETING,
    "presentation": Activity.MEETING,
    "away": Activity.AWAY,
    "permanent-absence": Activity.AWAY,
    "sleeping": Activity.AWAY,
    "in-transit": Activity.AWAY,
    "meal": Activity.MEAL,
    "breakfast": Activity.MEAL,
    "dinner": Activity.MEAL,
    "vacation": Activity.VACATION,
    "holiday": Activity.VACATION,
}
_SAYS_NOTHING = frozenset({"unknown", "note"})
_BASIC = {"open": True, "closed": False}


@dataclass(frozen=True, slots=True)
class UnreadablePidf:
    """``reason`` is a sentence for the publisher."""

    reason: str


class _TooMuch(Exception):
    """The document goes beyond a limit, or is no PIDF; ends the parser's work. The argument is the sentence."""


class _PidfTarget:
    """Takes the parser's events, and keeps no more than the answer."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._elements = 0
        self._text = ""
        self._is_open: bool | None = None
        self._doing: dict[Activity, None] = {}
        self._note = ""

    def start(self, tag: str, _: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise _TooMuch(f"the document has more than {MOST_ELEMENTS} elements")
        if len(self._path) >= DEEPEST:
            raise _TooMuch(f"the document is nested deeper than {DEEPEST}")
        self._path.append(tag.rpartition("}")[2])
        if self._path[0] != "presence":
            raise _TooMuch("the document is no presence document")
        self._text = ""

    def data(self, text: str) -> None:
        self._text = (self._text + text)[: 4 * LONGEST_NOTE]

    def end(self, _: str) -> None:
        name = self._path.pop()
        parent = self._path[-1] if self._path else ""
        text, self._text = self._text.strip(), ""
        if name == "basic" and parent == "status":
            self._take_basic(text)
        elif parent == "activities":
            self._take_activity(text.lower() if name == "activity" else name)
        if name == "note" and not self._note:
            self._note = " ".join(text.split())[:LONGEST_NOTE]

    def state(self) -> PublishedState:
        """What the whole document said."""
        return PublishedState(self._is_open, tuple(one for one in Activity if one in self._doing), self._note)

    def _take_basic(self, text: str) -> None:
        """A person is open where one of the tuples is (RFC 3863 section 4.1.4)."""
        is_open = _BASIC.get(text.lower())
        if is_open is not None:
            self._is_open = bool(self._is_open) or is_open

    def _take_activity(self, name: str) -> None:
        if name and name not in _SAYS_NOTHING:
            self._doing[_ACTIVITIES.get(name, Activity.OTHER)] = None


def read_pidf(document: bytes) -> PublishedState | UnreadablePidf:
    """What ``document`` says; never raises on a peer's octets."""
    if len(document) > MOST_OCTETS:
        return UnreadablePidf(f"the document is longer than {MOST_OCTETS} octets")
    target = _PidfTarget()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        parser.feed(document)
        parser.close()
    except (DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden):
        return UnreadablePidf("the document has a DTD or entities, which are not read")
    except _TooMuch as fault:
        return UnreadablePidf(str(fault))
    except ParseError as fault:
        return UnreadablePidf(f"the document is not well-formed XML: {fault}")
    except (LookupError, ValueError):  # pyexpat's for an encoding that Python has not, or not octet by octet
        return UnreadablePidf("the document's encoding is not known here; send UTF-8")
    return target.state()
