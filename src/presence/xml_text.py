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
_URI_AS_WRITTEN = "-_.!~*'()&=+$,;?/@%"
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?(?P<user>(?:[^\[\]@]*@)?)(?P<ipv6>\[[0-9A-Fa-f:.]+\])?(?P<rest>.*)",
    re.DOTALL,
)
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_VERSION = b'version=""'


def clean(text: str) -> str:
    """``text`` with U+FFFD for what no XML document can hold (XML 1.0 section 2.2)."""
    return _NOT_IN_XML.sub("\ufffd", text)


def address_uri(address: str, domain: str) -> str:
    """The SIP URI of an address; its user is escaped by RFC 3261 section 25.1. No address: the registrar itself.

    The core leaves a few escapes in an address: of control characters and of the percent sign.
    """
    if not address:
        return f"sip:{domain}"
    return f"sip:{quote(_NO_ESCAPE.sub('%25', clean(address)), safe=f'{_USER_UNRESERVED}%')}@{domain}"


def uri_text(uri: str) -> str:
    """A URI from the network as xs:anyURI can hold it: what cannot stand in a URI is escaped (RFC 3986 section 2.1).

    An IPv6 host stays as it is (RFC 3261 section 25.1), though it is RFC 3986's only where ``//`` goes before it.
    """
    found = _URI.fullmatch(clean(uri))
    scheme, user, ipv6, rest = found.groups(default="") if found else ("", "", "", uri)
    safe = _URI_AS_WRITTEN + (":" if scheme else "")
    user, rest = (quote(_NO_ESCAPE.sub("%25", part), safe=safe) for part in (user, rest))
    opaque = f"{user}{ipv6}{rest}"
    return scheme + (f"%2F{opaque[1:]}" if opaque.startswith("//") else opaque)


def to_octets(root: ET.Element) -> bytes:
    """The document in UTF-8 with its declaration; attributes stand in the order in which they were given."""
    text: str = ET.tostring(root, encoding="unicode")
    return _DECLARATION + text.encode()


def version_slot(document: bytes) -> int:
    """Where the version is to be written; the root's first attribute is an empty ``version``."""
    return document.index(_VERSION) + len(_VERSION) - 1


def boolean(is_true: bool) -> str:
    """As xs:boolean has it."""
    return "true" if is_true else "false"
