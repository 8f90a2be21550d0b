"""A machine with a kernel of its own: what a container can't show of boots, damages and repairs."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from on_hosts import Login, RescueLogin, get, left_behind, ping, ssh

from bed.machine import Machine
from bed.network import Bed
from bed.process import wait_for
from bed.vm import Vm
from bed.vm_image import DATA_DEVICE, ROOT_DEVICE

REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.root, pytest.mark.proof, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def _qemu() -> None:
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("no QEMU; with Debian: apt-get install qemu-system-x86")


@pytest.fixture
def vm(bed: Bed, client_key: ClientKey) -> Iterator[Vm]:
    """A virtual machine, off; the client may log in to it and to its rescue system."""
    with Vm(bed) as made:
        made.authorize(client_key.public)
        made.authorize_rescue(client_key.public)
        yield made


def served(bed: Bed, vm: Vm) -> dict[str, int]:
    def answers() -> bool:
        try:
            return bool(get(bed, f"http://{vm.address}:{vm.database_port}/"))
        except OSError:
            return False

    wait_for(answers, "the database", 30, every_s=0.2)
    lines = get(bed, f"http://{vm.address}:{vm.database_port}/").splitlines()
    return {name: int(count) for name, count in (line.split(": ") for line in lines[1:])}


def start_from(vm: Vm, what: str) -> None:
    vm.next_boot = what
    vm.power_off()
    vm.power_on()
    vm.wait_ready()


def mend(bed: Bed, vm: Vm, key: ClientKey, folder: Path, device: str) -> str:
    rescue: Login = RescueLogin(vm.address, vm.rescue_host_key)
    done = ssh(bed, rescue, key, folder, f"hostname; e2fsck -y -f {device}")
    assert done.returncode == 1, done.stdout + done.stderr  # e2fsck(8): errors corrected
    assert done.stdout.startswith("rescue\n")
    return done.stdout + done.stderr


def test_a_damaged_data_disk_is_mended_from_the_rescue_system(bed: Bed, vm: Vm, client_key: ClientKey, tmp_path: Path) -> None:
    machine: Machine = vm
    machine.power_on()
    vm.wait_ready()
    assert served(bed, vm) == {"accounts": 20, "records": 400}
    vm.hang()
    assert not ping(bed, vm)
    machine.power_off()
    vm.damage_data()
    machine.power_on()
    vm.wait_console("You are in emergency mode")
    assert ping(bed, vm)
    with pytest.raises(OSError, match="refused"):
        bed.connect(vm.address, vm.ssh_port)
    start_from(vm, "rescue")
    mend(bed, vm, client_key, tmp_path, DATA_DEVICE)
    start_from(vm, "disk")
    after = served(bed, vm)
    assert after["accounts"] == 20
    assert 360 < after["records"] < 400
    machine.press_button()
    wait_for(lambda: not machine.running, "it to power itself off", 120)
    assert "poweroff.target" in vm.console()


def test_a_damaged_root_starts_over_and_over_until_it_is_mended(bed: Bed, vm: Vm, client_key: ClientKey, tmp_path: Path) -> None:
    vm.damage_root()
    vm.power_on()
    vm.wait_console("the root file system is damaged", times=2)
    assert not ping(bed, vm)
    start_from(vm, "rescue")
    assert "trying backup blocks" in mend(bed, vm, client_key, tmp_path, ROOT_DEVICE)
    start_from(vm, "disk")
    assert served(bed, vm)["records"] == 400


def test_a_check_that_the_kernel_s_command_line_forces_mends_the_root_on_its_way_up(bed: Bed, vm: Vm) -> None:
    """As an entry of GRUB's menu does that was prepared for it."""
    vm.kernel_words = "fsck.mode=force fsck.repair=yes"
    vm.damage_root()
    vm.power_on()
    vm.wait_ready()
    assert "trying backup blocks" in vm.console()
    assert "the root file system is damaged" not in vm.console()
    assert served(bed, vm)["records"] == 400


def test_nothing_of_a_killed_owner_s_machine_is_left_behind() -> None:
    script = """
import sys
from bed.network import Bed
from bed.vm import Vm
bed = Bed()
vm = Vm(bed)
vm.power_on()
print(bed.slot.number, flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        number = int(owner.stdout.readline())
        assert sum("loop" in found for found in left_behind(number)) >= 2
        owner.send_signal(signal.SIGKILL)
        owner.communicate(timeout=30)
    wait_for(lambda: not left_behind(number), f"slot {number} to be cleared of {left_behind(number)}", 20)
