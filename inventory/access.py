"""Reads how a host is reached for work: its login, its power control, its rescue system, and what is checked there."""

import re
from collections.abc import Collection, Mapping
from typing import Literal

from domain.mistake import hint, listed, shown
from domain.model import FileSystem, PowerControl, Rescue, Secret, SnmpAccess, SnmpKey, SnmpUser, SshAccess
from inventory import keys
from inventory.fields import Fields
from inventory.mistakes import Code, Refused
from inventory.registries import PowerSpec
from inventory.tree import Node, Seq, named
from inventory.values import address, file, host_key, reference, scalar, secret, text, user, whole, word
from probes.snmp_words import AUTH, MAX_NAME_CHARS, PRIVACY


def ssh(fields: Fields) -> SshAccess:
    fields.require("host_keys")
    return SshAccess(
        user=fields.need("user", user, ""),
        host_keys=tuple(sorted(fields.list_of("host_keys", host_key))),
        identity=fields.need("identity", secret, Secret("file", "")),
        port=fields.get("port", whole(1, 65535), 22),
        address=fields.get("address", address, None),
    )


def snmp(fields: Fields) -> SnmpAccess:
    default: Literal["1", "2c", "3"] = "2c"
    version = fields.get("version", word(_snmp_version, ("2c", "3", "1")), default)
    known = _OF_USER if version == "3" else _OF_COMMUNITY
    for key in (*_OF_USER, *_OF_COMMUNITY):
        if key not in known and fields.has(key):
            fields.refuse(key, Code.NOT_OF_SNMP, version=version, right=listed(["version", *known, "port"]))
    return SnmpAccess(
        version=version,
        community=fields.need("community", secret, Secret("file", "")) if version != "3" else None,
        port=fields.get("port", whole(1, 65535), 161),
        user=_snmp_user(fields) if version == "3" else None,
    )


def _snmp_version(written: str) -> Literal["1", "2c", "3"]:
    return "1" if written == "1" else "3" if written == "3" else "2c"


def _snmp_user(fields: Fields) -> SnmpUser:
    auth, privacy = _snmp_key(fields, "auth", keys.SNMP_AUTH, AUTH), _snmp_key(fields, "privacy", keys.SNMP_PRIVACY, PRIVACY)
    if privacy is not None and auth is None:
        fields.refuse("privacy", Code.PRIVACY_NEEDS_AUTH)
    return SnmpUser(fields.need("user", text(MAX_NAME_CHARS), ""), auth, privacy, fields.get("context", text(MAX_NAME_CHARS), ""))


def _snmp_key(above: Fields, key: str, known: keys.Keys, protocols: Collection[str]) -> SnmpKey | None:
    if not above.has(key):
        return None
    fields = above.below(key, known)
    return SnmpKey(fields.need("protocol", word(str, protocols), ""), fields.need("password", secret, Secret("file", "")))


def power(fields: Fields, drivers: Mapping[str, PowerSpec]) -> PowerControl:
    """Which keys it may and must have, its driver says."""
    driver = fields.need("driver", reference("power driver", drivers), "")
    spec = drivers.get(driver)
    if spec is not None:
        _refuse_misfits(fields, spec)
    system = fields.get("system", _system, "")
    if spec is not None and system.isdecimal() and not spec.numbers:
        fields.refuse("system", Code.SYSTEM_NUMBER, driver=driver, got=shown(system))
    return PowerControl(
        driver=driver,
        address=fields.need("address", address, ""),
        port=fields.get("port", whole(1, 65535), None),
        user=fields.get("user", _bmc_user, ""),
        password=fields.get("password", secret, None),
        system=system,
        ssh=ssh(fields.below("ssh", keys.LOGIN)) if fields.has("ssh") else None,
        ca_file=fields.get("ca_file", file, None),
    )


def _refuse_misfits(fields: Fields, spec: PowerSpec) -> None:
    usual = ("driver", "address")
    for key in keys.POWER:
        if key not in usual and key not in spec.keys and fields.has(key):
            fields.refuse(key, Code.NOT_OF_DRIVER, driver=spec.name, right=listed([*usual, *spec.keys]))
        elif spec.keys.get(key):
            fields.require(key)


def rescue(fields: Fields, control: PowerControl | None, drivers: Mapping[str, PowerSpec]) -> Rescue:
    fields.require("ssh")
    boot = fields.need("boot", _device_word, "")
    spec = drivers.get(control.driver) if control is not None else None
    if control is None and not fields.partial:
        fields.report.add(fields.place, Code.RESCUE_NEEDS_POWER)
    if spec is not None and not spec.boots:
        fields.report.add(fields.place, Code.NO_RESCUE_BOOT, driver=spec.name)
    elif spec is not None and boot and boot not in spec.boots:
        fields.refuse("boot", Code.WORD, got=shown(boot), hint=hint(boot, sorted(spec.boots)))
    login = ssh(fields.below("ssh", keys.LOGIN)) if fields.has("ssh") else SshAccess("", (), Secret("file", ""))
    return Rescue(boot=boot, ssh=login, address=fields.get("address", address, None))


def filesystems(fields: Fields) -> tuple[FileSystem, ...]:
    """Those of a host, in the order in which they are written."""
    node = fields.map.entries.get("filesystems")
    if not isinstance(node, Seq) or not node.items:
        fields.list_of("filesystems", _never)  # says what is wrong with it
        return ()
    found: dict[str, FileSystem] = {}
    for item in node.items:
        below = Fields(item, keys.FILESYSTEM, fields.report, partial=fields.partial)
        read = FileSystem(below.need("device", _device, ""), below.need("type", _type, ""))
        if read.device in found:
            fields.report.add(item.place, Code.TWICE_IN_LIST, got=shown(read.device))
        found[read.device or str(len(found))] = read
    return tuple(found.values())


def _never(node: Node) -> str:
    raise Refused(Code.NOT_MAPPING, got=named(node))


def _bmc_user(node: Node) -> str:
    written = scalar(node, "one user name").text
    if not _BMC_USER.fullmatch(written):
        raise Refused(Code.BMC_USER, got=shown(written))
    return written


def _system(node: Node) -> str:
    written = scalar(node, "the name of one machine").text
    if not _SYSTEM.fullmatch(written):
        raise Refused(Code.SYSTEM, got=shown(written))
    return written


def _device_word(node: Node) -> str:
    written = scalar(node, "one word of the power driver, such as pxe").text
    if not _WORD.fullmatch(written):
        raise Refused(Code.WORD, got=shown(written), hint="would be right: a word of the power driver, such as pxe or cdrom")
    return written


def _device(node: Node) -> str:
    written = scalar(node, "one device, such as /dev/sda1").text
    if not _DEVICE.fullmatch(written):
        raise Refused(Code.DEVICE, got=shown(written))
    return written


def _type(node: Node) -> str:
    written = scalar(node, "one type of file system, such as ext4").text
    if not _TYPE.fullmatch(written):
        raise Refused(Code.FILESYSTEM, got=shown(written))
    return written


_OF_COMMUNITY, _OF_USER = ("community",), ("user", "auth", "privacy", "context")
_BMC_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,31}")
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}")
"""As ``remediation.power_command`` asks again before it is used: it ends in command lines and paths."""
_WORD = re.compile(r"[a-z]{1,20}")
_DEVICE = re.compile(r"/dev(?:/[A-Za-z0-9][A-Za-z0-9._+@:=-]{0,254}){1,6}")
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,19}")
