"""SNMPv3 without sockets: keys as the RFC has them, who an agent is and what time it counts, and every sort of answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snmp_agent import FakeAgent, ber, coded, request, session_of

from domain.observation import Observation, Verdict
from probes.reading import Get, Item, Oid, Rows, Table
from watch.snmp.message import Access, Version
from watch.snmp.message import response as read_response
from watch.snmp.speaking import MAX_STRAYS
from watch.snmp.user import MAX_TURNS, Engines, Known
from watch.snmp.usm import AES_KEY_BYTES, DES, DIGESTS, Engine, Local, User, decrypted, local
from watch.snmp.v3 import (
    CANT_DECRYPT,
    NOT_IN_TIME,
    UNAVAILABLE_CONTEXT,
    UNKNOWN_ENGINE,
    UNKNOWN_USER,
    UNSUPPORTED_LEVEL,
    WRONG_DIGEST,
    genuine,
    opened,
    read,
    written,
)

VALUE = Get((1, 3, 6, 1, 4, 1, 99999, 1, 0), "a value")
COLUMN = Table((1, 3, 6, 1, 4, 1, 99999, 2), "a column")
GUEST = User(b"guest")
SIGNED = User(b"signed", "sha-256", "the first password")
SECRET = User(b"secret", "sha-1", "the first password", "aes-128", "the second password")
USERS = (GUEST, SIGNED, SECRET)
PRIVATE = [User(b"secret", auth, "a password", privacy, "another one") for auth in DIGESTS for privacy in (DES, *AES_KEY_BYTES)]
NOW_S = 1000.0
ENGINE = Engine(b"\x80engine", 7, 5000)
NOBODY = Local(User(b""))
REPORT = 0xA8


@dataclass
class FakeEngine:
    """An agent of SNMPv3; its engine as it is, ``window_s`` how far off the time of a request may be."""

    user: User
    engine: Engine = ENGINE
    window_s: int = 150
    asked: int = 0
    values: FakeAgent = field(default_factory=lambda: FakeAgent({VALUE.oid: 42, (*COLUMN.column, 1): 5, (*COLUMN.column, 2): 6}))

    def answer(self, data: bytes) -> bytes:
        self.asked += 1
        message = read(data)
        assert message is not None
        who = local(self.user, self.engine.id)
        if message.engine.id != self.engine.id:
            return self.report(message.number, UNKNOWN_ENGINE)
        if message.user != self.user.name:
            return self.report(message.number, UNKNOWN_USER)
        if message.secured and not genuine(message, who):
            return self.report(message.number, WRONG_DIGEST)
        if message.secured and (
            message.engine.boots != self.engine.boots or abs(message.engine.time_s - self.engine.time_s) > self.window_s
        ):
            return self.report(message.number, NOT_IN_TIME, Local(who.user._replace(privacy=""), who.auth_key))
        scoped = opened(message, who)
        if scoped is None:
            return self.report(message.number, CANT_DECRYPT)
        said = self.values.answer(ber(0x30, ber(2, b"\x01") + ber(4, b"any") + scoped.data[scoped.pdu :]))
        return written(who, self.engine, message.number, said[said.index(0xA2) :], reportable=False)

    def report(self, number: int, about: Oid, who: Local = NOBODY) -> bytes:
        return written(who, self.engine, number, report(about), reportable=False)


def report(about: Oid) -> bytes:
    bind = ber(0x30, ber(6, coded(about)) + ber(0x41, b"\x01"))
    return ber(REPORT, ber(2, b"\0") * 3 + ber(0x30, bind))


def asked(user: User, said: Callable[[bytes], bytes | None], *items: Item, engines: Engines | None = None) -> Observation:
    return session_of(user, {} if engines is None else engines, said, *(items or (VALUE,)), now_s=NOW_S)[0]


class TestKeys:
    """RFC 3414 A.3, and RFC 7860's sizes."""

    ENGINE = bytes.fromhex("000000000000000000000002")

    @pytest.mark.parametrize(
        ("auth", "key"),
        [("md5", "526f5eed9fcce26f8964c2930787d82b"), ("sha-1", "6695febc9288e36282235fc7151f128497b38f3f")],
    )
    def test_are_those_of_the_rfc(self, auth: str, key: str) -> None:
        assert local(User(b"any", auth, "maplesyrup"), self.ENGINE).auth_key.hex() == key

    @pytest.mark.parametrize("user", PRIVATE, ids=lambda user: f"{user.auth} {user.privacy}")
    def test_of_every_length_open_what_they_closed(self, user: User) -> None:
        engine = Engine(self.ENGINE, 3, 9)
        who = local(user, engine.id)
        pdu = ber(0xA2, b"whatever it says")
        message = read(written(who, engine, 5, pdu))
        assert message is not None
        assert pdu not in message.whole
        assert genuine(message, who)
        scoped = opened(message, who)
        assert scoped is not None
        assert scoped.data[scoped.pdu :] == pdu
        other = local(user._replace(auth_password="a passwore"), engine.id)
        assert not genuine(message, other)

    @pytest.mark.parametrize("privacy", [DES, "aes-128"])
    def test_open_nothing_that_was_not_closed_as_it_should(self, privacy: str) -> None:
        who = local(SECRET._replace(privacy=privacy), self.ENGINE)
        assert decrypted(who, ENGINE, bytes(7), bytes(16)) is None
        assert (decrypted(who, ENGINE, bytes(8), bytes(15)) is None) is (privacy == DES)


