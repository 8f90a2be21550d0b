"""``hikeshi up``: everything starts, is kept running, and ends together; what is in the way is said before anything starts."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from local import Door, Local, alive, body, family, inventory, up

from hikeshi.exits import Exit

ROLES = {"engine", "hands", "ingress", "sealer", "watcher"}


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """Nothing was begun yet: not even a state folder."""
    door = Door()
    door.open()
    made = Local(tmp_path, inventory({"web01": door.port}))
    made.settings.home.rmdir()
    made.sink.start()
    yield made
    made.__exit__()
    door.shut()


def role(process: psutil.Process) -> str:
    try:
        return process.cmdline()[-1]
    except (psutil.NoSuchProcess, IndexError):
        return ""


def children(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    return {role(one): one for one in family(process.pid) if role(one) in ROLES}


def another(process: "subprocess.Popen[str]", before: int) -> bool:
    return any(name == "ingress" and one.pid != before for name, one in children(process).items())


def wait(what: str, true: Callable[[], object], patience_s: float = 40.0) -> None:
    give_up_s = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.05)


def settled(local: Local, process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Everything started, and all checks seen."""
    wait("a store", (local.settings.home / "hikeshi.db").exists)
    wait("all processes", lambda: set(children(process)) == ROLES)
    wait("all checks", lambda: process.poll() is None and local.all_up())
    return family(process.pid)


def ended(process: "subprocess.Popen[str]", within_s: float = 40.0) -> tuple[int, str]:
    output, _ = process.communicate(timeout=within_s)
    return process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly(local: Local, number: signal.Signals) -> None:
    with up(local) as process:
        everything = settled(local, process)
        local.context.close()
        process.send_signal(number)
        code, output = ended(process)
        assert (code, output.splitlines()[-1]) == (Exit.OK, "hikeshi: ended")
        assert alive(everything) == []
    assert "killed" not in output
    assert sorted(path.name for path in local.settings.home.glob("hikeshi.db*")) == ["hikeshi.db"], "closed by all"
    assert not (local.settings.home / "hikeshi.db-wal").exists()


def test_what_it_leaves_is_for_its_owner_only(local: Local) -> None:
    before = os.umask(0)  # of whoever starts it
    try:
        with up(local) as process:
            settled(local, process)
            process.terminate()
            ended(process)
    finally:
        os.umask(before)
    home = local.settings.home
    modes = {str(path.relative_to(home)): path.stat().st_mode & 0o777 for path in (home, *home.rglob("*"))}
    assert {"log/engine.log", "hikeshi.db", "up.lock", "prefect/credential"} <= modes.keys()
    wrong = {name: oct(mode) for name, mode in modes.items() if mode != (0o700 if (home / name).is_dir() else 0o600)}
    assert wrong == {}


def test_takes_its_processes_with_it_when_it_is_killed(local: Local) -> None:
    with up(local) as process:
        everything = settled(local, process)
        process.kill()
        process.wait()
        wait("the children's end", lambda: alive(everything) == [])


def test_a_killed_process_is_started_again_later_each_time(local: Local) -> None:
    with up(local) as process:
        settled(local, process)
        for _ in range(2):
            before = children(process)["ingress"].pid
            os.kill(before, signal.SIGKILL)
            wait("another", partial(another, process, before))
        process.terminate()
        _, output = ended(process)
    told = [line.split("; ")[1].split(" (see")[0] for line in output.splitlines() if "ingress ended with -9" in line]
    assert told == ["started again in 0.5 s", "started again in 1 s"]


def test_there_is_one_at_a_time(local: Local) -> None:
    with up(local) as process:
        wait("the first", (local.settings.home / "up.lock").exists)
        wait("its processes", lambda: children(process))
        second = local.command("up", str(local.inventory), "--no-prefect")
        assert second.returncode == Exit.REFUSED
        assert second.stderr.startswith(f"hikeshi: hikeshi is already up in {local.settings.home}; end that one first")
        assert process.poll() is None


