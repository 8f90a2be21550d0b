"""More stories on real machines (see test_machines.py): what else stands in the way of a recovery, and what a person reads then."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from machines import Machine, Machines, Story, edited
from sqlmodel import select

from bed.disk_guest import DiskGuest
from bed.guest import Guest
from bed.network import Bed
from bed.process import BedError, wait_for
from bed.vm import Vm
from store.tables import FindingRow

LONGEST_S = 1200
pytestmark = [pytest.mark.root, pytest.mark.proof, pytest.mark.timeout(LONGEST_S)]
PATIENCE_S = 600.0
FSCK, FIRST, RESTART = {"server": "brief-fsck"}, {"server": "first-line", "service": "first-line"}, {"service": "brief-restart"}
REBOOT = {"server": "brief-reboot"}
FAULTS = {
    "rootless": "damaged-root",
    "secret": "hang",
    "liar": "hang",
    "deaf": "hang",
    "crammed": "disk-full",
    "returned": "service-returns",
    "stranger": "service-killed",
    "forbidden": "service-killed",
    "endless": "start-never-ends",
    "cut": "service-killed",
    "fsck-cut": "hang-damaged-data",
    "redfish": "hang",
    "trapped": "hang-damaged-data",
}


@pytest.fixture(scope="module")
def machines(bed: Bed, client_key: ClientKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """All of them, with what has befallen them; two have their connection cut in the middle of the work, and the BMC of one does
    nothing any more from its rescue system on."""
    with Machines(bed, tmp_path_factory.mktemp("machines"), client_key) as world:
        world.own("brief-fsck", edited("reboot-and-fsck", ("within_s: 420", "within_s: 15")))
        sooner = ("action: reboot\n    timeout_s: 120", "action: reboot\n    timeout_s: 5")
        world.own("brief-reboot", edited("reboot", sooner, ("within_s: 600", "within_s: 15")))
        brief = edited("restart-service", ("timeout_s: 90", "timeout_s: 8"), ("until_s: 30", "until_s: 15"))
        world.own("brief-restart", brief)
        patient = "  - id: look-again\n    action: look\n    timeout_s: 60\n"
        world.own("patient-restart", brief.replace(patient, f"{patient}    until_s: 60\n    every_s: 1\n"))
        world.put(DiskGuest(bed, "rootless"), FSCK)
        world.put(Guest(bed, "secret"), REBOOT, password="not this one")
        liar = world.put(Guest(bed, "liar"), REBOOT)
        deaf = world.put(Guest(bed, "deaf"), REBOOT)
        world.put(DiskGuest(bed, "crammed"), FIRST)
        world.put(Guest(bed, "returned"), {"service": "patient-restart"})
        world.put(DiskGuest(bed, "stranger", ("nginx",)), FIRST)
        world.put(Guest(bed, "forbidden"), RESTART)
        world.put(Guest(bed, "endless"), RESTART)
        cut, fsck_cut = Guest(bed, "cut"), DiskGuest(bed, "fsck-cut")
        world.put(cut, {"service": "restart-service"})
        world.put(fsck_cut, FSCK)
        world.put(Guest(bed, "redfish"), {"server": "first-line"}, bmc="redfish")
        trapped = world.put(DiskGuest(bed, "trapped"), FSCK)
        world.begin()
        world.befall({"stranger": "host-key-changed", "forbidden": "sudo-refused"})
        deaf.chassis.deaf = True
        slow_start(cut)
        cutters = [
            threading.Thread(target=cut_restart, args=[cut], daemon=True),
            threading.Thread(target=cut_fsck, args=[fsck_cut], daemon=True),
            threading.Thread(target=deafen_in_rescue, args=[trapped], daemon=True),
        ]
        world.befall(FAULTS)
        liar.chassis.says = False
        for cutter in cutters:
            cutter.start()
        yield world


def slow_start(guest: Guest) -> None:
    """A start of nginx takes 3 s from now on: time to cut a connection."""
    folder = guest.root / "etc/systemd/system/nginx.service.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slow.conf").write_text("[Service]\nExecStartPre=/bin/sleep 3\n")
    guest.run(["systemctl", "daemon-reload"])


def cut_restart(guest: Guest) -> None:
    wait_for(lambda: guest.service_state("nginx.service") == "activating", "the restart to begin", PATIENCE_S)
    guest.run(["pkill", "-KILL", "-u", guest.user, "sshd"])


def cut_fsck(guest: DiskGuest) -> None:
    """In the rescue system, where a check of a disk takes 3 s longer: time to cut the connection."""

    def done(shell: str, stdin: str | None = None) -> bool:
        try:
            return guest.booted == "rescue" and guest.run(["sh", "-c", shell], stdin=stdin, check=False).returncode == 0
        except BedError:
            return False  # it is off, or booting

    slow = '#!/bin/sh\nsleep 3\nexec /sbin/e2fsck "$@"\n'
    begun = "systemctl is-active --quiet 'hikeshi-*.service'"
    wait_for(lambda: done("cat >/usr/local/sbin/e2fsck && chmod 755 /usr/local/sbin/e2fsck", slow), "the rescue system", PATIENCE_S)
    wait_for(lambda: done(begun), "the check to begin", PATIENCE_S, every_s=0.1)
    wait_for(lambda: done("pkill -KILL -f 'sshd: [r]oot@'"), "the connection to be cut", PATIENCE_S)


def deafen_in_rescue(machine: Machine) -> None:
    guest = machine.guest
    assert isinstance(guest, DiskGuest)
    wait_for(lambda: guest.booted == "rescue", "the rescue system", PATIENCE_S)
    machine.chassis.deaf = True


def test_a_damaged_root_in_a_reboot_loop_is_repaired_from_the_rescue_system(machines: Machines) -> None:
    story, machine = machines.story("rootless", PATIENCE_S), machines.machines["rootless"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.milestones == ["fault", "work_started", "recovered"]
    assert story.customer.count("level_change") <= 1, "that ping comes and goes with the boots is told to nobody"
    assert story.ends == dict.fromkeys(("diagnose", "reboot", "rescue", "fsck", "disk"), "done")
    assert machine.orders == ["boot disk", "reset", "boot rescue", "off", "on", "boot disk", "off", "on"]
    assert isinstance(machine.guest, DiskGuest)
    assert machine.guest.booted == "disk"
    assert "/dev/sda (ext4): " in story.explained


def to_people(machines: Machines, name: str, ended: str = "run_not_fixed") -> Story:
    story = machines.story(name, PATIENCE_S)
    assert (story.incident.phase, story.ended, story.operator) == ("handed", ended, ["page"]), story
    assert story.milestones == ["fault", "work_started", "not_recovered"]
    return story


def test_a_wrong_password_of_the_bmc_is_said(machines: Machines) -> None:
    story = to_people(machines, "secret")
    assert story.ends == {"diagnose": "unreached", "reboot": "unreached"}
    assert machines.machines["secret"].orders == []
    assert "login refused: the password is wrong" in story.detail, story.detail
    assert "not this one" not in story.explained


def test_a_bmc_that_says_that_the_host_is_off_is_asked_once_to_switch_it_on(machines: Machines) -> None:
    story = to_people(machines, "liar")
    assert story.ends == {"diagnose": "done", "reboot": "failed"}
    assert machines.machines["liar"].orders == ["on"]
    assert "after 5 s: off" in story.detail, story.detail


def test_a_bmc_that_does_nothing_is_not_asked_again(machines: Machines) -> None:
    story = to_people(machines, "deaf")
    assert story.ends == {"diagnose": "done", "reboot": "done"}
    assert machines.machines["deaf"].orders == ["reset"]
    assert "ordered: reset; the BMC accepted it; after: on; reboot-verify: deaf/ping down" in story.detail, story.detail


def test_a_service_that_cannot_start_as_its_disk_is_full(machines: Machines) -> None:
    story = to_people(machines, "crammed")
    assert story.ends == {"diagnose": "done", "restart": "failed"}
    assert machines.machines["crammed"].orders == []
    assert "restart failed: exit status 1: Job for database.service failed" in story.detail, story.detail
    with machines.context.store.read() as session:
        diagnosis = next(step.id for step in story.steps if step.step == "diagnose")
        kept = {row.name: row.text for row in session.exec(select(FindingRow).where(FindingRow.attempt == diagnosis))}
    assert re.search(r"100% +/srv/data", kept["disk space"]), kept["disk space"]


def test_a_host_that_recovers_by_itself_just_before_the_step_is_left_alone(machines: Machines) -> None:
    story, machine = machines.story("returned", PATIENCE_S), machines.machines["returned"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_gone", []), story
    assert story.milestones == ["fault", "work_started", "recovered"]
    assert story.ends == {}
    assert starts(machine) == 2


def test_a_host_with_another_host_key_is_neither_logged_in_to_nor_rebooted(machines: Machines) -> None:
    story, machine = to_people(machines, "stranger"), machines.machines["stranger"]
    assert story.ends["restart"] == story.ends["reboot"] == "unreached"
    assert (machine.orders, starts(machine)) == ([], 1)
    assert "host key mismatch: the host shows ssh-ed25519 SHA256:" in story.detail, story.detail


def test_a_refusal_of_sudo_is_said(machines: Machines) -> None:
    story, machine = to_people(machines, "forbidden"), machines.machines["forbidden"]
    assert story.ends == {"restart": "failed"}
    assert (machine.orders, starts(machine)) == ([], 1)
    assert "sudo: a password is required" in story.detail, story.detail


def test_a_command_that_never_ends_is_given_up_and_a_person_asked(machines: Machines) -> None:
    story, machine = to_people(machines, "endless", "run_unknown"), machines.machines["endless"]
    assert story.ends == {"restart": "unknown"}
    assert "no end within 8 s; it may go on" in story.detail, story.detail
    assert "still under way" in story.detail, story.detail
    assert machine.orders == []


def test_a_connection_lost_in_the_middle_of_a_restart_is_settled_by_looking(machines: Machines) -> None:
    story, machine = machines.story("cut", PATIENCE_S), machines.machines["cut"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.ends == {"restart": "done"}
    assert story.said("restart").startswith("connection lost"), story.said("restart")
    assert starts(machine) == 2


def test_a_connection_lost_in_the_middle_of_an_fsck_is_picked_up_again(machines: Machines) -> None:
    story, machine = machines.story("fsck-cut", PATIENCE_S), machines.machines["fsck-cut"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.ends == dict.fromkeys(("diagnose", "reboot", "rescue", "fsck", "disk"), "done")
    assert "connection lost" in story.said("fsck"), story.said("fsck")
    assert "inodes cleared" in story.said("fsck")
    assert machine.orders == ["boot disk", "reset", "boot rescue", "off", "on", "boot disk", "off", "on"]


def test_a_rescue_system_that_a_bmc_only_says_to_have_left_is_no_recovery(machines: Machines) -> None:  # R24
    story, machine = to_people(machines, "trapped"), machines.machines["trapped"]
    assert story.ends == dict.fromkeys(("diagnose", "reboot", "rescue", "fsck"), "done") | {"disk": "failed"}
    assert story.said("disk").endswith("; the BMC accepted it; after: on; but after 120 s its rescue system still answers")
    assert isinstance(machine.guest, DiskGuest)
    assert machine.guest.booted == "rescue"


def test_redfish_is_as_good(machines: Machines) -> None:
    story, machine = machines.story("redfish", PATIENCE_S), machines.machines["redfish"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.milestones == ["fault", "work_started", "recovered"]
    assert story.ends == {"diagnose": "done", "reboot": "done"}
    assert machine.orders == ["reset"]
    assert starts(machine) == 2


def starts(machine: Machine) -> int:
    assert isinstance(machine.guest, Guest)
    return machine.guest.service_starts("nginx")


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="no QEMU; with Debian: apt-get install qemu-system-x86")
def test_a_machine_with_a_kernel_of_its_own_hangs_and_comes_back(bed: Bed, client_key: ClientKey, tmp_path: Path) -> None:
    with Machines(bed, tmp_path, client_key) as world:
        machine = world.put(Vm(bed), {"server": "first-line"})
        world.begin()
        assert isinstance(machine.guest, Vm)
        machine.guest.hang()
        story = world.story("vm01", PATIENCE_S)
        assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
        assert story.milestones == ["fault", "work_started", "recovered"]
        assert story.ends == {"diagnose": "done", "reboot": "done"}
        assert machine.orders == ["reset"]
