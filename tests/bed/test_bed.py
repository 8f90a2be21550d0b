"""The bed itself: hosts that really boot, break, come back, and leave nothing behind."""

import signal
import smtplib
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from on_hosts import get, left_behind, ping, ssh

from bed import cgroup, slot
from bed.guest import Guest
from bed.machine import Machine
from bed.network import Bed
from bed.postfix import MailGuest
from bed.process import BedError, wait_for

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.root
def test_nginx_answers_over_both_protocols_and_both_families(bed: Bed, guest: Guest) -> None:
    for scheme, ca_file in (("http", None), ("https", guest.ca_file)):
        for address in (guest.address, f"[{guest.address6}]"):
            assert get(bed, f"{scheme}://{address}/", ca_file) == "hikeshi bed web01 ok\n"


@pytest.mark.root
def test_ssh_login_needs_an_authorized_key_and_shows_the_pinned_host_key(
    bed: Bed, guest: Guest, client_key: ClientKey, tmp_path: Path
) -> None:
    refused = ssh(bed, guest, client_key, tmp_path, "id -un")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    guest.authorize(client_key.public)
    assert ssh(bed, guest, client_key, tmp_path, "id -un; hostname").stdout == "hikeshi\nweb01\n"
    other = f"ssh-ed25519 {client_key.public.split()[1]}"
    guest.host_key = other
    assert "HOST IDENTIFICATION HAS CHANGED" in ssh(bed, guest, client_key, tmp_path, "true").stderr


@pytest.mark.root
def test_a_broken_service_stays_dead_until_restarted_by_sudo_over_ssh(
    bed: Bed, guest: Guest, client_key: ClientKey, tmp_path: Path
) -> None:
    guest.authorize(client_key.public)
    guest.sudoers("hikeshi ALL=(root) NOPASSWD: /usr/bin/systemctl restart nginx.service\n")
    assert guest.service_starts("nginx") == 1
    guest.break_service("nginx")
    assert guest.service_state("nginx") == "failed"
    with pytest.raises(OSError, match="refused"):
        get(bed, f"http://{guest.address}/")
    restarted = ssh(bed, guest, client_key, tmp_path, "sudo -n systemctl restart nginx.service")
    assert (restarted.returncode, restarted.stderr) == (0, "")
    assert get(bed, f"http://{guest.address}/") == "hikeshi bed web01 ok\n"
    assert guest.service_starts("nginx") == 2
    assert ssh(bed, guest, client_key, tmp_path, "sudo -n systemctl stop nginx.service").returncode != 0


@pytest.mark.root
def test_an_irreparable_service_fails_to_restart_until_mended(guest: Guest) -> None:
    guest.break_service("nginx", repairable=False)
    assert guest.run(["systemctl", "restart", "nginx"], check=False).returncode != 0
    assert guest.service_state("nginx") == "failed"
    guest.mend_service("nginx")
    guest.run(["systemctl", "restart", "nginx"])
    assert guest.service_state("nginx") == "active"


@pytest.mark.root
def test_invalid_sudoers_are_refused_and_the_old_ones_stay(guest: Guest) -> None:
    guest.sudoers("hikeshi ALL=(root) NOPASSWD: /usr/bin/true\n")
    with pytest.raises(BedError, match="syntax error"):
        guest.sudoers("hikeshi may do everything\n")
    assert "/usr/bin/true" in guest.run(["cat", "/etc/sudoers.d/hikeshi"]).stdout


@pytest.mark.root
def test_reboot_and_power(bed: Bed, guest: Guest) -> None:
    boot_id = guest.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    guest.reboot()
    assert guest.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != boot_id
    assert guest.service_starts("nginx") == 2
    assert ping(bed, guest)
    guest.power_off()
    assert not ping(bed, guest)
    with pytest.raises(BedError, match="web01 is off"):
        guest.run(["true"])
    guest.power_on()
    guest.wait_ready()
    assert get(bed, f"http://[{guest.address6}]/") == "hikeshi bed web01 ok\n"
    guest.run(["systemctl", "poweroff"])
    guest.wait_off()
    assert not ping(bed, guest)


