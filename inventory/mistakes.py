"""What can be wrong with an inventory, in words for the person who wrote it: one ``Code`` for each kind of mistake."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from domain.mistake import Mistake, shown


class Code(Enum):
    """Every kind of mistake: what is wrong, what would be right. Tests demand that a pinned bad file reaches each."""

    # the folder and its files
    NO_FOLDER = ("is no folder", "would be right: a folder of .yaml files")
    NO_FILES = (
        "holds no inventory",
        "would be right: files that end in .yaml, with at least brand, customers, operators, on_call and hosts",
    )
    TOO_MANY_FILES = ("holds too many files (got {got})", "would be right: at most {high}")
    UNREADABLE = ("cannot be read ({got})", "would be right: a regular file that this user may read")
    TOO_BIG = ("is too big (got {got} bytes)", "would be right: at most {high} bytes; split it, any file may hold any section")
    NOT_UTF8 = ("is not UTF-8 (got byte {got})", "would be right: a text file saved as UTF-8")
    EMPTY_FILE = ("says nothing", "would be right: at least one section; remove the file if it is not needed")
    RUNBOOK_PLACE = ("is below runbooks, but not read as a runbook", "would be right: runbooks/NAME.yaml, one runbook a file")
    # YAML
    CONTROL = (
        "has a control character (got {got})",
        'would be right: plain text; write it in double quotes, as "\\t", if it is meant',
    )
    YAML = ("is no YAML: {got}", "would be right: YAML 1.2; mind the indentation and the quotes just before this place")
    SURROGATE = ("has half a character (got {got})", "would be right: the character itself, instead of \\ud800 to \\udfff")
    SECOND_DOCUMENT = ("starts a second document", "would be right: one document a file; use a second file instead of ---")
    ALIAS = ("uses an anchor or alias (got {got})", "would be right: the value itself; what hosts have in common goes into groups")
    TAG = ("has a tag (got {got})", "would be right: the value without a tag; the key alone decides what it means")
    MERGE_KEY = ("uses the merge key <<", "would be right: the keys themselves; what hosts have in common goes into groups")
    TOO_DEEP = ("is nested too deep (got {got} levels)", "would be right: at most {high}")
    KEY_NOT_TEXT = ("has a key that is no text (got {got})", "would be right: a word before the colon")
    DUPLICATE = ("is defined twice (first at {first})", "would be right: one of the two")
    # shapes
    NOT_MAPPING = ("is {got}", "would be right: a mapping of keys to values")
    NOT_LIST = ("is {got}", "would be right: a list, such as [first, second] or lines that start with -")
    NOT_SCALAR = ("is {got}", "would be right: {right}")
    EMPTY_VALUE = ("has no value", "would be right: {right}")
    EMPTY_LIST = ("is an empty list", "would be right: at least one entry")
    TWICE_IN_LIST = ("names the same twice (got {got})", "would be right: each once")
    UNKNOWN_KEY = ("unknown key", "{hint}")
    PLAIN_SECRET = (
        "unknown key, and what looks like a secret in plain text (not shown)",
        "would be right: secrets by reference only, {{env: NAME}} or {{file: /path}}, under the keys that ask for one",
    )
    EMPTY_SECTION = ("is empty", "would be right: {right}")
    MISSING = ("{key} is missing", "would be right: {right}")
    # values
    ID = ("is no id (got {got})", "would be right: 1 to 63 of a-z, 0-9 and -, starting with a letter or digit")
    WORD = ("unknown word (got {got})", "{hint}")
    ZONE = ("no such time zone (got {got})", "{hint}")
    UNKNOWN = ("no such {what} (got {got})", "{hint}")
    RANGE = ("out of range (got {got})", "would be right: {right}")
    NUMBER = ("is no whole number (got {got})", "would be right: {right}")
    DURATION = ("is no duration (got {got})", "would be right: a time such as 60s, 15m, 2h, 1d, or a number of seconds")
    TEXT_LENGTH = ("is {got} characters long", "would be right: 1 to {high} characters")
    TEXT_CONTROL = (
        "holds a line break, control or text-direction character (got {got})",
        "would be right: one line of visible characters, since it goes into mail headers",
    )
    MAIL = (
        "is no mail address (got {got})",
        "would be right: an address such as noc@example.com (ASCII; write an international domain as xn--…)",
    )
    DOMAIN = (
        "is no host name (got {got})",
        "would be right: a full name such as web01.example.com (ASCII; write an international name as xn--…)",
    )
    ADDRESS = ("is no address (got {got})", "would be right: {right}")
    WEBHOOK = (
        "is no webhook (got {got})",
        "would be right: an https:// URL (http:// to localhost only) without a user, or {{env: NAME}} or {{file: /path}}",
    )
    SECRET = (
        "is no reference to a secret (what was written is not shown)",
        "would be right: {{env: NAME}} or {{file: /absolute/path}}, never the secret itself",
    )
    OWN_VARIABLE = (
        "begins with the prefix of hikeshi's own settings (got {got})",
        "would be right: a variable whose name does not begin with HIKESHI_",
    )
    HOST_KEY = (
        "is no SSH host key ({got})",
        "would be right: the type and the key as `ssh-keyscan HOST` prints them, without the host: ssh-ed25519 AAAA…",
    )
    UNIT = ("is no systemd service (got {got})", "would be right: a name such as nginx or nginx.service")
    POWER_UNIT = ("takes the machine down when it is started (got {got})", "would be right: {right}")
    USER = ("is no user name (got {got})", "would be right: 1 to 32 of a-z, 0-9, _ and -, starting with a letter or _")
    BMC_USER = (
        "is no BMC user (got {got})",
        "would be right: 1 to 32 letters, digits and . _ @ -, starting with a letter, digit or _",
    )
    SYSTEM = (
        "is no machine of a BMC or hypervisor (got {got})",
        "would be right: its name or number there, 1 to 63 letters, digits and . _ + -, starting with a letter or digit",
    )
    SYSTEM_NUMBER = (
        "may be the id of another machine for {driver} (got {got})",
        "would be right: its name there, or, with virsh, its UUID",
    )
    DEVICE = ("is no device (got {got})", "would be right: a whole path such as /dev/sda1, /dev/vg0/root or /dev/disk/by-uuid/…")
    FILESYSTEM = ("is no type of file system (got {got})", "would be right: the type as blkid names it, such as ext4 or xfs")
    FILE = ("is no path of a file (got {got})", "would be right: an absolute path, such as /etc/hikeshi/bmc-ca.pem")
    START = ("is no local time (got {got})", "would be right: YYYY-MM-DDTHH:MM without an offset; the zone is a key of its own")
    NO_DAY = ("is on a day that does not exist (got {got})", "would be right: a day of the calendar, such as 2026-11-30T03:00")
    OPTION = ("does not fit a {kind} check (got {got})", "would be right: {right}")
    # meaning
    NOT_OF_DRIVER = ("is no key for {driver}", "would be right: {right}")
    NOT_OF_SNMP = ("is no key for version {version}", "would be right: {right}")
    PRIVACY_NEEDS_AUTH = ("encrypts what nobody signs", "would be right: auth beside it, or no privacy")
    RESCUE_NEEDS_POWER = (
        "can't be booted, since the host has no power",
        "would be right: power on the host or its group, or no rescue here",
    )
    NO_RESCUE_BOOT = (
        "can't be booted by {driver}, which has no order for what a machine boots",
        "would be right: no rescue here, or a power driver that can (ipmi, redfish)",
    )
    CIRCULAR_PARENTS = (
        "depends on itself ({got})",
        "would be right: a parent that does not hang on this host in its turn (C53)",
    )
    SHARED_POWER = (
        "is one machine for two hosts, {host} and {other} (at {at})",
        "would be right: for each host the BMC, or the machine at its hypervisor, that is its own",
    )
    NO_CHANNEL = ("can't be told anything", "would be right: mail, webhook, or both")
    CONTACTS = ("names {got} contacts", "would be right: one to three (R5)")
    SHIPPED_PROFILE = ("is the name of a shipped profile", "would be right: a name of its own, such as {got}-own")
    NOTHING_TO_DROP = ("drops a check that no group of this host brings", "{hint}")
    NO_CHECKS = ("watches nothing", "would be right: at least one check, of its own or of its groups")
    CHECK_NEEDS_SNMP = (
        "is a {kind} check of a host that has no snmp",
        "would be right: snmp with its community or user on the host or its group, or no such check",
    )
    NO_NAME_HERE = (
        "names where to look, which a {kind} check can't use",
        "would be right: no at here; {kind} asks the host's own address, or nobody",
    )
    EITHER = ("is one of two ways to say it", "would be right: only one of {right}")
    CHECK_NAME = ("names no kind of check", "{hint}")
    NO_SUCH_ADDRESS = ("asks for IPv{got}, but the host has no such address", "would be right: {right}")
    UNIT_NEEDS_SSH = (
        "names a service to restart on {host}, which has no ssh",
        "would be right: ssh on the host or its group, or no service here",
    )
    UNIT_FOR_SERVER = (
        "names a service to restart for a {kind} check",
        "would be right: no service here; what {kind} sees is the whole server's (R21)",
    )
    UNIT_FOR_RESOURCE = (
        "names a service to restart for a {kind} check",
        "would be right: no service here; what {kind} sees is told, and nothing is restarted for it (R4)",
    )
    CONTRACT_NEEDS_SSH = (
        "has no ssh, but the contract of {customer} covers restarting services",
        "would be right: ssh on the host or its group, or a contract without service (R22): to watch only, leave recovers out",
    )
    MAIL_ON_HOST = (
        "needs the monitored host {host} (got {got}, whose mail goes to {by})",
        "would be right: an address that still works when that host is down (R5)",
    )
    PAUSE_SCOPE = ("needs one scope (got {got})", "would be right: exactly one of customer, host and check")
    PAUSE_ENDLESS = ("lasts as long as its period or longer (got {got})", "would be right: shorter than {right}")

    @property
    def wrong(self) -> str:
        return str(self.value[0])

    @property
    def right(self) -> str:
        return str(self.value[1])


class InventoryError(Exception):
    """The inventory is refused. ``mistakes`` are all of them, sorted by place."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class Refused(Exception):  # noqa: N818 - not an error of the program: the signal of a parser to its Fields
    """Raised by a parser for one value; ``Fields`` knows the place and reports it."""

    def __init__(self, code: Code, **facts: object) -> None:
        super().__init__(code.name)
        self.code = code
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written. ``path`` is dotted, as in ``hosts.web01.ssh.port``."""

    file: str
    line: int
    path: str = ""

    def under(self, key: str | int) -> str:
        step = f"[{key}]" if isinstance(key, int) else f".{key if _PLAIN.fullmatch(key) else shown(key)}"
        return (self.path + step).removeprefix(".")


class Report:
    """Collects mistakes; the same one found twice (a group's value, through each of its hosts) counts once."""

    def __init__(self) -> None:
        self._found: set[Mistake] = set()
        self.blind = False
        """A file could not be understood: what it may have said is then not called missing."""

    def add(self, place: Place, code: Code, **facts: object) -> None:
        if self.blind and code in _CURED_ELSEWHERE:
            return
        wrong, right = (template.format(**facts) for template in (code.wrong, code.right))
        self._found.add(Mistake(place.file, place.line, place.path, wrong, right, code.name))

    def take(self, mistakes: Iterable[Mistake]) -> None:
        """Mistakes that another room has found."""
        self._found.update(mistakes)

    def refuse_if_any(self) -> None:
        if self._found:
            raise InventoryError(tuple(sorted(self._found)))


_CURED_ELSEWHERE = frozenset(
    {Code.MISSING, Code.EMPTY_SECTION, Code.UNKNOWN, Code.NO_CHECKS, Code.CHECK_NAME, Code.NOTHING_TO_DROP, Code.UNIT_NEEDS_SSH}
)
_CURED_ELSEWHERE |= {Code.CONTRACT_NEEDS_SSH, Code.CHECK_NEEDS_SNMP, Code.NO_SUCH_ADDRESS, Code.RESCUE_NEEDS_POWER}
"""Mistakes that a section or group in another file would cure."""


_PLAIN = re.compile(r"[A-Za-z0-9_/-]{1,63}")