@pytest.mark.parametrize(("boots", "time_s"), [(2**31, 0), (0, 2**31), (2**63 - 1, 5)])
def test_a_time_that_no_engine_counts_makes_no_message(boots: int, time_s: int) -> None:
    assert read(written(NOBODY, Engine(b"\x80engine", boots, time_s), 1, report(UNKNOWN_ENGINE))) is None


def test_what_is_secret_and_not_signed_is_no_message() -> None:
    good = written(local(SECRET, ENGINE.id), ENGINE, 1, b"\xa2\x00")
    flags = good.index(b"\x04\x01\x07") + 2
    assert read(good) is not None
    assert read(good[:flags] + b"\x06" + good[flags + 1 :]) is None


class TestAnAgentThatIsMet:
    @pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
    def test_first_it_is_found_out_who_it_is(self, user: User) -> None:
        agent = FakeEngine(user)
        engines: Engines = {}
        seen, found = session_of(user, engines, agent.answer, VALUE, COLUMN, now_s=NOW_S)
        assert seen.verdict is Verdict.UP
        assert found == {VALUE: 42, COLUMN: Rows({(1,): 5, (2,): 6})}
        assert agent.asked == 1 + 2, "its reports tell its time as well"
        assert asked(user, agent.answer, engines=engines).verdict is Verdict.UP
        assert agent.asked == 1 + 2 + 1, "what is known of it is kept"

    @pytest.mark.parametrize("user", [SIGNED, SECRET], ids=lambda user: user.name)
    def test_that_was_restarted_is_asked_again_in_the_same_look(self, user: User) -> None:
        agent = FakeEngine(user)
        engines: Engines = {}
        asked(user, agent.answer, engines=engines)
        agent.engine = agent.engine._replace(boots=8, time_s=1)
        assert asked(user, agent.answer, engines=engines).verdict is Verdict.UP
        agent.engine = Engine(b"\x80another", 0, 1)
        assert asked(user, agent.answer, engines=engines).verdict is Verdict.UP
        assert engines[("192.0.2.1", 161)].engine == agent.engine

    def test_is_asked_by_its_own_clock(self) -> None:
        agent = FakeEngine(SIGNED)
        engines: Engines = {}
        asked(SIGNED, agent.answer, engines=engines)
        agent.engine = agent.engine._replace(time_s=5000 + 3600)
        before = agent.asked
        session_of(SIGNED, engines, agent.answer, VALUE, now_s=NOW_S + 3600)
        assert agent.asked == before + 1
        session_of(SIGNED, engines, agent.answer, VALUE, now_s=NOW_S - 10**9)  # ours was set
        assert agent.asked == before + 3

    def test_whose_time_runs_away_is_given_up(self) -> None:
        agent = FakeEngine(SIGNED, window_s=-1)
        seen = asked(SIGNED, agent.answer)
        assert seen[:2] == (Verdict.DOWN, "the SNMP agent says with every answer that it is another one, or at another time")
        assert agent.asked == MAX_TURNS


class TestRefusals:
    @pytest.mark.parametrize(
        ("about", "words"),
        [
            (UNSUPPORTED_LEVEL, "the SNMP agent does not let this user in with this security level (auth, privacy)"),
            (UNKNOWN_USER, "the SNMP agent does not know the user"),
            (WRONG_DIGEST, "the SNMP agent refuses the password or the protocol of the user's auth"),
            (CANT_DECRYPT, "the SNMP agent refuses the password or the protocol of the user's privacy"),
            (UNAVAILABLE_CONTEXT, "the SNMP agent has no such context"),
            ((1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0), "the SNMP agent refuses the request (report 1.3.6.1.6.3.11.2.1.3.0)"),
        ],
    )
    def test_have_words(self, about: Oid, words: str) -> None:
        agent = FakeEngine(SECRET)
        engines = {("192.0.2.1", 161): Known(agent.engine, NOW_S)}

        def said(data: bytes) -> bytes:
            message = read(data)
            assert message is not None
            return agent.report(message.number, about)

        assert asked(SECRET, said, engines=engines)[:2] == (Verdict.DOWN, words)

    def test_silence_says_what_else_it_may_mean(self) -> None:
        assert asked(SIGNED, lambda _: None).detail == "no answer of the SNMP agent within 10 s (it may not speak SNMPv3)"
        engines = {("192.0.2.1", 161): Known(ENGINE, NOW_S)}
        silent = "no answer of the SNMP agent within 10 s (it may be silent to a wrong user or password)"
        assert asked(SIGNED, lambda _: None, engines=engines).detail == silent
        silent = "no answer of the SNMP agent within 10 s (it may be silent to a wrong user or password or password of privacy)"
        assert asked(SECRET, lambda _: None, engines=engines).detail == silent


