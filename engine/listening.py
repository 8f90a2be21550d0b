"""What others say over HTTP of checks that only listen: jobs that report in, and another monitoring's alerts."""

import hashlib
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.model import Check, Policy
from domain.wording import plain, shortened
from engine.context import Context
from probes.alert import ALERT, matches
from probes.heartbeat import FAILED, HEARTBEAT
from store import heard, policies
from store.tables import HeardRow

DETAIL_MAX = 200
MAX_ALERTS = 1000
MAX_BODY_BYTES = 1_000_000

Labels = dict[str, str]


class UnknownCheckError(LookupError):
    """The inventory has no such check, or it is of another kind."""


class Alert(BaseModel):
    """One alert of Alertmanager's webhook, version 4; what it says beside this is not read."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]
    labels: Labels = Field(max_length=100)
    annotations: Labels = Field(default_factory=dict, max_length=100)
    fingerprint: str = Field(default="", max_length=200)

    @property
    def about(self) -> str:
        """What tells it apart; by its labels where the sender gives nothing."""
        return self.fingerprint or hashlib.sha256(repr(sorted(self.labels.items())).encode()).hexdigest()[:32]

    @property
    def detail(self) -> str:
        said = self.annotations.get("summary") or self.annotations.get("description") or self.labels.get("alertname") or "fires"
        return shortened(plain(said), DETAIL_MAX)


class Notification(BaseModel):
    """What Alertmanager posts."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    alerts: list[Alert] = Field(max_length=MAX_ALERTS)


def reported(context: Context, check: str, *, failed: bool) -> None:
    """A job has reported in. Raises ``UnknownCheckError``."""
    with context.store.write() as session:
        known(policies.current(session), check)
        row = HeardRow(check=check, about="", at_s=context.clock.now_s(), state=FAILED if failed else "ok")
        heard.say(session, row)


def known(policy: Policy | None, check: str) -> Check:
    """The check of that id, where it is one that waits for reports. Raises ``UnknownCheckError``."""
    found = next((item for item in _of_kind(policy, HEARTBEAT.name) if item.id == check), None)
    if found is None:
        raise UnknownCheckError(f"{check} is no heartbeat check of the inventory in force")
    return found


def alerted(context: Context, said: Notification) -> dict[str, int]:
    """Alerts that fire or have ended, for each check that they match; how many were taken by a check, and how many by none."""
    now_s, taken = context.clock.now_s(), 0
    with context.store.write() as session:
        checks = list(_of_kind(policies.current(session), ALERT.name))
        for alert in said.alerts:
            meant = [check for check in checks if matches(ALERT.complete(check.options), alert.labels)]
            taken += bool(meant)
            for check in meant:
                if alert.status == "firing":
                    row = HeardRow(check=check.id, about=alert.about, at_s=now_s, state="firing", detail=alert.detail)
                    heard.say(session, row)
                else:
                    heard.is_over(session, check.id, alert.about)
    return {"taken": taken, "of_no_check": len(said.alerts) - taken}


def _of_kind(policy: Policy | None, kind: str) -> Iterator[Check]:
    for host in policy.hosts.values() if policy is not None else ():
        yield from (check for check in host.checks if check.kind == kind)
