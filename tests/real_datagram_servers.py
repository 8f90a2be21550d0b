"""Real servers over UDP that a test starts for itself, on free ports of both loopbacks: BIND, ntpsec, FreeRADIUS."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
from radius_server import SECRET
from real_servers import PASSWORD, free_ports, running

ZONE = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
@ MX 10 mail
@ MX 20 mail2.example.net.
ns A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
alias CNAME www
alias6 CNAME six
six AAAA 2001:db8::6
loop CNAME loop2
loop2 CNAME loop
self A 127.0.0.9
wide A 192.0.2.0
"""
REVERSE = """$TTL 300
@ SOA ns.example.com. hostmaster.example.com. 1 3600 600 86400 300
@ NS ns.example.com.
1 PTR www.example.com.
"""


@contextmanager
def bind(folder: Path) -> Iterator[int]:
    """BIND, for example.com and 2.0.192.in-addr.arpa only; ``wide.example.com`` has more addresses than a datagram holds, and of
    broken.example its data is lost."""
    (port,) = free_ports(1)
    (folder / "example.com").write_text(ZONE + "".join(f"wide A 192.0.2.{number}\n" for number in range(1, 100)))
    (folder / "reverse").write_text(REVERSE)
    (folder / "named.conf").write_text(f"""
options {{ directory "{folder}"; pid-file none; session-keyfile none; lock-file none; recursion no; minimal-responses yes;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }}; }};
controls {{ }};
zone "example.com" {{ type primary; file "example.com"; }};
zone "2.0.192.in-addr.arpa" {{ type primary; file "reverse"; }};
zone "broken.example" {{ type primary; file "nowhere"; }};
""")
    with running(["/usr/sbin/named", "-g", "-n", "1", "-c", str(folder / "named.conf")], port, _has_its_zones):
        yield port


def _has_its_zones(port: int) -> bool:
    """It listens a moment before it has read them."""
    try:
        answer = dns.query.udp(dns.message.make_query("1.2.0.192.in-addr.arpa", "PTR"), "127.0.0.1", 0.5, port)
    except (OSError, dns.exception.DNSException):
        return False
    return bool(answer.answer)


def ntpd(folder: Path, upstream: str | None = None) -> str:
    """Shell words that start ntpsec in a network namespace, where it may have its port; it may not touch the machine's clock. With
    nobody to ask it is its own upstream within two seconds (orphan mode). It tells its variables to 127.0.0.1, and not to ::1."""
    source = f"server {upstream} iburst minpoll 3 maxpoll 3" if upstream else "tos orphan 5 orphanwait 1"
    (folder / "ntp.conf").write_text(
        f"driftfile {folder}/drift\ntinker panic 0\ntos minsane 1 minclock 1\n{source}\n"
        "restrict default noquery\nrestrict 127.0.0.1\n"
    )
    own = f"/usr/sbin/ntpd -n -g -c {folder}/ntp.conf -l {folder}/log -p {folder}/pid"
    return f"setpriv --bounding-set=-sys_time,-sys_nice --inh-caps=-sys_time {own} >/dev/null 2>&1"


def ahead() -> str:
    """Shell words that start a time server that is ahead, at 10.9.9.2, in a network namespace beside this one."""
    there = "while ! ip link set far up; do sleep 0.02; done; ip addr add 10.9.9.2/24 dev far"
    serves = f"exec {sys.executable} -I {Path(__file__).with_name('ntp_upstream.py')} 10.9.9.2"
    return (
        f"unshare --net sh -c '{there}; {serves}' >/dev/null 2>&1 & beside=$!; "
        "ip link add near type veth peer name far; ip addr add 10.9.9.1/24 dev near; ip link set near up; "
        "until ip link set far netns $beside 2>/dev/null && ! ip link show far >/dev/null 2>&1; do sleep 0.02; done"
    )


RADIUSD_CONF = """
prefix = /usr
localstatedir = {folder}
name = hikeshi
confdir = {folder}
logdir = {folder}
run_dir = {folder}
libdir = /usr/lib/freeradius
pidfile = {folder}/pid
cleanup_delay = 0
log {{
  destination = stderr
}}
security {{
  reject_delay = 0
}}
client v4 {{
  ipaddr = 127.0.0.1
  secret = "{secret}"
}}
client v6 {{
  ipv6addr = ::1
  secret = "{secret}"
}}
modules {{
  pap {{
  }}
  files {{
    usersfile = {folder}/users
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  listen {{
    type = auth
    ipv6addr = ::1
    port = {port}
  }}
  authorize {{
    files
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
  }}
}}
"""


@contextmanager
def radiusd(folder: Path) -> Iterator[int]:
    """FreeRADIUS with one account, ``u`` and ``PASSWORD``, for both loopbacks with ``SECRET``."""
    (port,) = free_ports(1)
    (folder / "users").write_text(
        f'u Cleartext-Password := "{PASSWORD}"\nDEFAULT Auth-Type := Reject\n  Reply-Message = "who is that"\n'
    )
    (folder / "radiusd.conf").write_text(RADIUSD_CONF.format(folder=folder, port=port, secret=SECRET.decode()))
    with running(["/usr/sbin/freeradius", "-f", "-d", str(folder), "-n", "radiusd"], port, _hears):
        yield port


def _hears(port: int) -> bool:
    """Whether somebody waits for datagrams there: nothing is sent back by the system."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ours:
        ours.settimeout(0.05)
        ours.connect(("::1", port))
        try:
            ours.send(b"anybody?")
            ours.recv(100)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True
