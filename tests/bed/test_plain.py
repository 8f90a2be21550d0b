"""The host without root: run as an ordinary user, also when the tests themselves run as root."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bed import plain

REPOSITORY = Path(__file__).parents[2]

STORY = """
import subprocess, urllib.request
from pathlib import Path
from tempfile import mkdtemp
from bed.host import make_key
from bed.plain import PlainHost
from bed.process import wait_for

def ssh(host, command):
    argv = ["ssh", "-F", "none", "-i", str(mine / "id"), "-p", str(host.ssh_port), "-o", "BatchMode=yes",
            "-o", f"UserKnownHostsFile={mine / 'known'}", f"{host.user}@{host.address}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30)

def page(host):
    return urllib.request.urlopen(f"http://{host.address}:{host.http_port}/", timeout=5).read().decode()

def answers(host):
    try:
        return page(host) != ""
    except OSError:
        return False

mine = Path(mkdtemp())
with PlainHost("web01") as host:
    host.authorize(make_key(mine / "id"))
    (mine / "known").write_text(f"[{host.address}]:{host.ssh_port} {host.host_key}\\n")
    assert page(host) == "hikeshi bed web01 ok\\n"
    host.break_service("nginx")
    assert not answers(host)
    dead = ssh(host, "systemctl is-active nginx.service")
    assert (dead.returncode, dead.stdout) == (3, "failed\\n"), dead
    assert host.service_starts("nginx") == 1
    restarted = ssh(host, "sudo -n -- /usr/bin/systemctl restart nginx.service")
    assert restarted.returncode == 0, restarted
    shown = ssh(host, "systemctl show nginx.service --property=ActiveState,InvocationID").stdout.split()
    assert shown[0] == "ActiveState=active" and len(shown[1]) == len("InvocationID=") + 32, shown
    wait_for(lambda: answers(host), "the restarted web server", 10)
    assert page(host) == "hikeshi bed web01 ok\\n"
    assert host.service_starts("nginx") == 2
    unknown = ssh(host, "sudo systemctl restart postfix.service")
    assert (unknown.returncode, unknown.stderr) == (5, "Unit postfix.service not found.\\n"), unknown
    folder = host.folder
    ports = {host.ssh_port, host.http_port}
assert not folder.exists()
listening = {int(line.split()[1].split(":")[1], 16) for line in open("/proc/net/tcp") if line.split()[3] == "0A"}
assert not ports & listening
import os
print("uid", os.getuid())
"""


def _as_ordinary_user(tmp_path: Path) -> list[str]:
    """The words before a command that let it run without root: none for who is not root."""
    if os.geteuid() != 0:
        return []
    # A user with a login shell that need not exist on the machine: /etc/passwd is replaced in a mount namespace only.
    passwd = tmp_path / "passwd"
    passwd.write_text(Path("/etc/passwd").read_text() + "plainhost:x:61234:61234::/tmp:/bin/sh\n")
    passwd.chmod(0o644)
    become = f'mount --bind {passwd} /etc/passwd && exec setpriv --reuid 61234 --regid 61234 --clear-groups --no-new-privs "$@"'
    return ["unshare", "--mount", "sh", "-c", become, "sh"]


def test_break_and_restart_over_ssh_without_root(tmp_path: Path) -> None:
    if (reason := plain.why_not()) is not None and os.geteuid() != 0:
        pytest.skip(reason)
    # The system's Python: the one the tests run with may lie where only root can read.
    python = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
    done = subprocess.run(
        [*_as_ordinary_user(tmp_path), python, "-c", STORY], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["uid", "61234" if os.geteuid() == 0 else str(os.getuid())]
