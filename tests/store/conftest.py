"""A store on each database: by a clock that is moved by hand, or by the machine's where other processes take part."""

from collections.abc import Iterator

import pytest
from hand_clock import HandClock
from store_samples import opened

from store.db import Store


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(store_url: str, clock: HandClock) -> Iterator[Store]:
    made = Store(store_url, clock)
    yield made
    made.close()


@pytest.fixture
def real_store(store_url: str) -> Iterator[Store]:
    made = opened(store_url)
    yield made
    made.close()
