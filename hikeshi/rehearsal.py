"""``hikeshi rehearse``: a runbook against a throwaway host with a real fault, by a hikeshi of its own; a page and a record."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from sqlmodel import col, select

from bed import able
from bed.chassis import Chassis
from bed.disk_guest import DATA_DEVICE, ROOT_DEVICE, DiskGuest
from bed.faults import DISKS, REHEARSED, Fault
from bed.guest import SERVICE_PORTS, Guest
from bed.host import make_key
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.process import BedError
from domain.events import RunbookRehearsed, RunOutcome
from domain.model import Language
from domain.ports import Clock
from domain.trust import unreached
from engine import trusting
from engine.context import Context, open_context
from engine.settings import Settings
from engine.tick import VERSION
from hikeshi.exits import Exit
from hikeshi.rehearsal_part import Part, default_fault, own_runbooks, part_of
from hikeshi.show import refuse
from hikeshi.throwaway import StageError, Throwaway
from reports.rehearsal import Rehearsed, RehearsedStep, page
from store.clock import SystemClock
from store.db import Store, StoreError
from store.tables import Attempt, CommandRow, VerdictRow

GUESTS_UMASK = 0o022
"""The guest's files are made here, and its own users must be able to read them; the folder is closed as a whole."""
OPERATOR = "rehearsal"
HOST = "throwaway"
POLL_S = 0.1
SEEN_WITHIN_S = 90.0
"""For the fault to be confirmed, and for the recovery to be: looks are a second apart."""
_OF_A_SERVICE = ("service-", "start-", "disk-", "sudo-", "host-key-")
"""What faults of a service are called; the others are the server's."""

_INVENTORY = """brand: {{name: Rehearsal, sender: rehearsal@example.test}}
automation: shadow
customers:
  rehearsal:
    name: Rehearsal
    contacts:
      nobody: {{name: Nobody, mail: nobody@example.test, language: en}}
    contract: {{recovers: [server, service], wait: 0s}}
operators:
  rehearsal: {{name: Rehearsal, mail: rehearsal@example.test, language: en}}
on_call: {{order: [rehearsal], escalate_after: 10m}}
profiles:
  quick: {{interval: 1s, confirmation: {{failures: 2, retry: 1s}}}}
hosts:
  throwaway:
    label: throwaway
    customer: rehearsal
    address: {address}
    profile: quick
    checks:
      http: {{url: 'http://{address}:{port}/', timeout: 2s, service: {service}}}
      ssh: {{port: {ssh_port}, timeout: 2s}}
    ssh: {{user: {user}, port: {ssh_port}, address: '{login}', host_keys: ['{host_key}'], identity: {{file: {identity}}}}}
    procedures: {{{fault_class}: {runbook}}}
    power: {{driver: ipmi, address: {bmc}, port: {bmc_port}, user: {bmc_user}, password: {{file: {password}}}}}
"""
_DISKS = """    filesystems: [{{device: {root}, type: ext4}}, {{device: {data}, type: ext4}}]
    rescue: {{boot: pxe, ssh: {{user: {user}, host_keys: ['{host_key}'], identity: {{file: {identity}}}}}}}
"""


def command(runbook: str, *, fault: str | None, out: Path | None, by: str, language: str) -> Exit:
    """As it was typed."""
    if language not in ("ja", "en"):
        return refuse(f"--lang is {language!r}, must be ja or en", Exit.USAGE)
    return rehearse(runbook, fault=fault, out=out, by=by, language="ja" if language == "ja" else "en", zone=Settings().zone)


def rehearse(runbook: str, *, fault: str | None, out: Path | None, by: str, language: Language, zone: str) -> Exit:
    """Rehearse, write the page, and record it in the user's store where there is one."""
    if (why := able.why_not()) is not None:
        return refuse(f"a rehearsal needs a throwaway host: {why}")
    part = part_of(runbook, own_runbooks())
    if isinstance(part, str):
        return refuse(part, Exit.BAD_INPUT)
    name = fault or default_fault(part.procedure)
    if name not in REHEARSED:
        return refuse(f"--fault is {name!r}, must be one of {', '.join(sorted(REHEARSED))}", Exit.USAGE)
    path = (out or Path(f"rehearsal-{runbook}-{part.procedure.version[:8]}.html")).absolute()
    os.umask(GUESTS_UMASK)
    try:
        made = _Rehearsal(part, REHEARSED[name], by, SystemClock(), language).run(path.with_suffix(".log"))
    except (StageError, BedError, OSError) as error:
        return refuse(f"the rehearsal could not be held: {error}")
    path.write_text(page(made, language, zone), encoding="utf-8")
    verdict = "passed" if made.passed else "failed"
    print(f"{runbook} {verdict}{f': {made.trouble}' if made.trouble else ''} (version {made.version})\npage   {path}")
    if made.unreached:
        print(f"not reached: {', '.join(made.unreached)}")
    print(f"record {_record(made, path)}")
    return Exit.OK if made.passed else Exit.REFUSED


