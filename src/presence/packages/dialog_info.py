"""`dialog` (RFC 4235): who is in which call; what lights a busy-lamp field.

An idle device and one that is not registered have the same dialogs, none. ``sr:liveness``, an element where the
schema has room for other namespaces, tells them apart (docs/decisions/0015). The dialogs that ended with the change
that the document tells of stand in it once, as terminated: lamps go out for that, and not all do for absence.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from xml.etree import ElementTree as ET

from domain.presence import CallPart, CallPhase, Presentity
from domain.watching import Document, EventPackage
from presence.xml_text import OWN_NAMESPACE, address_uri, boolean, to_octets, uri_text, version_slot

_NAMESPACES = {"xmlns": "urn:ietf:params:xml:ns:dialog-info", "xmlns:sr": OWN_NAMESPACE}
_STATES = {CallPhase.RINGING: "early", CallPhase.TALKING: "confirmed", CallPhase.HELD: "confirmed"}
_TERMINATED = "terminated"


class DialogPackage:
    """Implements ``presence.package.Package``."""

    event = EventPackage("dialog", ("application/dialog-info+xml",), is_list_served=True)

    def seen(self, presentity: Presentity) -> Hashable:
        return (presentity.calls, presentity.is_registered, presentity.is_reachable)

    def render(self, now: Presentity, before: Presentity | None, domain: str) -> Document:
        known = {_dialog_id(part): part for part in before.calls} if before else {}
        standing = {_dialog_id(part): part for part in now.calls}
        ended = [part for dialog_id, part in known.items() if dialog_id not in standing]
        changed = [part for dialog_id, part in standing.items() if known.get(dialog_id) != part]
        whole = _octets(now, domain, "full", _dialogs(now, domain, standing.values(), ended))
        document = Document(self.event.content_types[0], whole, version_slot(whole))
        if before is None:
            return document
        part = _octets(now, domain, "partial", _dialogs(now, domain, changed, ended))
        return Document(document.content_type, whole, document.version_at, part, version_slot(part))


def _octets(now: Presentity, domain: str, state: str, dialogs: Iterable[ET.Element]) -> bytes:
    root = ET.Element(
        "dialog-info", {"version": "", "state": state, "entity": address_uri(now.address, domain), **_NAMESPACES}
    )
    root.extend(dialogs)
    liveness = {"registered": boolean(now.is_registered), "reachable": boolean(now.is_reachable)}
    ET.SubElement(root, "sr:liveness", liveness)
    return to_octets(root)


def _dialogs(
    now: Presentity, domain: str, standing: Iterable[CallPart], ended: Iterable[CallPart]
) -> Iterable[ET.Element]:
    for part in standing:
        yield _dialog(now, domain, part, _STATES[part.phase])
    for part in ended:
        yield _dialog(now, domain, part, _TERMINATED)


def _dialog(now: Presentity, domain: str, part: CallPart, state: str) -> ET.Element:
    """Section 4.1.1. No Call-ID or tags: the hub is a party of each dialog, and nobody can replace it by them."""
    direction = "initiator" if part.is_initiator else "recipient"
    dialog = ET.Element("dialog", {"id": _dialog_id(part), "direction": direction})
    ET.SubElement(dialog, "state").text = state
    local_uri = uri_text(part.local_uri) or address_uri(now.address, domain)
    local = _participant(dialog, "local", local_uri)
    if part.phase is CallPhase.HELD:
        target = local.find("target")
        if target is not None:  # section 5.2's way to say that a dialog is on hold
            ET.SubElement(target, "param", {"pname": "+sip.rendering", "pval": "no"})
    if part.remote_uri:
        _participant(dialog, "remote", uri_text(part.remote_uri))
    return dialog


def _participant(dialog: ET.Element, side: str, uri: str) -> ET.Element:
    """Without a name: the standard's schema and its examples call that attribute differently, and so do phones."""
    participant = ET.SubElement(dialog, side)
    ET.SubElement(participant, "identity").text = uri
    ET.SubElement(participant, "target", {"uri": uri})
    return participant


def _dialog_id(part: CallPart) -> str:
    """A device that calls itself is in one call twice."""
    return f"{part.call_id}-{'out' if part.is_initiator else 'in'}"


PACKAGE = DialogPackage()
