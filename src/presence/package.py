"""What a room needs of an event package, and where the packages are found: a new one is one file in ``packages/``."""

from __future__ import annotations

import pkgutil
from collections.abc import Hashable
from importlib import import_module
from typing import Protocol

from domain.presence import Presentity
from domain.watching import Document, EventPackage
from presence import packages


class Package(Protocol):
    """One event package; a module of ``presence.packages`` exports it as ``PACKAGE``."""

    @property
    def event(self) -> EventPackage:
        """Its name, and what its documents can be."""
        ...

    def seen(self, presentity: Presentity) -> Hashable:
        """All that its document depends on but times: while it is the same, there is nothing new to be told."""
        ...

    def render(self, now: Presentity, before: Presentity | None, domain: str) -> Document:
        """The document of ``now``; its partial form says what differs from ``before``, the one rendered last."""
        ...


def find_packages() -> dict[str, Package]:
    """Every package that is served, by its event's name."""
    names = [module.name for module in pkgutil.iter_modules(packages.__path__)]
    found: list[Package] = [import_module(f"{packages.__name__}.{name}").PACKAGE for name in sorted(names)]
    return {package.event.name: package for package in found}


def at_version(document: Document, version: int) -> bytes:
    """The whole document with ``version`` where it belongs, if it has such a place."""
    if document.version_at is None:
        return document.body
    return document.body[: document.version_at] + b"%d" % version + document.body[document.version_at :]
