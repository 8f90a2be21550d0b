"""Every key of the inventory and what it means: what readers accept, what messages propose, and what docs/inventory.md lists.

Options of a check are not here; they belong to its kind (``probes.spec.Spec.options``).
"""

from collections.abc import Mapping

Keys = Mapping[str, str]

SECTIONS: Keys = {
    "brand": "who speaks in mails",
    "automation": "off, shadow or on: the most that automation may do anywhere; shadow by default",
    "limits": "guard-rails of the whole engine (R26)",
    "profiles": "how often checks look and how a failure is confirmed, by id; standard, rapid and basic are shipped (C1-C3)",
    "customers": "who is told about which hosts, and what their contracts cover, by id",
    "operators": "the people who run this engine, by id",
    "on_call": "whom of the operators to tell, in which order",
    "segments": "networks that hosts are seen in, by id (C51)",
    "groups": "what hosts have in common, by id",
    "hosts": "the machines to watch, by id",
    "pauses": "maintenance windows, by id (R50)",
}

BRAND: Keys = {
    "name": "the name in subjects and texts (R2), up to 40 characters",
    "sender": "the address mails are sent from; its domain also ends Message-IDs",
}

LIMITS: Keys = {
    "actions_at_once": "how many recovery actions may be under way at the same time, 1 to 100; 2 by default",
    "power": "how many power actions there may be, for all hosts together and for some of them",
    "mass_outage": "when so many hosts of a segment are unreachable that nothing is switched by itself",
    "cool_down": "for so long after a recovery a fault of the host is the same trouble again, 0s to 7d; 1h by default",
    "alerts_per_minute": "more mails a minute than this to one customer become one digest (R9), 1 to 1000; 10 by default",
    "flapping": "when a check that comes and goes is announced as flapping (C54)",
}

POWER_LIMITS: Keys = {
    "at_once": "how many may be under way at the same time, 1 to 100; 2 by default",
    "per_10min": "how many may begin within ten minutes, 1 to 1000; 5 by default",
    "per_customer": "the same for the hosts of any one customer",
    "per_parent": "the same for the hosts that name the same parent",
}

PER_CUSTOMER: Keys = {
    "at_once": "under way at the same time, 1 to 100; 1 by default",
    "per_10min": "begun within ten minutes, 1 to 1000; 3 by default",
}

PER_PARENT: Keys = {
    "at_once": "under way at the same time, 1 to 100; 1 by default",
    "per_10min": "begun within ten minutes, 1 to 1000; 2 by default",
}

MASS_OUTAGE: Keys = {
    "share": "more than this part of a segment's hosts, in percent, 1 to 100; 20 by default",
    "hosts": "and at least so many of them, 2 to 1000; 5 by default",
    "within": "have become unreachable within this time, 1m to 1d; 10m by default",
    "patience": "what was held back for so long is left to people, 1m to 7d; 1h by default",
}

FLAPPING: Keys = {
    "changes": "more changes of verdict than this, 2 to 100; 6 by default",
    "window": "within this time, 1s to 1d; 30m by default",
}

PROFILE: Keys = {
    "interval": "time between two looks, 1s to 1d",
    "confirmation": "when failing becomes a fault",
}

CONFIRMATION: Keys = {
    "failures": "so many failing looks in a row, 1 to 10",
    "retry": "time from one failing look to the next, 1s to 1d; the ordinary interval by default",
}

CUSTOMER: Keys = {
    "name": "the legal entity's name, up to 100 characters",
    "zone": "IANA time zone of every time it reads (R7); Asia/Tokyo by default",
    "language": "ja or en, for contacts that name none; ja by default",
    "contacts": "who is mailed, by id: one to three (R5)",
    "contract": "what automatic recovery the contract covers; nothing by default",
    "automation": "off, shadow or on, at most, for this customer's hosts",
}

CONTACT: Keys = {
    "name": "a person or role, up to 100 characters",
    "mail": "a mail address that does not depend on a monitored host of this customer (R5)",
    "language": "ja or en; the customer's by default",
}

