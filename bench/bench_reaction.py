"""How soon a confirmed fault is worked on: from the failing look that confirms it to the command that restarts the service.

In between lie the decision, the mail, the flow run, the look that asks again, the mail that work starts, and one more look.
The host is an sshd and a web server of this user, so that the host's own speed is not measured.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import col, select

from bed.host import make_key
from bed.plain import PlainHost
from bed.sink import Sink
from bench import Figure
from bench.running import running, until, write_inventory
from domain.events import VerdictChanged
from domain.observation import Verdict
from store.clock import SystemClock
from store.codec import decode
from store.db import Store
from store.tables import Attempt, HostRow, Inbox, VerdictRow

ROUNDS = 3
HOSTS = """hosts:
  web01:
    label: web01
    customer: shop
    address: {host.address}
    groups: [linux, web]
    checks:
      http: {{url: "http://{host.address}:{host.http_port}/"}}
      ssh: {{port: {host.ssh_port}}}
      ping: off
    ssh:
      user: {host.user}
      port: {host.ssh_port}
      host_keys: ["{host.host_key}"]
      identity: {{file: {identity}}}
"""


def figures() -> Iterator[Figure]:
    """The slowest of some rounds, each on an incident of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="hikeshi-bench-") as name,
        PlainHost("web01") as host,
        Sink(Path(name) / "mails") as sink,
    ):
        folder = Path(name)
        host.authorize(make_key(folder / "identity"))
        hosts = HOSTS.format(host=host, identity=folder / "identity")
        # the same host fails again and again, which is neither a storm (R9) nor one trouble (R26) here
        inventory = write_inventory(
            folder, hosts, {"cool_down: 5s": "cool_down: 0s", "alerts_per_minute: 10": "alerts_per_minute: 1000"}
        )
        with running(folder, inventory, smtp_port=str(sink.port)) as up:
            store = Store(f"sqlite:///{folder / 'state/hikeshi.db'}", SystemClock())
            until(lambda: _quiet(store), "every check to be up", 60, up)
            for number in range(ROUNDS):
                host.break_service("nginx")
                until(lambda wanted=number + 1: len(_restarts(store)) == wanted, "the restart", 60, up)  # type: ignore[misc]
                until(lambda: _quiet(store), "the recovery", 60, up)
            took_s = [restart_s - down_s for down_s, restart_s in zip(_confirmed(store), _restarts(store), strict=True)]
            store.close()
    how = f"slowest of {', '.join(f'{seconds:.1f}' for seconds in took_s)}"
    yield Figure("fault confirmed to restart", max(took_s), 5.0, "s", how)


def _restarts(store: Store) -> list[float]:
    """When each restart was about to be sent."""
    with store.read() as session:
        found = select(Attempt.intent_s).where(Attempt.action == "restart_service").order_by(col(Attempt.intent_s))
        return list(session.exec(found))


def _confirmed(store: Store) -> list[float]:
    """When each fault was confirmed, by the watcher's own word."""
    with store.read() as session:
        rows = session.exec(select(Inbox.payload).where(Inbox.kind == VerdictChanged.__name__).order_by(col(Inbox.seq)))
        changes = [decode(VerdictChanged, payload) for payload in rows]
    return [change.at_s for change in changes if change.verdict is Verdict.DOWN]


def _quiet(store: Store) -> bool:
    """Both checks are up, and no incident is open."""
    with store.read() as session:
        verdicts = list(session.exec(select(VerdictRow.verdict)))
        open_hosts = list(session.exec(select(HostRow.host).where(col(HostRow.incident).is_not(None))))
        return verdicts == ["up", "up"] and not open_hosts
