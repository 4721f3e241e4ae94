"""Digest authentication (RFC 2617, 7616, 8760): challenge and check, and the client's answer.

Theory. The server keeps nothing for a challenge: a nonce carries its time, the server run, the
algorithm and a serial, signed with a secret key. So a flood of requests without credentials costs
no memory, and a nonce of an earlier run, of another node or past its life is told from a forged
answer: it is *stale*, and the peer tries again with a fresh one.

Only a **successful** answer leaves state: which nonce counts (`nc`) this user has used, so that a
captured request cannot be replayed. Hence somebody who guesses passwords can neither fill the
table nor push good devices out of it, and a user holds at most `NONCES_PER_USER` entries. Where an
entry is dropped before its nonce has died, a *floor* stays behind: nonces as old as that are stale
for those who have no entry. Forgetting thus costs a round trip and never admits a replay.

The answer is checked with the `uri` as the client sent it, whatever server it names, and with the
algorithm of the nonce, so a client cannot choose a weaker one. Answers without `qop` (RFC 2069) are
taken once per nonce. Not here: who the user is, and how often he may be wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from cryptography.hazmat.primitives import hashes

from sip.errors import BadDigest, LocalError
from sip.grammar import quote, unquote

NONCES_PER_USER = 8
MAX_USERS = 131_072
WINDOW = 64
MAX_HEADER = 4096

_PARAM = re.compile(r'([A-Za-z0-9_\-]{1,32})\s{0,8}=\s{0,8}("(?:[^"\\]|\\.)*"|[^\s,"]*)', re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]+")


class Algorithm(StrEnum):
    """Named as on the wire. SM3 in this frame is practice of GB/T 28181-2022, in no RFC."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"
    SM3 = "SM3"


class Verdict(Enum):
    """What `DigestServer.verify` found."""

    OK = "ok"
    STALE = "stale"
    """Old or unknown nonce, or a repeated nc: 401 with stale=true; no failure of the peer."""
    WRONG = "wrong"
    """A wrong response to a good nonce: 403."""
    MALFORMED = "malformed"
    """No digest credentials that could be checked: 400."""


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


