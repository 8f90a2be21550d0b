"""Sessions with an SNMP agent, without sockets: what is asked, how few packets it takes, and every sort of answer."""

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snmp_agent import BULK, COMMUNITY, GET, NEXT, FakeAgent, Said, Typed, ber, polled, request, response, session

from domain.observation import Verdict
from probes.reading import Absent, Get, Item, Oid, Rows, Table, Value
from watch.snmp.message import Access, Version
from watch.snmp.message import request as written
from watch.snmp.message import response as read
from watch.snmp.poll import BINDS_A_PACKET, MAX_PACKETS, OIDS_A_PACKET
from watch.snmp.speaking import MAX_STRAYS

BASE: Oid = (1, 3, 6, 1, 4, 1, 99999)
VERSIONS = pytest.mark.parametrize("version", list(Version))
ACCESS = Access(Version.V2C, COMMUNITY)


def get(number: int) -> Get:
    return Get((*BASE, 1, number, 0), f"scalar{number}")


def table(number: int, max_rows: int = 512) -> Table:
    return Table((*BASE, 2, 1, number), f"column{number}", max_rows)


def agent(scalars: int = 0, columns: int = 0, rows: int = 0) -> FakeAgent:
    values = {get(number).oid: number * 1000 for number in range(scalars)}
    for column in range(1, columns + 1):
        values |= {(*table(column).column, row): column * 100 + row for row in range(1, rows + 1)}
    return FakeAgent({**values, (2, 1): 0})


class TestScalars:
    @VERSIONS
    def test_all_come_in_one_packet(self, version: Version) -> None:
        asked = agent(scalars=OIDS_A_PACKET)
        seen, found = polled(asked, *map(get, range(OIDS_A_PACKET)), version=version)
        assert seen.verdict is Verdict.UP
        assert found == {get(number): number * 1000 for number in range(OIDS_A_PACKET)}
        assert [one.kind for one in asked.asked] == [GET]
        assert asked.asked[0][:2] == (version, COMMUNITY)

    def test_more_come_in_more(self) -> None:
        asked = agent(scalars=70)
        _, found = polled(asked, *map(get, range(70)))
        assert len(found) == 70
        assert sorted(len(one.oids) for one in asked.asked) == [10, 30, 30]

    @VERSIONS
    def test_one_that_is_not_there_costs_no_other(self, version: Version) -> None:
        """v1 refuses the whole packet for it (RFC 1157 4.1.2)."""
        seen, found = polled(agent(scalars=3), get(0), get(7), get(2), get(8), version=version)
        assert seen.verdict is Verdict.UP
        why = "noSuchName" if version is Version.V1 else "noSuchInstance"
        assert found == {get(0): 0, get(7): Absent(why), get(2): 2000, get(8): Absent(why)}

    def test_an_agent_of_little_room_is_asked_for_less(self) -> None:
        asked = agent(scalars=20)
        asked.too_big = 3
        _, found = polled(asked, *map(get, range(20)))
        assert found == {get(number): number * 1000 for number in range(20)}
        asked.too_big = 0
        assert polled(asked, get(1))[1] == {get(1): Absent("tooBig")}

    def test_values_of_every_type(self) -> None:
        oid = get(0).oid
        for said, means in (
            (-5, -5), (2**31 - 1, 2**31 - 1), (b"", b""), (b"\xff\0", b"\xff\0"),
            ((1, 3, 6, 2**32 - 1, 0), (1, 3, 6, 2**32 - 1, 0)),
            (Typed(0x41, 2**32 - 1), 2**32 - 1), (Typed(0x42, 7), 7), (Typed(0x43, 9), 9), (Typed(0x46, 2**64 - 1), 2**64 - 1),
            (Absent("noSuchObject"), Absent("noSuchObject")), (Absent("endOfMibView"), Absent("endOfMibView")),
        ):  # fmt: skip
            assert polled(FakeAgent({oid: said}), get(0))[1] == {get(0): means}


