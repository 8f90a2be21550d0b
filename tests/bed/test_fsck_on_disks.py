"""`fsck` and `fsck_at_boot` on a host with real disks, damaged for real, and its real rescue system."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from fixtures_bed import ClientKey
from fixtures_ssh import host_at

from bed.disk_guest import DATA_DEVICE, ROOT_DEVICE, DiskGuest
from bed.network import Bed
from domain.model import FileSystem, Rescue
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, Connection, Leave, Target, open_connection, sudoers
from store.clock import SystemClock

pytestmark = [pytest.mark.root, pytest.mark.proof]
ATTEMPT = "hikeshi-0123456789abcdef"


@pytest.fixture
def connect(bed: Bed) -> Callable[[Target], Connection]:
    """Log in from inside the bed's network."""

    def inside(target: Target) -> Connection:
        with bed.inside():
            return open_connection(target)

    return inside


def in_time() -> None:
    """The leave to act has not lapsed."""


def test_a_check_at_the_next_boot_and_a_repair_in_the_rescue_system(
    bed: Bed, client_key: ClientKey, connect: Callable[[Target], Connection]
) -> None:
    db01 = DiskGuest(bed)
    db01.authorize(client_key.public)
    db01.authorize_rescue(client_key.public)
    with db01:
        host = host_at(db01.address, db01.ssh_port, (db01.host_key,), user=db01.user)
        assert host.ssh is not None
        login = replace(host.ssh, user=db01.rescue_user, host_keys=(db01.rescue_host_key,))
        host = replace(host, rescue=Rescue("pxe", login), filesystems=(FileSystem(DATA_DEVICE, "ext4"),))
        kept: dict[str, str] = {}
        target = Target(host, lambda _: client_key.path.read_text(), SystemClock(), keep=kept.__setitem__)

        at_boot = ACTIONS["fsck_at_boot"]
        db01.sudoers(sudoers(host, at_boot.describe(host, {}, None)))
        with contextlib.closing(at_boot.prepare(target, {}, connect)) as arranging:
            assert arranging.start(Leave(ATTEMPT, 20, in_time)).detail == f"arranged for the next boot: {DATA_DEVICE}"
        db01.reboot()
        assert "check forced" in db01.console()

        db01.damage_data()
        db01.next_boot = "rescue"
        db01.power_off()
        db01.power_on()
        db01.wait_ready()
        fsck = ACTIONS["fsck"]
        everything = replace(target, host=replace(host, filesystems=()))
        with contextlib.closing(fsck.prepare(everything, {}, connect)) as checking:
            assert checking.before == {"filesystems": f"{ROOT_DEVICE} ext4\n{DATA_DEVICE} ext4"}, "it found both disks"
            result = checking.start(Leave(ATTEMPT, 60, in_time))
        assert result.outcome is StepOutcome.DONE, result.detail
        assert f"{DATA_DEVICE} (ext4): " in result.detail
        assert "inodes cleared" in result.detail
        assert "FILE SYSTEM WAS MODIFIED" in kept["output of the file system check"]
        settled = fsck.settle(everything, {}, checking.before, connect, Attempted(ATTEMPT, 60, 20))
        assert (settled.outcome, settled.detail) == (result.outcome, result.detail)

        db01.next_boot = "disk"
        db01.power_off()
        db01.power_on()
        db01.wait_ready()
