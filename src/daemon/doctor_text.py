"""The doctor's report as people read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = dict[str, Any]


def print_report(report: Row, console: Console, *, shows_messages: bool) -> None:
    """Findings first, then what each device sent. Text from the network is never rich's markup, nor a control code."""
    if (server := report.get("server")) is not None and report["asked"] is None:
        _print_server(server, report, console)
    _print_findings(report["findings"], console)
    for device in report["devices"]:
        _print_device(device, console, shows_messages=shows_messages)
    findings = [*report["findings"], *(one for device in report["devices"] for one in device["findings"])]
    if not any(one["is_problem"] for one in findings):
        _line(console, "Nothing is wrong, as far as can be seen from here.", "green")


def _print_server(server: Row, report: Row, console: Console) -> None:
    sockets = ", ".join(f"{one['ip']} port {one['port']} ({one['transport']})" for one in server["listening"])
    _line(console, f"The daemon listens on {sockets}; devices register at the domain {server['domain']}.")
    counted = report["statistics"]
    _line(
        console,
        f"{counted['requests']} requests, {counted['refused']} refused, {counted['dropped']} not answered; "
        f"{counted['bindings']} registrations of {counted['aors']} addresses.",
    )


def _print_device(device: Row, console: Console, *, shows_messages: bool) -> None:
    key = device["key"]
    named = device["name"] if key in {None, device["name"]} else f"{device['name']} ({key})"
    _line(console, "")
    _line(console, f"{named}: {device['state']}", "bold")
    for contact in device.get("contacts", ()):
        heard = "heard" if contact["is_reachable"] else "silent"
        _line(console, f"  at {contact['contact_uri']}, from {contact['from']}, {heard}")
    _print_findings(device["findings"], console)
    exchanges = device.get("exchanges", ())
    if shows_messages:
        for one in exchanges:
            _print_exchange(one, console)
    elif exchanges:
        console.print(_exchange_table(exchanges))
        _line(console, "--messages shows them whole.", "dim")


def _print_findings(findings: list[Row], console: Console) -> None:
    for finding in findings:
        mark, style = ("!", "red") if finding["is_problem"] else ("i", "yellow")
        _line(console, f"{mark} {finding['says']}", style)
        _line(console, f"  -> {finding['remedy']}")


def _exchange_table(exchanges: list[Row]) -> Table:
    table = Table("When (UTC)", "Direction", "Address", "What", "Times", "Answer")
    for one in exchanges:
        cells = (
            one["last_at"][11:19],
            one["direction"],
            one["remote"],
            _first_line(one["message"]),
            str(one["count"]),
            _first_line(one["answer"]).removeprefix("SIP/2.0 ") or "none",
        )
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _print_exchange(one: Row, console: Console) -> None:
    is_sent = one["direction"] == "sent"
    towards = "to" if is_sent else "from"
    when = datetime.fromisoformat(one["last_at"]).astimezone(UTC)
    count = f", {one['count']} times" if one["count"] > 1 else ""
    _line(console, "")
    _line(
        console,
        f"{when:%Y-%m-%d %H:%M:%S} UTC, {one['direction']} {towards} {one['remote']} ({one['transport']}{count}):",
        "bold",
    )
    _print_message(one["message"], console)
    if one["answer"]:
        _line(console, "It answered:" if is_sent else "The answer:", "bold")
        _print_message(one["answer"], console)
    else:
        _line(console, "There was no answer.", "bold")
    if one["is_cut"]:
        _line(console, "(cut: what is longer than 2 KB, or 1 KB of an answer, is not kept)", "dim")


def _print_message(message: str, console: Console) -> None:
    for line in message.replace("\r\n", "\n").rstrip("\n").split("\n"):
        _line(console, f"    {line}")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(_printable(text), style=style), soft_wrap=True)


def _first_line(text: str) -> str:
    line = text.lstrip("\r\n").partition("\n")[0].rstrip("\r")
    return f"{line[:60]}..." if len(line) > 60 else line


def _printable(text: str) -> str:
    """``text`` without what could steer a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
