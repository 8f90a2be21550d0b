"""What several of these share."""

from collections.abc import Iterator

import pytest
from hand_clock import JumpingClock
from real_servers import Certificates, certificates

from watch.driver import Driver


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def driver(clock: JumpingClock) -> Iterator[Driver]:
    made = Driver(clock)
    yield made
    made.close()


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("certs"))
