"""What remains possible without root: a real sshd and a real web server of the user's own, on 127.0.0.1.

Whoever logs in finds a `sudo` and a `systemctl` (plain_bin/) that manage the web server under the name of nginx.service; the server
is Python's. That is all: no ping to block, no power, no reboot. A person who runs the demo is told so.
"""

import functools
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from bed.host import make_key
from bed.process import BedError, free_port, run, wait_for

_BIN = Path(__file__).parent / "plain_bin"
_SSHD = "/usr/sbin/sshd"
_UNITS = ("nginx", "nginx.service")


def why_not() -> str | None:
    """The reason why even this can't run here; None when it can."""
    if not Path(_SSHD).exists():
        return f"no {_SSHD}; with Debian: apt-get install openssh-server"
    login = pwd.getpwuid(os.geteuid())
    if Path(login.pw_shell).name in ("nologin", "false"):
        return f"{login.pw_name} has the login shell {login.pw_shell}: nobody can log in as that user"
    return None


class PlainHost:
    """The current user's own host on 127.0.0.1; a context manager. Fulfils `bed.host.Host`."""

    address = "127.0.0.1"

    def __init__(self, name: str = "web01") -> None:
        self.name = name
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.folder = Path(tempfile.mkdtemp(prefix="hikeshi-plain-"))
        self.host_key = make_key(self.folder / "host_key")
        self.ssh_port = free_port()
        self.http_port = free_port()
        self._configure()
        self._sshd: subprocess.Popen[bytes] | None = None
        self._janitor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start sshd and the web server; returns when both answer."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
        with (self.folder / "sshd.log").open("ab") as log:
            sshd = subprocess.Popen(
                [_SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        # Takes everything down once this process closes its end of the pipe: in `stop`, or by dying.
        take_down = f'read -r _; kill {sshd.pid}; "$1" stop nginx; rm -r "$BED_PLAIN"'
        self._janitor = subprocess.Popen(
            ["sh", "-c", take_down, "sh", str(_BIN / "systemctl")],
            stdin=subprocess.PIPE,
            env={**os.environ, "BED_PLAIN": str(self.folder)},
            start_new_session=True,
        )
        self._sshd = sshd
        self._systemctl("start", "nginx")
        for port, server in ((self.ssh_port, "sshd"), (self.http_port, "serve")):
            try:
                wait_for(functools.partial(_accepts, port), f"{server} on port {port}", 10)
            except BedError as error:
                raise BedError(f"{error}: {(self.folder / f'{server}.log').read_text()}") from None

    def stop(self) -> None:
        """End both servers and remove the folder. Repeatable."""
        if self._sshd is None or self._janitor is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self._janitor.poll() is None:
            self._janitor.communicate()
            self._sshd.wait()

    def authorize(self, public_key: str) -> None:
        """Let the owner of `public_key` (`ssh-ed25519 AAAA...`) log in as `user`."""
        with (self.folder / "authorized_keys").open("a", encoding="ascii") as file:
            file.write(public_key.strip() + "\n")

    def break_service(self, unit: str) -> None:
        """Kill the web server so that it stays dead until somebody restarts it."""
        _check(unit)
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        wait_for(lambda: not _accepts(self.http_port), "the web server to die", 5)

    def restart_service(self, unit: str) -> None:
        """Start the web server again, as somebody on the host itself would."""
        _check(unit)
        self._systemctl("restart", unit)

    def service_starts(self, unit: str) -> int:
        """How often the web server was started since the host was made, the first start included."""
        _check(unit)
        return len((self.folder / "starts").read_text().splitlines())

    def _configure(self) -> None:
        site = self.folder / "site"
        site.mkdir()
        (site / "index.html").write_text(f"hikeshi bed {self.name} ok\n", encoding="utf-8")
        serve = [sys.executable, "-m", "http.server", str(self.http_port), "--bind", self.address, "--directory", str(site)]
        (self.folder / "serve").write_text(f"#!/bin/sh\nexec {shlex.join(serve)}\n", encoding="utf-8")
        (self.folder / "serve").chmod(0o755)
        (self.folder / "authorized_keys").touch(mode=0o600)
        settings = {
            "ListenAddress": f"{self.address}:{self.ssh_port}",
            "HostKey": self.folder / "host_key",
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "PidFile": "none",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "StrictModes": "no",  # the folder is below /tmp, which others may write to
            "SetEnv": f"PATH={_BIN}:/usr/local/bin:/usr/bin:/bin BED_PLAIN={self.folder}",
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        (self.folder / "sshd_config").write_text(lines, encoding="utf-8")

    def _systemctl(self, verb: str, unit: str) -> None:
        run(["env", f"BED_PLAIN={self.folder}", str(_BIN / "systemctl"), verb, unit])


def _check(unit: str) -> None:
    if unit not in _UNITS:
        raise BedError(f"the plain host has one service, nginx, not {unit}")


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
