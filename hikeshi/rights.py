"""What the remote user of a host needs root for: ``hikeshi sudoers``."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from domain.model import Host
from domain.procedure import Procedure
from engine import knowing
from engine.context import open_context
from engine.requests import current_policy, known_host
from hikeshi.exits import Exit
from hikeshi.show import out_json, refuse
from remediation import ACTIONS, CannotAct, hypervisor_sudoers, sudoers
from remediation.action import NOTHING

FILE = "/etc/sudoers.d/hikeshi"


def show_sudoers(host: str, hypervisor: bool, json: bool) -> Exit:
    """The sudo rules for one host, or for the ``hypervisor`` that switches it, for ``FILE`` there."""
    with closing(open_context()) as context:
        policy = current_policy(context)
        found = known_host(policy, host)
        known = knowing.known(context, found)
    try:
        lines = command_lines(found, policy.procedures, known)
        rules = hypervisor_sudoers(found) if hypervisor else sudoers(found, lines, known)
    except ValueError as error:
        return refuse(str(error), Exit.BAD_INPUT)
    if json:
        out_json({"host": host, "file": FILE, "rules": rules})
    else:
        print(rules, end="")
    return Exit.OK


def command_lines(host: Host, procedures: Mapping[str, Procedure], known: Mapping[str, str] = NOTHING) -> Iterator[str]:
    """All that the host's runbooks may have it carry out, by what is known of it: for the services of its checks, and those that
    the runbooks name."""
    services: list[str | None] = [*sorted({check.service for check in host.checks if check.service is not None})]
    steps = [step for name in host.procedures.values() if name in procedures for step in procedures[name].steps]
    # What is sent to its power control or its rescue system needs no rule on the host itself.
    host = replace(host, power=None, rescue=None)
    for step in (step for step in steps if step.acts):
        for service in services or [None]:
            try:
                yield from ACTIONS[step.action].describe(host, step.parameters, service, known)
            except CannotAct:
                continue  # what can't be done here needs no rule
