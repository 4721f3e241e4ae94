"""Digest: vectors, verdicts, replay, and what an attacker cannot do."""

from __future__ import annotations

import itertools

import pytest

from sip.digest import (
    Algorithm,
    Credentials,
    DigestServer,
    Verdict,
    build_authorization,
    digest_response,
    find_digest,
    parse_digest,
)
from sip.errors import BadDigest, LocalError
from sip.message import Request
from sip.nonce import NONCES_PER_USER
from sip.parser import parse_datagram
from tests.unit.sip.vectors import gb

pytestmark = pytest.mark.clause("GB/T 28181-2022", "8.1")

REALM = "6401000000"
USER = "64010400001320000011"
URI = "sip:64010000002000000001@6401000000"
PASSWORD = "nx-example-pass"


def server(run: str = "run-1", key: bytes = b"k" * 32, **options: float) -> DigestServer:
    return DigestServer(REALM, key, ids=lambda: run, **options)  # type: ignore[arg-type]


def answer(
    challenge: str, password: str = PASSWORD, nc: int = 1, user: str = USER, cnonce: str = "0a1b"
) -> str:
    return build_authorization(challenge, "REGISTER", URI, user, password, cnonce, nc)


def verdict(digest: DigestServer, text: str, now: float = 1.0, password: str = PASSWORD) -> Verdict:
    return digest.verify(text, "REGISTER", password, now)


