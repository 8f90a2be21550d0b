"""Each named fault is really there, and only what it says."""

import functools
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from on_hosts import get, ping, ssh

from bed.chassis import Chassis
from bed.disk_guest import DiskGuest
from bed.faults import BMC, DISKS, FAULTS, GUEST, RETURNS_AFTER_S, kinds_of
from bed.guest import Guest
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.process import wait_for

EASY = "hikeshi ALL=(root) NOPASSWD: ALL\n"


def restart(guest: Guest) -> int:
    return guest.run(["timeout", "2", "systemctl", "restart", guest.services[0]], check=False).returncode


def serves(bed: Bed, guest: Guest) -> bool:
    port = guest.database_port if isinstance(guest, DiskGuest) else guest.http_port
    try:
        return "ok" in get(bed, f"http://{guest.address}:{port}/", timeout_s=1)
    except OSError:
        return False


def test_each_fault_is_filed_under_its_name_and_befalls_something() -> None:
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.kinds
        assert fault.kinds <= {GUEST, DISKS, BMC}
        assert fault.text


@pytest.mark.root
def test_faults_of_a_service(bed: Bed, guest: Guest) -> None:
    assert kinds_of(guest) == {GUEST}

    def is_dead() -> bool:
        return guest.service_state("nginx") in ("failed", "inactive") and not serves(bed, guest)

    FAULTS["service-killed"].bring(guest)
    assert is_dead()
    assert restart(guest) == 0
    FAULTS["service-hangs"].bring(guest)
    assert guest.service_state("nginx") == "active"
    bed.connect(guest.address, 80, timeout_s=1).close()
    assert not serves(bed, guest)
    guest.run(["systemctl", "kill", "--signal=KILL", "nginx"])
    assert restart(guest) == 0
    FAULTS["service-masked"].bring(guest)
    assert is_dead()
    assert "is masked" in guest.run(["systemctl", "restart", "nginx"], check=False).stderr
    guest.run(["systemctl", "unmask", "nginx.service"])
    assert restart(guest) == 0
    FAULTS["disk-full"].bring(guest)
    assert is_dead()
    assert "No space left on device" in guest.run(["journalctl", "-u", "nginx"]).stdout
    guest.run(["umount", "/var/log/nginx"])
    assert restart(guest) == 0
    FAULTS["start-never-ends"].bring(guest)
    assert is_dead()
    assert restart(guest) == 124  # timeout(1)
    assert guest.service_state("nginx") == "activating"


@pytest.mark.root
def test_faults_of_the_way_in(bed: Bed, guest: Guest, client_key: ClientKey, tmp_path: Path) -> None:
    guest.authorize(client_key.public)
    guest.sudoers(EASY)
    login = functools.partial(ssh, bed, guest, client_key, tmp_path)
    FAULTS["network-down"].bring(guest)
    assert not ping(bed, guest)
    over6 = guest.address6
    assert get(bed, f"http://[{over6}]/") == "hikeshi bed web01 ok\n"
    guest.run(["systemctl", "restart", "networking"])
    wait_for(lambda: ping(bed, guest), "the network to be back", 10)
    assert login("sudo -n id -u").stdout == "0\n"
    FAULTS["sudo-refused"].bring(guest)
    assert "password is required" in login("sudo -n id -u").stderr
    FAULTS["host-key-changed"].bring(guest)
    assert "HOST IDENTIFICATION HAS CHANGED" in login("true").stderr
    FAULTS["hang-with-ping"].bring(guest)
    assert ping(bed, guest)
    assert not serves(bed, guest)
    FAULTS["hang"].bring(guest)
    assert not ping(bed, guest)
    FAULTS["powered-off"].bring(guest)
    assert not guest.running


@pytest.mark.root
def test_a_full_disk_keeps_the_database_from_starting(bed: Bed) -> None:
    with DiskGuest(bed) as db01:
        assert kinds_of(db01) == {GUEST, DISKS}
        FAULTS["disk-full"].bring(db01)
        assert not serves(bed, db01)
        assert "No space left on device" in db01.run(["journalctl", "-u", "database"]).stdout
        db01.run(["rm", "/srv/data/full"])
        assert restart(db01) == 0
        wait_for(lambda: serves(bed, db01), "the database", 5)


@pytest.mark.root
@pytest.mark.proof
def test_faults_that_take_time(bed: Bed, guest: Guest) -> None:
    FAULTS["service-returns"].bring(guest)
    assert not serves(bed, guest)
    wait_for(lambda: serves(bed, guest), "the service to return by itself", RETURNS_AFTER_S + 15)
    FAULTS["service-irreparable"].bring(guest)
    assert restart(guest) != 0


@pytest.mark.root
@pytest.mark.proof
@pytest.mark.parametrize(
    ("name", "answers_ping", "comes_to"),
    [
        ("damaged-data", True, DiskGuest.in_emergency),
        ("hang-damaged-data", False, lambda guest: guest.running),
        ("damaged-root", False, lambda guest: guest.booted == ""),
    ],
)
def test_faults_of_disks(bed: Bed, name: str, answers_ping: bool, comes_to: Callable[[DiskGuest], bool]) -> None:
    with DiskGuest(bed) as db01:
        FAULTS[name].bring(db01)
        assert comes_to(db01)
        assert ping(bed, db01) == answers_ping
        assert not serves(bed, db01)


@pytest.mark.root
@pytest.mark.proof
def test_faults_of_a_bmc(bed: Bed, guest: Guest, tmp_path: Path) -> None:
    with Chassis(guest, tmp_path) as chassis, Ipmi(chassis, tmp_path, bed) as bmc:
        assert kinds_of(bmc) == {BMC}
        FAULTS["bmc-lies"].bring(bmc)
        assert not chassis.on
        FAULTS["bmc-deaf"].bring(bmc)
        chassis.switch("off")
        assert guest.running
        FAULTS["bmc-dead"].bring(bmc)
        with bed.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((bmc.address, bmc.port))  # nobody is there any more
