"""What a trap means, and what a check makes of those that stand."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.observation import Verdict
from probes import PROBES
from probes.reading import Oid, Value
from probes.snmp_trap import DEAF, SNMP_TRAP, Meaning, Sort, Trap, called, judge, meanings
from probes.spec import Heard

TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
COLD_START, WARM_START, LINK_DOWN, LINK_UP, REFUSED = ((*TRAPS, number) for number in range(1, 6))
IF: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IF_NAME: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1)
OWN: Oid = (1, 3, 6, 1, 4, 1, 9999)
NOW_S = 1_800_000_000.0
FAN = {"oid": "1.3.6.1.4.1.9999.0.1", "name": "fan failed", "cleared_by": ".1.3.6.1.4.1.9999.0.2", "of": "1.3.6.1.4.1.9999.7"}
CHANGED = {"oid": "1.3.6.1.4.1.9999.0.3", "name": "configuration changed"}


def options(**given: object) -> Any:
    return SNMP_TRAP.complete({name: SNMP_TRAP.options[name].parse(value) for name, value in given.items()})


def means(oid: Oid, variables: Mapping[Oid, Value] | None = None, **given: object) -> list[Meaning]:
    return meanings(options(**given), Trap(oid, variables or {}))


class TestMeanings:
    def test_restarts_only_happen(self) -> None:
        assert means(COLD_START) == [Meaning(Sort.HAPPENS, "coldStart", "coldStart")]
        assert means(WARM_START) == [Meaning(Sort.HAPPENS, "warmStart", "warmStart")]

    def test_an_interface_goes_down_and_comes_up(self) -> None:
        about = {(*IF, 1, 3): 3, (*IF, 7, 3): 1}
        assert means(LINK_DOWN, about) == [Meaning(Sort.BEGINS, "linkDown.3", "linkDown of interface 3")]
        assert [one[:2] for one in means(LINK_UP, about)] == [(Sort.ENDS, "linkDown.3")]
        assert [one[1] for one in means(LINK_UP, {(*IF, 1, 4): 4})] == ["linkDown.4"]

    @pytest.mark.parametrize(
        ("variables", "what"),
        [
            ({(*IF, 1, 3): 3, (*IF, 2, 3): b"GigabitEthernet0/3"}, "linkDown of interface 3 (GigabitEthernet0/3)"),
            ({(*IF, 2, 3): b"a long name", (*IF, 1, 3): 3, (*IF_NAME, 3): b"Gi0/3"}, "linkDown of interface 3 (Gi0/3)"),
            ({(*IF, 1, 3): 3, (*IF, 2, 3): b"\x1b[31m"}, "linkDown of interface 3"),
            ({(*IF, 1, 3): 3, (*IF, 2, 3): b" "}, "linkDown of interface 3"),
            ({(*IF, 1, 3): 3, (*IF, 2, 3): b"x" * 500}, f"linkDown of interface 3 ({'x' * 60})"),
            ({}, "linkDown of an interface"),
        ],
    )
    def test_an_interface_is_called_as_the_device_does(self, variables: dict[Oid, Value], what: str) -> None:
        assert [one.what for one in means(LINK_DOWN, variables)] == [what]

    def test_only_what_the_check_knows_counts(self) -> None:
        assert means(COLD_START, known=["linkDown"]) == []
        assert means(LINK_DOWN, known=["coldStart"]) == means(LINK_UP, known=["none"]) == []
        assert means(REFUSED) == means(REFUSED, others=True) == []

    def test_others_are_told_by_their_number_where_asked_for(self) -> None:
        assert means((*OWN, 5)) == []
        assert means((*OWN, 5), others=True) == [Meaning(Sort.HAPPENS, "1.3.6.1.4.1.9999.5", "1.3.6.1.4.1.9999.5")]
        assert means((*OWN, 0, 3), others=True, traps=[CHANGED]) == [Meaning(Sort.HAPPENS, CHANGED["oid"], "configuration changed")]

    def test_listed_ones_begin_and_end_each_by_its_index(self) -> None:
        second = {(*OWN, 7, 2, 1): b"fan 2"}
        assert means((*OWN, 0, 1), second, traps=[FAN]) == [Meaning(Sort.BEGINS, f"{FAN['oid']}.2.1", "fan failed (2.1)")]
        assert [one[:2] for one in means((*OWN, 0, 2), second, traps=[FAN])] == [(Sort.ENDS, f"{FAN['oid']}.2.1")]
        without = {key: value for key, value in FAN.items() if key != "of"}
        assert means((*OWN, 0, 1), second, traps=[without]) == [Meaning(Sort.BEGINS, FAN["oid"], "fan failed")]

    def test_names_are_told_where_they_are_known(self) -> None:
        assert (called(LINK_DOWN), called((*OWN, 1))) == ("linkDown", "1.3.6.1.4.1.9999.1")


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("known", "linkDown"), ("known", ["linkUp"]), ("known", ["linkDown", "linkDown"]), ("known", [1]),
            ("known", [["x"]]), ("known", []),
            ("traps", []), ("traps", {}), ("traps", "x"), ("traps", [{"oid": "1.3.6"}]), ("traps", [{**CHANGED, "level": 3}]),
            ("traps", [{**CHANGED, "oid": "1"}]), ("traps", [{**CHANGED, "oid": "1.3.x"}]), ("traps", [{**CHANGED, "oid": "1..3"}]),
            ("traps", [{**CHANGED, "oid": "1.3.4294967296"}]), ("traps", [{**CHANGED, "oid": 1.3}]), ("traps", [CHANGED, CHANGED]),
            ("traps", [{**CHANGED, "name": ""}]),
            ("traps", [{**CHANGED, "name": "a\nb"}]), ("traps", [{**CHANGED, "name": "x" * 61}]),
            ("traps", [{**CHANGED, "of": "1.3.6"}]), ("traps", [CHANGED] * 51), ("others", "yes"), ("forget", "1s"),
        ],
    )  # fmt: skip
    def test_what_can_t_be_is_refused(self, name: str, value: object) -> None:
        with pytest.raises(ValueError, match=r"."):
            options(**{name: value})

    def test_what_is_kept_is_read_again_as_it_is(self) -> None:
        found = options(traps=[FAN, CHANGED], known=["warmStart", "coldStart"], forget="12h", others=True)
        assert options(**found) == found
        assert found["traps"][0]["cleared_by"] == "1.3.6.1.4.1.9999.0.2"


def heard(about: str, ago_s: float, state: str = "stands") -> Heard:
    return Heard(about, NOW_S - ago_s, state, f"linkDown of {about}")


class TestVerdicts:
    def test_down_while_one_stands(self) -> None:
        assert judge(options(), (), NOW_S)[:2] == (Verdict.UP, "no trap stands")
        assert judge(options(), [heard("1", 10)], NOW_S)[:2] == (Verdict.DOWN, "linkDown of 1")
        seen = judge(options(), [heard("1", 10), heard("2", 5), heard("3", 900_000)], NOW_S)
        assert seen[:2] == (Verdict.DOWN, "linkDown of 2 (and 2 more)")

    def test_what_was_not_ended_for_long_is_forgotten_where_asked_for(self) -> None:
        given = options(forget="1h")
        assert judge(given, [heard("1", 3600)], NOW_S).verdict is Verdict.DOWN
        assert judge(given, [heard("1", 3601)], NOW_S).verdict is Verdict.UP
        assert judge(given, [heard("1", 3601), heard("2", 1)], NOW_S).detail == "linkDown of 2"

    def test_unknown_where_nobody_listens(self) -> None:
        deaf = Heard("", NOW_S, DEAF, "can't listen on UDP port 162: Permission denied")
        assert judge(options(), [heard("1", 10), deaf], NOW_S)[:2] == (Verdict.UNKNOWN, deaf.detail)


OIDS = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=12).map(tuple)
NEAR = st.sampled_from(
    [LINK_DOWN, LINK_UP, COLD_START, (*OWN, 0, 1), (*OWN, 0, 2), (*IF, 1), (*IF, 1, 2), (*IF, 2, 2), (*OWN, 7, 1)]
)
VALUES: st.SearchStrategy[Value] = st.one_of(st.integers(-(2**63), 2**64), st.binary(max_size=80), OIDS)


@given(oid=st.one_of(OIDS, NEAR), variables=st.dictionaries(st.one_of(OIDS, NEAR), VALUES, max_size=6))
def test_whatever_a_device_says_is_bounded_and_can_be_shown(oid: Oid, variables: dict[Oid, Value]) -> None:
    for one in means(oid, variables, traps=[FAN, CHANGED], others=True):
        assert one.what.isprintable()
        assert len(one.about) < 400


def test_it_is_one_of_the_kinds() -> None:
    assert PROBES["snmp-trap"] is SNMP_TRAP
