"""A real nagios-nrpe-server that a test starts for itself, and the log that it watches."""

import grp
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_servers import free_ports, running

COMMAND = Path(__file__).parents[1] / "docs" / "check_logfile.py"


@dataclass(frozen=True)
class Nrpe:
    port: int
    log: Path

    def says(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(line + "\n")


@contextmanager
def nrpe(certificate: Path | None = None, tls: bool = True) -> Iterator[Nrpe]:
    """With ``check_logfile`` for the keyword ERROR, and ``check_eventlog`` that always finds something. Without a ``certificate``
    it encrypts without one, as it does when it is installed. It refuses to be root: there it is nobody."""
    with tempfile.TemporaryDirectory(prefix="nrpe-") as name:
        made = Nrpe(free_ports(1)[0], Path(name) / "app.log")
        _prepare(Path(name), made, certificate)
        with running(["/usr/sbin/nrpe", "-c", f"{name}/nrpe.cfg", "-f", *([] if tls else ["-n"])], made.port):
            yield made


def _prepare(folder: Path, made: Nrpe, certificate: Path | None) -> None:
    own = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    made.log.write_text("")
    shutil.copyfile(COMMAND, folder / "check_logfile.py")
    certified = ""
    if certificate is not None:
        shutil.copyfile(certificate, folder / "own.pem")
        certified = f"ssl_cert_file={folder}/own.pem\nssl_privatekey_file={folder}/own.pem"
    (folder / "nrpe.cfg").write_text(f"""
server_port={made.port}
pid_file={folder}/pid
log_file={folder}/nrpe.log
nrpe_user={own.pw_name}
nrpe_group={grp.getgrgid(own.pw_gid).gr_name}
allowed_hosts=127.0.0.1,::1
{certified}
command[check_logfile]=/usr/bin/python3 -I {folder}/check_logfile.py {made.log} ERROR {folder}/state 0
command[check_eventlog]=/bin/sh -c 'echo "WARNING: 2 entries"; exit 1'
command[check_blind]=/bin/sh -c 'echo "no such log"; exit 3'
""")
    for path in (folder, *folder.iterdir()):
        os.chown(path, own.pw_uid, own.pw_gid)
