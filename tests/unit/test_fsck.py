"""What a file system check is asked, and what its exit statuses and its words mean."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_ssh import host_at
from hypothesis import given
from hypothesis import strategies as st

from domain.model import FileSystem, Rescue, Secret, SshAccess
from domain.procedure import StepOutcome
from remediation import ACTIONS, CannotAct
from remediation.checked import Checked, checked
from remediation.fsck import CHECKS, SCRIPT, _judge, well

ROOT_LOGIN = SshAccess("root", (), Secret("file", "/key"))
HOST = replace(host_at("192.0.2.1", 22, ()), rescue=Rescue("pxe", ROOT_LOGIN))
E2FSCK = """== /dev/vda: e2fsck -f -y
/dev/vda: clean
== /dev/vda: exit 0
== /dev/vdb: e2fsck -f -y
Pass 1: Checking inodes, blocks, and sizes
Inode 12 is a unknown file type with mode 00 but it looks like it is really a directory.
Fix? yes

Inode 9 has illegal block(s).  Clear? yes

Pass 2: Checking directory structure
Entry 'openssl.cnf' in / (2) has deleted/unused inode 304.  Clear? yes

Entry 'private' in / (2) has deleted/unused inode 305.  Clear? yes

Inode 31 (/certs/1e08bfd1.0) has invalid mode (0177777).
Clear? yes

Unattached inode 14
Connect to /lost+found? yes

Unattached zero-length inode 15.  Clear? yes

Inode bitmap differences:  -(304--305)
Fix? yes

/dev/vdb: ***** FILE SYSTEM WAS MODIFIED *****
/dev/vdb: 302/2048 files (0.7% non-contiguous), 2110/8192 blocks
== /dev/vdb: exit 1
"""
GOOD, BAD = FileSystem("/dev/vda", "ext4"), FileSystem("/dev/vdb", "ext4")


def test_the_record_says_what_was_repaired_and_lost() -> None:
    assert _judge([GOOD, BAD])(0, E2FSCK) == (
        StepOutcome.DONE,
        "/dev/vda (ext4): clean; /dev/vdb (ext4): 8 corrected, 3 inodes cleared, 2 directory entries lost, 1 put into lost+found",
    )


def test_what_was_lost_is_known_by_its_name() -> None:
    left = "== /dev/vdc: left alone: mounted, or nobody can tell\n"
    good, bad, alone = checked(E2FSCK + left)
    assert good == Checked("/dev/vda", 0)
    assert bad == Checked("/dev/vdb", 1, corrected=8, cleared=3, lost=("/openssl.cnf", "/private"), found=1)
    assert (alone.device, alone.status) == ("/dev/vdc", None)
    assert [well(item, "ext4") for item in (good, bad, alone, replace(bad, status=4))] == [True, True, False, False]


def test_what_could_not_be_repaired_has_failed() -> None:
    output = E2FSCK.replace("/dev/vdb: exit 1", "/dev/vdb: exit 4")
    outcome, detail = _judge([GOOD, BAD])(4, output)
    assert outcome is StepOutcome.FAILED
    assert "/dev/vdb (ext4): exit status 4, errors were left (8 corrected, " in detail


def test_only_the_end_of_a_long_output_is_there() -> None:
    outcome, detail = _judge([BAD])(0, E2FSCK.partition("Pass 2")[2])
    assert (outcome, detail.partition(":")[0]) == (StepOutcome.DONE, "/dev/vdb (ext4)")


@given(st.integers(0, 255), st.text())
def test_the_exit_status_alone_says_whether_all_is_well(status: int, output: str) -> None:
    outcome, detail = _judge([GOOD])(status, output)
    assert (outcome is StepOutcome.DONE) == (status == 0)
    assert detail


def test_a_dirty_log_of_xfs_is_left_to_a_person() -> None:
    assert not any("-L" in check.command for check in CHECKS.values())
    outcome, detail = _judge([FileSystem("/dev/vdb", "xfs")])(4, "== /dev/vdb: xfs_repair\n== /dev/vdb: exit 2\n")
    assert outcome is StepOutcome.FAILED
    assert detail.endswith("exit status 2, not repaired; 2: its log must be replayed by mounting it")


@pytest.mark.parametrize(
    ("statuses", "exit_status"),
    [({"a": 0, "b": 1}, 0), ({"a": 4, "b": 0}, 4), ({"a": 1, "b": 8}, 4), ({"a": 0, "b": 127}, 4), ({}, 0)],
)
def test_one_after_the_other_is_checked_whatever_became_of_the_one_before(
    tmp_path: Path, statuses: dict[str, int], exit_status: int
) -> None:
    (tmp_path / "check").write_text(
        '#!/bin/sh\ncase "$2" in ' + "".join(f"*{k}) exit {v};; " for k, v in statuses.items()) + "esac\n"
    )
    (tmp_path / "findmnt").write_text("#!/bin/sh\nexit 1\n")
    for program in tmp_path.iterdir():
        program.chmod(0o755)
    words = [word for name in statuses for word in (f"/dev/{name}", "check -y", "0 1")]
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "fsck", *words], env={"PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_status
    assert done.stdout.splitlines() == [
        line for name, code in statuses.items() for line in (f"== /dev/{name}: check -y", f"== /dev/{name}: exit {code}")
    ]


@pytest.mark.parametrize("findmnt", ["exit 0", "exit 2", "exit 127"])
def test_nothing_is_checked_of_which_nobody_can_tell_that_it_is_not_mounted(tmp_path: Path, findmnt: str) -> None:
    (tmp_path / "findmnt").write_text(f"#!/bin/sh\n{findmnt}\n")
    (tmp_path / "findmnt").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "fsck", "/dev/vdb", f"touch {tmp_path}/checked", "0"],
        env={"PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (8, "== /dev/vdb: left alone: mounted, or nobody can tell\n")
    assert not (tmp_path / "checked").exists()


def test_a_dry_run_says_which_ones_and_how() -> None:
    host = replace(HOST, filesystems=(BAD, FileSystem("/dev/vdc1", "xfs")))
    _, begun, *_ = ACTIONS["fsck"].describe(host, {}, None)
    assert shlex.split(begun)[:3] == ["systemd-run", "--unit=hikeshi-ATTEMPT", "--remain-after-exit"]
    assert shlex.split(begun)[7:] == ["/dev/vdb", "e2fsck -f -y", "0 1 2", "/dev/vdc1", "xfs_repair", "0"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rescue": None}, "the inventory names no rescue system"),
        ({"filesystems": (FileSystem("/dev/vdb", "zfs"),)}, r"/dev/vdb \(zfs\) is none that can be checked"),
        ({"filesystems": (FileSystem("-y", "ext4"),)}, r"-y \(ext4\) is none that can be checked"),
        ({"filesystems": (FileSystem("/dev/vdb; reboot", "ext4"),)}, "is none that can be checked"),
    ],
)
def test_what_can_not_be_checked_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(CannotAct, match=why):
        ACTIONS["fsck"].describe(replace(HOST, **changes), {}, None)  # type: ignore[arg-type]
