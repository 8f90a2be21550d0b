"""The command that a host runs for ``logfile`` reads each line once, rotation included (C26)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parents[2] / "docs" / "check_logfile.py"


class Log:
    """A log in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.path, self._state = folder / "app.log", folder / "state"
        self.path.write_text("an old ERROR\n")
        assert self.read() == (0, "OK: no new line with ERROR")

    def says(self, *lines: str) -> None:
        with self.path.open("a", encoding="utf-8") as log:
            log.writelines(line + "\n" for line in lines)

    def read(self, again_s: str = "0") -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-I", str(COMMAND), str(self.path), "ERROR", str(self._state), again_s],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    def since(self) -> str:
        """From when on it counts how long the same is told."""
        return self._state.read_text().split()[0]


NONE = (0, "OK: no new line with ERROR")


def found(count: int, first: str) -> tuple[int, str]:
    return 2, f"CRITICAL: {count} new with ERROR: {first}"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_each_line_is_read_once(log: Log) -> None:
    assert log.read() == NONE
    log.says("fine", "ERROR one", "ERROR two")
    assert log.read() == found(2, "ERROR one")
    assert log.read() == NONE
    log.says("ERROR three")
    assert log.read() == found(1, "ERROR three")


def test_who_asks_again_soon_is_told_the_same_once_more(log: Log) -> None:
    """And what came meanwhile; later it is over, however often it was asked."""
    log.says("ERROR one")
    assert log.read() == found(1, "ERROR one")
    since = log.since()
    for _ in range(2):
        assert log.read("600") == found(1, "ERROR one")
    log.says("ERROR two")
    assert log.read("600") == found(2, "ERROR one")
    assert log.since() == since
    assert log.read() == NONE


def test_a_line_that_is_still_written_is_left_for_the_next_time(log: Log) -> None:
    with log.path.open("a") as half:
        half.write("an ERR")
        half.flush()
        assert log.read() == NONE
        half.write("OR\n")
    assert log.read() == found(1, "an ERROR")


def test_what_was_written_before_a_renaming_is_read_too(log: Log) -> None:
    log.says("ERROR before")
    log.path.rename(log.path.with_name("app.log.1"))
    log.says("ERROR after")
    assert log.read() == found(2, "ERROR before")
    assert log.read() == NONE


def test_two_renamings_between_two_looks(log: Log) -> None:
    log.says("ERROR first")
    log.path.rename(log.path.with_name("app.log.1"))
    log.says("ERROR second")
    log.path.with_name("app.log.1").rename(log.path.with_name("app.log.2"))
    log.path.rename(log.path.with_name("app.log.1"))
    log.says("ERROR third")
    assert log.read() == found(3, "ERROR first")
    assert log.read() == NONE


def test_what_was_copied_before_a_truncation_is_read_too(log: Log) -> None:
    log.says("ERROR before")
    shutil.copyfile(log.path, log.path.with_name("app.log.1"))
    log.path.write_text("")
    log.says("ERROR")
    assert log.read() == found(2, "ERROR before")
    assert log.read() == NONE


def test_lines_that_are_gone_are_told(log: Log) -> None:
    log.says("ERROR before")
    log.path.unlink()
    log.path.with_name("app.log.1.gz").write_bytes(b"packed")
    log.path.with_name("app.log.2").write_text("another ERROR\n")
    log.says("fine")
    assert log.read() == (3, "UNKNOWN: lines that came since the last time may be lost")
    assert log.read() == NONE


def test_a_damaged_state_is_told_once(log: Log) -> None:
    log.path.with_name("state").write_text("1795302852.8 77")
    assert log.read() == (3, "UNKNOWN: lines that came since the last time may be lost")
    assert log.read() == NONE


def test_bytes_of_any_sort_are_no_trouble(log: Log) -> None:
    with log.path.open("ab") as raw:
        raw.write(b"\xff\0 ERROR \xe9\n")
    assert log.read()[0] == 2


def test_what_can_t_be_read_is_not_judged(log: Log) -> None:
    log.path.unlink()
    code, said = log.read()
    assert code == 3
    assert said.startswith("UNKNOWN: [Errno 2]")
