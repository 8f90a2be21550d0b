"""In CI a skipped test is a failure that says why; elsewhere it is a skip."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

SKIPS = """
import pytest

def test_passes():
    assert True

def test_skips():
    pytest.skip("no moon")

@pytest.mark.skip(reason="no sun")
def test_is_marked():
    assert True

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""
FILE_SKIPS = """
import pytest
pytest.skip("no stars", allow_module_level=True)
"""


def run(folder: Path, text: str, ci: str) -> str:
    (folder / "test_it.py").write_text(text)
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": ""}
    argv = [sys.executable, "-m", "pytest", "-p", "fixtures_ci", "-p", "no:cacheprovider", "-ra", str(folder)]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False).stdout


def test_a_skipped_test_fails_with_its_reason_in_ci(tmp_path: Path) -> None:
    output = run(tmp_path, SKIPS, "true")
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in output
    assert "nothing may be skipped in CI. Skipped: no moon" in output
    assert "nothing may be skipped in CI. Skipped: no sun" in output


def test_a_skipped_file_fails_with_its_reason_in_ci(tmp_path: Path) -> None:
    output = run(tmp_path, FILE_SKIPS, "true")
    assert "1 error" in output
    assert "nothing may be skipped in CI. Skipped: no stars" in output


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    assert "1 passed, 2 skipped, 1 xfailed" in run(tmp_path, SKIPS, "false")


def test_what_make_test_passes_over_is_what_make_proof_runs() -> None:
    root = TESTS.parent
    assert (root / ".ci/run").read_text().splitlines()[-1] == "CI=true exec make test"
    dry = subprocess.run(
        ["make", "--dry-run", "MAKE=:", "test", "proof"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    chosen = [line.partition(" -m pytest ")[2] for line in dry.splitlines() if " -m pytest " in line]
    assert [re.findall(r"(?<!\S)-m (?:\"([^\"]*)\"|(\S+))", line) for line in chosen] == [[("not proof", "")], [("", "proof")]]
