"""Errors that end at a person: each message names what was found, what was expected and what to do."""

from __future__ import annotations


class UserError(Exception):
    """A fault the owner can mend. ``str()`` is one plain sentence, or a few lines for several faults at once."""

    exit_code = 1


class ConfigError(UserError):
    """config.yaml cannot be read or breaks a rule (sysexits EX_CONFIG)."""

    exit_code = 78


class AddressUnavailable(UserError):
    """A listening address is taken, unknown or forbidden (sysexits EX_UNAVAILABLE)."""

    exit_code = 69


class MediaUnavailable(UserError):
    """The media port cannot be had; the rest of the daemon can do without it."""

    exit_code = 69


class StackRefused(UserError):
    """The installed pjsua2 wheel is not the one this core was built for."""

    exit_code = 70