class TestTables:
    @VERSIONS
    def test_columns_come_together(self, version: Version) -> None:
        asked = agent(columns=4, rows=25)
        seen, found = polled(asked, *map(table, range(1, 5)), version=version)
        assert seen.verdict is Verdict.UP
        for column in range(1, 5):
            assert found[table(column)] == Rows({(row,): column * 100 + row for row in range(1, 26)})
        assert {one.kind for one in asked.asked} == {NEXT if version is Version.V1 else BULK}
        assert len(asked.asked) == (26 if version is Version.V1 else 3)
        assert all(len(one.oids) * max(1, one.second) <= BINDS_A_PACKET for one in asked.asked)

    @VERSIONS
    def test_one_of_no_rows_is_empty(self, version: Version) -> None:
        _, found = polled(agent(columns=1, rows=3), table(1), table(9), version=version)
        assert found[table(1)] == Rows({(1,): 101, (2,): 102, (3,): 103})
        assert found[table(9)] == Rows({})

    def test_at_the_very_end_of_everything(self) -> None:
        for version in Version:
            asked = FakeAgent({(*table(1).column, 1): 5})
            _, found = polled(asked, table(1), version=version)
            assert found == {table(1): Rows({(1,): 5})}

    def test_one_of_too_many_rows_is_cut_off_and_said_to_be(self) -> None:
        asked = agent(columns=1, rows=100)
        _, found = polled(asked, table(1, max_rows=70))
        rows = found[table(1, max_rows=70)]
        assert isinstance(rows, Rows)
        assert (len(rows.cells), rows.whole) == (70, False)
        assert len(asked.asked) == 2

    def test_of_an_agent_of_little_room(self) -> None:
        asked = agent(columns=6, rows=10)
        for room in (20, 6, 5, 1):
            asked.too_big = room
            _, found = polled(asked, *map(table, range(1, 7)))
            assert all(len(found[table(column)].cells) == 10 for column in range(1, 7))  # type: ignore[union-attr]  # rows
        asked.too_big = 0
        assert polled(asked, table(1))[1] == {table(1): Absent("tooBig")}

    def test_that_runs_in_circles(self) -> None:
        column = table(1).column
        _, found = session(lambda asked: response(request(asked), [((*column, 2), 2), ((*column, 1), 1)]), table(1))
        assert found == {table(1): Absent("the agent's table runs in circles")}

    def test_that_never_ends(self) -> None:
        rows = count()
        endless = table(1, max_rows=10**9)
        seen, _ = session(lambda asked: response(request(asked), [((*endless.column, next(rows)), 1)]), endless)
        assert seen[:2] == (Verdict.DOWN, f"the SNMP agent has not told all after {MAX_PACKETS} packets")
        assert next(rows) == MAX_PACKETS


class TestOthersAnswers:
    def test_silence_is_told_by_what_was_awaited(self) -> None:
        assert session(lambda _: None, get(0))[0][:2] == (
            Verdict.DOWN,
            "no answer of the SNMP agent within 10 s (it is silent to a wrong community, too)",
        )

    def test_what_answers_something_else_is_not_heard(self) -> None:
        """An answer to another request, of another community or version, or a request: none of them ends the wait."""
        asked = request(written(ACCESS, 2**30, GET, [get(0).oid]))
        good: list[tuple[Oid, Said]] = [(get(0).oid, 5)]
        for other in (
            response(asked._replace(number=2**30 + 1), good),
            response(asked._replace(community=b"public"), good),
            response(asked._replace(version=0), good),
            written(ACCESS, 2**30, GET, [get(0).oid]),
            response(asked, good) + b"\0",
            response(asked, good)[:-1],
            b"",
        ):
            assert read(other, ACCESS, 2**30) is None
        assert read(response(asked, good), ACCESS, 2**30) is not None

    def test_a_flood_of_them_ends(self) -> None:
        seen, _ = session(lambda _: b"flood", get(0))
        assert seen[:2] == (Verdict.DOWN, "the SNMP port answers with what is no answer of an SNMP agent")
        floods = iter([b"flood"] * MAX_STRAYS)
        seen, _ = session(lambda _: next(floods, None), get(0))
        assert seen[:2] == (Verdict.DOWN, "no answer of the SNMP agent to what was asked within 10 s")

    def test_other_variables_than_asked_for_are_a_fault(self) -> None:
        def said(*binds: tuple[Oid, Said]) -> Callable[[bytes], bytes]:
            return lambda asked: response(request(asked), binds)

        seen, _ = session(said((get(1).oid, 5)), get(0))
        assert seen[:2] == (Verdict.DOWN, "the SNMP agent answers with other values than it was asked for")
        for binds in ([], [((*table(1).column, row), 1) for row in range(50)]):
            seen, _ = session(said(*binds), table(1))
            assert seen[:2] == (Verdict.DOWN, "the SNMP agent answers with more or less than it was asked for")

    @pytest.mark.parametrize(("status", "word"), [(5, "genErr"), (16, "authorizationError"), (99, "error-status 99")])
    @pytest.mark.parametrize("variable", [0, 1, 200])
    def test_an_error_has_its_word(self, status: int, word: str, variable: int) -> None:
        items: tuple[Item, ...] = (get(0), get(1), table(1), table(2))
        seen, found = session(lambda asked: response(request(asked), [], status, variable), *items)
        assert seen.verdict is Verdict.UP
        assert found == dict.fromkeys(items, Absent(word))


ITEMS: tuple[Item, ...] = (get(0), get(1), table(1), table(2, max_rows=3))


@given(pieces=st.lists(st.binary(max_size=300), max_size=80))
def test_random_bytes_always_end_in_a_verdict(pieces: list[bytes]) -> None:
    for version in Version:
        coming = iter(pieces)
        assert session(lambda _: next(coming, None), *ITEMS, version=version)[0].verdict is Verdict.DOWN  # noqa: B023 - used at once


