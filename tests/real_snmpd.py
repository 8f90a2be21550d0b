"""A real net-snmp agent that a test starts for itself, on a free UDP port of both loopbacks."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watch.snmp.message import GET, Access, Version, request

COMMUNITY = "the community"
START_S = 60.0


@contextmanager
def snmpd(folder: Path, *more: str, args: tuple[str, ...] = (), port: int = 0) -> Iterator[int]:
    """Its port. All it has may be read with ``COMMUNITY``, unless ``more`` lines of its configuration say otherwise. Started again
    with the same folder and port it is the same agent."""
    port = port or free_port()
    lines = [f'rocommunity "{COMMUNITY}"', f'rocommunity6 "{COMMUNITY}"', "master no", *more]
    (folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
    listening = f"udp:127.0.0.1:{port},udp6:[::1]:{port}"
    argv = ["/usr/sbin/snmpd", "-f", "-Lf", str(folder / "log"), "-C", "-c", str(folder / "snmpd.conf"), "-p", str(folder / "pid")]
    process = subprocess.Popen(
        [*argv, *args, listening], env={"MIBS": "", "SNMP_PERSISTENT_DIR": str(folder / "kept"), "PATH": "/usr/bin:/bin"}
    )
    try:
        deadline_s = time.monotonic() + START_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"snmpd did not start: {(folder / 'log').read_text()}")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    """Of UDP, in both families."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as free:
        free.bind(("::", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        asking.connect(("127.0.0.1", port))
        try:
            asking.send(request(Access(Version.V2C, COMMUNITY.encode()), 2**30, GET, [(1, 3, 6, 1, 2, 1, 1, 3, 0)]))
            return bool(asking.recv(2000))
        except TimeoutError:
            return False
        except ConnectionRefusedError:
            time.sleep(0.05)
            return False
