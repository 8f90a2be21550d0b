"""The root file system that every guest starts from: built once with mmdebstrap, cached under the user's cache folder.

The cache entry is named by a hash of everything that goes into it (suite, packages, the files below rootfs/, this module), so a
changed recipe never meets an old image. It holds `root/` (the lower layer of the guests' overlays, never written to) and
`root.tar.zst` (small enough to keep in a CI cache; unpacked when `root/` is missing).
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bed.process import BedError, run

SUITE = "bookworm"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "nginx-light",
    "nftables",
    "iproute2",
    "iputils-ping",
    "procps",
    "postfix",
)
USER = "hikeshi"
"""The remote user a guest is administered with; uid 1000 in every guest."""

_ROOTFS = Path(__file__).parent / "rootfs"
_FALLBACK_MIRRORS = (
    f"deb http://deb.debian.org/debian {SUITE} main\n"
    f"deb http://deb.debian.org/debian {SUITE}-updates main\n"
    f"deb http://deb.debian.org/debian-security {SUITE}-security main\n"
)
# Started by Debian's defaults; of no use in a guest that lives for seconds, and each costs boot time.
_MASKED_UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
)
_NOT_STARTED_BY_DEFAULT = ("nginx.service", "postfix.service")

Say = Callable[[str], object]


def cache_folder() -> Path:
    """Where images are kept: `$XDG_CACHE_HOME/hikeshi/bed`, by default below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hikeshi" / "bed"


def key() -> str:
    """Names the image this recipe makes: 16 hex digits."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in _files(_ROOTFS):
        digest.update(f"{path.relative_to(_ROOTFS)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def is_cached() -> bool:
    """Whether `ensure` will return without building."""
    return (cache_folder() / key()).is_dir()


def ensure(say: Say = print) -> Path:
    """The image's root folder, built (30-60 s, needs root) unless cached; `say` gets a line of progress now and then.

    Safe to call from several processes: one builds, the others wait for it.
    """
    entry = cache_folder() / key()
    root = entry / "root"
    if root.is_dir():
        return root
    entry.parent.mkdir(parents=True, exist_ok=True)
    with locked(entry.with_suffix(".lock")):
        if not entry.is_dir():
            _build(entry, say)
        if not root.is_dir():
            say(f"unpacking {entry / 'root.tar.zst'}")
            _unpack(entry)
    return root


def _build(entry: Path, say: Say) -> None:
    building = entry.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)  # left by a build that was killed; we hold the lock
    building.mkdir()
    root = building / "root"
    started_s = time.monotonic()

    def say_with_time(line: str) -> None:
        say(f"[{time.monotonic() - started_s:3.0f} s] {line}")

    say_with_time(f"building the guests' root file system ({SUITE}, {len(PACKAGES)} packages and what they need)")
    _bootstrap(root, building / "sources.list", say_with_time)
    say_with_time("configuring it")
    _configure(root)
    say_with_time("packing it")
    run(["tar", "--xattrs", "--xattrs-include=*", "--zstd", "-C", str(building), "-cf", str(building / "root.tar.zst"), "root"])
    building.rename(entry)
    say_with_time(f"done: {entry}")


def _bootstrap(root: Path, sources: Path, say: Say) -> None:
    sources.write_text(mirrors(), encoding="utf-8")
    argv = [
        # What mmdebstrap mounts is gone with it, even when it is killed.
        *("unshare", "--mount", "--propagation", "private"),
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        f"--include={','.join(PACKAGES)}",
        *(f"--aptopt={option}" for option in apt_options()),
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info")),
        *(SUITE, str(root), str(sources)),
    ]
    output: list[str] = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line.rstrip())
            if line.startswith("I: "):
                say(line[3:].rstrip())
    if process.returncode != 0:
        raise BedError(f"mmdebstrap ended with {process.returncode}:\n" + "\n".join(output[-30:]))


def mirrors() -> str:
    """This machine's own sources of the suite, as apt source lines; Debian's public mirror when it has none."""
    wanted = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"])
    lines = []
    for line in listed.splitlines():
        uri, release, component = line.split(" ")
        if release in wanted and component == "main":
            lines.append(f"deb {uri} {release} main\n")
    return "".join(dict.fromkeys(lines)) or _FALLBACK_MIRRORS


def apt_options() -> list[str]:
    """How this machine's apt reaches its mirrors (proxy, certificates, date checks); mmdebstrap doesn't read it by itself."""
    kept = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
    return [line.rstrip(";") for line in run(["apt-config", "dump"]).splitlines() if line.startswith(kept)]


def _configure(root: Path) -> None:
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink()  # may hold the proxy's password
    for path in _files(_ROOTFS):
        target = root / path.relative_to(_ROOTFS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(path, target)
    units = root / "etc/systemd/system"
    for unit in _MASKED_UNITS:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    for unit in _NOT_STARTED_BY_DEFAULT:
        (units / "multi-user.target.wants" / unit).unlink()
    for made_per_guest in (root / "etc/ssh").glob("ssh_host_*"):
        made_per_guest.unlink()
    (root / "etc/nginx/sites-enabled/default").unlink(missing_ok=True)
    for folder in ("var/lib/bed/starts", "var/www/bed", "etc/bed", "var/mail/bed"):
        (root / folder).mkdir(parents=True)
    # A password of "*" can't be typed, but doesn't lock the account against keys as "!" does.
    run(["chroot", str(root), "useradd", "--uid", "1000", "--create-home", "--shell", "/bin/bash", "--password", "*", USER])
    os.chown(root / "var/mail/bed", 1000, 1000)


def _unpack(entry: Path) -> None:
    unpacking = entry / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    unpacking.mkdir()
    run(["tar", "--xattrs", "--xattrs-include=*", "--zstd", "-C", str(unpacking), "-xf", str(entry / "root.tar.zst")])
    (unpacking / "root").rename(entry / "root")
    unpacking.rmdir()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, once nobody else does."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
