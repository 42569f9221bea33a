"""A device's half of digest authentication (RFC 7616 section 3.4, RFC 8760), by hashlib alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from tests.kit.sip_peer import SipMessage

HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate header."""

    realm: str
    nonce: str
    algorithm: str
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What was typed into the device."""

    user: str
    password: str


def challenges_of(answer: SipMessage) -> list[Challenge]:
    """What a 401 offers, in its order."""
    found = []
    for value in answer.all("www-authenticate"):
        given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value)}
        is_stale = given.get("stale", "").lower() == "true"
        found.append(Challenge(given["realm"], given["nonce"], given.get("algorithm", "MD5"), is_stale))
    return found


def authorization(
    challenge: Challenge, account: Account, uri: str, *, count: int | None = 1, method: str = "REGISTER"
) -> str:
    """The Authorization header for ``method`` on ``uri``. ``count`` is nc; None: the old form without qop."""

    def digest(*parts: str) -> str:
        return hashlib.new(HASHES[challenge.algorithm], ":".join(parts).encode()).hexdigest()

    ha1, ha2 = digest(account.user, challenge.realm, account.password), digest(method, uri)
    fields = [f'username="{account.user}"', f'realm="{challenge.realm}"', f'nonce="{challenge.nonce}"', f'uri="{uri}"']
    if count is None:
        response = digest(ha1, challenge.nonce, ha2)
    else:
        response = digest(ha1, challenge.nonce, f"{count:08x}", "kit", "auth", ha2)
        fields += ["qop=auth", f"nc={count:08x}", 'cnonce="kit"']
    fields += [f'response="{response}"', f"algorithm={challenge.algorithm}"]
    return f"Authorization: Digest {', '.join(fields)}"
