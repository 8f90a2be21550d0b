"""A real host without systemd: sshd, and nginx by Debian's own script in /etc/init.d. It is found out once, and restarted alike."""

import contextlib
from collections.abc import Iterator

import pytest
from fixtures_bed import ClientKey
from fixtures_login import Login

from bed.guest import Guest
from bed.network import Bed
from bed.process import wait_for
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, CannotAct, Leave, Result
from remediation.host import INIT
from remediation.watchdog import PANEL

pytestmark = pytest.mark.root
RESTART = ACTIONS["restart_service"]
KNOWN = {INIT: "sysv", PANEL: "none"}


class OldGuest(Guest):
    """No init but a stub that reaps."""

    def _boot(self) -> None:
        start = "mkdir -p /run/sshd; /etc/init.d/nginx start; exec /usr/sbin/sshd -D"
        argv = [item for item in self._nspawn(self.root) if item != "--boot"]
        self._start([*argv, "--as-pid2", "--", "/bin/sh", "-c", start])


@pytest.fixture(scope="module")
def old_guest(bed: Bed, client_key: ClientKey) -> Iterator[OldGuest]:
    with OldGuest(bed, "old01") as made:
        made.authorize(client_key.public)
        yield made


@pytest.fixture
def login(old_guest: OldGuest, client_key: ClientKey) -> Iterator[Login]:
    """nginx runs at first and in the end."""
    yield Login(old_guest, client_key)
    old_guest.run(["rm", "-f", "/etc/nginx/conf.d/broken.conf"])
    old_guest.run(["/etc/init.d/nginx", "restart"])


def in_time() -> None:
    """The leave to act has not lapsed."""


def kill(login: Login) -> None:
    login.guest.run(["pkill", "-KILL", "nginx"])
    wait_for(lambda: not running(login), "nginx to die", 5)


def running(login: Login) -> bool:
    return login.guest.run(["pgrep", "-x", "nginx"], check=False).returncode == 0


def restart(login: Login) -> tuple[dict[str, str], Result]:
    with contextlib.closing(RESTART.prepare(login.target(), {}, login.connect)) as prepared:
        return dict(prepared.before), prepared.start(Leave("hikeshi-1", 20, in_time))


def test_it_is_found_out_once_and_a_dead_service_is_back(login: Login) -> None:
    kill(login)
    login.known[INIT] = "sysv"  # for the rules that are printed
    login.allow(RESTART, {})
    login.known.clear()
    before, result = restart(login)
    assert (result.outcome, login.known) == (StepOutcome.DONE, KNOWN)
    assert result.detail.startswith("restarted; nginx is running (status 0, process ")
    assert result.command_line == "sudo -n /etc/init.d/nginx restart"
    assert (before["main"], before["status"]) == ("", "1")
    assert running(login)
    login.sent.clear()
    restart(login)
    assert login.sent == list(RESTART.describe(login.host, {}, "nginx", login.known)), "known, it is no longer asked"
    settled = RESTART.settle(login.target(), {}, before, login.connect, Attempted("hikeshi-1", 5))
    assert settled.outcome is StepOutcome.DONE


def test_a_service_that_still_runs_is_settled_by_its_oldest_process(login: Login) -> None:
    login.known |= KNOWN
    login.allow(RESTART, {})
    before, result = restart(login)
    assert result.outcome is StepOutcome.DONE
    assert before["main"] != ""

    def settle(since: dict[str, str]) -> Result:
        return RESTART.settle(login.target(), {}, since, login.connect, Attempted("hikeshi-1", 5))

    assert settle(before).outcome is StepOutcome.DONE
    with contextlib.closing(RESTART.prepare(login.target(), {}, login.connect)) as prepared:
        now = dict(prepared.before)
    login.guest.run(["/etc/init.d/nginx", "reload"])
    not_since = settle(now)
    assert (not_since.outcome, not_since.detail.partition(":")[0]) == (StepOutcome.UNKNOWN, "not started since")
    kill(login)
    assert settle(now).detail == "not started since: nginx is not running (status 1)", "what is dead leaves no trace"


def test_one_that_does_not_start_has_failed(login: Login) -> None:
    login.known |= KNOWN
    login.allow(RESTART, {})
    kill(login)
    login.guest.run(["sh", "-c", "echo broken >/etc/nginx/conf.d/broken.conf"])
    _, result = restart(login)
    assert result.outcome is StepOutcome.FAILED
    assert result.detail.startswith("exit status 1: ")
    assert result.detail.endswith("; nginx is not running (status 1)")


def test_a_service_without_a_script_is_left_alone(login: Login) -> None:
    with pytest.raises(CannotAct, match=r"there is no /etc/init\.d/no-such, so it can't be restarted"):
        RESTART.prepare(login.target(), {"unit": "no-such.service"}, login.connect)


def test_the_rule_allows_this_script_only(login: Login) -> None:
    login.known |= KNOWN
    login.allow(RESTART, {})
    with contextlib.closing(login.connect(login.target())) as connection:
        for wrong in (["/etc/init.d/ssh", "restart"], ["/etc/init.d/nginx", "stop"], ["systemctl", "restart", "nginx.service"]):
            assert connection.run(["sudo", "-n", *wrong], 10).exit_status == 1


def test_what_lasts_needs_systemd_and_says_so(login: Login) -> None:
    given = {"argv": ("/bin/true",)}
    with pytest.raises(CannotAct, match="there is no systemd on this host"):
        ACTIONS["command"].prepare(login.target(), given, login.connect)


def test_a_diagnosis_asks_for_what_there_is(login: Login) -> None:
    diagnose = ACTIONS["diagnose"]
    with contextlib.closing(diagnose.prepare(login.target(), {}, login.connect)) as prepared:
        result = prepared.start(Leave("hikeshi-1", 60, in_time))
    assert result.outcome is StepOutcome.DONE
    assert "system log" in result.detail
    assert "journal" not in result.detail
    assert login.sent[-1] == "sudo -n tail -n 1000 /var/log/messages"