def _record(made: Rehearsed, path: Path) -> str:
    """Tell the engine of the user's store, so that the runbook can be approved; says how that went."""
    try:
        with closing(open_context()) as context:
            answer = trusting.record_rehearsal(
                context,
                RunbookRehearsed(
                    id="",
                    at_s=made.began_s,
                    runbook=made.runbook,
                    version=made.version,
                    fault=made.fault,
                    passed=made.passed,
                    by=made.by,
                    path=str(path),
                    unreached=made.unreached,
                    detail=made.trouble or f"{made.fault}: {made.outcome}",
                ),
            )
            where = context.settings.home
    except StoreError as error:
        return f"none: {error}"
    return f"kept in {where}" if answer.decided else f"written down in {where}; an engine takes it in when one is back (hikeshi up)"


def news(made: Sequence[Attempt], told: int) -> list[str]:
    """What to say of the attempts after the first ``told``, in their order. One that found the same again is not said again."""
    said = [f"{item.step} ({item.action}): {item.outcome}{f', {item.detail}' if item.detail else ''}" for item in made]
    return [text for place, text in enumerate(said) if place >= told and (place == 0 or text != said[place - 1])]


def keep_logs(folder: Path, log: Path) -> Path:
    """What the rehearsal's hikeshi wrote into its folder, which goes, as one file."""
    with log.open("w", encoding="utf-8") as kept:
        for path in sorted(folder.glob("**/*.log")):
            kept.write(f"== {path.name}\n{path.read_text(encoding='utf-8', errors='replace')}\n")
    return log


