"""What ``certificate`` makes of what a peer shows, without sockets (C45)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_certificates import der
from probe_talk import EOF, NOW_S, look, talk

from domain.model import Level
from domain.observation import Limit, Observation, Verdict
from probes.spec import Connect, Now, PeerCertificate, StartTls, Tls

DAY_S = 86_400
LASTS = der(NOW_S + 90 * DAY_S)
ANY = Tls("192.0.2.1", verify=False)


def seen(shown: bytes) -> Observation:
    done = talk(look("certificate", {}), [shown])
    assert done.wishes == [Connect("192.0.2.1", 443, ANY), PeerCertificate(), *([Now()] if len(done.wishes) > 2 else [])]
    assert done.seen is not None
    return done.seen


@pytest.mark.parametrize(
    ("ends_s", "limit"),
    [
        (90 * DAY_S, None),
        (21 * DAY_S, None),
        (21 * DAY_S - 1, Limit(Level.WARNING, "<", 21, " days")),
        (7 * DAY_S, Limit(Level.WARNING, "<", 21, " days")),
        (7 * DAY_S - 1, Limit(Level.MINOR, "<", 7, " days")),
        (0, Limit(Level.MINOR, "<", 7, " days")),
        (-1, Limit(Level.SERVICE_DOWN, "<", 0, " days")),
        (-900 * DAY_S, Limit(Level.SERVICE_DOWN, "<", 0, " days")),
    ],
)
def test_the_days_that_are_left_have_levels(ends_s: float, limit: Limit | None) -> None:
    found = seen(der(NOW_S + ends_s))
    assert (found.verdict, found.limit) == (Verdict.UP if limit is None else Verdict.DOWN, limit)
    assert found.value is not None
    assert found.value == pytest.approx(ends_s / DAY_S, abs=0.1)
    assert found.value == round(found.value, 1), "it is said in mails"


def test_its_end_is_told() -> None:
    assert seen(LASTS).detail == "its certificate ends on 2026-04-01 00:00 UTC"
    assert seen(der(NOW_S - DAY_S)).detail == "its certificate ended on 2025-12-31 00:00 UTC"


@pytest.mark.parametrize(("shown", "words"), [(b"", "shows no certificate"), (LASTS[:-1], "its certificate can't be read")])
def test_what_shows_none_is_down(shown: bytes, words: str) -> None:
    assert seen(shown)[:3] == (Verdict.DOWN, words, None)


@given(data=st.data())
def test_a_damaged_one_always_ends_in_a_verdict(data: st.DataObject) -> None:
    shown = bytearray(LASTS)
    for at in data.draw(st.lists(st.integers(0, len(shown) - 1), min_size=1, max_size=4)):
        shown[at] = data.draw(st.integers(0, 255))
    found = seen(bytes(shown[: data.draw(st.integers(1, len(shown)))]))
    assert found.verdict in {Verdict.UP, Verdict.DOWN}
    assert len(found.detail) <= 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 587}, [b"220 mail\r\n", b"250 mail\r\n", b"220 go\r\n"]),
        ({"port": 25}, [b"220 mail\r\n", b"250 mail\r\n", b"220 go\r\n"]),
        ({"port": 110}, [b"+OK\r\n", b"+OK\r\n"]),
        ({"port": 143}, [b"* OK\r\n", b"a OK\r\n"]),
        ({"port": 21}, [b"220 ready\r\n", b"234 go\r\n"]),
        ({"port": 2525, "starttls": "smtp"}, [b"220 mail\r\n", b"250 mail\r\n", b"220 go\r\n"]),
    ],
)
def test_after_what_is_spoken_before_tls(given: Mapping[str, object], said: list[bytes]) -> None:
    done = talk(look("certificate", given), [*said, LASTS])
    assert done.wishes[0] == Connect("192.0.2.1", int(str(given["port"])), None)
    assert StartTls(ANY) in done.wishes
    assert done.seen is not None
    assert done.seen.verdict is Verdict.UP
    for short in (said[:-1], []):
        refused = talk(look("certificate", given), [*short, b"* 554 no\r\n", EOF]).seen
        assert refused is not None
        assert refused[:1] == (Verdict.DOWN,)
        assert refused.limit is None


def test_none_is_spoken_where_the_inventory_says_so() -> None:
    done = talk(look("certificate", {"port": 25, "starttls": "none", "server_name": "www.example.com"}), [LASTS])
    assert done.wishes[0] == Connect("192.0.2.1", 25, Tls("www.example.com", verify=False))
