"""`message-summary` (RFC 3842): nobody has messages until there is voicemail; phones ask all the same."""

from __future__ import annotations

from collections.abc import Hashable

from domain.presence import Presentity
from domain.watching import Document, EventPackage
from presence.xml_text import address_uri


class MessageSummaryPackage:
    """Implements ``presence.package.Package``."""

    event = EventPackage("message-summary", ("application/simple-message-summary",))

    def seen(self, presentity: Presentity) -> Hashable:
        return presentity.address

    def render(self, now: Presentity, before: Presentity | None, domain: str) -> Document:
        lines = (
            "Messages-Waiting: no",
            f"Message-Account: {address_uri(now.address, domain)}",
            "Voice-Message: 0/0 (0/0)",
        )
        return Document(self.event.content_types[0], "".join(f"{line}\r\n" for line in lines).encode())


PACKAGE = MessageSummaryPackage()