def test_may_be_ended_before_it_has_begun(local: Local) -> None:
    with up(local) as process:
        wait("the preparation", lambda: [one for one in family(process.pid) if role(one) == "prepare"])
        process.send_signal(signal.SIGINT)
        code, output = ended(process)
    assert (code, "Traceback" in output) == (Exit.OK, False)
    assert family(process.pid) == []


class TestNothingStarts:
    def test_with_a_bad_first_inventory(self, local: Local) -> None:
        local.write_text("brand: {name: B, sender: nobody}\nhosts: {web01: {custmer: shop}}\n")
        done = local.command("up", str(local.inventory), "--no-prefect")
        assert done.returncode == Exit.BAD_INPUT
        assert done.stderr == local.command("check", str(local.inventory)).stderr
        assert len(done.stderr.splitlines()) > 3
        assert not list((local.settings.home / "log").iterdir())

    def test_with_a_first_inventory_that_cannot_be_read(self, local: Local) -> None:
        (local.inventory / "b.yaml").symlink_to("b.yaml")
        done = local.command("up", str(local.inventory), "--no-prefect")
        wrong = f"{local.inventory}/b.yaml: cannot be read (not a regular file), would be right: "
        assert (done.returncode, done.stderr.startswith(wrong)) == (Exit.BAD_INPUT, True)
        assert len(done.stderr.splitlines()) == 1

    def test_without_an_inventory(self, local: Local) -> None:
        done = local.command("up", "/nowhere", "--no-prefect")
        assert (done.returncode, done.stderr.splitlines()[0].startswith("/nowhere: is no folder")) == (Exit.BAD_INPUT, True)

    def test_when_a_port_is_taken(self, local: Local) -> None:
        port = local.settings.ingress_port
        with socket.create_server(("127.0.0.1", port)):
            done = local.command("up", str(local.inventory), "--no-prefect")
        assert done.returncode == Exit.REFUSED
        assert done.stderr == (
            f"hikeshi: 127.0.0.1 port {port} can't be listened on (Address already in use); end what has it, "
            "or choose another with HIKESHI_INGRESS_PORT\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = local.command("up", str(local.inventory), HIKESHI_PREFECT_PORT=str(port))
        assert (done.returncode, f"port {port} can't be listened on" in done.stderr) == (Exit.REFUSED, True)
        assert "HIKESHI_PREFECT_PORT" in done.stderr

    def test_in_a_folder_that_others_live_in(self, local: Local, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir(mode=0o755)
        (shared / "somebody's").write_text("")
        done = local.command("--home", str(shared), "up", str(local.inventory), "--no-prefect")
        assert (done.returncode, "it is open to others and not empty" in done.stderr) == (Exit.REFUSED, True)
        assert shared.stat().st_mode & 0o777 == 0o755, "left as it was"

    def test_in_no_folder_at_all(self, local: Local, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = local.command("--home", str(tmp_path / "file"), "up", str(local.inventory), "--no-prefect")
        assert (done.returncode, "Traceback" in done.stderr) == (Exit.REFUSED, False)


def test_a_changed_inventory_is_taken_and_a_bad_one_is_refused(local: Local) -> None:
    """At SIGHUP, and when a file changes; `up` with a bad inventory goes on with the accepted one. Each bad one is told once."""
    good = local.tree
    with up(local) as process:
        settled(local, process)
        first = local.version()
        local.write(good | {"automation": "shadow"})
        process.send_signal(signal.SIGHUP)
        wait("the new version", lambda: local.version() != first)
        local.write_text("brand: {name: B, sender: nobody}\n")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        wait("a notice", lambda: local.mails("first"))
        process.terminate()
        ended(process)
    with up(local) as process:
        settled(local, process)
        wait("the refusal", lambda: "is refused, the accepted one goes on holding" in local.up_log("engine"))
        notices = [mail for mail in local.mails("first") if "[Notice]" in str(mail["Subject"])]
        assert len(notices) == 1
        assert "all.yaml:1: brand.sender: is no mail address" in body(notices[0])
        local.write(good)
        wait("the good version again", lambda: local.version() == first)
        process.terminate()
        assert ended(process)[0] == Exit.OK
    assert local.codes()["inventory_refused"] == 1