@given(data=st.data(), version=st.sampled_from(Version))
def test_damaged_answers_always_end_in_a_verdict(data: st.DataObject, version: Version) -> None:
    """Good answers in which some bytes are others, or that are cut off: never an exception, and what was found is bounded."""
    good = agent(scalars=2, columns=2, rows=6)

    def damaged(asked: bytes) -> bytes | None:
        if not asked or len(good.asked) > 50:
            return None
        said = bytearray(good.answer(asked))
        for at in data.draw(st.lists(st.integers(0, len(said) - 1), max_size=3)):
            said[at] = data.draw(st.integers(0, 255))
        return bytes(said[: data.draw(st.integers(0, 2 * len(said)))])

    seen, found = session(damaged, *ITEMS, version=version)
    assert seen.verdict in {Verdict.UP, Verdict.DOWN}
    assert sum(len(one.cells) for one in found.values() if isinstance(one, Rows)) <= 50 * BINDS_A_PACKET


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=100), st.integers(0, 2), st.integers(0, 39))
def test_names_survive(subids: list[int], first: int, second: int) -> None:
    oid = (first, second, *subids)
    asked = request(written(ACCESS, 2**30, GET, [oid]))
    assert asked.oids == [oid]
    answer = read(response(asked, [(oid, oid)]), ACCESS, 2**30)
    assert answer is not None
    assert answer.binds[0] == (oid, oid)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"\x02\x00", b"\x02\x0a" + b"\x01" * 10, b"\x06\x00", b"\x06\x01\x80", b"\x06\x06\x2b\xff\xff\xff\xff\x7f",
        b"\x04\x05ab",
        b"\x04\x80ab", b"\x04\x85\x00\x00\x00\x00\x00", b"\x04\x84\xff\xff\xff\xff", b"\x99\x00", b"\x30\x00",
        b"\x06\x82\x00\x82" + b"\x01" * 130,
    ],
)  # fmt: skip
def test_what_is_no_good_value_makes_no_good_answer(value: bytes) -> None:
    """Empty or too long numbers and names, lengths beyond the message, of indefinite or of too many bytes, unknown types."""
    assert _read_value(value) is None


def test_a_value_that_claims_to_go_on_beyond_the_message_makes_no_good_answer() -> None:
    good = ber(0x30, b"\x06\x01\x2b\x04\x02ab")
    assert _read_bind(good) == b"ab"
    assert _read_bind(b"\x30\x08" + good[2:5] + b"\x04\x03ab") is None


def test_a_counter_without_its_leading_zero_is_not_negative() -> None:
    """As some agents write it."""
    assert _read_value(b"\x46\x08" + b"\xff" * 8) == 2**64 - 1


def _read_value(value: bytes) -> Value | Absent | None:
    return _read_bind(ber(0x30, b"\x06\x01\x2b" + value))


def _read_bind(bind: bytes) -> Value | Absent | None:
    pdu = ber(2, (2**30).to_bytes(4, "big")) + ber(2, b"\0") + ber(2, b"\0") + ber(0x30, bind)
    answer = read(ber(0x30, ber(2, b"\x01") + ber(4, COMMUNITY) + ber(0xA2, pdu)), ACCESS, 2**30)
    return None if answer is None else answer.binds[0].value


class TestShapes:
    """Answers that only differ in their values from the one before are read by its shape; it must not change what they mean."""

    def test_values_change_and_types_too(self) -> None:
        items = [get(0), get(1)]
        for said in ((5, 6), (7, 200), (7, 70_000), (b"ab", 70_000), (b"cd", Absent("noSuchInstance")), ((1, 3, 6), 3), (5, 6)):
            _, found = polled(FakeAgent(dict(zip([item.oid for item in items], said, strict=True))), *items)
            assert found == dict(zip(items, said, strict=True))

    def test_a_counter_as_great_as_can_be(self) -> None:
        for number in (2**31, 2**32 - 1, 2**31 + 5):
            assert polled(FakeAgent({get(0).oid: Typed(0x41, number)}), get(0))[1] == {get(0): number}

    def test_a_name_that_is_none_is_no_answer(self) -> None:
        """Of the same length, so that it has the shape."""
        good = FakeAgent({get(0).oid: (1, 3, 6, 1)})
        polled(good, get(0))
        assert good.answer(written(ACCESS, 2**30, GET, [get(0).oid])).endswith(b"\x06\x03\x2b\x06\x01")
        seen, _ = session(lambda data: good.answer(data)[:-1] + b"\x81" if data else None, get(0))
        assert seen.verdict is Verdict.DOWN

    def test_another_number_is_no_answer(self) -> None:
        late: list[bytes] = []
        good = agent(scalars=1)

        def answers_late(data: bytes) -> bytes | None:
            late.append(good.answer(data) if data else b"")
            return late[0]

        assert session(good.answer, get(0))[0].verdict is Verdict.UP
        assert session(answers_late, get(0))[0].verdict is Verdict.UP
        assert session(answers_late, get(0))[0].verdict is Verdict.DOWN
