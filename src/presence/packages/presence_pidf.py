"""`presence` (RFC 3856): PIDF (RFC 3863) with the person's activities (RFC 4479, RFC 4480).

One tuple for the address, whose contact is the address itself: devices' own addresses are nobody's business, and phones
read the first tuple only. Of one who is not there nothing is told but that.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC
from xml.etree import ElementTree as ET

from domain.presence import Activity, Availability, Presentity
from domain.watching import Document, EventPackage
from presence.xml_text import address_uri, clean, to_octets

_NAMESPACES = {
    "xmlns": "urn:ietf:params:xml:ns:pidf",
    "xmlns:dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "xmlns:rpid": "urn:ietf:params:xml:ns:pidf:rpid",
}
NOTES = {
    Availability.NOT_REGISTERED: "Not registered",
    Availability.UNREACHABLE: "Registered, but does not answer",
    Availability.DO_NOT_DISTURB: "Do not disturb",
    Availability.CLOSED: "Takes no calls",
    Availability.RINGING: "Ringing",
    Availability.ON_THE_PHONE: "On the phone",
    Availability.BUSY: "Busy",
    Availability.AWAY: "Away",
    Availability.AVAILABLE: "Available",
}
_OWN_ACTIVITIES = {
    Availability.ON_THE_PHONE: Activity.ON_THE_PHONE,
    Availability.RINGING: Activity.BUSY,  # RPID knows no ringing, and who is called cannot be called
    Availability.DO_NOT_DISTURB: Activity.BUSY,
}
_AWAY_FROM_US = frozenset({Availability.NOT_REGISTERED, Availability.UNREACHABLE})


class PresencePackage:
    """Implements ``presence.package.Package``."""

    event = EventPackage("presence", ("application/pidf+xml",), is_list_served=True)

    def seen(self, presentity: Presentity) -> Hashable:
        return (presentity.availability, _activities(presentity), _note(presentity))

    def render(self, now: Presentity, before: Presentity | None, domain: str) -> Document:
        """There is no partial form (that would be RFC 5262's)."""
        uri = address_uri(now.address, domain)
        root = ET.Element("presence", {**_NAMESPACES, "entity": uri})
        tuple_ = ET.SubElement(root, "tuple", {"id": "address"})
        status = ET.SubElement(tuple_, "status")
        ET.SubElement(status, "basic").text = "open" if now.is_open else "closed"
        ET.SubElement(tuple_, "contact").text = uri
        ET.SubElement(tuple_, "note", {"xml:lang": "en"}).text = NOTES[now.availability]
        if now.version:
            ET.SubElement(tuple_, "timestamp").text = f"{now.changed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        _add_person(root, _activities(now), _note(now))
        return Document(self.event.content_types[0], to_octets(root))


def _add_person(root: ET.Element, activities: tuple[Activity, ...], note: str) -> None:
    if not activities and not note:
        return
    person = ET.SubElement(root, "dm:person", {"id": "person"})
    if activities:
        doing = ET.SubElement(person, "rpid:activities")
        for activity in activities:
            ET.SubElement(doing, f"rpid:{activity}")
    if note:
        ET.SubElement(person, "dm:note").text = clean(note)


def _activities(presentity: Presentity) -> tuple[Activity, ...]:
    if presentity.availability in _AWAY_FROM_US:
        return ()
    doing = set(presentity.published.activities) if presentity.published else set()
    if own := _OWN_ACTIVITIES.get(presentity.availability):
        doing.add(own)
    return tuple(activity for activity in Activity if activity in doing)


def _note(presentity: Presentity) -> str:
    is_there = presentity.availability not in _AWAY_FROM_US
    return presentity.published.note if presentity.published and is_there else ""


PACKAGE = PresencePackage()
