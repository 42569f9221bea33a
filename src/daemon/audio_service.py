"""The life of the audio side: its ports, the addresses it offers, the routes it follows."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection

import structlog

from configuration.config_document import ConfigDocument
from configuration.config_media import AUTO
from domain.errors import MediaUnavailable
from domain.legs import AudioRoute, MediaSettings
from engine.core_media import CoreMedia

log = structlog.get_logger()


class AudioService:
    """Without its port the daemon serves on: calls are refused with 503, and the log says why."""

    def __init__(self, media: CoreMedia, own_addresses: Callable[[], Collection[str]]) -> None:
        self._media = media
        self._own_addresses = own_addresses
        self._document: ConfigDocument | None = None

    def start(self, document: ConfigDocument) -> None:
        """Bind the ports of ``document`` and take calls."""
        section = document.media
        settings = MediaSettings(self._addresses(document), section.port, section.rtp_ports, section.silence_s)
        try:
            port = self._media.start(settings)
        except MediaUnavailable as fault:
            log.error("media.unavailable", reason=str(fault))  # noqa: TRY400  # a sentence for the owner
            return
        log.info("media.started", port=port, addresses=list(settings.addresses))
        self.take_reload(document)

    def take_reload(self, document: ConfigDocument) -> None:
        """The owner edited the configuration."""
        self._document = document
        self._media.set_routes([AudioRoute(one.source, one.sink, one.volume) for one in document.routes])

    def note_networks(self) -> None:
        """The host's addresses changed: legs to come are offered the new ones."""
        if self._document is not None:
            self._media.set_addresses(self._addresses(self._document))

    def stop(self) -> None:
        """End every leg; idempotent."""
        self._media.stop()

    def _addresses(self, document: ConfigDocument) -> tuple[str, ...]:
        if document.media.address != (AUTO,):
            return document.media.address
        return tuple(sorted((text for text in self._own_addresses() if _is_offered(text)), key=_preference))


def _is_offered(text: str) -> bool:
    """Whether another host can use it: not loopback; not link-local, which means nothing without an interface."""
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _preference(text: str) -> tuple[int, str]:
    return ipaddress.ip_address(text).version, text
