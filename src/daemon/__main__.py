"""The command line: ``screamrouter-sip run | check | devices | watch | passwd | discover | doctor``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from daemon.early_hangup import EarlyHangup
from domain.errors import UserError

_LOCAL_CONFIG = Path("config.yaml")
_INSTALLED_CONFIG = Path("/etc/screamrouter-sip/config.yaml")
"""Where `make install` puts it."""
_LONGEST_LISTENING_S = 3600
_USAGE_ERROR = 64
"""sysexits EX_USAGE."""
_DEVICE_HELP = "its key in config.yaml, name, or the beginning of its UUID"

Command = Callable[[argparse.Namespace], int]
"""Does the work and returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. A fault that the user can mend is one message on stderr, no traceback."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except UserError as error:
        print(f"screamrouter-sip: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    return code


def _run(options: argparse.Namespace) -> int:
    early_hangup = EarlyHangup()
    early_hangup.hold()  # before the imports, which take most of the start
    from daemon.wiring import run_daemon  # the other commands need neither PJSIP nor the core

    return run_daemon(options.config, early_hangup)


def _check(options: argparse.Namespace) -> int:
    from daemon.check_command import check

    return check(options.file or options.config, options.config, shows_diff=options.diff)


def _devices(options: argparse.Namespace) -> int:
    from daemon.devices_command import decide, show_devices

    if options.action is None:
        return show_devices(options.config, as_json=options.json)
    if options.device is None:
        raise UsageError(f"Name the device: screamrouter-sip devices {options.action} DEVICE.")
    return decide(options.config, options.action, options.device)


def _passwd(options: argparse.Namespace) -> int:
    from daemon.passwd_command import delete_password, set_password

    if options.delete:
        return delete_password(options.config, options.device)
    return set_password(options.config, options.device, options.user)


def _discover(options: argparse.Namespace) -> int:
    from daemon.discover_command import discover

    return discover(options.seconds, tuple(options.interface), as_json=options.json)


def _doctor(options: argparse.Namespace) -> int:
    from daemon.doctor_command import Wishes, consult

    return consult(options.config, options.device, Wishes(as_json=options.json, shows_messages=options.messages))


def _watch(options: argparse.Namespace) -> int:
    from daemon.watch_command import WatchWishes, watch

    wishes = WatchWishes(
        kinds=tuple(options.kinds.split(",")),
        addresses=tuple(options.address),
        waits=options.wait,
        as_json=options.json,
    )
    return watch(options.config, wishes)


class UsageError(UserError):
    """An argument is missing."""

    exit_code = _USAGE_ERROR


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]  # argparse types it NoReturn; exit() does not return
        self.print_usage(sys.stderr)
        self.exit(_USAGE_ERROR, f"{self.prog}: {message}. Try {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="screamrouter-sip",
        description="Makes a LAN's audio devices, phones and browsers find each other: "
        "a SIP registrar that announces itself by mDNS and keeps its devices in config.yaml.",
        epilog="Start with: screamrouter-sip run",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    run = _command(commands, "run", _run, "start the daemon; it stops on Ctrl-C or SIGTERM")
    _add_config(run)

    check = _command(commands, "check", _check, "say whether a configuration file is sound, and what to mend")
    check.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the file (default: the one of --config)")
    check.add_argument(
        "--diff", action="store_true", help="show what would change for the running daemon, changing nothing"
    )
    _add_config(check)

    devices = _command(commands, "devices", _devices, "list the devices, or say whether one that waits may come in")
    devices.add_argument("action", nargs="?", choices=("approve", "reject"), help="let DEVICE in, or keep it out")
    devices.add_argument("device", nargs="?", metavar="DEVICE", help=_DEVICE_HELP)
    _add_config(devices)
    devices.add_argument("--json", action="store_true", help="print JSON instead of a table")

    _add_watch(commands)

    passwd = _command(
        commands, "passwd", _passwd, "give a device a password: asked for, or one line from standard input"
    )
    passwd.add_argument("device", metavar="DEVICE", help=f"{_DEVICE_HELP}; or the SIP user of a new device")
    passwd.add_argument("--user", metavar="NAME", help="the user name it authenticates with (default: its SIP user)")
    passwd.add_argument("--delete", action="store_true", help="take its password away")
    _add_config(passwd)

    discover = _command(commands, "discover", _discover, "list the SIP services that mDNS announces on this LAN")
    discover.add_argument(
        "--seconds", type=_positive, default=3.0, metavar="S", help="how long to listen (default: %(default)s)"
    )
    discover.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="an interface or own address; may be repeated (default: all)",
    )
    discover.add_argument("--json", action="store_true", help="print JSON instead of a table")

    doctor = _command(commands, "doctor", _doctor, "say why a device is not there, what it sent, and what to change")
    doctor.add_argument(
        "device",
        nargs="?",
        metavar="DEVICE",
        help="its key in config.yaml, name, SIP user, IP address or the beginning of its UUID (default: all, and the "
        "daemon itself)",
    )
    _add_config(doctor)
    doctor.add_argument("--messages", action="store_true", help="show whole messages, with credentials masked")
    doctor.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def _add_watch(commands: argparse._SubParsersAction[_Parser]) -> None:
    watch = _command(commands, "watch", _watch, "show live who comes, goes and calls, until Ctrl-C")
    watch.add_argument(
        "address", nargs="*", metavar="ADDRESS", help="a SIP user, a device's key or its name (default: all)"
    )
    watch.add_argument(
        "--kinds",
        default="presence",
        metavar="KINDS",
        help="what to show, a list with commas: presence, registration, liveness, call, refusal, or all "
        "(default: %(default)s)",
    )
    watch.add_argument("--wait", action="store_true", help="when the daemon is not there, wait until it is (again)")
    watch.add_argument("--json", action="store_true", help="print JSON, an event a line")
    _add_config(watch)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= _LONGEST_LISTENING_S:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_LONGEST_LISTENING_S}")
    return number


def _command(
    commands: argparse._SubParsersAction[_Parser], name: str, function: Command, help_text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=_LOCAL_CONFIG if _LOCAL_CONFIG.exists() or not _INSTALLED_CONFIG.exists() else _INSTALLED_CONFIG,
        metavar="PATH",
        help=f"the configuration file (default: ./config.yaml, else {_INSTALLED_CONFIG})",
    )


if __name__ == "__main__":
    sys.exit(main())
