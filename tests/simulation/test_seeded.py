"""Many small worlds, each drawn from a seed. ``SEEDS=5000 pytest tests/simulation/test_seeded.py`` draws more of them."""

import os

import pytest

from simulation.seeded import Simulation

SEEDS = int(os.environ.get("SEEDS", "3000"))
QUICK = 150
"""The rest is for ``make proof``."""
EVENTS = 200
PER_TEST = 10


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    seed = metafunc.config.getoption("--seed", default=None)
    if seed is not None:
        metafunc.parametrize("seeds", [range(seed, seed + 1)])
        return
    chosen = [range(first, first + PER_TEST) for first in range(0, SEEDS, PER_TEST)]
    marked = [
        pytest.param(seeds, marks=pytest.mark.proof if seeds[0] >= QUICK else (), id=f"{seeds[0]}-{seeds[-1]}") for seeds in chosen
    ]
    metafunc.parametrize("seeds", marked)


def test_all_invariants_hold_in_a_world_drawn_from_a_seed(seeds: range) -> None:
    for seed in seeds:
        try:
            Simulation(seed).run(EVENTS)
        except Exception as error:
            error.add_note(f"play it again: pytest tests/simulation/test_seeded.py --seed {seed}")
            raise
