"""A recorded message as text, read with patience: whatever it is, something is said about it. Never raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_COMPACT = {
    "c": "content-type",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "t": "to",
    "v": "via",
}
"""RFC 3261 section 7.3.3."""

_REQUIRED = ("Via", "From", "To", "Call-ID", "CSeq")
_METHOD = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_INSTANCE = re.compile(rf"\+sip\.instance\s*=\s*\"?<?(?:urn:uuid:)?({_UUID})", re.IGNORECASE)
_BODY_UUID = re.compile(rf"^a=x-screamrouter-uuid:\s*({_UUID})", re.MULTILINE | re.IGNORECASE)
_SDP_ADDRESS = re.compile(r"^([co])=(?:.* )?IN IP[46] ([^\s/]+)", re.MULTILINE)
_HOST = re.compile(r"sips?:(?:[^@>;?\s]*@)?(\[[^\]]*\]|[^:;>?\s,]+)", re.IGNORECASE)
_EXPIRES = re.compile(r";\s*expires\s*=\s*(\d+)", re.IGNORECASE)
_WARNING = re.compile(r"399 \S+ \"([^\"]*)\"")
_FOREIGN = (
    (b"\x16\x03", "a TLS handshake: the device speaks TLS or WSS to the port for plain SIP over UDP"),
    (b"GET ", "an HTTP request: somebody took the SIP port for a web server"),
    (b"POST ", "an HTTP request: somebody took the SIP port for a web server"),
    (b"\x00\x01\x00", "a STUN request (RFC 8489), not SIP"),
    (b"\x80", "an RTP packet, not SIP: the device sends audio to the SIP port"),
)


@dataclass(frozen=True, slots=True)
class MessageText:
    """``headers`` have long names in lower case, unfolded values and the number of their line in the message, from 1.

    ``method`` is that of a request, else empty.
    """

    start_line: str
    headers: tuple[tuple[str, str, int], ...]
    body: str

    @property
    def method(self) -> str:
        parts = self.start_line.split(" ")
        is_request = len(parts) >= 3 and parts[-1].upper().startswith("SIP/") and _METHOD.fullmatch(parts[0])
        return parts[0] if is_request else ""

    def get(self, name: str) -> str | None:
        """The first value of a header field by its long name in lower case."""
        return next((value for key, value, _ in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value, _ in self.headers if key == name]

    @property
    def uuid(self) -> str | None:
        """The device that the message says it is from (+sip.instance, a=x-screamrouter-uuid), in lower case."""
        found = next((match for value in self.all("contact") if (match := _INSTANCE.search(value))), None)
        found = found or _BODY_UUID.search(self.body)
        return found[1].lower() if found else None

    @property
    def asked_host(self) -> str | None:
        """The host of the Request-URI, without brackets."""
        return _host_in(self.start_line)

    @property
    def to_host(self) -> str | None:
        """The host of To, without brackets."""
        return _host_in(self.get("to") or "")

    @property
    def asked_expires_s(self) -> int | None:
        """The shortest registration that the message asks for; None where it names none."""
        contacts = [digits for value in self.all("contact") for digits in _EXPIRES.findall(value)]
        header = self.get("expires") or ""
        numbers = contacts or ([header] if header.isdecimal() else [])
        return min(map(int, numbers), default=None)

    @property
    def warning(self) -> str | None:
        """The sentence of a 399 Warning header."""
        found = _WARNING.search(self.get("warning") or "")
        return found[1] if found else None


@lru_cache(maxsize=1024)
def read_message(octets: bytes) -> MessageText:
    """The parts of a message, of whatever octets."""
    head, _, body = octets.decode("utf-8", "replace").replace("\r\n", "\n").lstrip("\n").partition("\n\n")
    start_line, *lines = head.split("\n")
    headers: list[tuple[str, str, int]] = []
    for number, line in enumerate(lines, start=2):
        if line[:1] in {" ", "\t"} and headers:
            name, value, first = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}", first)
            continue
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers.append((_COMPACT.get(key, key), value.strip(), number))
    return MessageText(start_line, tuple(headers), body)


def sdp_addresses(body: str) -> list[str]:
    """The addresses at which a session description wants media (c=), else of its origin (o=)."""
    found = [(match[1], match[2]) for match in _SDP_ADDRESS.finditer(body.replace("\r\n", "\n"))]
    media = [address for kind, address in found if kind == "c"]
    return list(dict.fromkeys(media or [address for _, address in found]))


def find_fault(octets: bytes, *, is_cut: bool = False) -> str | None:
    """What is wrong with a request, and in which line; None where nothing is seen. ``is_cut``: its end is missing."""
    for beginning, says in _FOREIGN:
        if octets.startswith(beginning):
            return f"it is {says}"
    text = read_message(octets)
    if not text.method:
        return f"line 1 ({_shown(text.start_line)}) is not METHOD sip:... SIP/2.0"
    fault = _fault_of_lines(octets) or _fault_of_fields(text, is_cut)
    return fault if fault is not None or is_cut else _fault_of_length(octets, text)


def _fault_of_lines(octets: bytes) -> str | None:
    head = octets.decode("utf-8", "replace").replace("\r\n", "\n").lstrip("\n").partition("\n\n")[0]
    for number, line in enumerate(head.removesuffix("\n").split("\n"), start=1):
        if any(ord(char) < 0x20 and char != "\t" for char in line):
            return f"line {number} ({_shown(line)}) has a control character"
        if number > 1 and ":" not in line and line[:1] not in {" ", "\t"}:
            return f"line {number} ({_shown(line)}) is no header field: it has no colon"
        if line.replace('\\"', "").count('"') % 2:
            return f"line {number} ({_shown(line)}) has a quotation mark without its fellow"
    return None


def _fault_of_fields(text: MessageText, is_cut: bool) -> str | None:
    for name in _REQUIRED:
        if text.get(name.lower()) is None and not is_cut:
            return f"it has no {name} header"
    for name, value, number in text.headers:
        if name in {"to", "from"} and ":" not in value:
            return f"line {number} ({_shown(f'{name}: {value}')}) has no address such as <sip:name@domain>"
        if name == "cseq" and (fault := _fault_of_cseq(value, text.method)):
            return f"line {number} ({_shown(f'CSeq: {value}')}) {fault}"
        if name in {"expires", "content-length", "max-forwards"} and not value.isdecimal():
            return f"line {number} ({_shown(f'{name}: {value}')}) is no number"
    return None


def _fault_of_cseq(value: str, method: str) -> str | None:
    number, _, named = value.partition(" ")
    if not number.isdecimal() or int(number) >= 2**32:
        return "does not begin with a number below 2^32"
    return None if named.strip() == method else f"names another method than line 1 ({method})"


def _fault_of_length(octets: bytes, text: MessageText) -> str | None:
    wanted = text.get("content-length")
    body = re.split(rb"\r?\n\r?\n", octets.lstrip(b"\r\n"), maxsplit=1)
    have = len(body[1]) if len(body) > 1 else 0
    if len(body) == 1:
        return "the empty line after the headers is missing"
    if wanted is not None and int(wanted) > have:
        return f"Content-Length says {wanted} octets of body, but there are {have}"
    return None


def _host_in(text: str) -> str | None:
    found = _HOST.search(text)
    return found[1].strip("[]") if found else None


def _shown(text: str) -> str:
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return f"{printable[:60]}..." if len(printable) > 60 else printable