class TestWhatIsNotBelieved:
    """Nobody else is heard, and the look goes on waiting for who was asked."""

    AGENT = FakeEngine(SECRET)

    def not_heard(self, said: Callable[[bytes], bytes]) -> None:
        engines = {("192.0.2.1", 161): Known(self.AGENT.engine, NOW_S)}
        flood = iter([None])
        seen = asked(SECRET, lambda data: said(data) if data else next(flood), engines=engines)
        assert seen[:2] == (Verdict.DOWN, "no answer of the SNMP agent to what was asked within 10 s")

    def test_a_digest_by_another_password(self) -> None:
        other = FakeEngine(SECRET._replace(auth_password="some other password"))
        good = Local(SECRET, *local(SECRET, other.engine.id)[1:])

        def said(data: bytes) -> bytes:
            message = read(data)
            assert message is not None
            scoped = opened(message, good)
            assert scoped is not None
            return written(
                local(other.user, other.engine.id), other.engine, message.number, b"\xa2" + scoped.data[scoped.pdu + 1 :]
            )

        self.not_heard(said)

    def test_an_answer_in_clear_to_a_question_in_secret(self) -> None:
        for user in (SECRET._replace(privacy=""), SECRET._replace(auth="", privacy="")):

            def said(data: bytes, user: User = user) -> bytes:
                message = read(data)
                assert message is not None
                scoped = opened(message, local(SECRET, self.AGENT.engine.id))
                assert scoped is not None
                pdu = b"\xa2" + scoped.data[scoped.pdu + 1 :]
                return written(local(user, self.AGENT.engine.id), self.AGENT.engine, message.number, pdu)

            self.not_heard(said)

    def test_another_time_that_nobody_has_signed(self) -> None:
        def said(data: bytes) -> bytes:
            message = read(data)
            assert message is not None
            return self.AGENT.report(message.number, NOT_IN_TIME)

        self.not_heard(said)

    def test_an_answer_to_another_question(self) -> None:
        self.not_heard(lambda data: self.AGENT.report(1, UNKNOWN_USER))

        def said(data: bytes) -> bytes:
            message = read(data)
            assert message is not None
            other = ber(0xA2, ber(2, b"\x05") + ber(2, b"\0") * 2 + ber(0x30, b""))
            return written(local(SECRET, self.AGENT.engine.id), self.AGENT.engine, message.number, other)

        self.not_heard(said)

    def test_a_flood_ends(self) -> None:
        said = iter([b"\x30\x00"] * (MAX_STRAYS + 1))
        assert asked(SECRET, lambda _: next(said)).detail == "the SNMP port answers with what is no answer of an SNMP agent"


@given(pieces=st.lists(st.binary(max_size=300), max_size=80), user=st.sampled_from(USERS), met=st.booleans())
def test_random_bytes_always_end_in_a_verdict(pieces: list[bytes], user: User, met: bool) -> None:
    coming = iter(pieces)
    engines = {("192.0.2.1", 161): Known(ENGINE, NOW_S)} if met else {}
    assert asked(user, lambda _: next(coming, None), VALUE, COLUMN, engines=engines).verdict is Verdict.DOWN


@given(data=st.data(), user=st.sampled_from((*USERS, SECRET._replace(privacy=DES))))
def test_damaged_answers_always_end_in_a_verdict(data: st.DataObject, user: User) -> None:
    """Good ones in which some bytes are others, or that are cut off; also such that only who has the keys can have damaged."""
    agent = FakeEngine(user)

    def damaged(question: bytes) -> bytes | None:
        if not question or agent.asked > 20:
            return None
        said = bytearray(agent.answer(question))
        for at in data.draw(st.lists(st.integers(0, len(said) - 1), max_size=3)):
            said[at] = data.draw(st.integers(0, 255))
        return bytes(said[: data.draw(st.integers(0, 2 * len(said)))])

    assert asked(user, damaged, VALUE, COLUMN).verdict in {Verdict.UP, Verdict.DOWN}


@given(pdu=st.binary(max_size=60), user=st.sampled_from((*USERS, SECRET._replace(privacy=DES))))
def test_nonsense_of_who_has_the_keys_ends_in_a_verdict(pdu: bytes, user: User) -> None:
    agent = FakeEngine(user)
    engines = {("192.0.2.1", 161): Known(agent.engine, NOW_S)}

    def said(question: bytes) -> bytes | None:
        message = read(question)
        if message is None:
            return None
        return written(local(user, agent.engine.id), agent.engine, message.number, pdu)

    assert asked(user, said, VALUE, engines=engines).verdict is Verdict.DOWN


def test_other_versions_are_no_message_of_this_one() -> None:
    assert read(ber(0x30, ber(2, b"\x01") + ber(4, b"public") + ber(0xA2, b""))) is None
    assert read_response(written(local(GUEST, b""), Engine(b"", 0, 0), 1, b""), Access(Version.V2C, b""), 1) is None
    assert request(ber(0x30, ber(2, b"\x01") + ber(4, b"x") + ber(0xA0, ber(2, b"\1") * 3 + ber(0x30, b"")))).oids == []