class TestVectors:
    @pytest.mark.parametrize("name", ["register-auth-qop", "register-auth-rfc2069"])
    def test_gb(self, name: str) -> None:
        message = parse_datagram(gb(name))
        assert isinstance(message, Request)
        given = Credentials.parse(message.headers.get("Authorization") or "")
        assert (given.username, given.realm, given.uri) == (USER, REALM, URI)
        assert given.response == digest_response(
            Algorithm.MD5,
            username=given.username,
            realm=given.realm,
            password=PASSWORD.encode(),
            method=message.method,
            uri=given.uri,
            nonce=given.nonce,
            qop=given.qop,
            nc=given.nc,
            cnonce=given.cnonce,
        )

    def test_gb_challenge_is_answered_like_the_vector(self) -> None:
        challenge = parse_datagram(gb("register-401")).headers.get("WWW-Authenticate") or ""
        expected = parse_datagram(gb("register-auth-qop")).headers.get("Authorization") or ""
        mine = build_authorization(challenge, "REGISTER", URI, USER, PASSWORD, "0a1b2c3d")
        assert parse_digest(mine) == parse_digest(expected)

    @pytest.mark.parametrize(
        ("algorithm", "response"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_rfc7616(self, algorithm: str, response: str) -> None:
        """Clause 3.9.1."""
        challenge = (
            f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        )
        text = build_authorization(
            challenge,
            "GET",
            "/dir/index.html",
            "Mufasa",
            "Circle of Life",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        values = parse_digest(text)
        assert values["response"] == response
        assert values["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"

    def test_sm3(self) -> None:
        """The hash itself by the example of GB/T 32905: "abc"."""
        from sip.digest import HASHES

        assert HASHES[Algorithm.SM3](b"abc") == (
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        )


class TestChallenge:
    def test_the_default(self) -> None:
        text = server().challenge(1.0)
        assert text.startswith(f'Digest realm="{REALM}",nonce="')
        assert text.endswith(',algorithm=MD5,qop="auth"')

    def test_variants(self) -> None:
        assert server().challenge(1.0, "SHA-256").endswith(',algorithm=SHA-256,qop="auth"')
        assert server().challenge(1.0, "sm3", qop=False).endswith(",algorithm=SM3")
        assert server().challenge(1.0, stale=True).endswith(",stale=true")
        with pytest.raises(LocalError):
            server().challenge(1.0, "SHA-1")

    def test_no_two_nonces_are_alike_and_none_costs_memory(self) -> None:
        digest = server()
        assert len({digest.challenge(1.0) for _ in range(1000)}) == 1000
        assert digest.remembered == 0


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SM3"])
@pytest.mark.parametrize("qop", [True, False])
class TestAlgorithms:
    def test_right_and_wrong(self, algorithm: str, qop: bool) -> None:
        digest = server()
        challenge = digest.challenge(1.0, algorithm, qop)
        assert verdict(digest, answer(challenge, "guess")) is Verdict.WRONG
        assert verdict(digest, answer(challenge)) is Verdict.OK

    def test_another_method_or_uri(self, algorithm: str, qop: bool) -> None:
        digest = server()
        text = answer(digest.challenge(1.0, algorithm, qop))
        assert digest.verify(text, "INVITE", PASSWORD, 1.0) is Verdict.WRONG
        assert verdict(digest, text.replace(URI, "sip:x@y")) is Verdict.WRONG


def test_credentials_may_be_read_once_and_judged_then() -> None:
    """The registrar needs the user name before it knows the password."""
    digest = server()
    given = Credentials.parse(answer(digest.challenge(1.0)))
    assert given.username == USER
    assert digest.verify(given, "REGISTER", PASSWORD, 1.0) is Verdict.OK
    assert digest.verify(given, "REGISTER", PASSWORD, 1.0) is Verdict.STALE


def test_a_user_name_of_ours_outside_latin1() -> None:
    """As UTF-8, which is what the other side gets to see."""
    digest = server()
    text = answer(digest.challenge(1.0), user="平台")
    wire = text.encode().decode("latin-1")
    assert verdict(digest, wire) is Verdict.OK


def test_the_uri_counts_as_sent() -> None:
    digest = server()
    for uri in ("sip:192.0.2.10:5060", "sip:34020000002000000001@3402000000", "REGISTER"):
        text = build_authorization(digest.challenge(1.0), "REGISTER", uri, USER, PASSWORD, "c")
        assert verdict(digest, text) is Verdict.OK


def test_a_client_cannot_choose_a_weaker_algorithm() -> None:
    digest = server()
    challenge = digest.challenge(1.0, "SHA-256").replace("SHA-256", "MD5")
    assert verdict(digest, answer(challenge)) is Verdict.WRONG


def test_another_realm_does_not_pass() -> None:
    digest = server()
    assert verdict(digest, answer(digest.challenge(1.0).replace(REALM, "x"))) is Verdict.WRONG


def test_an_rfc2069_answer_to_a_challenge_with_qop() -> None:
    digest = server()
    challenge = digest.challenge(1.0).replace(',qop="auth"', "")
    text = answer(challenge)
    assert "qop" not in text
    assert verdict(digest, text) is Verdict.OK
    assert verdict(digest, text) is Verdict.STALE


class TestSpelling:
    def reshape(self, change: str) -> str:
        values = parse_digest(answer(DIGEST.challenge(1.0)))
        match change:
            case "unquoted":
                return "Digest " + ",".join(f"{key}={value}" for key, value in values.items())
            case "quoted":
                return "Digest " + ",".join(f'{key}="{value}"' for key, value in values.items())
            case "upper":
                values["response"] = values["response"].upper()
                return "DIGEST " + ", ".join(f'{k.upper()}="{v}"' for k, v in values.items())
            case "blanks":
                return " digest\t" + " , ".join(f'{k} = "{v}"' for k, v in values.items()) + " "
            case "no blank behind the scheme":
                return "Digest" + ",".join(f'{k}="{v}"' for k, v in values.items())
            case "last comma":
                return "Digest " + "".join(f'{k}="{v}",' for k, v in values.items())
            case _:
                raise AssertionError(change)

    @pytest.mark.parametrize(
        "change",
        ["unquoted", "quoted", "upper", "blanks", "no blank behind the scheme", "last comma"],
    )
    def test_accepted(self, change: str) -> None:
        assert verdict(DIGEST, self.reshape(change)) is Verdict.OK

    def test_qop_in_capitals_is_hashed_as_the_standard_writes_it(self) -> None:
        text = answer(DIGEST.challenge(1.0)).replace("qop=auth", "qop=AUTH")
        assert verdict(DIGEST, text) is Verdict.OK

    def test_a_count_without_leading_zeros_is_hashed_as_sent(self) -> None:
        values = parse_digest(answer(DIGEST.challenge(1.0)))
        response = digest_response(
            Algorithm.MD5,
            username=USER,
            realm=REALM,
            password=PASSWORD.encode(),
            method="REGISTER",
            uri=URI,
            nonce=values["nonce"],
            qop="auth",
            nc="1",
            cnonce="c",
        )
        text = (
            f'Digest username="{USER}",realm="{REALM}",nonce="{values["nonce"]}",uri="{URI}",'
            f'response="{response}",qop=auth,nc=1,cnonce="c"'
        )
        assert verdict(DIGEST, text) is Verdict.OK

    def test_a_password_outside_ascii_in_either_form(self) -> None:
        values = parse_digest(DIGEST.challenge(1.0))
        for form in ("utf-8", "gb18030"):
            response = digest_response(
                Algorithm.MD5,
                username=USER,
                realm=REALM,
                password="密码".encode(form),
                method="REGISTER",
                uri=URI,
                nonce=values["nonce"],
                qop="auth",
                nc=f"{len(form):08x}",
                cnonce="c",
            )
            text = (
                f'Digest username="{USER}",realm="{REALM}",nonce="{values["nonce"]}",'
                f'uri="{URI}",response="{response}",qop=auth,nc={len(form):08x},cnonce="c"'
            )
            assert verdict(DIGEST, text, password="密码") is Verdict.OK

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Digest",
            "Basic dXNlcjpwYXNz",
            "NoOneKnowsThisScheme opaque-data=here",
            'Digest username="a"',
            f'Digest username="",realm="{REALM}",nonce="n",uri="u",response="r"',
            f'Digest username="a",realm="{REALM}",nonce="n",uri="u",response=""',
            'Digest username="a",username="b",realm="r",nonce="n",uri="u",response="r"',
            'Digest username="a",realm="r",nonce="n",uri="u",response="r",qop=auth-int,nc=1',
            'Digest username="a",realm="r",nonce="n",uri="u",response="r",qop=auth',
            'Digest username="a",realm="r",nonce="n",uri="u",response="r",qop=auth,nc=xyz',
            'Digest username="a",realm="r",nonce="n",uri="u",response="r",qop=auth,nc=123456789',
            'Digest username="a' + "a" * 5000,
        ],
    )
    def test_malformed(self, text: str) -> None:
        assert verdict(DIGEST, text) is Verdict.MALFORMED


DIGEST = server("spelling")


class TestStale:
    def test_old(self) -> None:
        digest = server(nonce_ttl=300)
        text = answer(digest.challenge(1000.0))
        assert verdict(digest, text, now=1301.0) is Verdict.STALE
        assert verdict(digest, text, now=1300.0) is Verdict.OK

    @pytest.mark.parametrize("now", [0.0, 999.0, 1001.0, 1e9])
    def test_a_nonce_of_the_run_before_is_old_not_wrong(self, now: float) -> None:
        """The clock may start anew with the machine: any time of the new run must do."""
        text = answer(server("run-1").challenge(1000.0))
        assert verdict(server("run-2"), text, now=now) is Verdict.STALE

    @pytest.mark.parametrize(
        "nonce", ["", "x", "00" * 24, "00" * 500, "6e78000000000000000000000000aa01", "é" * 48]
    )
    def test_an_unknown_nonce(self, nonce: str) -> None:
        text = answer(f'Digest realm="{REALM}",nonce="{nonce}",algorithm=MD5,qop="auth"')
        assert verdict(server(), text) is Verdict.STALE

    def test_a_forged_nonce_is_not_judged_by_its_answer(self) -> None:
        """Neither another key nor a changed bit: the password is not even looked at."""
        digest = server()
        nonce = parse_digest(digest.challenge(1.0))["nonce"]
        for at in range(0, len(nonce), 5):
            forged = nonce[:at] + ("1" if nonce[at] == "0" else "0") + nonce[at + 1 :]
            text = answer(f'Digest realm="{REALM}",nonce="{forged}",qop="auth"', "guess")
            assert verdict(digest, text) is Verdict.STALE
        assert verdict(digest, answer(server(key=b"other").challenge(1.0))) is Verdict.STALE

    def test_capitals_do_not_make_a_second_nonce(self) -> None:
        digest = server()
        challenge = digest.challenge(1.0)
        nonce = parse_digest(challenge)["nonce"]
        assert nonce.upper() != nonce
        assert verdict(digest, answer(challenge)) is Verdict.OK
        assert verdict(digest, answer(challenge.replace(nonce, nonce.upper()))) is Verdict.STALE


class TestReplay:
    def test_a_count_is_good_once(self) -> None:
        digest = server()
        challenge = digest.challenge(1.0)
        for nc in (1, 2, 5):
            assert verdict(digest, answer(challenge, nc=nc)) is Verdict.OK
            assert verdict(digest, answer(challenge, nc=nc)) is Verdict.STALE
            assert verdict(digest, answer(challenge, nc=nc, cnonce="other")) is Verdict.STALE

    def test_counts_may_come_in_any_order_inside_the_window(self) -> None:
        digest = server()
        challenge = digest.challenge(1.0)
        for nc in (70, 8, 69, 7, 200, 199, 137):
            assert verdict(digest, answer(challenge, nc=nc)) is Verdict.OK
        for nc in (70, 199, 137, 200, 136, 1):
            assert verdict(digest, answer(challenge, nc=nc)) is Verdict.STALE
        assert verdict(digest, answer(challenge, nc=0xFFFFFFFF)) is Verdict.OK
        assert verdict(digest, answer(challenge, nc=201)) is Verdict.STALE

    def test_a_wrong_answer_uses_nothing_up(self) -> None:
        digest = server()
        challenge = digest.challenge(1.0)
        assert verdict(digest, answer(challenge, "guess", nc=0xFFFFFFFF)) is Verdict.WRONG
        assert verdict(digest, answer(challenge)) is Verdict.OK

    def test_users_do_not_disturb_each_other(self) -> None:
        digest = server()
        challenge = digest.challenge(1.0)
        assert verdict(digest, answer(challenge, user="a")) is Verdict.OK
        assert verdict(digest, answer(challenge, user="b")) is Verdict.OK
        assert verdict(digest, answer(challenge, user="a")) is Verdict.STALE


class TestMemory:
    def test_a_guesser_leaves_nothing_and_pushes_nobody_out(self) -> None:
        digest = server(max_users=10)
        good = [answer(digest.challenge(1.0), user=f"cam{n}") for n in range(10)]
        assert {verdict(digest, text) for text in good} == {Verdict.OK}
        for n in range(2000):
            text = answer(digest.challenge(1.0), "guess", user=f"cam{n}")
            assert verdict(digest, text) in (Verdict.WRONG, Verdict.STALE)
        assert digest.remembered == 10
        assert {verdict(digest, text) for text in good} == {Verdict.STALE}

    def test_one_user_with_many_nonces_stays_small_and_cannot_replay(self) -> None:
        digest = server()
        used = [answer(digest.challenge(1.0 + n)) for n in range(3 * NONCES_PER_USER)]
        for text in used:
            assert verdict(digest, text, now=60.0) is Verdict.OK
        assert {verdict(digest, text, now=60.0) for text in used} == {Verdict.STALE}
        assert len(digest._used._users[USER].nonces) == NONCES_PER_USER

    def test_above_the_bound_forgetting_admits_no_replay(self) -> None:
        digest = server(max_users=50)
        used = [answer(digest.challenge(1.0 + n), user=f"u{n}") for n in range(120)]
        assert [verdict(digest, text, now=150.0) for text in used] == [Verdict.OK] * 120
        assert digest.remembered == 50
        assert {verdict(digest, text, now=150.0) for text in used} == {Verdict.STALE}
        fresh = answer(digest.challenge(150.0), user="u0")
        assert verdict(digest, fresh, now=150.0) is Verdict.OK

    def test_dead_entries_go(self) -> None:
        digest = server(nonce_ttl=300)
        for n in range(100):
            text = answer(digest.challenge(float(n)), user=f"u{n}")
            assert verdict(digest, text, now=float(n)) is Verdict.OK
        text = answer(digest.challenge(1000.0))
        assert verdict(digest, text, now=1000.0) is Verdict.OK
        assert digest.remembered == 1


class TestClient:
    def test_counts_up(self) -> None:
        challenge = server().challenge(1.0)
        texts = [answer(challenge, nc=nc) for nc in (1, 2)]
        assert [parse_digest(text)["nc"] for text in texts] == ["00000001", "00000002"]

    def test_the_algorithm_is_left_out_where_the_challenge_left_it_out(self) -> None:
        assert "algorithm" not in answer('Digest realm="r",nonce="n"')

    def test_quotes_in_names_are_escaped(self) -> None:
        text = answer('Digest realm="a \\"b\\"",nonce="n"')
        assert parse_digest(text)["realm"] == 'a "b"'

    @pytest.mark.parametrize(
        "challenge",
        [
            "Basic realm=x",
            "Digest realm=x",
            "Digest nonce=x",
            'Digest realm="r",nonce="n",algorithm=SHA-512-256',
            'Digest realm="r",nonce="n",qop="auth-int"',
        ],
    )
    def test_challenges_we_cannot_answer(self, challenge: str) -> None:
        with pytest.raises(BadDigest):
            answer(challenge)


def test_find_digest_among_other_schemes_and_realms() -> None:
    basic, one, two = "Basic x", 'Digest realm="r1",nonce="n"', 'Digest realm="r2",nonce="n"'
    for order in itertools.permutations((basic, one, two)):
        assert find_digest(order, "r2") == two
    assert find_digest([basic, one], "r2") == one
    assert find_digest([basic]) is None
    assert find_digest([]) is None
    assert find_digest([two, one]) == two
