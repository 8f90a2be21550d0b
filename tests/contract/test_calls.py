"""Looks by libraries: awaited beside the loop, cancelled in time, and begun anew where this process stood still."""

import asyncio
import errno
import ssl
import threading

import pytest
from driving import until
from hand_clock import HandClock, JumpingClock
from misbehaving import says, serving, silent

from domain.observation import Observation, Verdict, up
from probes.spec import SecretMissing
from watch import calls
from watch.driver import STALL_S, Driver


async def answers() -> Observation:
    await asyncio.sleep(0)
    return up("ready")


async def hangs() -> Observation:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets it")


def seen(driver: Driver, start: calls.Start, timeout_s: float = 5.0) -> Observation:
    found: list[Observation] = []
    driver.call(start, timeout_s, found.append)
    until(driver, found)
    return found[0]


def test_what_it_sees_lands_with_its_latency(driver: Driver) -> None:
    got = seen(driver, answers)
    assert got[:2] == (Verdict.UP, "ready")
    assert got.latency_ms is not None


def test_a_look_that_hangs_is_cancelled_in_time(driver: Driver) -> None:
    assert seen(driver, hangs, 0.1)[:2] == (Verdict.DOWN, "no complete answer within 0.1 s")


def test_one_that_hangs_keeps_nobody_waiting(driver: Driver) -> None:
    found: list[Observation] = []
    for _ in range(10):
        driver.call(hangs, 60.0, lambda _: pytest.fail("it hangs"))
    for _ in range(200):
        driver.call(answers, 5.0, found.append)
    until(driver, found, 200)
    assert {one.verdict for one in found} == {Verdict.UP}


def test_more_than_there_are_places_wait_and_their_time_does_not_run(driver: Driver) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    async def counts() -> Observation:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        await asyncio.sleep(0.02)
        with lock:
            under_way -= 1
        return up()

    found: list[Observation] = []
    for _ in range(calls.AT_ONCE * 3):
        driver.call(counts, 5.0, found.append)
    until(driver, found, calls.AT_ONCE * 3)
    assert most == calls.AT_ONCE


def test_what_is_given_up_does_not_land(driver: Driver) -> None:
    ended = threading.Event()

    async def notices() -> Observation:
        try:
            return await hangs()
        finally:
            ended.set()

    flight = driver.call(notices, 60.0, lambda _: pytest.fail("it was given up"))
    driver.turn(0.05)
    driver.give_up(flight)
    assert ended.wait(5), "it is cancelled"
    driver.turn(0.05)


@pytest.mark.parametrize(
    ("error", "verdict", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), Verdict.DOWN, "connection refused"),
        (OSError(errno.EMFILE, "no"), Verdict.UNKNOWN, "the watcher can't look"),
        (SecretMissing("PW is not set here"), Verdict.UNKNOWN, "PW is not set here"),
        (KeyError("oops"), Verdict.UNKNOWN, "the probe failed with KeyError"),
    ],
)
def test_whose_trouble_it_is(driver: Driver, error: Exception, verdict: Verdict, words: str) -> None:
    async def fails() -> Observation:
        raise error

    got = seen(driver, fails)
    assert (got.verdict, words in got.detail) == (verdict, True)


def test_tls_that_fails_is_the_peer_s(driver: Driver) -> None:
    async def shakes() -> Observation:
        await asyncio.open_connection("127.0.0.1", server.port, ssl=ssl.create_default_context())
        return up()

    with serving(says(b"no TLS here\r\n", silent)) as server:
        got = seen(driver, shakes)
    assert (got.verdict, "TLS failed" in got.detail) == (Verdict.DOWN, True)


def test_where_this_process_stood_still_it_begins_anew(driver: Driver, clock: JumpingClock) -> None:
    """What ended meanwhile says nothing of the peer."""
    began = 0
    found: list[Observation] = []

    async def counts() -> Observation:
        nonlocal began
        began += 1
        return up(f"attempt {began}") if began > 1 else await hangs()

    driver.call(counts, 30.0, found.append)
    while not began:
        driver.turn(0.01)
    clock.ahead_s += STALL_S * 2
    until(driver, found)
    assert [one.detail for one in found] == ["attempt 2"]


def test_the_answer_of_before_counts_no_more() -> None:
    """It may be on its way already when the process is found to have stood still."""
    pool = calls.Calls(HandClock())
    found: list[Observation] = []
    began = 0

    async def counts() -> Observation:
        nonlocal began
        began += 1
        return up(f"attempt {began}")

    pool.look(counts, 5.0, found.append)
    while pool._seen.empty():
        pass
    pool.begin_anew()
    while not found:
        pool.came()
    assert [one.detail for one in found] == ["attempt 2"]
    pool.close()
