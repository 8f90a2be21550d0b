"""Asking real hosts of the bed: over SSH, HTTP and ping; and what a bed leaves behind."""

import ssl
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fixtures_bed import ClientKey

from bed import image, slot
from bed.disk_guest import DiskGuest
from bed.network import Bed


class Login(Protocol):
    """Where and as whom to log in."""

    @property
    def address(self) -> str: ...
    @property
    def ssh_port(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def host_key(self) -> str: ...


@dataclass(frozen=True)
class RescueLogin:
    """A guest's rescue system."""

    address: str
    host_key: str
    ssh_port: int = 22
    user: str = "root"

    @classmethod
    def of(cls, guest: DiskGuest) -> "RescueLogin":
        return cls(guest.address, guest.rescue_host_key, guest.ssh_port, guest.rescue_user)


def ssh_command(host: Login, key: ClientKey, known_hosts: Path, command: str) -> list[str]:
    known_hosts.write_text(
        f"[{host.address}]:{host.ssh_port} {host.host_key}\n" if host.ssh_port != 22 else f"{host.address} {host.host_key}\n"
    )
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known_hosts}", "GlobalKnownHostsFile=none"]
    return [
        *("ssh", "-F", "none", "-i", str(key.path), "-p", str(host.ssh_port)),
        *(word for option in options for word in ("-o", option)),
        *(f"{host.user}@{host.address}", command),
    ]


def ssh(bed: Bed, guest: Login, key: ClientKey, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    argv = bed.command(ssh_command(guest, key, folder / "known_hosts", command))
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def get(bed: Bed, url: str, ca_file: Path | None = None, timeout_s: float = 5.0) -> str:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    with bed.inside(), urllib.request.urlopen(url, timeout=timeout_s, context=context) as answer:
        return str(answer.read().decode())


def ping(bed: Bed, guest: Login) -> bool:
    """One echo request from the control namespace, with the image's ping: the machine need not have one."""
    argv = bed.command(["chroot", str(image.ensure()), "ping", "-c", "1", "-W", "1", guest.address])
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def left_behind(number: int) -> list[str]:
    """What slot `number` still has: namespaces, mounts, disks, control groups, files, an interface, processes."""
    name = f"hk{number}"
    found = [str(path) for path in slot.NETNS_FOLDER.glob(f"{name}*") if path.name == name or path.name.startswith(f"{name}-")]
    found += [
        line for line in Path("/proc/self/mounts").read_text().splitlines() if f"/run/hikeshi-bed/{number}" in line.split()[1]
    ]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found += [f"{backing.parts[3]} {file}" for file in [backing.read_text()] if file.startswith(f"{slot.FOLDER}/{number}/")]
        except OSError:
            continue  # detached in the meantime
    trees = (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*"))
    found += [str(tree / f"hikeshi-bed/{number}") for tree in trees if (tree / f"hikeshi-bed/{number}").exists()]
    found += [str(path) for path in (slot.FOLDER / str(number), Path("/sys/class/net") / name) if path.exists()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended in the meantime
        found += [" ".join(word.decode() for word in words)] if f"--machine={name}-".encode() in b"\0".join(words) else []
    return found
