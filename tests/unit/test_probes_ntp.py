"""What ``ntp`` asks, and makes of each answer, without sockets (C32)."""

from collections.abc import Callable

import pytest
from probe_talk import Piece, Talk, look, talk

from domain.model import Level
from domain.observation import Limit, Observation, Verdict
from probes import PROBES
from probes.asked import MAX_OTHERS
from probes.spec import Ask

WATCHED: dict[str, object] = {"watch_offset": True}


def time(first: int = 0x24, stratum: int = 2, reference: bytes = b"\x7f\0\0\1") -> Callable[[bytes], bytes]:
    return lambda asked: bytes((first, stratum, 6, 0xEC)) + bytes(8) + reference + bytes(8) + asked[40:48] + b"now " * 4


def told(data: bytes, first: int = 0x26, flags: int = 0x82, status: bytes = b"\6\x15") -> Callable[[bytes], bytes]:
    def made(asked: bytes) -> bytes:
        return bytes((first, flags)) + asked[2:4] + status + bytes(4) + len(data).to_bytes(2, "big") + data

    return made


def seen(*pieces: Piece, **given: object) -> Observation:
    done: Talk = talk(look("ntp", given), pieces)
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen


class TestTime:
    def test_is_asked_as_a_client_that_gives_nothing_away(self) -> None:
        asked = {talk(look("ntp", {"port": 1123})).sent for _ in range(5)}
        assert len(asked) == 5
        for one in asked:
            assert one[:40] == b"\x23" + bytes(39)
            assert len(one) == 48

    def test_of_a_synchronised_clock_is_up(self) -> None:
        assert seen(time())[:3] == (Verdict.UP, "stratum 2", None)
        assert seen(time(first=0x64, stratum=15))[:2] == (Verdict.UP, "stratum 15")  # a leap second is announced

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (time(first=0xE4), "its clock is not synchronised (stratum 2)"),
            (time(stratum=16), "its clock is not synchronised (stratum 16)"),
            (time(stratum=0, reference=b"RATE"), 'serves no time, and says "RATE"'),
            (time(stratum=0, reference=b"\x1b[3\0"), 'serves no time, and says "?[3"'),
        ],
    )
    def test_of_any_other_is_down(self, answer: Piece, words: str) -> None:
        assert seen(answer)[:2] == (Verdict.DOWN, words)

    @pytest.mark.parametrize(
        "other",
        [
            lambda asked: time()(asked)[:47],
            lambda asked: time()(bytes(48)),
            lambda asked: asked,
            time(first=0x25),
            b"",
        ],
        ids=["short", "another's", "a question", "a broadcast", "empty"],
    )
    def test_that_was_not_asked_for_is_let_pass(self, other: Piece) -> None:
        assert seen(other, time()).verdict is Verdict.UP
        assert talk(look("ntp", {}), [other]).seen is None

    def test_that_was_not_asked_for_without_end_is_down(self) -> None:
        assert seen(*[b""] * MAX_OTHERS)[:2] == (Verdict.DOWN, "answers what it was not asked")


class TestOffset:
    def test_is_asked_after_the_time(self) -> None:
        wish = talk(look("ntp", {**WATCHED, "port": 1123}), [time()]).wishes[-1]
        assert isinstance(wish, Ask)
        assert wish[:2] == ("192.0.2.1", 1123)
        assert wish.data[:2] == b"\x26\2"
        assert wish.data[4:] == bytes(6) + b"\0\6offset\0\0"

    @pytest.mark.parametrize(
        ("data", "offset_s", "limit"),
        [
            (b"offset=0.000000\r\n", 0.0, None),
            (b"offset=-20.0", -0.02, None),
            (b"offset=20.001", 0.020001, Limit(Level.MINOR, ">", 0.02, " s")),
            (b"stratum=3, offset=-1234.5, leap=00", -1.2345, Limit(Level.MINOR, ">", 0.02, " s")),
        ],
    )
    def test_counts_to_either_side(self, data: bytes, offset_s: float, limit: Limit | None) -> None:
        found = seen(time(), told(data), **WATCHED)
        assert (found.verdict, found.limit) == (Verdict.UP if limit is None else Verdict.DOWN, limit)
        assert found.value == pytest.approx(offset_s)
        assert found.detail == f"stratum 2, {offset_s:+.6f} s off its own upstream"

    def test_has_the_bound_that_the_inventory_gives(self) -> None:
        assert seen(time(), told(b"offset=90"), **WATCHED, max_offset=0.1).verdict is Verdict.UP
        assert seen(time(), told(b"offset=110"), **WATCHED, max_offset=0.1).limit == Limit(Level.MINOR, ">", 0.1, " s")

    @pytest.mark.parametrize(
        "answer",
        [
            told(b""),
            told(b"fll_offset=1"),
            told(b"offset=1e9"),
            told(b"offset=" + b"9" * 99),
            told(b"offset=NaN"),
            told(b"offset=\xb2"),
        ],
    )
    def test_that_can_t_be_read_is_down(self, answer: Piece) -> None:
        assert seen(time(), answer, **WATCHED)[:3] == (Verdict.DOWN, "does not tell its offset", None)

    def test_beyond_the_length_that_it_names_is_not_read(self) -> None:
        assert seen(time(), lambda asked: told(b"")(asked) + b"offset=1", **WATCHED).verdict is Verdict.DOWN

    def test_that_is_refused_is_down(self) -> None:
        found = seen(time(), told(b"", flags=0xC2, status=b"\5\0"), **WATCHED)
        assert found[:2] == (Verdict.DOWN, "refuses to tell its offset (error 5)")

    @pytest.mark.parametrize(
        "other",
        [time(), told(b"offset=9", first=0x24), told(b"offset=9", flags=0x81), told(b"offset=9", flags=2),
         lambda asked: told(b"offset=9")(bytes((0, 0, asked[2] ^ 1, asked[3])))],
    )  # fmt: skip
    def test_that_was_not_asked_for_is_let_pass(self, other: Piece) -> None:
        assert seen(time(), other, told(b"offset=1"), **WATCHED).value == pytest.approx(0.001)

    def test_silence_is_told_by_what_was_awaited(self) -> None:
        """Many servers tell their variables to nobody (``noquery``)."""
        wish = talk(look("ntp", WATCHED), [time()]).wishes[-1]
        assert isinstance(wish, Ask)
        assert wish.awaited == "answer about its offset"


@pytest.mark.parametrize("most_s", [0, 0.0001, 0.5, True, "0.02", float("nan"), None])
def test_a_bound_out_of_range(most_s: object) -> None:
    with pytest.raises(ValueError, match=r"a number from 0\.001 to 0\.128 s"):
        PROBES["ntp"].options["max_offset"].parse(most_s)
