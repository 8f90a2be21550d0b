"""Disks that really break, the systems that refuse to boot from them, and the rescue system that mends them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from on_hosts import RescueLogin, get, left_behind, ping, ssh, ssh_command

from bed.disk_guest import ACCOUNTS, DATA_DEVICE, RECORDS, ROOT_DEVICE, DiskGuest
from bed.network import Bed
from bed.process import BedError, wait_for

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def db01(bed: Bed, client_key: ClientKey) -> Iterator[DiskGuest]:
    """A fresh host with disks of its own, up; the client may log in to it and to its rescue system."""
    made = DiskGuest(bed)
    made.authorize(client_key.public)
    made.authorize_rescue(client_key.public)
    with made:
        yield made


def served(bed: Bed, guest: DiskGuest) -> dict[str, int]:
    lines = get(bed, f"http://{guest.address}:{guest.database_port}/").splitlines()
    assert lines[0] == f"hikeshi bed {guest.name} database ok"
    return {name: int(count) for name, count in (line.split(": ") for line in lines[1:])}


def refuses(bed: Bed, guest: DiskGuest, port: int) -> bool:
    try:
        bed.connect(guest.address, port, timeout_s=1).close()
    except OSError:
        return True
    return False


def start_from(guest: DiskGuest, what: str) -> None:
    guest.next_boot = what
    guest.power_off()
    guest.power_on()
    guest.wait_ready()


@pytest.mark.root
def test_a_damaged_data_disk_ends_in_emergency_mode_and_is_mended_from_the_rescue_system(
    bed: Bed, db01: DiskGuest, client_key: ClientKey, tmp_path: Path
) -> None:
    before = served(bed, db01)
    assert before == {"accounts": 20, "records": RECORDS}
    kept = db01.run(["cat", ACCOUNTS]).stdout

    db01.hang()
    assert not ping(bed, db01)
    db01.damage_data()
    db01.reset()
    db01.wait_emergency()
    assert (ping(bed, db01), refuses(bed, db01, 22), refuses(bed, db01, db01.database_port)) == (True, True, True)
    assert "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY" in db01.console()

    start_from(db01, "rescue")
    rescue = RescueLogin.of(db01)
    mended = ssh(
        bed,
        rescue,
        client_key,
        tmp_path,
        f"hostname; grep ^/dev/sd /proc/mounts; lsblk -nro NAME,FSTYPE; e2fsck -y -f {DATA_DEVICE}",
    )
    assert mended.returncode == 1, mended.stdout + mended.stderr  # e2fsck(8): errors corrected
    assert mended.stdout.startswith("rescue\nsda ext4\nsdb ext4\nPass 1")
    assert "seems to contain garbage.  Clear? yes" in mended.stdout

    start_from(db01, "disk")
    after = served(bed, db01)
    assert after["accounts"] == before["accounts"]
    assert before["records"] - 40 < after["records"] < before["records"]
    assert db01.run(["cat", ACCOUNTS]).stdout == kept


@pytest.mark.root
def test_a_damaged_root_starts_over_and_over_until_it_is_mended_from_the_rescue_system(
    bed: Bed, db01: DiskGuest, client_key: ClientKey, tmp_path: Path
) -> None:
    db01.run(["sh", "-c", "echo mine >/etc/kept"])
    db01.damage_root()
    db01.reset()
    wait_for(lambda: db01.console().count("the root file system is damaged") >= 2, "it to start over and over", 20)
    assert db01.running
    assert not ping(bed, db01)
    with pytest.raises(BedError, match="has not booted"):
        db01.run(["true"])
    db01.press_button()  # nobody there to hear it
    db01.power_off()
    db01.next_boot = "rescue"
    db01.power_on()
    db01.wait_ready()
    mended = ssh(bed, RescueLogin.of(db01), client_key, tmp_path, f"e2fsck -y -f {ROOT_DEVICE}")
    assert mended.returncode == 1, mended.stdout + mended.stderr
    assert "trying backup blocks" in mended.stderr + mended.stdout

    start_from(db01, "disk")
    assert ssh(bed, db01, client_key, tmp_path, "cat /etc/kept; hostname").stdout == "mine\ndb01\n"
    assert served(bed, db01)["records"] == RECORDS


@pytest.mark.root
def test_what_is_booted_stays_chosen_and_the_rescue_system_forgets(
    bed: Bed, db01: DiskGuest, client_key: ClientKey, tmp_path: Path
) -> None:
    rescue = RescueLogin.of(db01)
    assert "HOST IDENTIFICATION HAS CHANGED" in ssh(bed, rescue, client_key, tmp_path, "true").stderr
    start_from(db01, "rescue")
    assert ssh(bed, rescue, client_key, tmp_path, "touch /root/here; hostname").stdout == "rescue\n"
    assert "HOST IDENTIFICATION HAS CHANGED" in ssh(bed, db01, client_key, tmp_path, "true").stderr
    assert refuses(bed, db01, db01.database_port)
    db01.reboot()
    assert ssh(bed, rescue, client_key, tmp_path, "hostname; ls /root").stdout == "rescue\n"
    db01.press_button()
    db01.wait_off()
    assert not ping(bed, db01)
    db01.power_on()
    db01.wait_ready()
    assert db01.booted == "rescue"
    start_from(db01, "disk")
    db01.reboot()
    assert db01.booted == "disk"
    assert served(bed, db01)["records"] == RECORDS


@pytest.mark.root
def test_a_power_loss_in_the_middle_of_a_repair_leaves_it_to_be_done_again(
    bed: Bed, db01: DiskGuest, client_key: ClientKey, tmp_path: Path
) -> None:
    db01.damage_data()
    start_from(db01, "rescue")
    rescue = RescueLogin.of(db01)
    argv = ssh_command(rescue, client_key, tmp_path / "known_hosts", f"e2fsck -f {DATA_DEVICE}")
    repair = subprocess.Popen(
        bed.command([argv[0], "-tt", *argv[1:]]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    )
    with repair:
        assert repair.stdin is not None
        assert repair.stdout is not None
        said = b""
        while b"Clear<y>?" not in said:
            read = repair.stdout.read(1)
            assert read, said
            said += read
        repair.stdin.write(b"y")  # the first of twenty inodes; it waits for the next answer
        db01.power_off()
        repair.kill()
    db01.next_boot = "disk"
    db01.power_on()
    db01.wait_emergency()
    start_from(db01, "rescue")
    assert ssh(bed, rescue, client_key, tmp_path, f"e2fsck -y -f {DATA_DEVICE}").returncode == 1
    start_from(db01, "disk")
    assert served(bed, db01)["accounts"] == 20


@pytest.mark.root
def test_a_check_forced_at_the_next_boot_really_runs(bed: Bed, db01: DiskGuest) -> None:
    db01.run(["tune2fs", "-C", "100", "-c", "50", DATA_DEVICE])
    db01.reboot()
    assert "has been mounted 100 times without being checked, check forced" in db01.console()
    assert served(bed, db01)["records"] == RECORDS


@pytest.mark.root
def test_a_hang_may_leave_ping_and_nothing_else(bed: Bed, db01: DiskGuest) -> None:
    db01.hang(answers_ping=True)
    assert ping(bed, db01)
    with bed.connect(db01.address, 22, timeout_s=0.5) as connection, pytest.raises(TimeoutError):
        connection.recv(4)
    db01.press_button()
    db01.reset()
    db01.wait_ready()
    assert served(bed, db01)["accounts"] == 20


@pytest.mark.root
@pytest.mark.parametrize("what", ["disk", pytest.param("rescue", marks=pytest.mark.proof)])
def test_no_disk_is_left_behind_when_its_owner_is_killed(what: str) -> None:
    script = f"""
import sys
from bed.disk_guest import DiskGuest
from bed.guest import Guest
from bed.network import Bed
bed = Bed()
db01 = DiskGuest(bed)
db01.next_boot = {what!r}
db01.power_on()
other = Guest(bed, "web01")  # its namespaces begin with a copy of what is mounted for db01
other.power_on()
db01.wait_ready()
other.wait_ready()
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
