"""What ``radius`` asks, and makes of each answer, without sockets (C35)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_talk import Piece, look, talk
from radius_server import SECRET, answer, attribute, read

from domain.model import Secret
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Ask, Dialogue, Talk, Target

ACCOUNT: dict[str, object] = {"login": {"user": "u", "password": {"env": "PW"}}, "secret": {"env": "RS"}}
ACCEPT, REJECT, CHALLENGE = 2, 3, 11


def seen(*pieces: Piece) -> Observation:
    done = talk(look("radius", ACCOUNT), pieces)
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen


def with_secrets(password: str, secret: str, user: str = "u") -> Dialogue:
    spec = PROBES["radius"]
    assert isinstance(spec.way, Talk)
    given = {"login": {"user": user, "password": {"env": "PW"}}, "secret": {"env": "RS"}}
    secrets = {Secret("env", "PW"): password, Secret("env", "RS"): secret}
    return spec.way.start(Target("192.0.2.1", spec.complete(given), secrets.__getitem__))


class TestRequest:
    def test_is_one_that_a_server_reads_and_believes(self) -> None:
        wish = talk(look("radius", {**ACCOUNT, "port": 1645})).wishes[0]
        assert isinstance(wish, Ask)
        assert wish[:2] == ("192.0.2.1", 1645)
        assert read(wish.data) == (b"u", b"the secret PW", True, True)

    def test_is_another_each_time(self) -> None:
        asked = [talk(look("radius", ACCOUNT)).sent for _ in range(20)]
        assert len({one[4:20] for one in asked}) == 20
        assert len({one[1] for one in asked}) > 10
        assert not any(b"the secret PW" in one for one in asked)

    @given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=32))
    def test_carries_any_password(self, password: str) -> None:
        assert read(talk(with_secrets(password, "s"), []).sent, b"s").password == password.encode()

    @pytest.mark.parametrize(
        ("password", "secret", "user"), [("", "s", "u"), ("p", "", "u"), ("p" * 129, "s", "u"), ("p", "s", "ü" * 127)]
    )
    def test_that_can_t_be_made_is_not_judged(self, password: str, secret: str, user: str) -> None:
        done = talk(with_secrets(password, secret, user))
        assert done.wishes == []
        assert done.seen is not None
        assert done.seen.verdict is Verdict.UNKNOWN


class TestAnswer:
    @pytest.mark.parametrize(
        "reply", [answer(ACCEPT), answer(ACCEPT, signed=True), answer(ACCEPT, attribute(18, b"hi"), tail=b"more")]
    )
    def test_that_accepts_is_up(self, reply: Piece) -> None:
        assert seen(reply)[:2] == (Verdict.UP, "Access-Accept")

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (answer(REJECT), "refuses the account (Access-Reject)"),
            (
                answer(REJECT, attribute(18, b"no\n") + attribute(18, b"way"), signed=True),
                'refuses the account (Access-Reject), saying "no?way"',
            ),
            (answer(CHALLENGE), "wants more than a password (Access-Challenge)"),
            (answer(5), "answers with code 5 instead of Access-Accept"),
            (answer(REJECT, attribute(18, b"x")[:-1]), "refuses the account (Access-Reject)"),
            (answer(REJECT, b"\x12\0"), "refuses the account (Access-Reject)"),
        ],
    )
    def test_that_does_not_is_down(self, reply: Piece, words: str) -> None:
        assert seen(reply)[:2] == (Verdict.DOWN, words)

    def test_that_repeats_our_secrets_gets_them_into_no_detail(self) -> None:
        said = seen(answer(REJECT, attribute(18, b"not the secret PW nor " + SECRET))).detail
        assert said == 'refuses the account (Access-Reject), saying "not *** nor ***"'

    @pytest.mark.parametrize(
        "other",
        [
            answer(ACCEPT, secret=b"another"),
            lambda asked: answer(ACCEPT)(asked[:4] + bytes(16)),
            lambda asked: answer(ACCEPT)(bytes((1, asked[1] ^ 1)) + asked[2:]),
            lambda asked: answer(ACCEPT)(asked)[:19],
            lambda asked: answer(ACCEPT, b"x" * 9)(asked)[:-1],
            answer(ACCEPT, attribute(80, bytes(16))),
            answer(ACCEPT, attribute(80, b"")),
            lambda asked: asked,
            b"",
        ],
        ids=[
            "signed by another",
            "to another request",
            "another id",
            "short",
            "cut",
            "wrongly signed",
            "unsigned",
            "a request",
            "empty",
        ],
    )
    def test_that_is_none_is_let_pass(self, other: Piece) -> None:
        assert seen(other, other, answer(ACCEPT)).verdict is Verdict.UP
        assert talk(look("radius", ACCOUNT), [other]).seen is None

    def test_is_named_where_it_is_missing(self) -> None:
        """As with another secret: such requests are dropped."""
        wish = talk(look("radius", ACCOUNT)).wishes[0]
        assert isinstance(wish, Ask)
        assert wish.awaited == "RADIUS answer signed with the shared secret"


@pytest.mark.parametrize("wrong", ["hunter2", {"env": "HIKESHI_KEY"}, {"env": ""}, None])
def test_the_secret_is_a_reference(wrong: object) -> None:
    parse: Callable[[object], object] = PROBES["radius"].options["secret"].parse
    assert parse({"file": "/run/secret"}) == {"file": "/run/secret"}
    with pytest.raises(ValueError, match=r"never the secret itself|does not begin with HIKESHI_"):
        parse(wrong)
