"""What each reading makes of an agent's values: the truth tables of C16-C25 and C38, without sockets."""

import pytest
from readings import Looks, Offer, seen

from domain.model import Level
from domain.observation import Limit, Observation, Verdict
from probes.mib import (
    HR_DEVICE_PROCESSOR,
    HR_DEVICE_TYPE,
    HR_PROCESSOR_LOAD,
    HR_STORAGE_DESCR,
    HR_STORAGE_SIZE,
    HR_STORAGE_UNITS,
    HR_STORAGE_USED,
    LA_LOAD_1,
    SYS_UP_TIME,
)

L2, L3, L4 = Level.WARNING, Level.MINOR, Level.SERVICE_DOWN


def passed(found: Observation) -> tuple[int, str] | None:
    """Level and threshold of what was passed."""
    assert (found.verdict is Verdict.DOWN) is (found.limit is not None), found
    return None if found.limit is None else (found.limit.level, f"{found.limit.sign} {found.limit.value:g}{found.limit.unit}")


class TestCpu:
    def test_is_the_mean_of_all(self) -> None:
        found = seen("cpu", {SYS_UP_TIME: 10**6, HR_PROCESSOR_LOAD: {196608: 100, 196609: 100, 196610: 100, 196611: 61}})
        assert (found.value, found.detail) == (90.2, "mean of 4 CPUs")

    @pytest.mark.parametrize(("load", "means"), [(0, None), (90, None), (91, (3, "> 90%")), (100, (3, "> 90%"))])
    def test_over_90_by_default(self, load: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("cpu", {SYS_UP_TIME: 10**6, HR_PROCESSOR_LOAD: [load, load]})) == means

    def test_over_another_threshold(self) -> None:
        assert passed(seen("cpu", {SYS_UP_TIME: 10**6, HR_PROCESSOR_LOAD: [95]}, {"threshold": 95.5})) is None
        assert passed(seen("cpu", {SYS_UP_TIME: 10**6, HR_PROCESSOR_LOAD: [96]}, {"threshold": 95.5})) == (3, "> 95.5%")

    def test_of_an_agent_that_has_just_begun_is_not_known_yet(self) -> None:
        assert Looks("cpu").see({SYS_UP_TIME: 11_999}) is None
        assert seen("cpu", {SYS_UP_TIME: 12_000}) == (
            Verdict.DOWN, "the SNMP agent offers no hrProcessorLoad (the table is empty)", None, None, None,
        )  # fmt: skip


class TestLoad:
    @pytest.mark.parametrize(("hundredths", "means"), [(0, None), (90, None), (91, (3, "> 0.9")), (2400, (3, "> 0.9"))])
    def test_over_0_9_whatever_the_cpus(self, hundredths: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("load", {LA_LOAD_1: hundredths})) == means

    @pytest.mark.parametrize(
        ("cpus", "load", "means"),
        [
            (1, 3.99, None), (1, 4, (2, "≥ 4")), (1, 8, (3, "≥ 8")), (1, 11.99, (3, "≥ 8")), (1, 12, (4, "≥ 12")),
            (2, 7.99, None), (2, 8, (2, "≥ 8")), (2, 23.99, (3, "≥ 16")), (2, 24, (4, "≥ 24")),
        ],
    )  # fmt: skip
    def test_rapid_has_levels_for_each_cpu(self, cpus: int, load: float, means: tuple[int, str] | None) -> None:
        other = (1, 3, 6, 1, 2, 1, 25, 3, 1, 4)
        found = seen(
            "load", {LA_LOAD_1: round(load * 100), HR_DEVICE_TYPE: [HR_DEVICE_PROCESSOR] * cpus + [other]}, profile="rapid"
        )
        assert passed(found) == means
        assert found.value == load

    def test_a_threshold_of_ones_own_takes_the_place_of_the_levels(self) -> None:
        assert passed(seen("load", {LA_LOAD_1: 500}, {"threshold": 5}, "rapid")) is None
        assert passed(seen("load", {LA_LOAD_1: 501}, {"threshold": 5}, "rapid")) == (3, "> 5")

    def test_levels_need_the_number_of_cpus(self) -> None:
        assert (
            seen("load", {LA_LOAD_1: 1, HR_DEVICE_TYPE: [(1, 3)]}, profile="rapid").detail
            == "the SNMP agent's hrDeviceTable names no CPU"
        )


def disk(used: int, name: bytes = b"/", size: int = 1000) -> Offer:
    return {
        HR_STORAGE_DESCR: [b"Physical memory", b"/boot", name],
        HR_STORAGE_UNITS: [1024, 4096, 1048576],
        HR_STORAGE_SIZE: [100, 100, size],
        HR_STORAGE_USED: [100, 100, used],
    }


class TestDisk:
    @pytest.mark.parametrize(("used", "means"), [(0, None), (800, None), (801, (3, "> 80%")), (1000, (3, "> 80%"))])
    def test_standard(self, used: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("disk", disk(used))) == means
        assert passed(seen("disk", disk(used), profile="an-own-one")) == means

    @pytest.mark.parametrize(
        ("used", "means"),
        [(800, None), (801, (2, "> 80%")), (900, (2, "> 80%")), (901, (3, "> 90%")), (951, (4, "> 95%")), (1000, (4, "> 95%"))],
    )
    def test_rapid(self, used: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("disk", disk(used), profile="rapid")) == means

    @pytest.mark.parametrize(("used", "means"), [(899, None), (900, (3, "≥ 90%"))])
    def test_basic_is_reached(self, used: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("disk", disk(used), profile="basic")) == means

    def test_its_evidence(self) -> None:
        found = seen("disk", disk(835))
        assert (found.value, found.detail, found.limit) == (83.5, "/: 0.8 of 1.0 GiB", Limit(L3, ">", 80, "%"))

    def test_another_partition_and_one_that_is_not_there(self) -> None:
        assert seen("disk", disk(1), {"partition": "/boot"}).value == 100
        assert seen("disk", disk(1), {"partition": "/var"})[:2] == (Verdict.DOWN, "the SNMP agent's hrStorageTable has no /var")
        assert seen("disk", disk(0, size=0)).detail == "the SNMP agent's hrStorageTable gives / no size"

    def test_of_windows(self) -> None:
        name = b"C:\\ Label:System  Serial Number 1a2b3c4d"
        assert seen("disk", disk(500, name), {"partition": "C:\\"}).value == 50
        assert seen("disk", disk(500, b"C:\\"), {"partition": "C:\\"}).value == 50
        assert seen("disk", disk(500, b"C:\\data"), {"partition": "C:\\"}).verdict is Verdict.DOWN

    def test_levels_of_ones_own(self) -> None:
        assert passed(seen("disk", disk(990), {"levels": {3: 98}})) == (3, "> 98%")
        assert passed(seen("disk", disk(980), {"levels": {"3": 98}, "reached": True})) == (3, "≥ 98%")
        assert passed(seen("disk", disk(970), {"levels": {3: 98}})) is None
