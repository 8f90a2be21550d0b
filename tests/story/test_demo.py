"""The demonstration, played as a user plays it: it judges itself, and exits 0 only if every expected thing, and nothing else,
happened."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = [sys.executable, "-m", "hikeshi", "demo"]


def play(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
    return subprocess.run(
        [*DEMO, *arguments],
        env={
            **environment,
            "HOME": str(home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser())),
        },
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


@pytest.mark.root
@pytest.mark.timeout(600)
def test_the_story_around_real_guests(tmp_path: Path) -> None:
    done = play(tmp_path, "--picture", str(tmp_path / "demo.svg"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every expected thing happened, and nothing else." in done.stdout
    assert "who did it: flow" in done.stdout
    assert re.search(r"power steps of the runbook, each once: reboot, rescue, disk$", done.stdout, re.MULTILINE)
    assert re.search(r"power orders, counted at the BMC: reset, off ×2, on ×2$", done.stdout, re.MULTILINE)
    assert "ACT 4" in (tmp_path / "demo.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert len(list((tmp_path / ".local/state/hikeshi-demo/mails").glob("*.eml"))) == 22


@pytest.mark.proof
def test_the_story_without_guests_says_so_and_holds_too(tmp_path: Path) -> None:
    done = play(tmp_path, "--plain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No guest here (--plain was asked for)" in done.stdout
    assert "ACT 4 needs guests" in done.stdout
    assert "Prefect UI  " not in done.stdout  # it has ended with the demo
    act = done.stdout.partition("ACT 2")[2].partition("ACT 3")[0]
    assert act.index("set the pause") < act.index("nginx is dead") < act.index("hikeshi explain INC-000002: ")
    [(argv, home)] = re.findall(r"^records     (\S+(?: -m hikeshi)?) --home (\S+) explain INC-000001$", done.stdout, re.MULTILINE)
    explained = subprocess.run(
        [*argv.split(), "--home", home, "explain", "INC-000001"], capture_output=True, text=True, check=False
    )
    assert "Why: INC-000001" in explained.stdout
    assert "Every expected thing happened, and nothing else." in done.stdout


@pytest.mark.parametrize(("options", "variable"), [(["--home", "mine"], {}), ([], {"HIKESHI_HOME": "/srv/mine"})])
def test_a_state_folder_that_it_would_not_use_is_refused(options: list[str], variable: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO[:-1], *options, *DEMO[-1:]],
        env={**os.environ, **variable, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be left out: the demo empties its folder and plays in it, which is always" in done.stderr
    assert list(tmp_path.iterdir()) == []
