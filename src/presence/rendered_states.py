"""Documents of addresses, each rendered once per state, however many resources and lists show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.presence import PresenceView, Presentity
from domain.watching import Document
from presence.package import Package


@dataclass(slots=True)
class _Rendered:
    """What ``presentity`` looks like; ``holders`` want it."""

    presentity: Presentity
    document: Document
    holders: int = 0


class RenderedStates:
    """The documents that somebody wants, by address and package."""

    def __init__(self, view: PresenceView, packages: Mapping[str, Package], domain: Callable[[], str]) -> None:
        self._view = view
        self._packages = packages
        self._domain = domain
        self._rendered: dict[str, dict[str, _Rendered]] = {}
        self._domain_shown = ""

    def domain(self) -> str:
        """The domain of every address, as it is now."""
        return self._domain()

    def take_domain(self) -> bool:
        """Render everything anew if the domain is another one; whether it is."""
        before, self._domain_shown = self._domain_shown, self._domain()
        if self._domain_shown == before:
            return False
        for of_address in self._rendered.values():
            for name, rendered in of_address.items():
                rendered.document = self._packages[name].render(rendered.presentity, None, self._domain_shown)
        return True

    def __len__(self) -> int:
        return sum(map(len, self._rendered.values()))

    def hold(self, package: str, address: str) -> None:
        """Keep the document from now on; each call is undone by one ``release``."""
        if not self._rendered:
            self._domain_shown = self._domain()
        of_address = self._rendered.setdefault(address, {})
        if package not in of_address:
            presentity = self._view.find_presentity(address)
            of_address[package] = _Rendered(
                presentity, self._packages[package].render(presentity, None, self._domain())
            )
        of_address[package].holders += 1

    def release(self, package: str, address: str) -> None:
        """Forget the document when nobody else holds it."""
        rendered = self._rendered[address][package]
        rendered.holders -= 1
        if not rendered.holders:
            del self._rendered[address][package]
        if not self._rendered[address]:
            del self._rendered[address]

    def document(self, package: str, address: str) -> Document:
        """The document as it is now; it must be held."""
        return self._rendered[address][package].document

    def presentity(self, package: str, address: str) -> Presentity:
        """The state that the document shows; it must be held."""
        return self._rendered[address][package].presentity

    def update(self, after: Presentity) -> tuple[str, ...]:
        """Render what ``after`` changed; the packages whose document is another now."""
        changed = []
        for name, rendered in self._rendered.get(after.address, {}).items():
            package = self._packages[name]
            if package.seen(rendered.presentity) != package.seen(after):
                rendered.document = package.render(after, rendered.presentity, self._domain())
                rendered.presentity = after
                changed.append(name)
        return tuple(changed)
