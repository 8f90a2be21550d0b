"""Our packages have names of their own, and a wheel holds all that they read beside their code.

They lie at the top level because this is an application; so no other distribution may bring one of the same name.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bed import able

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
OURS = "hikeshi"

HOSTS = """
hosts:
  web01:
    label: web01
    customer: shop
    address: 192.0.2.10
    checks:
      ping: {}
      ssh: {}
"""

STORY = """
import sys
from importlib import resources
from pathlib import Path

import domain
from notify import text
from remediation import ACTIONS
from runbooks import load
from store.clock import SystemClock
from store.db import Store

checkout, here = sys.argv[1:]
assert checkout not in sys.path, sys.path
assert Path(domain.__file__).is_relative_to(here), domain.__file__
assert "restart-service" in load(ACTIONS)
for language in ("ja", "en"):
    assert text.environment(language).get_template("fault.txt")
assert resources.files("templates").joinpath("report/incident.html").is_file()
store = Store(f"sqlite:///{here}/store.db", SystemClock())
store.migrate()
with store.read() as session:
    pass
store.close()
print("found everything")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built without downloading anything."""
    folder = tmp_path_factory.mktemp("wheel")
    _python("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with the packages that the lock file brought; not with the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env/bin/python"
    _python("-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    # Folders that a .pth file names are searched, but their own .pth files are not read: so the checkout stays out of sight.
    site = next((folder / "env/lib").glob("python3*/site-packages"))
    (site / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def _python(*arguments: str, within_s: float = 120) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=within_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_of_the_tree_is_in_the_wheel() -> None:
    tree = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert tree - {"bench"} == set(PACKAGES)


def test_no_other_distribution_brings_a_package_of_our_names() -> None:
    brought = metadata.packages_distributions()
    assert {name: set(brought.get(name, ())) - {OURS} for name in PACKAGES} == {name: set() for name in PACKAGES}
    assert not set(PACKAGES) & sys.stdlib_module_names


def test_the_wheel_holds_every_file_of_its_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tree = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tree - held == set()
    assert {name for name in held if ".dist-info/" not in name} - tree == set()


def test_an_installed_wheel_finds_what_it_reads(installed: Path, tmp_path: Path) -> None:
    argv = [str(installed / "env/bin/python"), "-I", "-c", STORY, str(ROOT), str(installed)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "found everything\n"), done.stderr


def test_an_installed_wheel_has_the_command_and_the_sample_inventory(installed: Path, tmp_path: Path) -> None:
    sample = next((installed / "env/lib").glob("python3*/site-packages/inventory/sample"))
    shutil.copytree(sample, tmp_path / "inventory")
    (tmp_path / "inventory/hosts.yaml").write_text(HOSTS)
    done = subprocess.run(
        [installed / "env/bin/hikeshi", "check", "inventory"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HIKESHI_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 host, 2 checks" in done.stdout


def locked_for_running() -> str:
    """The part of requirements.lock that hikeshi needs to run, directly or not; so nothing that only tests need."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {found[1]: found[0] for found in re.finditer(r"(?m)^([a-z0-9.-]+)==.*(?:\n {4}.*)*", lock)}
    seen = set[tuple[str, str]]()
    left = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    while left:
        needed = left.pop()
        name = re.sub(r"[-_.]+", "-", needed.name).lower()
        for extra in {"", *needed.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            brings = [Requirement(line) for line in metadata.requires(name) or ()]
            left += [one for one in brings if one.marker is None or one.marker.evaluate({"extra": extra})]
    return "\n".join(pinned[name] for name in sorted({name for name, _ in seen}))


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_wheel_plays_the_demo_in_an_empty_environment_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """With what is locked for running and nothing else, from the package index."""
    locked = tmp_path / "locked.txt"
    locked.write_text(locked_for_running(), encoding="utf-8")
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    pip = ("-m", "pip", "--python", str(tmp_path / "env/bin/python"))
    _python(*pip, "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(locked), within_s=600)
    _python(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    _python(*pip, "check")
    (tmp_path / "empty").mkdir()
    cache = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))  # of the guests' root file system
    plain = ["--plain"] if able.why_not() else []
    done = subprocess.run(
        [tmp_path / "env/bin/hikeshi", "demo", *plain],
        cwd=tmp_path / "empty",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": cache, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every expected thing happened, and nothing else." in done.stdout
    assert list((tmp_path / "empty").iterdir()) == []
    assert str(ROOT) not in done.stdout
