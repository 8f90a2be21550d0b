"""Can this machine run guests?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bed import cgroup, image

_TOOLS = {
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "ip": "iproute2",
    "ipmi_sim": "openipmi",
    "losetup": "mount",
    "mke2fs": "e2fsprogs",
    "mount": "mount",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "tar": "tar",
    "unshare": "util-linux",
    "zstd": "zstd",
}


def why_not() -> str | None:
    """The reason why guests can't run here, in words for a person; None when they can."""
    if sys.platform != "linux":
        return f"guests need Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "guests need root (namespaces, mounts), and this process isn't"
    tools = _TOOLS if image.is_cached() else {**_TOOLS, "mmdebstrap": "mmdebstrap"}
    missing = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    if missing:
        return f"missing tools; with Debian: apt-get install {' '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        return f"no namespaces here: {tried.stderr.strip()}"
    if "\toverlay\n" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        return "the kernel has no overlay file system (modprobe overlay)"
    if not Path("/dev/loop-control").exists():
        return "no loop devices for the guests' disks: /dev/loop-control is missing (modprobe loop)"
    if not cgroup.available():
        return "no writable unified control-group hierarchy below /sys/fs/cgroup"
    return None
