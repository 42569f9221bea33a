"""`reg` (RFC 3680): the bindings of an address, with the liveness of each.

The core tells changes only, and a refreshed registration is none: so there is no ``expires``, ``callid`` or
``cseq``, which the standard leaves open (section 5.1) and which would be those of long ago.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from xml.etree import ElementTree as ET

from domain.presence import ChangeCause, Presentity
from domain.values import Binding
from domain.watching import Document, EventPackage
from presence.xml_text import OWN_NAMESPACE, address_uri, boolean, clean, to_octets, uri_text, version_slot

_NAMESPACES = {"xmlns": "urn:ietf:params:xml:ns:reginfo", "xmlns:sr": OWN_NAMESPACE}
_END_EVENTS = {
    ChangeCause.EXPIRED: "expired",
    ChangeCause.FLOW_CLOSED: "deactivated",  # section 4.7.1: ended here, and the device should register again
}


class RegPackage:
    """Implements ``presence.package.Package``."""

    event = EventPackage("reg", ("application/reginfo+xml",), is_list_served=True)

    def seen(self, presentity: Presentity) -> Hashable:
        return tuple(_shown(binding) for binding in presentity.bindings)

    def render(self, now: Presentity, before: Presentity | None, domain: str) -> Document:
        known = {binding.binding_id: binding for binding in before.bindings} if before else {}
        standing = {binding.binding_id for binding in now.bindings}
        changed = [
            binding
            for binding in now.bindings
            if (last := known.get(binding.binding_id)) is None or _shown(last) != _shown(binding)
        ]
        ended = [binding for binding_id, binding in known.items() if binding_id not in standing]
        state = _registration_state(now, ended)
        ended_contacts = [
            _contact(binding, "terminated", _END_EVENTS.get(now.cause, "unregistered")) for binding in ended
        ]
        whole = _octets(now, domain, ("full", state), [*_active(now.bindings), *ended_contacts])
        document = Document(self.event.content_types[0], whole, version_slot(whole))
        if before is None:
            return document
        part = _octets(now, domain, ("partial", state), [*_active(changed), *ended_contacts])
        return Document(document.content_type, whole, document.version_at, part, version_slot(part))


def _registration_state(now: Presentity, ended: list[Binding]) -> str:
    """Section 4.7.1: init until the first contact, and again after the last one's end has been told."""
    if now.bindings:
        return "active"
    return "terminated" if ended else "init"


def _octets(now: Presentity, domain: str, states: tuple[str, str], contacts: Iterable[ET.Element]) -> bytes:
    document_state, registration_state = states
    root = ET.Element("reginfo", {"version": "", "state": document_state, **_NAMESPACES})
    identity = {"aor": address_uri(now.address, domain), "id": clean(now.address), "state": registration_state}
    ET.SubElement(root, "registration", identity).extend(contacts)
    return to_octets(root)


def _active(bindings: Iterable[Binding]) -> Iterable[ET.Element]:
    return (_contact(binding, "active", "registered") for binding in bindings)


def _contact(binding: Binding, state: str, event: str) -> ET.Element:
    contact = ET.Element("contact", {"id": str(binding.binding_id), "state": state, "event": event})
    if binding.q is not None:
        contact.set("q", f"{binding.q:.3g}")
    ET.SubElement(contact, "uri").text = uri_text(binding.contact_uri)
    if binding.instance:
        ET.SubElement(contact, "unknown-param", {"name": "+sip.instance"}).text = clean(binding.instance)
    if binding.reg_id is not None:
        ET.SubElement(contact, "unknown-param", {"name": "reg-id"}).text = str(binding.reg_id)
    if state == "active":
        ET.SubElement(contact, "sr:liveness", {"reachable": boolean(binding.is_reachable)})
    return contact


def _shown(binding: Binding) -> tuple[object, ...]:
    identity = (binding.binding_id, binding.contact_uri, binding.instance, binding.reg_id, binding.q)
    return (*identity, binding.is_reachable)


PACKAGE = RegPackage()