@pytest.mark.root
def test_a_machine_is_switched_from_outside_also_when_it_hangs(guest: Guest) -> None:
    machine: Machine = guest

    assert machine.next_boot == "disk"
    guest.freeze()
    machine.press_button()
    machine.reset()
    guest.wait_ready()
    assert guest.service_starts("nginx") == 2
    machine.press_button()
    guest.wait_off()
    machine.press_button()
    machine.reset()
    machine.power_off()
    assert not machine.running
    assert guest.service_starts("nginx") == 2


@pytest.mark.root
def test_faults_of_the_network_and_of_the_scheduler(bed: Bed, guest: Guest) -> None:
    guest.block_ping()
    assert not ping(bed, guest)
    guest.block_port(80)
    with pytest.raises(TimeoutError):
        bed.connect(guest.address, 80, timeout_s=0.5)
    guest.unblock()
    assert ping(bed, guest)
    guest.freeze()
    with bed.connect(guest.address, 22, timeout_s=0.5) as connection, pytest.raises(TimeoutError):
        connection.recv(4)  # the kernel accepts, nobody speaks
    guest.thaw()
    guest.wait_ready()


@pytest.mark.root
def test_two_guests_at_once_see_each_other_and_stop_on_their_own(bed: Bed, guest: Guest) -> None:
    with Guest(bed, "web02") as other:
        assert other.host_key != guest.host_key
        seen = guest.run(["ping", "-c", "1", "-W", "1", other.address6])
        assert seen.returncode == 0
        assert get(bed, f"http://{other.address}/") == "hikeshi bed web02 ok\n"
        folder = other.root.parent
    assert not folder.exists()
    assert guest.running


@pytest.mark.root
def test_postfix_delivers_into_a_maildir_and_refuses_others(bed: Bed, mail_guest: MailGuest) -> None:
    with bed.inside():
        client = smtplib.SMTP(mail_guest.address, mail_guest.smtp_port, timeout=10)
    with client:
        client.sendmail("hikeshi@example.test", ["noc@example.test"], b"Subject: one\r\n\r\nbody\r\n")
        for stranger, code in (("unknown@example.test", 550), ("somebody@example.org", 554)):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.sendmail("hikeshi@example.test", [stranger], b"Subject: two\r\n\r\nbody\r\n")
            assert refused.value.recipients[stranger][0] == code
    (mail,) = mail_guest.wait_for_mail("noc")
    assert mail.endswith(b"Subject: one\n\nbody\n")


@pytest.mark.root
def test_servers_in_the_control_namespace_are_reached_from_outside(bed: Bed) -> None:
    with bed.inside():
        server = subprocess.Popen(
            [sys.executable, "-m", "http.server", "8099", "--directory", str(bed.folder / "guests")], stderr=subprocess.DEVNULL
        )
    try:

        def answers() -> bool:
            try:
                return bool(urllib.request.urlopen(f"http://{bed.control_address}:8099/", timeout=1).status == 200)
            except OSError:
                return False

        wait_for(answers, "the server in the control namespace", 10)
    finally:
        server.kill()
        server.wait()


@pytest.mark.root
@pytest.mark.parametrize("end", ["close", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_behind_however_it_ends(end: str) -> None:
    script = """
import subprocess, sys
from bed.guest import Guest
from bed.network import Bed
bed = Bed()
guest = Guest(bed, "web01")
guest.power_on()
guest.wait_ready()
subprocess.Popen(bed.command(["sleep", "1000"]))
print(bed.slot.number, flush=True)
sys.stdin.readline()
bed.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        number = int(owner.stdout.readline())
        assert len(left_behind(number)) > 5
        if end != "close":
            owner.send_signal(signal.Signals[end])
        owner.communicate("\n" if end == "close" else None, timeout=30)
    wait_for(lambda: not left_behind(number), f"slot {number} to be cleared of {left_behind(number)}", 20)


@pytest.mark.root
def test_what_a_bed_without_a_janitor_left_is_cleared_by_the_next() -> None:
    dead = slot.FOLDER / "63"
    dead.mkdir(parents=True)
    cgroup.create(f"{slot.CGROUP}/63/web01")
    subprocess.run(["mount", "-t", "tmpfs", "left", str(dead)], check=True)
    (dead / "guests" / "web01").mkdir(parents=True)
    subprocess.run(["ip", "netns", "add", "hk63"], check=True)
    subprocess.run(["ip", "netns", "add", "hk63-web01"], check=True)
    assert left_behind(63)
    slot.clear_dead()
    assert left_behind(63) == []
