"""Traps as bytes, and whose time counts, without sockets."""

import pytest
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st
from snmp_agent import ber, coded, value

from probes.reading import Oid
from watch.snmp.trap_message import OfCommunity, of_community, of_pdu, version_of
from watch.snmp.trap_user import MAX_ENGINES, WINDOW_S, Authority, Belief, Judged
from watch.snmp.usm import Engine, User, local
from watch.snmp.v3 import NOT_IN_TIME, REPORT, UNKNOWN_ENGINE, genuine, opened, read, written

OWN: Oid = (1, 3, 6, 1, 4, 1, 9999)
LINK_DOWN: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5, 3)
TRAP, INFORM = 0xA7, 0xA6
USER = User(b"sender", "sha-256", "the first password", "aes-128", "the second password")
OURS = b"\x80ours"


def bind(oid: Oid, said: bytes) -> bytes:
    return ber(0x30, ber(6, coded(oid)) + said)


def v1(generic: bytes = b"\x06", specific: bytes = b"\x05", more: bytes = b"", binds: bytes = b"") -> bytes:
    pdu = (
        ber(6, coded(OWN)) + ber(0x40, bytes(4)) + ber(2, generic) + ber(2, specific) + ber(0x43, b"\x01") + ber(0x30, binds) + more
    )
    return ber(0x30, ber(2, b"\0") + ber(4, b"public") + ber(0xA4, pdu))


def v2(kind: int = TRAP, name: bytes | None = None) -> bytes:
    named = bind((1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0), value(LINK_DOWN) if name is None else name)
    return ber(kind, ber(2, b"\x07") + ber(2, b"\0") * 2 + ber(0x30, named))


def v2c(pdu: bytes) -> bytes:
    return ber(0x30, ber(2, b"\x01") + ber(4, b"public") + pdu)


class TestMessages:
    @pytest.mark.parametrize(
        ("generic", "name"), [(0, (*LINK_DOWN[:-1], 1)), (2, LINK_DOWN), (5, (*LINK_DOWN[:-1], 6)), (6, (*OWN, 0, 5))]
    )
    def test_one_of_v1_has_the_name_of_later_versions(self, generic: int, name: Oid) -> None:
        heard = of_community(v1(bytes([generic]), binds=bind((*OWN, 9), ber(2, b"\x03"))))
        assert heard is not None
        assert (heard.said.trap.oid, heard.said.trap.variables, heard.said.answer) == (name, {(*OWN, 9): 3}, b"")

    def test_an_inform_is_answered_with_what_it_said(self) -> None:
        heard = of_community(v2c(v2(INFORM)))
        assert heard is not None
        assert heard.answer() == v2c(v2(0xA2))

    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\x30", v1(b"\xff"), v1(specific=b"\xff"), v1(more=b"\x05\x00"), v1() + b"\0", v1()[:-1], v2c(v1()),
            v2c(v2(0xA2)), v2c(v2(0xA0)), v2c(v2(name=ber(2, b"\x03"))), v2c(ber(TRAP, ber(2, b"\0") * 3 + ber(0x30, b""))),
            v2c(v2()) + b"\0", v2c(v2() + b"\x05\x00"), ber(0x30, ber(2, b"\x02") + ber(4, b"public") + v2()),
            v1(binds=bind(OWN, b"\x99\x00")),
        ],
    )  # fmt: skip
    def test_what_is_none_is_none(self, data: bytes) -> None:
        assert of_community(data) is None

    @given(data=st.binary(max_size=300), at=st.integers(0, 300))
    def test_random_bytes_are_none(self, data: bytes, at: int) -> None:
        assert of_community(data) is None
        assert of_pdu(data, at) is None
        assert version_of(data) is None or isinstance(version_of(data), int)

    @given(data=st.data(), good=st.sampled_from([v1(), v2c(v2()), v2c(v2(INFORM))]))
    def test_damaged_ones_are_none_or_bounded(self, data: st.DataObject, good: bytes) -> None:
        said = bytearray(good)
        for at in data.draw(st.lists(st.integers(0, len(said) - 1), max_size=4)):
            said[at] = data.draw(st.integers(0, 255))
        heard = of_community(bytes(said[: data.draw(st.integers(0, len(said)))]))
        assert heard is None or isinstance(heard, OfCommunity)


class TestInforms:
    """We have the authority: over who is meant, and over what time it is."""

    def judged(self, engine: Engine, clock: HandClock) -> Judged:
        belief = Belief(clock, Authority(OURS, 7, clock.boottime_s() - 1000))
        return belief.judge(written(local(USER, engine.id), engine, 9, v2(INFORM)), {"web01": USER})

    @pytest.mark.parametrize("off_s", [0, WINDOW_S, -WINDOW_S])
    def test_of_now_are_believed_and_answered(self, off_s: int) -> None:
        judged = self.judged(Engine(OURS, 7, 1000 + off_s), HandClock())
        assert (judged.host, judged.refused, judged.report) == ("web01", "", b"")
        answer = read(judged.answer)
        assert answer is not None
        assert genuine(answer, local(USER, OURS))
        said = opened(answer, local(USER, OURS))
        assert said is not None
        assert said.data[said.pdu :] == v2(0xA2)

    @pytest.mark.parametrize(
        "engine", [Engine(OURS, 7, 1001 + WINDOW_S), Engine(OURS, 7, 999 - WINDOW_S), Engine(OURS, 6, 1000), Engine(OURS, 8, 0)]
    )
    def test_of_another_time_are_told_ours(self, engine: Engine) -> None:
        judged = self.judged(engine, HandClock())
        assert (judged.said, judged.refused) == (None, "it was sent before, or its time is another")
        report = read(judged.report)
        assert report is not None
        assert report.engine == Engine(OURS, 7, 1000)
        assert genuine(report, local(USER, OURS)), "a time that nobody has signed is nobody's"
        assert coded(NOT_IN_TIME) in judged.report

    def test_who_asks_who_we_are_is_told_and_not_refused(self) -> None:
        judged = self.judged(Engine(b"\x80other", 1, 1), HandClock())
        assert (judged.said, judged.refused) == (None, "")
        assert coded(UNKNOWN_ENGINE) in judged.report
        assert bytes([REPORT]) in judged.report

    def test_that_nobody_may_report_on_are_left(self) -> None:
        clock = HandClock()
        belief = Belief(clock, Authority(OURS, 7, clock.boottime_s()))
        engine = Engine(b"\x80sender", 1, 1)
        asked = written(local(USER, engine.id), engine, 9, v2(INFORM), reportable=False)
        assert belief.judge(asked, {"web01": USER}) == Judged(refused="no SNMP trap"), "an inform to another engine"


def test_engines_that_were_believed_are_bounded() -> None:
    clock = HandClock()
    belief = Belief(clock, Authority(OURS, 7, clock.boottime_s()))
    guest = User(b"guest", "md5", "a password")
    for number in range(MAX_ENGINES + 10):
        engine = Engine(number.to_bytes(5, "big"), 1, 1)
        assert belief.judge(written(local(guest, engine.id), engine, 9, v2(), reportable=False), {"web01": guest}).said is not None
    assert len(belief._times) == MAX_ENGINES