CONTRACT: Keys = {
    "recovers": "a list of server (R21), service (R22) or both",
    "wait": "how long a server's outage lasts before it is recovered (R20), 0s to 1d; 15m by default",
}

OPERATOR: Keys = {
    "name": "the person's name, up to 100 characters",
    "mail": "a mail address",
    "webhook": "an https:// URL, or {env: NAME} or {file: /path} that holds one",
    "language": "ja or en; ja by default",
}

ON_CALL: Keys = {
    "order": "a list of operators, the first of whom is told first",
    "escalate_after": "without acknowledgement the next one is told after this time, 1s to 1d; 10m by default",
}

HOST: Keys = {
    "label": "the name in subjects, up to 100 characters",
    "customer": "whose machine it is: the id of a customer",
    "address": "the IPv4 or IPv6 address that is looked at and logged in to",
    "address6": "the IPv6 address for checks with ip: 6",
    "fqdn": "the full host name, shown in mails",
    "mail_domains": "a list of domains whose mail this host receives: no contact's address may be there (R5)",
    "device_type": "what kind of machine, shown in mails; server by default",
    "os": "the operating system, shown in mails",
    "groups": "a list of groups; a later one wins over an earlier one, the host wins over all",
    "profile": "the profile of its checks; standard by default",
    "checks": "what to look at, by name; off instead of a mapping drops a group's check",
    "ssh": "how recovery logs in; without it no service is restarted",
    "snmp": "how its SNMP agent is asked; checks such as cpu, load and disk need it",
    "power": "how the host's power is switched from outside (R21); without it a server that hangs goes to people",
    "rescue": "a rescue system that can be booted in the host's place, to check its file systems",
    "filesystems": "a list of what the rescue system checks, each with device and type; by default what it finds",
    "parent": "what hosts depend on together, such as a switch or a hypervisor: the id of a host, whose fault is then not told of "
    "each (C53), or an id of your choice; limits count by it (R26)",
    "segment": "the network they are seen in; main by default; a mass outage is one of a segment (R26)",
    "panel": "plesk: its watchdog may restart services itself, and is left its time (R23); found out at the first login by default",
    "procedures": "which runbook recovers what; what has none goes to people",
    "automation": "off, shadow or on, at most, for this host",
}

_ONE_HOSTS = {"label", "address", "address6", "fqdn", "groups"}
SEGMENT: Keys = {
    "anchors": "a list of addresses that answer ping, such as its gateway and a few that depend on nothing here: while most of "
    "them are silent nothing is judged down there (C52)",
    "watcher": "the name of the watcher that stands there (C51); watcher, which hikeshi up starts, by default",
}

GROUP: Keys = {key: meaning for key, meaning in HOST.items() if key not in _ONE_HOSTS}

CHECK: Keys = {
    "kind": "what kind of check; by default the check's name, where that is one",
    "level": "2 (warning) to 5 (unreachable) (R1); the kind's by default",
    "interval": "time between two looks, 1s to 1d; the profile's by default",
    "timeout": "bound of one look, 0.1s to 30s; the kind's by default",
    "confirmation": "when failing becomes a fault; the profile's by default",
    "ip": "4 or 6: which of the host's addresses to look at; address by default",
    "at": "a host name: look where it leads, resolved anew, instead of the host's own address (C50)",
    "service": "the systemd service whose restart may cure it (R22), such as nginx",
}

SSH: Keys = {
    "user": "the dedicated remote user; its sudo rules are printed by hikeshi sudoers",
    "port": "1 to 65535; 22 by default",
    "address": "where recovery logs in, such as a management network's address; the host's by default",
    "host_keys": "a list of the host's public keys, as ssh-keyscan prints them, without the host",
    "identity": "the private key: {file: /path} or {env: NAME}",
}

SNMP: Keys = {
    "version": "2c, 3, or 1 for what knows no better; 2c by default",
    "community": "for 1 and 2c: the community, a secret that may read: {file: /path} or {env: NAME}",
    "port": "1 to 65535; 161 by default",
    "user": "for 3: the user, 1 to 32 characters",
    "auth": "for 3: what its messages are signed with; without it anybody may speak in its name",
    "privacy": "for 3: what its messages are encrypted with; needs auth",
    "context": "for 3: which part of the agent is asked; none by default",
}

