"""Lists of resources (RFC 4662): the meta-information of all, and the documents of as many as fit, in one multipart.

A list's document must stay below ``MOST_OCTETS``: a NOTIFY over UDP ends at 64 KB, and streams take no more here. The
rule when it does not fit: every resource keeps its row, and those that changed last get their documents; a row without
``cid`` says that nothing is told of the resource (section 5.5), until it changes. When not even the rows fit, there is
no list. Lists of lists are not served.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from domain.watching import Document
from presence.package import at_version
from presence.xml_text import address_uri, clean, to_octets, version_slot

MOST_OCTETS = 60 * 1024
MOST_MEMBERS = 400
"""So many rows fit with addresses of some 20 and names of some 30 letters."""

_RLMI = "urn:ietf:params:xml:ns:rlmi"
_RLMI_TYPE = "application/rlmi+xml"


@dataclass(frozen=True, slots=True)
class Member:
    """One resource of a list with its document as it is, since ``changed_at``."""

    address: str
    name: str
    document: Document
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ListSubject:
    """Which list is told of, the how-manieth time. ``boundary`` must not stand in any document."""

    address: str
    domain: str
    boundary: str
    number: int

    @property
    def content_type(self) -> str:
        """Of the list's documents (section 5, RFC 2387), the same each time."""
        return f'multipart/related;type="{_RLMI_TYPE}";start="<{self.root_id}>";boundary="{self.boundary}"'

    @property
    def root_id(self) -> str:
        """The Content-ID of the meta-information."""
        return f"list@{self.domain}"

    def content_id(self, index: int) -> str:
        """Of one instance's document; never the same in two notifications."""
        return f"{self.number}.{index}@{self.domain}"


@dataclass(frozen=True, slots=True)
class ListChange:
    """What differs from the list as it was told last: addresses that changed or came, and that left it."""

    changed: Collection[str]
    gone: Sequence[str] = ()


def render_list(subject: ListSubject, members: Sequence[Member], change: ListChange | None) -> Document | None:
    """The whole list, and what changed of it as the partial form if that fits; None: not even the rows fit."""
    whole = _render(subject, members, (), is_full=True)
    if whole is None:
        return None
    document = Document(subject.content_type, whole, version_slot(whole))
    if change is None:
        return document
    changed = [member for member in members if member.address in change.changed]
    part = _render(subject, changed, change.gone, is_full=False)
    if part is None or not _holds_all(subject, part, changed):
        return document
    return Document(document.content_type, whole, document.version_at, part, version_slot(part))


def _render(subject: ListSubject, members: Sequence[Member], gone: Sequence[str], *, is_full: bool) -> bytes | None:
    """A first go with no document shows what the rows take; their ``cid`` is counted with each part."""
    rows = _rlmi(subject, members, gone, (frozenset(), is_full))
    end = f"--{subject.boundary}--\r\n".encode()
    room = MOST_OCTETS - len(rows) - len(end)
    if room < 0:
        return None
    parts: dict[int, bytes] = {}
    newest_first = sorted(range(len(members)), key=lambda index: members[index].changed_at, reverse=True)
    for index in newest_first:
        part = _instance_part(subject, members[index], index)
        cost = len(part) + len(f' cid="{subject.content_id(index)}"')
        if cost > room:
            break
        room -= cost
        parts[index] = part
    told = _rlmi(subject, members, gone, (frozenset(parts), is_full))
    return b"".join((told, *(parts[index] for index in sorted(parts)), end))


def _rlmi(
    subject: ListSubject, members: Sequence[Member], gone: Sequence[str], told: tuple[frozenset[int], bool]
) -> bytes:
    """The root part (sections 5.2 to 5.5); an instance without a document has no ``cid``."""
    with_document, is_full = told
    root = ET.Element("list", {"version": "", "uri": address_uri(subject.address, subject.domain)})
    root.set("fullState", "true" if is_full else "false")
    root.set("xmlns", _RLMI)
    for index, member in enumerate(members):
        resource = ET.SubElement(root, "resource", {"uri": address_uri(member.address, subject.domain)})
        if member.name:
            ET.SubElement(resource, "name").text = clean(member.name)
        instance = ET.SubElement(resource, "instance", {"id": "1", "state": "active"})
        if index in with_document:
            instance.set("cid", subject.content_id(index))
    for address in gone:
        resource = ET.SubElement(root, "resource", {"uri": address_uri(address, subject.domain)})
        ET.SubElement(resource, "instance", {"id": "1", "state": "terminated", "reason": "noresource"})
    return _part(subject, subject.root_id, f'{_RLMI_TYPE};charset="UTF-8"', to_octets(root))


def _instance_part(subject: ListSubject, member: Member, index: int) -> bytes:
    """A document's own version is the list's number: it rises for every watcher (section 5.2 counts the list alone)."""
    body = at_version(member.document, subject.number)
    return _part(subject, subject.content_id(index), member.document.content_type, body)


def _part(subject: ListSubject, content_id: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"--{subject.boundary}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\nContent-Type: {content_type}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n"


def _holds_all(subject: ListSubject, part: bytes, members: Sequence[Member]) -> bool:
    """A partial document that leaves a change out would hide it; those who watch get the whole one then."""
    return all(f"<{subject.content_id(index)}>".encode() in part for index in range(len(members)))
