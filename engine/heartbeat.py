"""A dead-man's switch: while all is well somebody outside is told so every minute, and raises the alarm when that stays out."""

import logging
import threading
from collections.abc import Callable

import httpx

log = logging.getLogger(__name__)

EVERY_S = 60.0
TIMEOUT_S = 10.0


def beat(url: str, well: Callable[[], bool], stop: threading.Event) -> None:
    """The heartbeat's thread, until ``stop``."""
    with httpx.Client(timeout=TIMEOUT_S) as client:
        while True:
            if well():
                tell(client, url)
            if stop.wait(EVERY_S):
                return


def tell(client: httpx.Client, url: str) -> bool:
    """One beat; whether it was taken. Where not, it is logged, without the URL, which whoever knows it could use: who waits
    outside will say more."""
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        log.warning("the heartbeat did not reach who waits for it: %s", type(error).__name__)
        return False
    if not answer.is_success:
        log.warning("the heartbeat was answered with %d", answer.status_code)
    return answer.is_success
