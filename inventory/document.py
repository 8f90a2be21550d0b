"""An accepted inventory as one text: the inventory's own language in JSON, with groups, profiles and defaults worked in.

So it says on every host what really holds, two ways of writing the same give the same text (and hash), and it is read back by
the code that reads files.
"""

import hashlib
import json
from collections.abc import Mapping

from domain.model import (
    Check,
    Customer,
    Host,
    Limits,
    Operator,
    Policy,
    PowerControl,
    PowerLimit,
    Secret,
    SnmpAccess,
    SnmpKey,
    SshAccess,
)
from domain.pauses import Pause
from domain.procedure import Procedure
from inventory.segments import MAIN


def document(policy: Policy) -> str:
    """Keys are sorted; absent values are left out; seconds are floats,
    so that 60 and 60.0 are one text."""
    sections = {
        "brand": {"name": policy.brand.name, "sender": policy.brand.sender},
        "automation": policy.mode,
        "limits": _limits(policy.limits),
        "customers": {id_: _customer(customer) for id_, customer in policy.customers.items()},
        "segments": {id_: {"anchors": item.anchors, "watcher": item.watcher} for id_, item in policy.segments.items()},
        "operators": {id_: _operator(operator) for id_, operator in policy.operators.items()},
        "on_call": {"order": policy.on_call.order, "escalate_after": policy.on_call.escalate_after_s},
        "hosts": {id_: _host(host) for id_, host in policy.hosts.items()},
        "pauses": {pause.id: _pause(pause) for pause in policy.pauses},
    }
    return json.dumps(_said(sections), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def version(text: str, procedures: Mapping[str, Procedure]) -> str:
    """The content hash: SHA-256, in hexadecimal, of the document and of the versions of its runbooks."""
    lines = [text, *(f"{id_} {procedures[id_].version}" for id_ in sorted(procedures))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _said(value: object) -> object:
    """Without the keys that have nothing to say: no value, an empty text, mapping or list."""
    if isinstance(value, Mapping):
        return {str(key): _said(entry) for key, entry in value.items() if entry not in (None, "", {}, [], ())}
    return value


def _limits(limits: Limits) -> dict[str, object]:
    return {
        "actions_at_once": limits.actions_at_once,
        "cool_down": limits.cool_down_s,
        "alerts_per_minute": limits.alerts_per_minute,
        "flapping": {"changes": limits.flapping.changes, "window": limits.flapping.window_s},
        "power": {
            **_power(limits.power.overall),
            "per_customer": _power(limits.power.customer),
            "per_parent": _power(limits.power.parent),
        },
        "mass_outage": {
            "share": limits.mass_outage.share,
            "hosts": limits.mass_outage.hosts,
            "within": limits.mass_outage.within_s,
            "patience": limits.mass_outage.patience_s,
        },
    }


def _power(limit: PowerLimit) -> dict[str, object]:
    return {"at_once": limit.at_once, "per_10min": limit.per_10min}


def _customer(customer: Customer) -> dict[str, object]:
    return {
        "name": customer.name,
        "zone": customer.zone,
        "contacts": {
            contact.id: {"name": contact.name, "mail": contact.mail, "language": contact.language} for contact in customer.contacts
        },
        "contract": {"recovers": sorted(customer.contract.recovers), "wait": customer.contract.wait_s},
        "automation": customer.mode,
    }


def _operator(operator: Operator) -> dict[str, object]:
    hook = operator.webhook
    return {
        "name": operator.name,
        "mail": operator.mail,
        "webhook": _secret(hook) if isinstance(hook, Secret) else hook,
        "language": operator.language,
    }


def _host(host: Host) -> dict[str, object]:
    return {
        "label": host.label,
        "customer": host.customer,
        "address": host.address,
        "address6": host.address6,
        "fqdn": host.fqdn,
        "device_type": host.device_type,
        "os": host.os,
        "checks": {check.id.partition("/")[2]: _check(check, host) for check in host.checks},
        "ssh": host.ssh and _ssh(host.ssh),
        "snmp": host.snmp and _snmp(host.snmp),
        "power": host.power and _control(host.power),
        "rescue": host.rescue and {"boot": host.rescue.boot, "ssh": _ssh(host.rescue.ssh), "address": host.rescue.address},
        "filesystems": [{"device": one.device, "type": one.type} for one in host.filesystems],
        "parent": host.parent,
        "segment": host.segment if host.segment != MAIN else None,
        "panel": host.panel,
        "procedures": host.procedures,
        "automation": host.mode,
    }


def _ssh(access: SshAccess) -> dict[str, object]:
    return {
        "user": access.user,
        "address": access.address,
        "port": access.port,
        "host_keys": access.host_keys,
        "identity": _secret(access.identity),
    }


def _snmp(access: SnmpAccess) -> dict[str, object]:
    said: dict[str, object] = {"version": access.version, "port": access.port}
    if access.community is not None:
        said["community"] = _secret(access.community)
    if access.user is None:
        return said
    user = access.user
    return {
        **said,
        "user": user.name,
        "auth": user.auth and _snmp_key(user.auth),
        "privacy": user.privacy and _snmp_key(user.privacy),
        "context": user.context,
    }


def _snmp_key(key: SnmpKey) -> dict[str, object]:
    return {"protocol": key.protocol, "password": _secret(key.password)}


def _control(control: PowerControl) -> dict[str, object]:
    return {
        "driver": control.driver,
        "address": control.address,
        "port": control.port,
        "user": control.user,
        "password": control.password and _secret(control.password),
        "system": control.system,
        "ssh": control.ssh and _ssh(control.ssh),
        "ca_file": control.ca_file,
    }


def _check(check: Check, host: Host) -> dict[str, object]:
    retry_s = check.confirmation.retry_s
    return {
        "kind": check.kind,
        "level": int(check.level),
        "interval": float(check.interval_s),
        "timeout": float(check.timeout_s),
        "confirmation": {"failures": check.confirmation.failures, "retry": retry_s if retry_s is None else float(retry_s)},
        "ip": (6 if check.address != host.address else None) if check.by_name is None else check.by_name.version,
        "at": check.by_name and check.by_name.name,
        "service": check.service,
        **check.options,
    }


def _pause(pause: Pause) -> dict[str, object]:
    return {
        "start": pause.start,
        "duration": pause.duration_s,
        "repeat": pause.repeat,
        "zone": pause.zone,
        "customer": pause.customer,
        "host": None if pause.check else pause.host,
        "check": pause.check,
        "reason": pause.reason,
    }


def _secret(secret: Secret) -> dict[str, object]:
    return {secret.kind: secret.name}
