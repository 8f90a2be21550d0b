"""The command line where things are not as they should be: every command answers in words, with its documented exit code, and
never with a traceback."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local import Door, Local, host, inventory
from world import TESTS

from domain.events import HoldSet
from engine.inventory_source import InventorySource
from hikeshi.exits import Exit
from store import inbox

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
READING = (
    ("status",),
    ("status", "web01"),
    ("findings", "web01"),
    ("incidents",),
    ("explain", "web01"),
    ("sudoers", "web01"),
    ("discover", "web01"),
    ("run", "restart-service", "web01", "--dry-run"),
    ("runbook", "list"),
    ("runbook", "show", "restart-service"),
)
ASKING = (
    ("ack", "INC-000001"),
    ("note", "INC-000001", "looked at it"),
    ("hold", "web01"),
    ("release", "web01"),
    ("pause", "--host", "web01"),
    ("pause", "--cancel", "pause-1"),
    ("run", "restart-service", "web01"),
    ("runbook", "approve", "restart-service"),
    ("runbook", "revoke", "restart-service"),
    ("runbook", "raise", "restart-service", "--customer", "shop"),
)
COMMANDS = [*READING, *ASKING]


def name(arguments: tuple[str, ...]) -> str:
    return " ".join(arguments)


def said(done: "subprocess.CompletedProcess[str]", code: Exit, *words: str) -> None:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """An accepted inventory and no process."""
    with Local(tmp_path, inventory({"web01": Door().port})) as made:
        assert isinstance(made, Local)
        InventorySource(made.context, made.inventory).start()
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Local]:
    """A home in which nothing was begun yet."""
    (tmp_path / "fresh").mkdir()
    made = Local(tmp_path / "fresh", inventory({"web01": Door().port}))
    made.sink.start()
    yield made
    made.__exit__()


SEEN = {"main": {"anchors": ["127.0.0.1"]}}


class TestCheck:
    def test_a_good_inventory(self, local: Local) -> None:
        done = local.command("check", str(local.inventory))
        assert (done.returncode, done.stderr) == (Exit.OK, "")
        assert done.stdout.startswith("good: 1 customer, 1 host, 1 check; version ")
        found = json.loads(local.command("check", str(local.inventory), "--json").stdout)
        assert sorted(found) == ["checks", "customers", "hosts", "modes", "ok", "version", "warnings"]

    def test_what_a_runbook_could_not_do_there_is_said(self, local: Local) -> None:
        tree = local.tree
        tree["segments"] = SEEN
        tree["hosts"]["web01"]["procedures"] = {"server": "leave-rescue"}
        local.write(tree)
        done = local.quick("check", str(local.inventory))
        line = "hosts.web01: leave-rescue: disk: not possible: the inventory names no power control of web01"
        assert (done.returncode, done.stdout.splitlines()[2:]) == (Exit.OK, [f"! {line}"])
        assert json.loads(local.quick("check", str(local.inventory), "--json").stdout)["warnings"] == [line]

    def test_a_segment_without_anchors_is_said(self, local: Local) -> None:  # C52
        tree = local.tree
        tree["segments"] = SEEN | {"dmz": {"watcher": "dmz"}, "empty": {"watcher": "dmz"}}
        tree["hosts"]["web02"] = {**tree["hosts"]["web01"], "segment": "dmz"}
        local.write(tree)
        line = "segments.dmz: no anchors: when the watcher's own network fails, every host there seems to (C52)"
        assert json.loads(local.quick("check", str(local.inventory), "--json").stdout)["warnings"] == [line]

    def test_the_mode_that_counts_is_said_of_each_customer(self, local: Local) -> None:
        tree = local.tree
        tree["segments"] = SEEN
        tree["automation"] = "on"
        tree["customers"]["careful"] = {**tree["customers"]["shop"], "automation": "shadow"}
        tree["customers"]["new"] = tree["customers"]["shop"]
        tree["hosts"]["web02"] = {**tree["hosts"]["web01"], "automation": "off"}
        tree["hosts"]["web03"] = {**tree["hosts"]["web01"], "customer": "careful"}
        local.write(tree)
        said_of_all = "hosts by the mode that counts: careful 1 shadow; new no hosts; shop 1 off, 1 on\n"
        assert local.command("check", str(local.inventory)).stdout.endswith(said_of_all)
        InventorySource(local.context, local.inventory).start()
        assert said_of_all in local.command("status").stdout
        modes = {"careful": {"shadow": 1}, "new": {}, "shop": {"off": 1, "on": 1}}
        assert json.loads(local.command("status", "--json").stdout)["modes"] == modes

    def test_only_a_watcher_that_a_segment_names_is_run_beside_up(self, local: Local) -> None:  # C51
        own = local.quick("watcher", "watcher")
        assert (own.returncode, own.stderr) == (
            Exit.USAGE, "hikeshi: hikeshi up runs watcher itself; would be right: another segment's\n",
        )  # fmt: skip
        local.context.store.migrate()
        assert "would be right: segments in the inventory that hikeshi up has accepted" in local.quick("watcher", "dmz").stderr
        local.write(local.tree | {"segments": SEEN | {"dmz": {"watcher": "dmz"}}})
        InventorySource(local.context, local.inventory).start()
        assert "no segment names a watcher 'dnz'; would be right: one of dmz" in local.quick("watcher", "dnz").stderr
        assert "dmz" not in local.quick("status").stdout, "it has no host to look at yet"

    def test_all_mistakes_of_a_bad_one(self, local: Local) -> None:
        local.write_text("brand: {name: B, sender: nobody}\nhosts: {web01: {custmer: shop}}\n")
        done = local.command("check", str(local.inventory))
        said(done, Exit.BAD_INPUT, "all.yaml:1: brand.sender: is no mail address", 'did you mean "customer"?')
        found = json.loads(local.command("check", str(local.inventory), "--json").stdout)
        assert sorted(found) == ["mistakes", "ok"]
        assert found["mistakes"] == done.stderr.splitlines()

    def test_secrets_that_cannot_be_had_are_said_and_never_shown(self, local: Local, tmp_path: Path) -> None:
        missing, open_ = tmp_path / "no-key", tmp_path / "key"
        open_.write_text("hush")
        open_.chmod(0o644)
        ssh = {"user": "hikeshi", "host_keys": [HOST_KEY], "identity": {"file": str(missing)}}
        tree = local.tree
        tree["segments"] = SEEN
        tree["hosts"]["web01"]["ssh"] = ssh
        tree["hosts"]["web02"] = {**tree["hosts"]["web01"]}
        tree["hosts"]["web03"] = {**tree["hosts"]["web01"], "ssh": {**ssh, "identity": {"file": str(open_)}}}
        tree["operators"]["first"]["webhook"] = {"env": "CHAT_HOOK"}
        local.write(tree)
        files = [
            f"hosts.web01.ssh.identity and 1 more: file {missing}: No such file or directory",
            f"hosts.web03.ssh.identity: file {open_} is open to everybody (mode 0644); chmod o= {open_}",
        ]
        variable = "operators.first.webhook: environment variable CHAT_HOOK is not set here; set it and start `hikeshi up` again"
        done = local.quick("check", str(local.inventory))
        assert done.returncode == Exit.OK
        assert done.stdout.splitlines()[2:] == [f"! {line}" for line in [*files, variable]]
        found = json.loads(local.quick("check", str(local.inventory), "--json", CHAT_HOOK="https://chat.example/hush").stdout)
        assert (found["ok"], found["warnings"]) == (True, files)
        InventorySource(local.context, local.inventory).start()
        assert json.loads(local.quick("status", "--json").stdout)["unreadable"] == files, "up's variables are not seen from here"
        status = local.quick("status").stdout
        assert f"! {files[0]}\n! {files[1]}\n" in status
        assert "hush" not in status + done.stdout

    def test_no_folder(self, local: Local) -> None:
        said(local.command("check", "/nowhere"), Exit.BAD_INPUT, "/nowhere: is no folder")

    @pytest.mark.parametrize("below", [False, True], ids=["the folder", "a folder below"])
    def test_a_folder_that_this_user_may_not_read(self, local: Local, tmp_path: Path, *, below: bool) -> None:
        """What it may hold is not taken for nothing: its hosts would be watched no more."""
        closed = (local.inventory if below else tmp_path) / "closed"
        closed.mkdir(mode=0)
        argv = [sys.executable, "-m", "hikeshi", "check", str(local.inventory if below else closed)]
        if os.geteuid() == 0:
            argv = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *argv]  # root, but the modes hold for it
        done = subprocess.run(argv, cwd=TESTS.parent, capture_output=True, text=True, check=False)
        said(done, Exit.BAD_INPUT, f"{closed}: cannot be read (", "this user may read")
        assert len(done.stderr.splitlines()) == 1


class TestWithoutAStore:
    @pytest.mark.parametrize("command", COMMANDS, ids=name)
    def test_nothing_was_begun(self, fresh: Local, command: tuple[str, ...]) -> None:
        said(fresh.quick(*command), Exit.NO_STORE, "there is no store", "`hikeshi up` creates it")

    @pytest.mark.parametrize("command", COMMANDS, ids=name)
    def test_it_is_no_database(self, fresh: Local, command: tuple[str, ...]) -> None:
        (fresh.settings.home / "hikeshi.db").write_bytes(b"no database at all" * 100)
        said(fresh.quick(*command), Exit.NO_STORE, "the store can't be used", "not a database")

    @pytest.mark.parametrize("command", [("status",), ("hold", "web01"), ("up", "inventory", "--no-prefect")], ids=name)
    def test_it_is_of_a_later_version(self, local: Local, command: tuple[str, ...]) -> None:
        local.context.close()
        with sqlite3.connect(local.settings.home / "hikeshi.db") as store:
            store.execute("UPDATE alembic_version SET version_num = '9999'")
        arguments = [str(local.inventory) if argument == "inventory" else argument for argument in command]
        said(local.command(*arguments), Exit.NO_STORE, "the store's schema is 9999", "a later hikeshi")

    @pytest.mark.parametrize("command", COMMANDS, ids=name)
    def test_its_server_is_away(self, local: Local, command: tuple[str, ...]) -> None:
        url = "postgresql+psycopg://hikeshi:secret-of-the-url@127.0.0.1:1/hikeshi"
        done = local.quick(*command, HIKESHI_STORE_URL=url)
        said(done, Exit.NO_STORE, "the store can't be used", "port 1")
        assert "secret-of-the-url" not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        "url", ["mysql://root:hush@db/x", "postgresql+psycopg://root:hush@db:port/x", "postgresql+psycopg://root:hush@db/x?no=1"]
    )
    def test_its_url_is_wrong(self, local: Local, url: str) -> None:
        done = local.quick("status", HIKESHI_STORE_URL=url)
        said(done, Exit.BAD_INPUT, "HIKESHI_STORE_URL: ", "would be right: sqlite:///")
        assert "hush" not in done.stderr


class TestWithoutAnInventory:
    @pytest.mark.parametrize("command", [*ASKING[2:], *READING[5:]], ids=name)
    def test_nothing_can_be_asked_for(self, fresh: Local, command: tuple[str, ...]) -> None:
        fresh.context.store.migrate()
        said(fresh.quick(*command), Exit.BAD_INPUT, "no inventory has been accepted yet")

    def test_status_says_what_is_missing(self, fresh: Local) -> None:
        fresh.context.store.migrate()
        done = fresh.quick("status")
        assert done.returncode == Exit.OK
        assert done.stdout.startswith("no inventory accepted yet")
        assert "None" not in done.stdout
        assert "no engine is running" in done.stdout
        assert "nothing is watched" in done.stdout


def test_discover_needs_to_know_how_the_agent_is_asked(local: Local) -> None:
    said(local.quick("discover", "web01"), Exit.BAD_INPUT, "web01 has no snmp in the inventory")


def test_status_counts_what_was_set_aside(local: Local) -> None:
    assert json.loads(local.quick("status", "--json").stdout)["set_aside"] == 0
    assert "set aside" not in local.quick("status").stdout
    with local.context.store.write() as session:
        inbox.insert(session, HoldSet(id="h", at_s=0.0, host=None, by="first"))
        inbox.set_aside(session, 1, "KeyError: 'x'")
    assert json.loads(local.quick("status", "--json").stdout)["set_aside"] == 1
    assert "could not be decided: 1 (hikeshi explain)" in local.quick("status").stdout


@pytest.mark.parametrize("command", [*COMMANDS, ("backup", "copy"), ("release", "--all")], ids=name)
def test_a_setting_that_cannot_be_read(local: Local, command: tuple[str, ...]) -> None:
    wrong = {"SMTP_PORT": "0", "ZONE": "Mars/Base", "LEASE_S": "1 h", "PREFECT": "maybe", "SMPT_HOST": "mail.example"}
    done = local.quick(*command, **{f"HIKESHI_{name}": value for name, value in wrong.items()})
    assert (done.returncode, done.stderr.splitlines()) == (
        Exit.BAD_INPUT,
        [
            'hikeshi: HIKESHI_ZONE: must be a time zone such as Asia/Tokyo or UTC (got "Mars/Base")',
            'HIKESHI_SMTP_PORT: must be a whole number from 1 to 65535 (got "0")',
            'HIKESHI_PREFECT: must be true or false (got "maybe")',
            'HIKESHI_LEASE_S: must be a number from 1 to 900 (got "1 h")',
            "HIKESHI_SMPT_HOST: is no setting, did you mean HIKESHI_SMTP_HOST?",
        ],
    )


class TestNames:
    """Each wrong name is told with the right ones."""

    @pytest.mark.parametrize(
        ("command", "wrong"),
        [
            (("hold", "web02"), "host 'web02' is not in the inventory; would be right: web01"),
            (("hold", "web01", "--by", "frist"), "operator 'frist' is not in the inventory; would be right: first, second"),
            (("release", "web01", "--by", "frist"), "operator 'frist'"),
            (("ack", "INC-1"), "there is no incident 'INC-1'; the newest are: none yet"),
            (("note", "INC-1", "x"), "there is no incident 'INC-1'"),
            (("pause", "--host", "web02"), "host 'web02'"),
            (("pause", "--customer", "shpo"), "customer 'shpo' is not in the inventory; would be right: shop"),
            (("pause", "--check", "web01/shs"), "check 'web01/shs' is not in the inventory; would be right: web01/ssh"),
            (("pause", "--host", "web01", "--by", "frist"), "operator 'frist'"),
            (("pause", "--host", "web01", "--start", "tomorrow"), "must be a local time like 2026-01-31T22:00"),
            (("pause", "--host", "web01", "--start", "2026-11-31T03:00"), "that day does not exist"),
            (("pause", "--host", "web01", "--start", "2026-11-30T25:00"), "must be a local time like 2026-01-31T22:00"),
            (("pause", "--host", "web01", "--start", "2040-01-01T00:00+09:00"), "leave the offset out"),
            (
                ("pause", "--host", "web01", "--start", "0001-01-01T00:00", "--repeat", "daily"),
                "in the years 2000 to 2099",
            ),
            (("pause", "--host", "web01", "--start", "2020-01-01T00:00"), "is over already"),
            (("pause", "--host", "web01", "--repeat", "daily", "--minutes", "1440"), "would never end, must be below 1440 min"),
            (("pause", "--cancel", "pause-1"), "there is no pause 'pause-1' to cancel; would be right: none there"),
            (("run", "restart", "web01"), "runbook 'restart' does not exist; would be right: first-line, leave-rescue, reboot, "),
            (("run", "restart", "web01", "--dry-run"), "runbook 'restart'"),
            (("run", "restart-service", "web02", "--dry-run"), "host 'web02'"),
            (
                ("run", "restart-service", "web01", "--service", "nginx", "--dry-run"),
                "service 'nginx' is none that a check of web01 names",
            ),
            (("run", "restart-service", "web01", "-m", "x" * 501), "the reason is 501 characters long, must be at most 500"),
            (("explain", "web02"), "'web02' is neither an incident nor a host of the inventory"),
            (("incidents", "--host", "web02"), "host 'web02' is not in the inventory"),
            (("sudoers", "web02"), "host 'web02'"),
            (("sudoers", "web01"), "web01 has no ssh access, so no rules are needed"),
        ],
        ids=lambda value: name(value) if isinstance(value, tuple) else "",
    )
    def test_a_wrong_one(self, local: Local, command: tuple[str, ...], wrong: str) -> None:
        said(local.quick(*command), Exit.BAD_INPUT, wrong)

    @pytest.mark.parametrize(
        "command",
        [
            ("hold",),
            ("hold", "web01", "--all"),
            ("release",),
            ("pause",),
            ("pause", "--host", "web01", "--customer", "shop"),
            ("pause", "--host", "web01", "--repeat", "yearly"),
            ("pause", "--host", "web01", "--minutes", "0"),
            ("explain", "web01", "--lang", "fr"),
            ("explain", "web01", "more"),
            ("ack",),
            ("no-such-command",),
        ],
        ids=name,
    )
    def test_a_wrong_command_line(self, local: Local, command: tuple[str, ...]) -> None:
        said(local.quick(*command), Exit.USAGE)

    def test_nobody_in_particular(self, local: Local) -> None:
        for command in (("hold", "web01"), ("release", "web01"), ("release", "--all"), ("run", "restart-service", "web01")):
            said(local.quick(*command, by=""), Exit.USAGE, "say who you are: --by OPERATOR")
        said(local.quick("ack", "INC-000001", by=""), Exit.USAGE, "--by")


def test_sudo_rules_of_a_host(local: Local) -> None:
    tree = local.tree
    tree["hosts"]["web02"] = {
        **host(22),
        "checks": {"http": {"url": "/", "service": "nginx"}},
        "ssh": {"user": "hikeshi", "host_keys": [HOST_KEY], "identity": {"env": "KEY"}},
        "procedures": {"service": "restart-service"},
    }
    local.write(tree)
    InventorySource(local.context, local.inventory).start()
    done = local.command("sudoers", "web02")
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert "    /usr/bin/systemctl restart nginx.service\n" in done.stdout
    assert done.stdout.endswith("hikeshi ALL=(root) NOPASSWD: HIKESHI\n")
    found = json.loads(local.command("sudoers", "web02", "--json").stdout)
    assert found == {"host": "web02", "file": "/etc/sudoers.d/hikeshi", "rules": done.stdout}


class TestHoldAll:
    def test_works_without_anything(self, fresh: Local) -> None:
        done = fresh.command("hold", "--all", "-m", "what is\ngoing on?", by="")
        said(done, Exit.OK, "say who you are")
        [line] = fresh.settings.stop_file.read_text().splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ \(login\): what is going on\?", line)
        done = fresh.command("release", "--all")
        assert (done.returncode, done.stdout) == (Exit.OK, f"{fresh.settings.stop_file} is gone\n")
        assert "no record of that could be left" in done.stderr
        said(fresh.command("release", "--all"), Exit.NO_STORE, "there is no store")

    def test_works_with_a_broken_store_and_broken_settings(self, fresh: Local) -> None:
        (fresh.settings.home / "hikeshi.db").write_bytes(b"no database at all" * 100)
        broken = {"HIKESHI_SMTP_PORT": "none"}
        assert fresh.command("hold", "--all", **broken).returncode == Exit.OK
        assert fresh.settings.stop_file.exists()
        done = fresh.command("release", "--all")
        assert done.returncode == Exit.OK
        assert "no record of that could be left" in done.stderr
        assert not fresh.settings.stop_file.exists()

    def test_works_in_a_home_that_is_not_there_yet(self, fresh: Local, tmp_path: Path) -> None:
        home = tmp_path / "elsewhere" / "state"
        assert fresh.command("--home", str(home), "hold", "--all").returncode == Exit.OK
        assert (home / "STOP").exists()
        assert (home.stat().st_mode & 0o777, (home / "STOP").stat().st_mode & 0o777) == (0o700, 0o600)

    def test_a_home_that_cannot_be(self, fresh: Local, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = fresh.command("--home", str(tmp_path / "file" / "state"), "hold", "--all")
        said(done, Exit.REFUSED, "Not a directory")

    def test_stands_in_status_with_its_reason(self, local: Local) -> None:
        local.command("hold", "--all", "-m", "flood")
        local.command("hold", "--all", "-m", "and fire", by="second")
        [line] = json.loads(local.command("status", "--json").stdout)["stopped"]
        assert re.search(r"\(\S+Z first: flood; \S+Z second: and fire\); hikeshi release --all", line)
        assert f"! {line}" in local.command("explain", "web01").stdout

    def test_there_is_none(self, local: Local) -> None:
        said(local.command("release", "--all"), Exit.REFUSED, "there is no hold on every host, so nothing was released")

    def test_a_release_by_nobody_known_leaves_it(self, local: Local) -> None:
        local.command("hold", "--all", "-m", "flood")
        said(local.quick("release", "--all", by="frist"), Exit.BAD_INPUT, "operator 'frist'")
        assert local.settings.stop_file.exists()

    def test_its_end_stands_in_the_record_with_its_beginning(self, local: Local) -> None:
        local.command("hold", "--all", "-m", "flood")
        local.start("engine")
        done = local.command("release", "--all", "-m", "dry again", by="second")
        assert (done.returncode, done.stderr) == (Exit.OK, "")
        assert not local.settings.stop_file.exists()
        [line] = [line for line in json.loads(local.command("explain", "--json").stdout) if line["code"] == "hold_released"]
        assert re.search(r"^second released .*\(dry again; stop file: \S+Z first: flood\)$", line["text"])
        assert line["text"] in done.stdout


class TestRefusedInventory:
    def test_stands_in_status_until_the_files_are_good_again(self, local: Local) -> None:
        source = InventorySource(local.context, local.inventory)
        source.start()
        good = next(local.inventory.glob("*.yaml")).read_text()
        local.write_text("brand: {name: B, sender: nobody}\nhosts: {web01: {custmer: shop}}\n")
        source.start()
        status = local.command("status").stdout
        assert re.search(rf"! inventory \w{{12}} in force; newer files refused since [-\d]+ [:\d]+ \+0900: \d+ mistakes, see: "
                         rf"hikeshi check {local.inventory}\n", status)  # fmt: skip
        found = json.loads(local.command("status", "--json").stdout)["refused"]
        assert found["mistakes"] == len(json.loads(local.command("check", str(local.inventory), "--json").stdout)["mistakes"])
        local.write_text(good)
        source.start()
        assert json.loads(local.command("status", "--json").stdout)["refused"] is None


class TestUnanswered:
    def test_what_is_asked_without_an_engine_waits_for_it(self, local: Local) -> None:
        done = local.command("hold", "web01", "-m", "careful")
        said(done, Exit.UNANSWERED, "it decides when it is back")
        local.start("engine")
        local.until("the hold", lambda: local.codes()["hold_set"] == 1)
        [line] = json.loads(local.command("status", "--json").stdout)["stopped"]
        assert re.fullmatch(r"hold on web01 by first since [-\d]+ [:\d]+ \+0900 \(careful\)", line)

    def test_what_is_not_held_is_not_released_and_what_waits_to_be_is(self, local: Local) -> None:
        said(local.quick("release", "web01"), Exit.REFUSED, "there is no hold on web01, so nothing was released")
        said(local.command("hold", "web01"), Exit.UNANSWERED)
        local.start("engine")
        assert local.command("release", "web01").returncode == Exit.OK
        said(local.command("release", "web01"), Exit.REFUSED, "there is no hold on web01")


class TestBackup:
    def test_there_and_back(self, local: Local, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        before = local.command("status", "--json").stdout
        done = local.command("backup", str(copy))
        assert (done.returncode, done.stdout) == (Exit.OK, f"{copy}: {copy.stat().st_size:,} bytes\n")
        assert copy.stat().st_mode & 0o777 == 0o600
        home = tmp_path / "another" / "home"
        done = local.command("--home", str(home), "restore", str(copy))
        assert (done.returncode, done.stderr) == (Exit.OK, "")
        assert (home / "hikeshi.db").stat().st_mode & 0o777 == 0o600
        after = local.command("--home", str(home), "status", "--json").stdout
        assert json.loads(after) == json.loads(before)

    def test_never_over_a_store_that_is_there(self, local: Local, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        local.command("backup", str(copy))
        said(local.command("restore", str(copy)), Exit.REFUSED, "there is a store already", "never overwrites one")
        assert local.command("status").returncode == Exit.OK

    def test_never_over_a_file_that_is_there(self, local: Local, tmp_path: Path) -> None:
        (tmp_path / "copy").write_text("yesterday's")
        said(local.command("backup", str(tmp_path / "copy")), Exit.REFUSED, "is there already; a backup overwrites nothing")
        assert (tmp_path / "copy").read_text() == "yesterday's"

    def test_what_is_no_backup(self, local: Local, tmp_path: Path) -> None:
        (tmp_path / "junk").write_text("junk")
        elsewhere = ("--home", str(tmp_path / "other"))
        said(local.command(*elsewhere, "restore", str(tmp_path / "junk")), Exit.REFUSED, "no whole backup")
        said(local.command(*elsewhere, "restore", str(tmp_path / "none")), Exit.REFUSED, "no backup of this name")

    def test_what_cannot_be_backed_up(self, fresh: Local, local: Local, tmp_path: Path) -> None:
        said(local.command("backup", str(tmp_path / "no" / "folder")), Exit.REFUSED, "No such file or directory")
        other = ("--home", str(tmp_path / "other"))
        said(local.command(*other, "backup", str(tmp_path / "copy")), Exit.NO_STORE, "there is no store to back up")
        local.context.close()
        (local.settings.home / "hikeshi.db").write_bytes(b"no database at all" * 100)
        said(local.command("backup", str(tmp_path / "copy")), Exit.NO_STORE, "not a database")
        assert not (tmp_path / "copy").exists()
