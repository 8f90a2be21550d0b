"""Stories on real machines: hosts that hang, disks that are damaged, BMCs that don't answer. One hikeshi has all of them at the
same time; each test tells of one. Those that take longer are in test_machines_at_length.py."""

from collections.abc import Iterator

import pytest
from fixtures_bed import ClientKey
from machines import Machines, edited

from bed.disk_guest import DiskGuest
from bed.guest import Guest
from bed.network import Bed

pytestmark = pytest.mark.root
SERVER, SERVICE = {"server": "first-line"}, {"service": "restart-service"}


@pytest.fixture(scope="module")
def machines(bed: Bed, client_key: ClientKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """All of them, with what has befallen them."""
    with Machines(bed, tmp_path_factory.mktemp("machines"), client_key) as world:
        world.own("brief-fsck", edited("reboot-and-fsck", ("within_s: 420", "within_s: 6")))
        world.put(Guest(bed, "hung"), SERVER)
        world.put(DiskGuest(bed, "damaged"), {"server": "brief-fsck"})
        world.put(Guest(bed, "unreachable"), SERVER).bmc.stop()
        world.put(Guest(bed, "masked"), SERVICE)
        world.begin()
        world.befall({"hung": "hang", "damaged": "hang-damaged-data", "unreachable": "hang", "masked": "service-masked"})
        yield world


def test_a_host_that_hangs_is_reset_once_and_comes_back(machines: Machines) -> None:
    story, machine = machines.story("hung"), machines.machines["hung"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.milestones == ["fault", "work_started", "recovered"]
    assert story.ends == {"diagnose": "done", "reboot": "done"}
    assert machine.orders == ["reset"]
    assert isinstance(machine.guest, Guest)
    assert machine.guest.service_starts("nginx") == 2
    assert "by power, since nobody can log in" in story.explained
    assert "ordered: reset; the BMC accepted it" in story.explained


def test_a_damaged_data_disk_is_repaired_from_the_rescue_system(machines: Machines) -> None:
    """It hangs; after a reset it comes no further than emergency mode, where ping answers and nobody can log in."""
    story, machine = machines.story("damaged"), machines.machines["damaged"]
    assert (story.incident.phase, story.ended, story.operator) == ("closed", "run_fixed", []), story
    assert story.milestones == ["fault", "work_started", "recovered"]
    assert story.ends == dict.fromkeys(("diagnose", "reboot", "rescue", "fsck", "disk"), "done")
    assert machine.orders == ["boot disk", "reset", "boot rescue", "off", "on", "boot disk", "off", "on"]
    assert isinstance(machine.guest, DiskGuest)
    assert machine.guest.booted == "disk"
    assert "/dev/sda (ext4): clean; /dev/sdb (ext4): " in story.explained
    assert "inodes cleared" in story.explained


def test_where_the_bmc_does_not_answer_people_have_it_and_read_why(machines: Machines) -> None:
    story, machine = machines.story("unreachable"), machines.machines["unreachable"]
    assert (story.incident.phase, story.ended, story.operator) == ("handed", "run_not_fixed", ["page"]), story
    assert story.milestones == ["fault", "work_started", "not_recovered"]
    assert story.ends == {"diagnose": "unreached", "reboot": "unreached"}
    assert machine.orders == []
    assert f"could not be begun, the host was not reached: the BMC at {machine.bmc.address}: no answer" in story.detail


def test_a_masked_service_is_left_alone_and_people_read_why(machines: Machines) -> None:
    story, machine = machines.story("masked"), machines.machines["masked"]
    assert (story.incident.phase, story.ended, story.operator) == ("handed", "run_not_fixed", ["page"]), story
    assert story.milestones == ["fault", "work_started", "not_recovered"]
    assert story.ends == {"restart": "not_done"}
    assert story.detail.startswith("restart could not be done: nginx.service is masked"), story.detail
    assert isinstance(machine.guest, Guest)
    assert (machine.orders, machine.guest.service_starts("nginx")) == ([], 1)
