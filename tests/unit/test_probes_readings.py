"""What each reading makes of an agent's values: the truth tables of C16-C25 and C38, without sockets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import Looks, Offer, seen
from snmp_agent import Said, Typed

from domain.model import Level
from domain.observation import Limit, Observation, Verdict
from probes import PROBES, mib
from probes.mib import (
    HR_DEVICE_PROCESSOR,
    HR_DEVICE_TYPE,
    HR_PROCESSOR_LOAD,
    HR_RUN_NAME,
    HR_RUN_STATUS,
    HR_STORAGE_DESCR,
    HR_STORAGE_RAM,
    HR_STORAGE_SIZE,
    HR_STORAGE_TYPE,
    HR_STORAGE_UNITS,
    HR_STORAGE_USED,
    HR_STORAGE_VIRTUAL,
    HR_USERS,
    IF_ADMIN_STATUS,
    IF_DESCR,
    IF_HC_IN_OCTETS,
    IF_HC_OUT_OCTETS,
    IF_HIGH_SPEED,
    IF_IN_OCTETS,
    IF_NAME,
    IF_OPER_STATUS,
    IF_OUT_OCTETS,
    LA_LOAD_1,
    SYS_UP_TIME,
)
from probes.reading import Absent, Get, Oid, Reading, Rows, Terms, Value, Values, judged


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
            Verdict.DOWN, "the SNMP agent offers no hrProcessorLoad (the table is empty)", None, None, None, False,
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
        assert (found.value, found.detail, found.limit) == (83.5, "/: 0.8 of 1.0 GiB", Limit(Level.MINOR, ">", 80, "%"))

    def test_another_partition_and_one_that_is_not_there(self) -> None:
        assert seen("disk", disk(1), {"partition": "/boot"}).value == 100
        assert seen("disk", disk(1), {"partition": "/var"})[:2] == (Verdict.DOWN, "the SNMP agent's hrStorageTable has no /var")
        assert seen("disk", disk(0, size=0)).detail == "the SNMP agent's hrStorageTable gives / no size"

    def test_what_is_kept_for_root_is_not_free_where_the_agent_tells(self) -> None:
        """As df counts: 95 of 100 are used, and nothing is left."""
        dsk: dict[Any, Any] = {mib.DSK_PATH: [b"/boot", b"/"], mib.DSK_AVAIL[0]: [5, 0], mib.DSK_AVAIL[1]: [0, 0],
                               mib.DSK_USED[0]: [5, 2**31], mib.DSK_USED[1]: [0, 1]}  # fmt: skip
        assert passed(seen("disk", {**disk(950), **dsk}, profile="rapid")) == (4, "> 95%")
        dsk[mib.DSK_AVAIL[0]] = [5, 2**31]
        found = seen("disk", {**disk(950), **dsk}, profile="rapid")
        assert (found.value, found.detail) == (75.0, "/: 6144.0 of 8192.0 GiB")
        assert seen("disk", {**disk(0, b"/var"), **dsk}, {"partition": "/var"}).value == 0, "not in dskTable"

    def test_of_windows(self) -> None:
        name = b"C:\\ Label:System  Serial Number 1a2b3c4d"
        assert seen("disk", disk(500, name), {"partition": "C:\\"}).value == 50
        assert seen("disk", disk(500, b"C:\\"), {"partition": "C:\\"}).value == 50
        assert seen("disk", disk(500, b"C:\\data"), {"partition": "C:\\"}).verdict is Verdict.DOWN

    def test_levels_of_ones_own(self) -> None:
        assert passed(seen("disk", disk(990), {"levels": {3: 98}})) == (3, "> 98%")
        assert passed(seen("disk", disk(980), {"levels": {"3": 98}, "reached": True})) == (3, "≥ 98%")
        assert passed(seen("disk", disk(970), {"levels": {3: 98}})) is None


MEMORY = (mib.MEM_TOTAL_REAL, mib.MEM_AVAIL_REAL, mib.MEM_BUFFER, mib.MEM_CACHED)


class TestMemory:
    @pytest.mark.parametrize(("free", "means"), [(1000, None), (100, None), (99, (3, "> 90%")), (0, (3, "> 90%"))])
    def test_linux_leaves_out_what_is_free_cached_or_buffered(self, free: int, means: tuple[int, str] | None) -> None:
        for share in ((free, 0, 0), (0, free, 0), (0, 0, free), (free - free // 2, free // 4, free // 2 - free // 4)):
            found = seen("memory", dict(zip(MEMORY, (1000, *share), strict=True)))
            assert passed(found) == means
            assert found.value == 100 - free / 10

    def test_more_cached_than_there_is_is_nothing_used(self) -> None:
        assert seen("memory", dict(zip(MEMORY, (1000, 600, 300, 300), strict=True))).value == 0

    @pytest.mark.parametrize(("used", "means"), [(900, None), (901, (3, "> 90%"))])
    def test_windows_says_how_much_is_used(self, used: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("memory", windows(used, 1), {"system": "windows"})) == means

    def test_its_evidence(self) -> None:
        found = seen("memory", dict(zip(MEMORY, (2**23, 2**20, 0, 2**20), strict=True)))
        assert (found.value, found.detail) == (75.0, "6.0 of 8.0 GiB")

    def test_of_an_agent_without_it(self) -> None:
        assert seen("memory", {}).detail == "the SNMP agent offers no memTotalReal (noSuchInstance)"
        assert seen("memory", dict.fromkeys(MEMORY, 0)).detail == "the SNMP agent tells of no memory"
        assert seen("memory", windows(1, 1) | {HR_STORAGE_TYPE: [(1, 3)] * 3}, {"system": "windows"}).verdict is Verdict.DOWN


def windows(ram: int, virtual: int) -> dict[Any, Any]:
    return {
        HR_STORAGE_TYPE: [(1, 3, 6, 1, 2, 1, 25, 2, 1, 4), HR_STORAGE_VIRTUAL, HR_STORAGE_RAM],
        HR_STORAGE_UNITS: [4096, 65536, 65536],
        HR_STORAGE_SIZE: [1000, 1000, 1000],
        HR_STORAGE_USED: [999, virtual, ram],
    }


class TestSwap:
    @pytest.mark.parametrize(("free", "means"), [(1000, None), (100, None), (99, (3, "> 90%"))])
    def test_linux(self, free: int, means: tuple[int, str] | None) -> None:
        assert passed(seen("swap", {mib.MEM_TOTAL_SWAP: 1000, mib.MEM_AVAIL_SWAP: free})) == means

    def test_windows(self) -> None:
        assert passed(seen("swap", windows(1, 950), {"system": "windows"})) == (3, "> 90%")
        assert passed(seen("swap", windows(1, 950), {"system": "windows", "threshold": 95})) is None

    def test_who_has_none_is_up(self) -> None:
        assert seen("swap", {mib.MEM_TOTAL_SWAP: 0, mib.MEM_AVAIL_SWAP: 0})[:3] == (Verdict.UP, "has no swap space", 0)


class TestProcess:
    def test_as_many_as_run(self) -> None:
        values: Offer = {
            HR_RUN_NAME: {1: b"systemd", 7: b"nginx", 8: b"nginx", 9: b"nginx-x"},
            HR_RUN_STATUS: {1: 2, 7: 1, 8: 3, 9: 2},
        }
        assert seen("process", values, {"process": "nginx"})[:3] == (Verdict.UP, "nginx: 2 running", 2)
        assert seen("process", values, {"process": "mysqld"})[:3] == (Verdict.DOWN, "no process mysqld runs", 0)

    def test_a_zombie_does_not(self) -> None:
        values: Offer = {HR_RUN_NAME: {7: b"nginx"}, HR_RUN_STATUS: {7: 4}}
        assert seen("process", values, {"process": "nginx"})[:3] == (
            Verdict.DOWN,
            "no process nginx runs, only 1 of it that ended",
            0,
        )

    def test_one_that_began_between_two_packets_does(self) -> None:
        values: Offer = {HR_RUN_NAME: {7: b"nginx", 8: b"x"}, HR_RUN_STATUS: {8: 1}}
        assert seen("process", values, {"process": "nginx"}).verdict is Verdict.UP

    def test_of_more_than_are_read(self) -> None:
        many: dict[int | Oid, Said] = dict.fromkeys(range(1, mib.MAX_PROCESSES + 2), b"x")
        found = seen("process", {HR_RUN_NAME: many, HR_RUN_STATUS: dict.fromkeys(many, 1)}, {"process": "nginx"})
        assert found[:2] == (Verdict.DOWN, "nginx is not among the first 5000 processes, and there are more")

    def test_an_empty_table_is_no_lack_of_processes(self) -> None:
        assert seen("process", {}, {"process": "x"}).detail == "the SNMP agent offers no hrSWRunName (the table is empty)"


def test_is_a_fault_at_once() -> None:
    """C1: what C19 and C25 say."""
    assert {kind for kind, spec in PROBES.items() if spec.at_once and isinstance(spec.way, Reading)} == {"process", "logins"}


class TestInode:
    @pytest.mark.parametrize(
        ("profile", "percent", "means"),
        [
            ("standard", 80, None), ("standard", 81, (3, "> 80%")), ("basic", 89, None), ("basic", 90, (3, "≥ 90%")),
            ("rapid", 80, None), ("rapid", 81, (2, "> 80%")), ("rapid", 91, (3, "> 90%")), ("rapid", 96, (4, "> 95%")),
        ],
    )  # fmt: skip
    def test_levels_and_thresholds(self, profile: str, percent: int, means: tuple[int, str] | None) -> None:
        values: Offer = {mib.DSK_PATH: [b"/boot", b"/"], mib.DSK_PERCENT_NODE: [1, percent]}
        assert passed(seen("inode", values, profile=profile)) == means

    def test_platinum_is_50_reached(self) -> None:
        values: Offer = {mib.DSK_PATH: [b"/"], mib.DSK_PERCENT_NODE: [50]}
        assert passed(seen("inode", values, {"threshold": 50}, "basic")) == (3, "≥ 50%")

    def test_of_a_partition_without(self) -> None:
        values: Offer = {mib.DSK_PATH: [b"/", b"/btrfs"], mib.DSK_PERCENT_NODE: [1, -1]}
        for partition in ("/btrfs", "/var"):
            assert (
                seen("inode", values, {"partition": partition}).detail == f"the SNMP agent's dskTable has no inodes of {partition}"
            )


class TestLogins:
    def test_over_1_by_default(self) -> None:
        assert seen("logins", {HR_USERS: Typed(0x42, 1)})[:3] == (Verdict.UP, "1 logged in", 1)
        assert passed(seen("logins", {HR_USERS: Typed(0x42, 2)})) == (3, "> 1")
        assert passed(seen("logins", {HR_USERS: Typed(0x42, 5)}, {"threshold": 5})) is None


class TestMailqueue:
    @pytest.mark.parametrize(
        ("mails", "means"),
        [(0, None), (500, None), (501, (2, "> 500")), (1000, (2, "> 500")), (1001, (3, "> 1000")), (2001, (4, "> 2000"))],
    )
    def test_levels(self, mails: int, means: tuple[int, str] | None) -> None:
        assert passed(self.look(b" %d " % mails)) == means

    def test_what_is_no_number_is_a_fault(self) -> None:
        for line in (b"", b"Mail queue is empty", b"-1", b"1.5", b"12 mails"):
            assert "instead of a number" in self.look(line).detail

    def test_a_command_that_failed_is_a_fault(self) -> None:
        found = self.look(b"no\nqueue", 3)
        assert (found.detail, found.limit) == ('the command of extend mailqueue ended with exit code 3, and said "no?queue"', None)

    def test_another_name(self) -> None:
        line, code = mib.extend("q2")
        assert line.oid[-3:] == (2, ord("q"), ord("2"))
        assert seen("mailqueue", {line: b"3", code: 0}, {"extend": "q2"}).value == 3
        assert seen("mailqueue", {}, {"extend": "q2"}).detail == "the SNMP agent offers no extend q2 (noSuchInstance)"

    def look(self, line: bytes, code: int = 0) -> Observation:
        return seen("mailqueue", dict(zip(mib.extend("mailqueue"), (line, code), strict=True)))


INTERFACES: Offer = {
    IF_NAME: {1: b"lo", 2: b"eth0", 3: b"eth1", 4: b"eth2"},
    IF_DESCR: {1: b"lo", 2: b"Intel 82540EM", 3: b"Intel 82541", 4: b"Intel 82542"},
    IF_ADMIN_STATUS: {1: 1, 2: 1, 3: 1, 4: 2},
    IF_OPER_STATUS: {1: 1, 2: 1, 3: 7, 4: 2},
}


class TestInterface:
    @pytest.mark.parametrize(
        ("name", "verdict", "detail"),
        [
            ("eth0", Verdict.UP, "eth0 is up"),
            ("Intel 82540EM", Verdict.UP, "Intel 82540EM is up"),
            ("eth1", Verdict.DOWN, "eth1 is lowerLayerDown"),
            ("eth2", Verdict.DOWN, "eth2 is down, as it was switched off"),
            ("eth9", Verdict.DOWN, "the SNMP agent's ifTable has no eth9"),
        ],
    )
    def test_is_up_or_says_why_not(self, name: str, verdict: Verdict, detail: str) -> None:
        assert seen("interface", INTERFACES, {"interface": name})[:2] == (verdict, detail)

    def test_of_an_agent_of_old(self) -> None:
        """Without ifXTable and ifAdminStatus."""
        values: Offer = {IF_DESCR: [b"eth0", b"eth1"], IF_OPER_STATUS: [1, 2]}
        assert seen("interface", values, {"interface": "eth0"}).verdict is Verdict.UP
        assert seen("interface", values, {"interface": "eth1"}).detail == "eth1 is down"
        assert seen("interface", {}, {"interface": "eth1"}).detail == "the SNMP agent offers no ifDescr (the table is empty)"


class Wire:
    """An interface whose counters are set by hand, and the looks at it."""

    def __init__(self, threshold: float = 10, *, wide: bool = True, up_s: float = 1000.0, speed: int = 1000) -> None:
        self.looks = Looks("traffic", {"interface": "eth0", "threshold": threshold})
        self.wide, self.up_s, self.now_s, self.speed = wide, up_s, 0.0, speed
        self.row, self.into, self.out = 2, 0, 0

    def after(self, seconds: float, into_mbps: float = 0.0, out_mbps: float = 0.0) -> Observation | None:
        self.now_s += seconds
        self.up_s += seconds
        self.into += round(into_mbps * 1e6 / 8 * seconds)
        self.out += round(out_mbps * 1e6 / 8 * seconds)
        return self.look()

    def look(self) -> Observation | None:
        narrow = {IF_IN_OCTETS: self.into, IF_OUT_OCTETS: self.out}
        wide = {IF_HC_IN_OCTETS: self.into, IF_HC_OUT_OCTETS: self.out} if self.wide else {}
        values: dict[Any, Any] = {
            SYS_UP_TIME: Typed(0x43, round(self.up_s * 100) % 2**32),
            IF_NAME: {self.row: b"eth0"},
            IF_DESCR: {self.row: b"eth0"},
            IF_HIGH_SPEED: {self.row: self.speed},
            **{column: {self.row: Typed(0x41, octets % 2**32)} for column, octets in narrow.items()},
            **{column: {self.row: Typed(0x46, octets % 2**64)} for column, octets in wide.items()},
        }
        return self.looks.see(values, self.now_s)


class TestTraffic:
    def test_the_first_look_has_nothing_to_compare_with(self) -> None:
        assert Wire().look() is None

    @pytest.mark.parametrize(("into", "out", "means"), [(10, 10, None), (10.01, 0, (3, "> 10 Mbps")), (3, 12.5, (3, "> 10 Mbps"))])
    def test_in_and_out_are_judged_apart(self, into: float, out: float, means: tuple[int, str] | None) -> None:
        wire = Wire()
        wire.look()
        found = wire.after(300, into, out)
        assert found is not None
        assert passed(found) == means
        assert (found.value, found.detail) == (max(into, out), f"eth0: {into:.2f} Mbps in, {out:.2f} Mbps out")

    def test_each_look_is_measured_from_the_last(self) -> None:
        wire = Wire()
        wire.look()
        for mbps in (1.0, 9.0, 0.0, 20.0):
            found = wire.after(60, mbps)
            assert found is not None
            assert found.value == mbps

    def test_a_narrow_counter_wraps(self) -> None:
        wire = Wire(wide=False)
        wire.into = 2**32 - 1000
        wire.look()
        found = wire.after(300, 8.0)
        assert found is not None
        assert found.value == 8.0

    def test_the_agent_s_time_wraps(self) -> None:
        """After 497 days."""
        wire = Wire(up_s=2**32 / 100 - 100)
        wire.look()
        found = wire.after(300, 8.0)
        assert found is not None
        assert found.value == 8.0

    @pytest.mark.parametrize("wide", [True, False])
    def test_a_reboot_is_no_traffic(self, wide: bool) -> None:
        wire = Wire(wide=wide)
        wire.into = wire.out = 2**31
        wire.look()
        wire.up_s, wire.into, wire.out = -250.0, 0, 0
        assert wire.after(300, 8.0) is None
        found = wire.after(300, 8.0)
        assert found is not None
        assert found.value == 8.0

    @pytest.mark.parametrize("wide", [True, False])
    def test_nor_are_counters_that_began_anew(self, wide: bool) -> None:
        """A driver that was loaded again, while the agent went on."""
        wire = Wire(wide=wide, speed=100)
        wire.into = 2**30
        wire.look()
        wire.into = 0
        assert wire.after(60, 1.0) is None
        found = wire.after(60, 1.0)
        assert found is not None
        assert found.value == 1.0

    def test_nor_is_another_row(self) -> None:
        wire = Wire()
        wire.look()
        wire.row, wire.into = 5, 2**33
        assert wire.after(300) is None

    def test_two_looks_at_once_say_nothing_of_a_rate(self) -> None:
        wire = Wire()
        wire.look()
        assert wire.after(0.5, 100.0) is None
        found = wire.after(9.5, 1.0)
        assert found is not None
        assert found.value == pytest.approx((0.5 * 100 + 9.5 * 1) / 10)

    def test_an_agent_that_counts_nothing(self) -> None:
        values: Offer = {SYS_UP_TIME: 5, IF_DESCR: [b"eth0"]}
        found = Looks("traffic", {"interface": "eth0", "threshold": 10}).see(values)
        assert found is not None
        assert found[:2] == (Verdict.DOWN, "the SNMP agent counts no octets of eth0")


READINGS = sorted(kind for kind, spec in PROBES.items() if isinstance(spec.way, Reading))
GIVEN = {"interface": "eth0", "process": "nginx", "threshold": 95}
CELL = st.one_of(
    st.integers(-(2**63), 2**64), st.sampled_from([b"eth0", b"/", b"nginx", b"3"]), st.binary(max_size=9), st.just((1, 3, 6))
)
ROWS = st.builds(Rows, st.dictionaries(st.integers(1, 3).map(lambda row: (row,)), CELL, max_size=3), st.booleans())


@given(kind=st.sampled_from(READINGS), profile=st.sampled_from(["standard", "rapid", "basic"]), data=st.data())
def test_whatever_an_agent_says_there_is_a_verdict_or_nothing_to_judge(kind: str, profile: str, data: st.DataObject) -> None:
    spec, memory = PROBES[kind], None
    way = spec.way
    assert isinstance(way, Reading)
    given_ = {name: option.parse(GIVEN[name]) for name, option in spec.options.items() if option.required}
    options = spec.complete(spec.in_profile(profile, given_))
    for now_s in (0.0, 300.0, 600.0):
        found: dict[Any, Value | Rows | Absent] = {}
        for item in way.wants(options):
            lacking = st.just(Absent("noSuchObject"))
            found[item] = data.draw(CELL | lacking) if isinstance(item, Get) else data.draw(ROWS | lacking)
        seen, memory = judged(way, Terms(options, spec.level), memory, Values(found), now_s)
        assert seen is None or (seen.verdict in {Verdict.UP, Verdict.DOWN} and seen.detail.isprintable())
