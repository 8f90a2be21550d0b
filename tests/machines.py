"""Real machines with real BMCs under one hikeshi: each has its fault while the others have theirs, and its story is told by what
people were mailed, what its BMC was ordered, and what is on record."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from fixtures_bed import ClientKey
from local import Local, Tree, inventory
from sqlmodel import col, select

import runbooks
from bed.chassis import Chassis
from bed.disk_guest import DATA_DEVICE, ROOT_DEVICE, DiskGuest
from bed.faults import FAULTS
from bed.guest import SERVICE_PORTS, Guest
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.redfish import Redfish
from bed.vm import Vm
from domain.commands import Notify
from domain.events import RunbookRehearsed
from engine import history, trusting
from engine.requests import current_policy
from hikeshi.exits import Exit
from notify.mail import message_id
from store.codec import decode
from store.tables import Attempt, IncidentRow

CUSTOMER, OPERATOR = "office@shop.example", "first@hosting.example"
"""Who is mailed."""
ENDS = {"run_fixed", "run_gone", "run_not_fixed", "run_unknown", "run_refused", "run_lost"}
NO_LIMIT = {"at_once": 100, "per_10min": 1000}


def edited(runbook: str, *changes: tuple[str, str]) -> str:
    """A shipped runbook, each of these passages replaced where it comes first."""
    text = (Path(runbooks.__file__).parent / f"{runbook}.yaml").read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text, f"{runbook} says no more: {before}"
        text = text.replace(before, after, 1)
    return text


@dataclass(frozen=True)
class Machine:
    """A host, its power switch, and what switches that one for hikeshi."""

    guest: Guest | Vm
    chassis: Chassis
    bmc: Ipmi | Redfish

    @property
    def orders(self) -> list[str]:
        """What its BMC was ordered: "reset", "off", "on"; "boot rescue" and "boot disk" where what it boots was set."""
        return [f"boot {order.boot}" if order.what == "boot" else order.what for order in self.chassis.orders]


@dataclass(frozen=True)
class Story:
    """What became of one machine's only incident. ``ended`` is the run's end, ``detail`` what people read of it; ``customer`` and
    ``operator`` are the messages mailed to them, in the order of their arrival; ``explained``: ``hikeshi explain``."""

    incident: IncidentRow
    ended: str
    detail: str
    steps: list[Attempt]
    customer: list[str]
    operator: list[str]
    explained: str

    @property
    def milestones(self) -> list[str]:
        """What the customer was mailed, but for further faults and other levels, which come as the watcher sees them."""
        return [kind for number, kind in enumerate(self.customer) if number == 0 or kind not in ("fault", "level_change")]

    @property
    def ends(self) -> dict[str, str | None]:
        """The outcome of each step that acted, or tried to."""
        acting = [step for step in self.steps if step.action not in ("look", "announce")]
        assert len(acting) == len({step.step for step in acting}), "a step was done twice"
        return {step.step: step.outcome for step in acting}

    def said(self, step: str) -> str:
        """Of that step."""
        return next(item.detail for item in self.steps if item.step == step)


class Machines(Local):
    """A world of machines: ``put`` them in, ``begin``, break them, and ask for each one's ``story``."""

    def __init__(self, bed: Bed, folder: Path, key: ClientKey) -> None:
        self.machines: dict[str, Machine] = {}
        self._key, self._folder, self._stack = key, folder, ExitStack()
        power = NO_LIMIT | {"per_customer": NO_LIMIT, "per_parent": NO_LIMIT}
        tree = inventory({})
        # Other faults of a machine come and go while it is mended: that is neither flapping nor trouble of its own.
        tree["limits"] |= {"actions_at_once": 100, "power": power, "cool_down": "1h"}
        super().__init__(folder, tree, bed, lease_s=30.0)  # so many at once keep a processor busy
        for needed in (folder / "bmc", self.inventory / "runbooks"):
            needed.mkdir()

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self._stack.close()

    # -- setting up ---------------------------------------------------------------------------------------------------

    def put(
        self, guest: Guest | Vm, procedures: Mapping[str, str], bmc: str = "ipmi", password: str | None = None, **changes: object
    ) -> Machine:
        """A machine, up, into the inventory. ``procedures`` by class of fault; ``password`` for its BMC: the right one by default;
        ``changes``: more keys of the host."""
        guest.authorize(self._key.public)
        if isinstance(guest, DiskGuest | Vm):
            guest.authorize_rescue(self._key.public)
        self._stack.enter_context(guest)
        if isinstance(guest, Vm):
            guest.power_on()
            guest.wait_ready()  # watched any earlier, its first start would be its first fault
        place = self._folder / "bmc"
        chassis = self._stack.enter_context(Chassis(guest, place))
        made = Ipmi(chassis, place, self.bed) if bmc == "ipmi" else Redfish(chassis, place, self.bed.authority, self.bed)
        self._stack.enter_context(made)
        machine = self.machines[guest.name] = Machine(guest, chassis, made)
        secret = place / f"{guest.name}.password"
        secret.touch(mode=0o600)
        secret.write_text(password or made.password, encoding="utf-8")
        power = {"driver": bmc, "address": made.address, "port": made.port, "user": made.user, "password": {"file": str(secret)}}
        if isinstance(made, Redfish):
            power |= {"system": made.system, "ca_file": str(self.bed.authority.ca_file)}
        self.tree["hosts"][guest.name] = self._host(guest, procedures) | {"procedures": procedures, "power": power} | changes
        return machine

    def _host(self, guest: Guest | Vm, procedures: Mapping[str, str]) -> Tree:
        service = "database" if isinstance(guest, Vm) else guest.services[0]
        # What is told of a server that hangs is first of all that it hangs: a dead service alone, that nobody is to restart, would
        # be a person's at once, and the server with it.
        later = {} if "service" in procedures else {"confirmation": {"failures": 6, "retry": "1s"}}
        identity = {"file": str(self._key.path)}
        found: Tree = {
            "label": guest.name,
            "customer": "shop",
            "address": guest.address,
            "segment": guest.name,  # so many at once would be a mass outage
            "profile": "quick",
            "checks": {
                "ping": {"timeout": "2s"},
                "tcp": {"port": SERVICE_PORTS[service], "timeout": "2s", "service": service} | later,
                "ssh": {"port": guest.ssh_port, "timeout": "2s"},
            },
            "ssh": {"user": guest.user, "port": guest.ssh_port, "host_keys": [guest.host_key], "identity": identity},
        }
        if isinstance(guest, DiskGuest):
            login = {"user": guest.rescue_user, "host_keys": [guest.rescue_host_key], "identity": identity}
            found["rescue"] = {"boot": "pxe", "ssh": login}
            found["filesystems"] = [{"device": device, "type": "ext4"} for device in (ROOT_DEVICE, DATA_DEVICE)]
        return found

    def own(self, runbook: str, text: str) -> None:
        """A runbook of the inventory's own."""
        (self.inventory / "runbooks" / f"{runbook}.yaml").write_text(text, encoding="utf-8")

    def begin(self) -> None:
        """Everything up, the inventory's own runbooks approved, and the sudo rules that we print installed."""
        self.write(self.tree)
        self.start("engine", "watcher", "hands")
        self.until("all checks up", self.all_up, 300)
        for file in (self.inventory / "runbooks").glob("*.yaml"):
            self._approve(file.stem)
        for machine in self.machines.values():
            if isinstance(machine.guest, Guest):
                machine.guest.sudoers(self._asked("sudoers", machine.guest.name))

    def _approve(self, runbook: str) -> None:
        version = trusting.known_procedure(current_policy(self.context), runbook).version
        said = RunbookRehearsed(
            id="", at_s=self.clock.now_s(), runbook=runbook, version=version, fault="", passed=True, by="first", path="", detail=""
        )
        trusting.record_rehearsal(self.context, said)
        self._asked("runbook", "approve", runbook, "-m", "as shipped, but for its times")

    def _asked(self, *arguments: str) -> str:
        done = self.quick(*arguments)
        assert done.returncode == Exit.OK, done.stderr
        return done.stdout

    def befall(self, faults: Mapping[str, str]) -> None:
        """Bring these faults about, by the names of the machines, all at once."""
        threads = [Thread(target=FAULTS[fault].bring, args=[self.machines[name].guest]) for name, fault in faults.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # -- what became of it --------------------------------------------------------------------------------------------

    def story(self, name: str, patience_s: float = 180.0) -> Story:
        """Waits for its end: recovered, or with people; and everything mailed."""
        self.until(f"the end of {name}", lambda: self._over(name), patience_s)
        with self.context.store.read() as session:
            (incident,) = session.exec(select(IncidentRow).where(IncidentRow.host == name)).all()
            steps = session.exec(select(Attempt).where(Attempt.host == name).order_by(col(Attempt.number))).all()
            lines = history.of_incident(session, incident.id, "en", "UTC")
        ended = next((line for line in lines if line.code in ENDS), None)
        assert ended is not None, "\n".join(line.text for line in lines)
        return Story(
            incident=incident,
            ended=str(ended.code),
            detail=str(ended.facts["outcome_detail"]),
            steps=list(steps),
            customer=self._mailed(name, CUSTOMER),
            operator=self._mailed(name, OPERATOR),
            explained="\n".join(line.text for line in lines),
        )

    def _over(self, name: str) -> bool:
        time.sleep(0.2)  # many are waited for: the machine is for them
        if not any(row.phase in ("closed", "handed") for row in self.incidents() if row.host == name):
            return False
        return all(row.done_s is not None for row in self.commands("Notify") if row.host == name)

    def _mailed(self, name: str, to: str) -> list[str]:
        told = [decode(Notify, row.payload) for row in self.commands("Notify") if row.host == name]
        kinds = {message_id(item.key, "monitoring@hosting.example"): str(item.message) for item in told}
        return [kinds[identity] for mail in self.mails(to) if (identity := str(mail["Message-ID"])) in kinds]