SNMP_AUTH: Keys = {
    "protocol": "sha-256, sha-512, sha-384, sha-224, sha-1 or md5",
    "password": "at least 8 characters, by reference: {file: /path} or {env: NAME}",
}

SNMP_PRIVACY: Keys = {
    "protocol": "aes-128, aes-192, aes-256 or des",
    "password": "at least 8 characters, by reference: {file: /path} or {env: NAME}",
}

POWER: Keys = {
    "driver": "ipmi or redfish (a BMC), virsh, qm or xl (a hypervisor)",
    "address": "the BMC's or hypervisor's IPv4 or IPv6 address",
    "port": "1 to 65535; by default 623 for ipmi, 443 for redfish",
    "user": "the BMC's user: an operator, no administrator",
    "password": "that user's password: {file: /path} or {env: NAME}",
    "system": "which machine it is there: its name (virsh, xl; no number), its VM id (qm); for redfish where there are several",
    "ssh": "how to log in to the hypervisor",
    "ca_file": "certificates (PEM) to trust instead of the system's (redfish); may be the BMC's own",
}

RESCUE: Keys = {
    "boot": "the device it boots from, in the words of the power driver: pxe, cdrom (ipmi), cd (redfish) …",
    "ssh": "how to log in to the rescue system; its host keys are not the host's",
    "address": "its address; the host's by default",
}

FILESYSTEM: Keys = {
    "device": "as the rescue system names it, such as /dev/sda1 or /dev/disk/by-uuid/…",
    "type": "as blkid names it, such as ext4 or xfs",
}

LOGIN: Keys = {key: meaning for key, meaning in SSH.items() if key != "address"}
"""Where the address stands beside it."""

PROCEDURES: Keys = {
    "server": "the runbook for an unreachable server (R21)",
    "service": "the runbook for a dead service (R22)",
}

PAUSE: Keys = {
    "start": "local wall time of the first window, YYYY-MM-DDTHH:MM",
    "duration": "how long each window lasts, up to 366d and shorter than the repetition's period",
    "repeat": "once, daily, weekly or monthly; once by default",
    "zone": "IANA time zone of start; the customer's by default",
    "customer": "the scope, either: all hosts of this customer",
    "host": "or: this host",
    "check": "or: this check, as host/name",
    "reason": "why, up to 200 characters",
}

REFERENCE: Mapping[str, Keys] = {
    "sections": SECTIONS,
    "brand": BRAND,
    "limits": LIMITS,
    "limits.power": POWER_LIMITS,
    "limits.power.per_customer": PER_CUSTOMER,
    "limits.power.per_parent": PER_PARENT,
    "limits.mass_outage": MASS_OUTAGE,
    "limits.flapping": FLAPPING,
    "profiles.ID": PROFILE,
    "profiles.ID.confirmation": CONFIRMATION,
    "customers.ID": CUSTOMER,
    "customers.ID.contacts.ID": CONTACT,
    "customers.ID.contract": CONTRACT,
    "operators.ID": OPERATOR,
    "on_call": ON_CALL,
    "segments.ID": SEGMENT,
    "groups.ID": GROUP,
    "hosts.ID": HOST,
    "hosts.ID.ssh": SSH,
    "hosts.ID.snmp": SNMP,
    "hosts.ID.snmp.auth": SNMP_AUTH,
    "hosts.ID.snmp.privacy": SNMP_PRIVACY,
    "hosts.ID.power": POWER,
    "hosts.ID.power.ssh": LOGIN,
    "hosts.ID.rescue": RESCUE,
    "hosts.ID.rescue.ssh": LOGIN,
    "hosts.ID.filesystems[]": FILESYSTEM,
    "hosts.ID.procedures": PROCEDURES,
    "hosts.ID.checks.NAME": CHECK,
    "pauses.ID": PAUSE,
}
"""Where each set of keys stands."""
