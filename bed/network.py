"""A network of its own: a control namespace with a bridge, and a namespace with a cable to that bridge for each guest.

The system under test runs *inside* the control namespace (`Bed.command`, `Bed.inside`), where it reaches the guests over IPv4
and IPv6 and nothing else. From the outside, servers in the control namespace are reached at `Bed.control_address`; that cable has
link-local addresses (RFC 3927), so nothing of the bed's private nets appears in the machine's own routing.
"""

import atexit
import ctypes
import ipaddress
import itertools
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bed import slot
from bed.process import run
from bed.tls import Authority

NET4 = ipaddress.IPv4Network("10.77.0.0/16")
NET6 = ipaddress.IPv6Network("fd68:696b:6573:6869::/64")
_OUTSIDE = ipaddress.IPv4Address("169.254.213.0")
_FIRST_GUEST = 10
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Port:
    """A guest's place in the network: its namespace and its addresses."""

    netns: Path
    address: str
    address6: str
    cable: str
    """The bridge's end of the cable: an interface of the control namespace."""


class Bed:
    """The network that guests are plugged into. A context manager; several may exist side by side on one machine.

    `address`, `address6`: the control namespace's own, as the guests see it. `control_address`: the same as reached from the
    machine's ordinary network, for a browser. `folder`: for files that shall go with the bed. `authority`: signs the guests'
    https certificates.
    """

    def __init__(self) -> None:
        self.slot = slot.take()
        atexit.register(self.close)
        self.folder = self.slot.folder
        self.netns = slot.NETNS_FOLDER / self.slot.netns
        self.address = str(NET4[1])
        self.address6 = str(NET6[1])
        self.control_address = str(_OUTSIDE + 4 * self.slot.number + 2)
        self._numbers = itertools.count(_FIRST_GUEST)
        self._closed = False
        self.lock = threading.RLock()
        """Held while a guest is started or its cable is set, so that none is while it is taken down."""
        (self.folder / "guests").mkdir()
        self.authority = Authority(self.folder)
        self._make_control()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take down all guests, everything that still runs in the control namespace, and the network. Repeatable."""
        with self.lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        self.slot.close()

    @property
    def closed(self) -> bool:
        """Whether the bed is being taken down, or has been."""
        return self._closed

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv`, to be run inside the control namespace."""
        return ["nsenter", f"--net={self.netns}", "--", *argv]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets this thread makes in here belong to the control namespace; so do the threads and processes it starts."""
        with _inside(self.netns):
            yield

    def connect(self, address: str, port: int, timeout_s: float = 5.0) -> socket.socket:
        """A TCP connection from the control namespace; usable from anywhere in this process."""
        with self.inside():
            return socket.create_connection((address, port), timeout=timeout_s)

    def plug(self, guest: str) -> Port:
        """Make the guest's namespace, with a cable to the bridge, unplugged until `set_cable` says otherwise."""
        number = next(self._numbers)
        name = f"{self.slot.netns}-{guest}"
        port = Port(slot.NETNS_FOLDER / name, str(NET4[number]), str(NET6[number]), f"cable{number}")
        _make_netns(port.netns)
        _ip(
            self.slot.netns,
            f"link add {port.cable} type veth peer name eth0 netns {name}",
            f"link set {port.cable} master br0",
        )
        _ip(
            name,
            "link set lo up",
            "link set eth0 up",
            f"addr add {port.address}/{NET4.prefixlen} dev eth0",
            f"addr add {port.address6}/{NET6.prefixlen} dev eth0 nodad",
            f"route add default via {self.address}",
        )
        return port

    def reserve(self) -> tuple[str, str, str]:
        """A cable's name, an IPv4 and an IPv6 address for a machine that brings its own cable (a tap) to `join_bridge`."""
        number = next(self._numbers)
        return f"cable{number}", str(NET4[number]), str(NET6[number])

    def join_bridge(self, cable: str) -> bool:
        """Plug `cable`, an interface of the control namespace, into the bridge; False when there is none yet."""
        with self.inside():
            there = cable in {name for _, name in socket.if_nameindex()}
        if there:
            _ip(self.slot.netns, f"link set {cable} master br0", f"link set {cable} up")
        return there

    def set_cable(self, port: Port, up: bool) -> None:
        """Plug the guest's cable in or pull it: a namespace whose guest is off would still answer ping."""
        _ip(self.slot.netns, f"link set {port.cable} {'up' if up else 'down'}")

    def _make_control(self) -> None:
        name = self.slot.netns
        _make_netns(self.netns)
        _ip(
            name,
            "link set lo up",
            # Without snooping a fresh bridge doesn't wait for multicast reports before it passes neighbour discovery on.
            "link add br0 type bridge mcast_snooping 0",
            "link set br0 up",
            f"addr add {self.address}/{NET4.prefixlen} dev br0",
            f"addr add {self.address6}/{NET6.prefixlen} dev br0 nodad",
        )
        run(["ip", "link", "add", name, "type", "veth", "peer", "name", "outside", "netns", name])
        _ip(name, f"addr add {self.control_address}/30 dev outside", "link set outside up")
        run(["ip", "addr", "add", f"{_OUTSIDE + 4 * self.slot.number + 1}/30", "dev", name])
        run(["ip", "link", "set", name, "up"])


def _make_netns(netns: Path) -> None:
    run(["ip", "netns", "add", netns.name])
    with _inside(netns):
        # Off by default on some machines.
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("0")


def _ip(netns: str, *lines: str) -> None:
    run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")


@contextmanager
def _inside(netns: Path) -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
