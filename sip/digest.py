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
from collections.abc import Callable, Iterable
from enum import Enum, StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes

from sip.errors import BadDigest, LocalError
from sip.grammar import quote
from sip.nonce import MAX_USERS, NonceSigner, ReplayTable

MAX_HEADER = 4096

#: name = "quoted" or name = plain; every quantifier starts at a mark of its own, so it is linear.
_PARAM = re.compile(
    r'([A-Za-z0-9_\-]{1,32})\s{0,8}=\s{0,8}(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]*))', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
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
_ALGORITHMS = tuple(Algorithm)
_BY_NAME = {algorithm.value.lower(): algorithm for algorithm in Algorithm} | {
    "sha256": Algorithm.SHA_256
}


class Credentials(NamedTuple):
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
        get = values.get
        try:
            found = cls(
                values["username"],
                values["realm"],
                values["nonce"],
                values["uri"],
                values["response"].lower(),
                get("algorithm", ""),
                get("qop", "").lower(),
                get("cnonce", ""),
                get("nc", ""),
            )
        except KeyError as error:
            raise BadDigest(f"no {error.args[0]} in the credentials") from None
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
    found = _PARAM.findall(text, 6)
    values = {name.lower(): quoted or plain for name, quoted, plain in found}
    if len(values) != len(found):
        raise BadDigest("a parameter twice")
    if "\\" in text:
        values = {n.lower(): _ESCAPED.sub(r"\1", quoted) or plain for n, quoted, plain in found}
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
        """`ids` is asked once, for a name of this run that no earlier run had."""
        self.realm = realm
        self._nonces = NonceSigner(secret_key, ids(), nonce_ttl)
        self._used = ReplayTable(nonce_ttl, max_users)

    def challenge(
        self, now: float, algorithm: str = "MD5", qop: bool = True, stale: bool = False
    ) -> str:
        """A WWW-Authenticate value with a fresh nonce.

        The algorithm is always named: recorders of one big maker ignore a challenge without it.
        """
        kind = _BY_NAME.get(algorithm.lower())
        if kind is None:
            raise LocalError(f"unknown digest algorithm {algorithm!r}")
        nonce = self._nonces.make(now, _ALGORITHMS.index(kind))
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
        opened = self._nonces.open(given.nonce, now)
        if opened is None:
            return Verdict.STALE
        tick, code = opened
        count = int(given.nc, 16) if given.qop else 0
        if not self._used.is_unused(given.username, given.nonce, tick, count):
            return Verdict.STALE
        response = _bytes(given.response)
        for secret in password_forms(password):
            right = digest_response(
                _ALGORITHMS[code],
                username=given.username,
                realm=self.realm,
                password=secret,
                method=method,
                uri=given.uri,
                nonce=given.nonce,
                qop=given.qop,
                nc=given.nc,
                cnonce=given.cnonce,
            )
            if hmac.compare_digest(right.encode(), response):
                self._used.use(given.username, given.nonce, tick, count, now)
                return Verdict.OK
        return Verdict.WRONG

    @property
    def remembered(self) -> int:
        """Users with an entry in the replay table."""
        return len(self._used)


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