class _Rehearsal:
    """One run from the healthy host to the verdict. Nothing of it is left behind."""

    def __init__(self, part: Part, fault: Fault, by: str, clock: Clock, language: Language) -> None:
        self._part, self._fault, self._by, self._clock, self._language = part, fault, by, clock, language
        self._stack = ExitStack()
        self._told = 0

    def run(self, log: Path) -> Rehearsed:
        """The verdict; raises ``StageError`` where there is none, and then ``log`` is what its hikeshi wrote."""
        with self._stack:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hikeshi-rehearsal-")))
            try:
                return self._run(folder)
            except StageError as error:
                raise StageError(f"{error}; its logs: {keep_logs(folder, log)}") from error

    def _run(self, folder: Path) -> Rehearsed:
        self._say("starting a throwaway host")
        self._set(folder)
        self._say(f"fault: {self._fault.text}")
        self._fault.bring(self._guest)
        self._until("the fault to be seen", lambda: "down" in self._verdicts().values(), SEEN_WITHIN_S)
        began_s = self._clock.now_s()
        self._say(f"running {self._part.procedure.id}")
        self._own.hikeshi("run", self._part.procedure.id, HOST, "--reason", "rehearsal")
        self._until("the run to end", self._run_ended, self._part.procedure.budget_s + SEEN_WITHIN_S)
        return self._judged(began_s, self._clock.now_s())

    def _set(self, folder: Path) -> None:
        bed = self._stack.enter_context(Bed())
        made = DiskGuest(bed, HOST) if DISKS in self._fault.kinds else Guest(bed, HOST)
        self._guest = self._stack.enter_context(made)
        identity, password, inventory = folder / "identity", folder / "password", folder / "inventory"
        public_key = make_key(identity)
        self._guest.authorize(public_key)
        (folder / "bmc").mkdir()
        chassis = self._stack.enter_context(Chassis(self._guest, folder / "bmc"))
        bmc = self._stack.enter_context(Ipmi(chassis, folder / "bmc", bed))
        password.touch(mode=0o600)
        password.write_text(bmc.password, encoding="utf-8")
        inventory.mkdir()
        text = _INVENTORY.format(
            address=self._guest.address,
            port=SERVICE_PORTS[self._guest.services[0]],
            service=self._guest.services[0],
            login=self._guest.address6 if self._fault.name == "network-down" else self._guest.address,
            ssh_port=self._guest.ssh_port,
            user=self._guest.user,
            host_key=self._guest.host_key,
            identity=identity,
            fault_class="service" if self._fault.name.startswith(_OF_A_SERVICE) else "server",
            runbook=self._part.procedure.id,
            bmc=bmc.address,
            bmc_port=bmc.port,
            bmc_user=bmc.user,
            password=password,
        )
        if isinstance(made, DiskGuest):
            made.authorize_rescue(public_key)
            rescue = {"user": made.rescue_user, "host_key": made.rescue_host_key, "identity": identity}
            text += _DISKS.format(root=ROOT_DEVICE, data=DATA_DEVICE, **rescue)
        (inventory / "inventory.yaml").write_text(text, encoding="utf-8")
        self._part.put(inventory)
        near = bed.address
        settings = Settings(
            home=folder / "state", store_url="", inventory=inventory, prefect=False, ingress_bind=near, smtp_host=near
        )
        self._own = self._stack.enter_context(Throwaway(settings, folder, OPERATOR, bed))
        self._context = Context(settings, Store(settings.url, self._clock), self._clock)
        self._stack.callback(self._context.close)
        self._own.start_up("--no-prefect")
        self._until("everything to be up", self._all_up, SEEN_WITHIN_S)
        self._guest.sudoers(self._own.hikeshi("sudoers", HOST))

    def _until(self, what: str, true: Callable[[], bool], timeout_s: float) -> None:
        give_up_s = self._clock.boottime_s() + timeout_s
        while not true():
            self._own.still_up()
            if self._clock.boottime_s() > give_up_s:
                raise StageError(f"waited {timeout_s:g} s in vain for {what}")
            self._clock.sleep(POLL_S)

    def _all_up(self) -> bool:
        found = self._verdicts()
        return len(found) >= 2 and all(verdict == "up" for verdict in found.values())

    def _verdicts(self) -> dict[str, str]:
        try:
            with self._context.store.read() as session:
                return {row.check: row.verdict for row in session.exec(select(VerdictRow))}
        except StoreError:
            return {}

    def _run_ended(self) -> bool:
        """Tells each step as it ends."""
        ended = self._ended() is not None
        with self._context.store.read() as session:
            made = session.exec(select(Attempt).where(col(Attempt.ended_s).is_not(None)).order_by(col(Attempt.number))).all()
        for text in news(made, self._told):
            self._say(text)
        self._told = len(made)
        return ended

    def _ended(self) -> CommandRow | None:
        with self._context.store.read() as session:
            return session.exec(select(CommandRow).where(CommandRow.kind == "Run", col(CommandRow.done_s).is_not(None))).first()

    def _judged(self, began_s: float, ended_s: float) -> Rehearsed:
        """Passed: the run says that it fixed it, and the watcher sees everything up by itself."""
        row = self._ended()
        outcome = row.outcome or "" if row is not None else ""
        trouble = row.detail if row is not None and outcome != RunOutcome.FIXED else ""
        if not trouble:
            try:
                self._until("all checks to be up again", self._all_up, SEEN_WITHIN_S)
            except StageError:
                trouble = "the watcher does not see everything up again"
        with self._context.store.read() as session:
            attempts = session.exec(select(Attempt).order_by(col(Attempt.number))).all()
        procedure = self._part.procedure
        return Rehearsed(
            runbook=procedure.id,
            title=procedure.title.get(self._language, procedure.id),
            version=procedure.version,
            fault=self._fault.name,
            fault_text=self._fault.text,
            passed=outcome == RunOutcome.FIXED and not trouble,
            outcome=outcome,
            trouble=trouble,
            began_s=began_s,
            ended_s=ended_s,
            by=self._by,
            program=VERSION,
            unreached=unreached(procedure, [(item.step, item.outcome or "unknown") for item in attempts]),
            steps=tuple(
                RehearsedStep(
                    item.step, item.action, item.outcome or "unknown", item.intent_s, item.ended_s or item.intent_s, item.detail,
                    item.command_line,
                )
                for item in attempts
            ),
        )  # fmt: skip

    def _say(self, text: str) -> None:
        print(f"… {text}", file=sys.stderr, flush=True)
