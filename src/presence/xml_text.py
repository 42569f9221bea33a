"""What the XML documents of all packages share: text that XML can hold, URIs, octets, the place of the version.

Elements are built with the prefixes that they are written with, and the root declares them: the main namespace of a
document is its default one, since phones look for ``<dialog>`` and not for a prefix of ElementTree's choice.
"""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.etree import ElementTree as ET

OWN_NAMESPACE = "urn:x-screamrouter:presence"
"""Of what the standards have no word for (docs/decisions/0015); its prefix is ``sr``."""

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_USER_UNRESERVED = "-_.!~*'()&=+$,;?/"
_URI_AS_WRITTEN = "-_.!~*'()&=+$,;?/:@%[]#"
_VERSION = b'version=""'


def clean(text: str) -> str:
    """``text`` with U+FFFD for what no XML document can hold (XML 1.0 section 2.2)."""
    return _NOT_IN_XML.sub("\ufffd", text)


def address_uri(address: str, domain: str) -> str:
    """The SIP URI of an address; its user is escaped by RFC 3261 section 25.1."""
    return f"sip:{quote(clean(address), safe=_USER_UNRESERVED)}@{domain}"


def uri_text(uri: str) -> str:
    """A URI from the network as xs:anyURI can hold it: what is no URI character is escaped."""
    return quote(clean(uri), safe=_URI_AS_WRITTEN)


def to_octets(root: ET.Element) -> bytes:
    """The document in UTF-8 with its declaration; attributes stand in the order in which they were given."""
    octets: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return octets


def version_slot(document: bytes) -> int:
    """Where the version is to be written; the root's first attribute is an empty ``version``."""
    return document.index(_VERSION) + len(_VERSION) - 1


def boolean(is_true: bool) -> str:
    """As xs:boolean has it."""
    return "true" if is_true else "false"