HASHES: dict[Algorithm, Callable[[bytes], str]] = {
    Algorithm.MD5: _md5,
    Algorithm.SHA_256: _sha256,
    Algorithm.SM3: _sm3,
}
_CODES = {algorithm: code for code, algorithm in enumerate(Algorithm)}
_BY_NAME = {algorithm.value.lower(): algorithm for algorithm in Algorithm} | {
    "sha256": Algorithm.SHA_256
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization value. Values are unquoted; `response` is lower case."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    """As sent, "" where absent."""
    qop: str
    """Lower case, "" for the RFC 2069 form."""
    cnonce: str
    nc: str

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Raises BadDigest for another scheme and where a needed value is missing."""
        values = parse_digest(text)
        for name in ("username", "realm", "nonce", "uri", "response"):
            if name not in values:
                raise BadDigest(f"no {name} in the credentials")
        get = values.get
        found = cls(
            username=values["username"],
            realm=values["realm"],
            nonce=values["nonce"],
            uri=values["uri"],
            response=values["response"].lower(),
            algorithm=get("algorithm", ""),
            qop=get("qop", "").lower(),
            cnonce=get("cnonce", ""),
            nc=get("nc", ""),
        )
        if not found.username or not found.response:
            raise BadDigest("empty username or response")
        if found.qop not in ("", "auth"):
            raise BadDigest("qop that was not offered")
        if found.qop and not (len(found.nc) <= 8 and _HEX.fullmatch(found.nc)):
            raise BadDigest("qop without a nonce count")
        return found


def parse_digest(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or credentials, names in lower case.

    Blanks around commas and "=", quotes or none, and any case of names are accepted.
    """
    text = text.strip()
    if text[:6].lower() != "digest":
        raise BadDigest("not the Digest scheme")
    if len(text) > MAX_HEADER:
        raise BadDigest("digest header too long")
    values: dict[str, str] = {}
    for name, value in _PARAM.findall(text[6:]):
        key = name.lower()
        if key in values:
            raise BadDigest(f"{key} twice")
        values[key] = unquote(value)
    return values


def find_digest(values: Iterable[str], realm: str | None = None) -> str | None:
    """The Digest value among several Authorization (or challenge) headers.

    Other schemes count as absent (RFC 4475 regaut01). With a realm, the one of that realm goes
    before one of another.
    """
    first = None
    for value in values:
        try:
            found = parse_digest(value)
        except BadDigest:
            continue
        if realm is None or found.get("realm") == realm:
            return value
        first = value if first is None else first
    return first


def digest_response(
    algorithm: Algorithm,
    *,
    username: str,
    realm: str,
    password: bytes,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The response value of RFC 7616 clause 3.4.1; without qop that of RFC 2069."""
    hashed = HASHES[algorithm]
    ha1 = hashed(_bytes(f"{username}:{realm}:") + password)
    ha2 = hashed(_bytes(f"{method}:{uri}"))
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return hashed(_bytes(f"{ha1}:{middle}:{ha2}"))


def _bytes(text: str) -> bytes:
    """Header text is latin-1, which gives back the bytes of the wire; our own may be more."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def password_forms(password: str) -> tuple[bytes, ...]:
    """The bytes a password may stand for: devices that know no UTF-8 hash the GB form."""
    if password.isascii():
        return (password.encode(),)
    return (password.encode("utf-8", "replace"), password.encode("gb18030", "replace"))


@dataclass(slots=True)
class _Used:
    """Which counts of one nonce were used: the highest, and a bit for each of the 64 below it."""

    tick: int
    highest: int
    mask: int

    def is_new(self, count: int) -> bool:
        back = self.highest - count
        return back < 0 or (back < WINDOW and not self.mask >> back & 1)

    def note(self, count: int) -> None:
        ahead = count - self.highest
        if ahead > 0:
            self.mask = (self.mask << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self.highest = count
        else:
            self.mask |= 1 << -ahead


@dataclass(slots=True)
class _User:
    seen_at: float
    floor: int = -1
    nonces: dict[str, _Used] = field(default_factory=dict)


class DigestServer:
    """Challenges and checks of one realm. The only state is what good answers have used up."""

    def __init__(
        self,
        realm: str,
        secret_key: bytes,
        nonce_ttl: float = 300,
        *,
        ids: Callable[[], str],
        max_users: int = MAX_USERS,
    ) -> None:
        self.realm = realm
        self.nonce_ttl = nonce_ttl
        self._key = hashlib.sha256(b"gb28181 digest nonce\0" + secret_key).digest()
        # A new run has forgotten which counts were used, so it must not take nonces of the last.
        self._run = hashlib.sha256(ids().encode()).digest()[:4]
        self._serial = 0
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._max_users = max_users
        self._floor = -1

    def challenge(
        self, now: float, algorithm: str = "MD5", qop: bool = True, stale: bool = False
    ) -> str:
        """A WWW-Authenticate value with a fresh nonce.

        The algorithm is always named: recorders of one big maker ignore a challenge without it.
        """
        kind = _BY_NAME.get(algorithm.lower())
        if kind is None:
            raise LocalError(f"unknown digest algorithm {algorithm!r}")
        self._serial = (self._serial + 1) & 0xFFFF
        tick = _tick(now)
        head = (
            tick.to_bytes(5, "big")
            + self._run
            + bytes((_CODES[kind],))
            + self._serial.to_bytes(2, "big")
        )
        nonce = (head + self._sign(head)).hex()
        text = f'Digest realm={quote(self.realm)},nonce="{nonce}",algorithm={kind.value}'
        if qop:
            text += ',qop="auth"'
        return text + ",stale=true" if stale else text

    def verify(
        self, authorization: str | Credentials, method: str, password: str, now: float
    ) -> Verdict:
        """Judge one Authorization value. Counts are used up by OK only."""
        if isinstance(authorization, str):
            try:
                given = Credentials.parse(authorization)
            except BadDigest:
                return Verdict.MALFORMED
        else:
            given = authorization
        nonce = self._open_nonce(given.nonce, now)
        if nonce is None:
            return Verdict.STALE
        tick, algorithm = nonce
        count = int(given.nc, 16) if given.qop else 0
        if not self._is_unused(given, tick, count):
            return Verdict.STALE
        if not any(
            hmac.compare_digest(
                digest_response(
                    algorithm,
                    username=given.username,
                    realm=self.realm,
                    password=secret,
                    method=method,
                    uri=given.uri,
                    nonce=given.nonce,
                    qop=given.qop and "auth",
                    nc=given.nc,
                    cnonce=given.cnonce,
                ).encode(),
                _bytes(given.response),
            )
            for secret in password_forms(password)
        ):
            return Verdict.WRONG
        self._use(given, tick, count, now)
        return Verdict.OK

    @property
    def remembered(self) -> int:
        """Users with an entry in the replay table."""
        return len(self._users)

    def _sign(self, head: bytes) -> bytes:
        return hashlib.blake2s(head, key=self._key, digest_size=12).digest()

    def _open_nonce(self, nonce: str, now: float) -> tuple[int, Algorithm] | None:
        """Issue time and algorithm of a nonce of this run that still lives, else None."""
        try:
            raw = bytes.fromhex(nonce)
        except ValueError:
            return None
        if len(raw) != 24 or nonce != nonce.lower():
            return None
        head = raw[:12]
        if head[5:9] != self._run or not hmac.compare_digest(raw[12:], self._sign(head)):
            return None
        tick = int.from_bytes(head[:5], "big")
        age = _tick(now) - tick
        if age < 0 or age > self.nonce_ttl * _TICKS:
            return None
        return tick, tuple(Algorithm)[head[9]]

    def _is_unused(self, given: Credentials, tick: int, count: int) -> bool:
        user = self._users.get(given.username)
        if user is None:
            return tick > self._floor
        used = user.nonces.get(given.nonce)
        if used is None:
            return tick > max(user.floor, self._floor)
        return used.is_new(count)

    def _use(self, given: Credentials, tick: int, count: int, now: float) -> None:
        users = self._users
        user = users.get(given.username)
        if user is None:
            user = users[given.username] = _User(now)
        user.seen_at = now
        users.move_to_end(given.username)
        used = user.nonces.get(given.nonce)
        if used is None:
            user.nonces[given.nonce] = _Used(tick, count, 1)
        else:
            used.note(count)
        if len(user.nonces) > NONCES_PER_USER:
            oldest = min(user.nonces, key=lambda nonce: user.nonces[nonce].tick)
            user.floor = max(user.floor, user.nonces.pop(oldest).tick)
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop entries whose nonces are all dead; beyond the bound, the longest unused ones."""
        users = self._users
        while users:
            name, user = next(iter(users.items()))
            dead = user.seen_at + self.nonce_ttl < now
            if not dead and len(users) <= self._max_users:
                return
            del users[name]
            if not dead:
                newest = max(used.tick for used in user.nonces.values())
                self._floor = max(self._floor, user.floor, newest)


_TICKS = 10


def _tick(now: float) -> int:
    return int(now * _TICKS) & 0xFFFFFFFFFF


def build_authorization(
    challenge: str,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    nc: int = 1,
) -> str:
    """The Authorization (or Proxy-Authorization) value that answers a challenge.

    Raises BadDigest when the challenge is unusable or asks for what we do not have.
    """
    asked = parse_digest(challenge)
    if "nonce" not in asked or "realm" not in asked:
        raise BadDigest("challenge without realm or nonce")
    named = asked.get("algorithm", "")
    algorithm = _BY_NAME.get(named.lower()) if named else Algorithm.MD5
    if algorithm is None:
        raise BadDigest("challenge with an unknown algorithm")
    offered = [part.strip().lower() for part in asked.get("qop", "").split(",") if part.strip()]
    if offered and "auth" not in offered:
        raise BadDigest("challenge without qop auth")
    qop, count = ("auth", f"{nc:08x}") if offered else ("", "")
    response = digest_response(
        algorithm,
        username=username,
        realm=asked["realm"],
        password=password_forms(password)[0],
        method=method,
        uri=uri,
        nonce=asked["nonce"],
        qop=qop,
        nc=count,
        cnonce=cnonce,
    )
    text = (
        f"Digest username={quote(username)},realm={quote(asked['realm'])},"
        f'nonce={quote(asked["nonce"])},uri={quote(uri)},response="{response}"'
    )
    if named:
        text += f",algorithm={algorithm.value}"
    if "opaque" in asked:
        text += f",opaque={quote(asked['opaque'])}"
    if qop:
        text += f",cnonce={quote(cnonce)},qop=auth,nc={count}"
    return text
