"""No text of an inventory becomes shell, an option or one more argument of a command: what could is refused when it is read.

First the functions that read single values, with thousands of texts; then whole inventories, up to every command line that any
action would have carried out.
"""

import contextlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.model import Host
from domain.procedure import Parameter
from inventory import Code, InventoryError, Registries, access, load, values
from inventory.fields import ID
from inventory.mistakes import Place, Refused
from inventory.tree import Node, Scalar
from probes import PROBES
from remediation import ACTIONS, POWER_DRIVERS, CannotAct, hypervisor_sudoers, sudoers
from remediation.action import INSTEAD, OR, WHERE_OFF

REGISTRIES = Registries(PROBES, {}, POWER_DRIVERS, ACTIONS)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
HARMLESS = re.compile(r"[A-Za-z0-9@._:/+=,][A-Za-z0-9@._:/+=,-]*")
"""One argument for every shell, and never an option."""

SHELL = "a1 -;|&$`'\"\\<>(){}[]*?!~#=%,.@:_^\n\r\t\0\x1b\x85\u2028\u202e\uff0f/"


def an_id(node: Node) -> str:
    """As ``inventory.fields.named_entries`` reads the ids of hosts."""
    written = values.scalar(node, "").text
    if ID.fullmatch(written) is None:
        raise Refused(Code.ID, got=written)
    return written


PARSERS: Mapping[str, tuple[Callable[[Node], str], str]] = {
    "host": (an_id, "web01"),
    "parent, segment": (values.an_id, "rack-7"),
    "address": (values.address, "192.0.2.10"),
    "address6": (values.address6, "2001:db8::10"),
    "fqdn": (values.domain, "web01.shop.example"),
    "ssh.user": (values.user, "hikeshi"),
    "service": (values.unit, "php8.2-fpm@blog.service"),
    "power.user": (access._bmc_user, "ops@bmc"),
    "power.system": (access._system, "System.Embedded.1"),
    "rescue.boot": (access._device_word, "pxe"),
    "filesystems.device": (access._device, "/dev/disk/by-uuid/0b5e7a3c-2c1f"),
    "filesystems.type": (access._type, "ext4"),
}
"""What reads a text that may stand in a command, and one that it takes."""


def spoiled(good: str) -> st.SearchStrategy[str]:
    """Texts like a good one, since what is far from it is refused for any reason, and any others."""
    where, what = st.integers(0, len(good)), st.text(SHELL, min_size=1, max_size=4) | st.text(min_size=1, max_size=3)
    put_in = st.builds(lambda at, more: good[:at] + more + good[at:], where, what)
    return put_in | st.builds(lambda at, more: good[:at] + more, where, what) | st.text(SHELL, max_size=12) | st.text(max_size=20)


@pytest.mark.parametrize("what", PARSERS)
def test_a_text_that_is_taken_is_one_argument_and_no_option(what: str) -> None:
    parse, good = PARSERS[what]
    assert parse(Scalar(Place("f", 1), good, plain=True)) == good

    @settings(max_examples=300)
    @given(spoiled(good))
    def tried(text: str) -> None:
        try:
            taken = parse(Scalar(Place("f", 1), text, plain=True))
        except Refused:
            return
        assert HARMLESS.fullmatch(taken), taken
        assert shlex.quote(taken) == taken

    tried()


# whole inventories

SSH = {"user": "hikeshi", "host_keys": [KEY], "identity": {"env": "LOGIN"}}
PATHS: tuple[tuple[str, ...], ...] = (
    ("label",),
    ("address",),
    ("address6",),
    ("fqdn",),
    ("device_type",),
    ("os",),
    ("parent",),
    ("segment",),
    ("checks", "http", "service"),
    ("ssh", "user"),
    ("ssh", "address"),
    ("power", "address"),
    ("power", "user"),
    ("power", "system"),
    ("power", "ssh", "user"),
    ("rescue", "boot"),
    ("rescue", "address"),
    ("rescue", "ssh", "user"),
    ("filesystems", "device"),
    ("filesystems", "type"),
)
"""Texts of a host."""
PARAMETERS: Mapping[str, tuple[Mapping[str, Parameter], ...]] = {
    "power": ({"do": "on"}, {"do": "off"}, {"do": "cycle"}, {"do": "reset"}, {"do": "cycle", "boot": "rescue"}),
    "command": ({"argv": ("/usr/bin/id", "-u")}, {"argv": ("/usr/bin/id", "-u"), "as_root": True}),
}
AROUND = """\
brand: {name: Example, sender: monitoring@hosting.example}
customers: {shop: {name: Shop, contacts: {office: {name: Office, mail: office@shop.example}}}}
operators: {first: {name: First, mail: first@hosting.example}}
on_call: {order: [first]}
"""
REQUEST = re.compile(r"(GET|PATCH|POST) (https://[A-Za-z0-9.:\[\]]+/redfish/v1/Systems/[A-Za-z0-9._+/-]+)(?: (\{.*\}))?")
KNOWN: tuple[Mapping[str, str], ...] = ({}, {"init": "systemd", "panel": "plesk"}, {"init": "sysv", "panel": "none"})


def written(driver: str) -> dict[str, object]:
    """A host of which all is said that can be."""
    spec = POWER_DRIVERS[driver]
    power = {
        "driver": driver,
        "address": "192.0.2.110",
        "system": "db01",
        "user": "operator",
        "password": {"env": "BMC"},
        "ssh": SSH,
    }
    rescue = {"boot": sorted(spec.boots)[0], "address": "192.0.2.11", "ssh": SSH} if spec.boots else None
    said = {
        **{"label": "web01", "customer": "shop", "address": "192.0.2.10", "address6": "2001:db8::10", "fqdn": "web01.shop.example"},
        **{"device_type": "server", "os": "Debian 12", "parent": "rack-7", "segment": "main"},
        "checks": {"http": {"service": "nginx"}},
        "ssh": {**SSH, "address": "192.0.2.12"},
        "power": {key: value for key, value in power.items() if key in ("driver", "address", *spec.keys)},
        "rescue": rescue,
        "filesystems": [{"device": "/dev/sda1", "type": "ext4"}],
    }
    return {key: value for key, value in said.items() if value is not None}


def changed(host: object, path: tuple[str, ...], text: str) -> object:
    """A copy with another text at the end of a path; of a list's first entry."""
    if isinstance(host, list):
        return [changed(host[0], path, text), *host[1:]]
    assert isinstance(host, dict)
    return {**host, path[0]: changed(host[path[0]], path[1:], text) if path[1:] else text}


def has(host: object, path: tuple[str, ...]) -> bool:
    below = host[0] if isinstance(host, list) else host
    return not path or (isinstance(below, dict) and path[0] in below and has(below[path[0]], path[1:]))


def good(host: object, path: tuple[str, ...]) -> str:
    """The text at the end of a path."""
    for key in path:
        below = host[0] if isinstance(host, list) else host
        assert isinstance(below, dict)
        host = below[key]
    assert isinstance(host, str)
    return host


def escaped(value: object) -> str:
    """As JSON, but no character in halves, as YAML has it: a key in halves is told at the line of its mapping."""
    return "".join(char if " " <= char <= "~" else f"\\U{ord(char):08x}" for char in json.dumps(value, ensure_ascii=False))


def loaded(hosts: Mapping[str, object]) -> tuple[list[Host], set[str]]:
    """Those that are taken, and the ids of those that are not."""
    refused: set[str] = set()
    with TemporaryDirectory() as folder:
        file = Path(folder, "all.yaml")
        while kept := {id_: host for id_, host in hosts.items() if id_ not in refused}:
            lines = [f"{escaped(id_)}: {escaped(host)}" for id_, host in kept.items()]
            file.write_text(AROUND + "hosts: {\n" + ",\n".join(lines) + "}\n", encoding="utf-8")
            try:
                return list(load(Path(folder), REGISTRIES).policy.hosts.values()), refused
            except InventoryError as error:
                by_line = dict(enumerate(kept, AROUND.count("\n") + 2))
                refused |= {by_line[mistake.line] for mistake in error.mistakes}
    return [], refused


def told(host: Host, known: Mapping[str, str]) -> list[str]:
    """Every command line that any action tells for this host; one that is not for it tells none."""
    found: list[str] = []
    for name, action in ACTIONS.items():
        for parameters in PARAMETERS.get(name, ({},)):
            with contextlib.suppress(CannotAct):
                found += action.describe(host, parameters, host.checks[0].service, known)
    return found


def rules(host: Host) -> list[str]:
    """The sudo rules that allow them, line by line."""
    found: list[str] = []
    for known in KNOWN:
        with contextlib.suppress(ValueError):  # root needs none
            found += sudoers(host, told(replace(host, power=None, rescue=None), known), known).splitlines()
    with contextlib.suppress(ValueError):
        found += hypervisor_sudoers(host).splitlines()
    return found


def words(line: str) -> list[str]:
    """The arguments of a line that is told; a request's method, URL and body. A remark is one word."""
    line = line.removeprefix(INSTEAD).removeprefix(OR).removeprefix(WHERE_OFF)
    if line.startswith("#"):
        return [line]
    if request := REQUEST.fullmatch(line):
        return [word for word in request.groups() if word]
    split = shlex.split(line)
    assert shlex.join(split) == line
    return split


def shape(host: Host) -> list[int]:
    """How many arguments everything has that is told of this host, and how many words every rule."""
    return [len(words(line)) for known in KNOWN for line in told(host, known)] + [len(rule.split()) for rule in rules(host)]


@cache
def usual(driver: str) -> list[int]:
    [host], _ = loaded({"web01": written(driver)})
    return shape(host)


@pytest.mark.parametrize("driver", POWER_DRIVERS)
def test_whatever_stands_in_an_inventory_commands_have_the_same_arguments(driver: str) -> None:
    usually = written(driver)
    paths = [path for path in PATHS if has(usually, path)]
    [read], _ = loaded({"web01": usually})
    assert any(line.startswith("sudo -n systemctl restart nginx.service") for line in told(read, {}))

    @settings(max_examples=2, phases=[Phase.generate])  # to make it smaller would take minutes
    @given(st.tuples(*(st.lists(spoiled(good(usually, path)), min_size=3, max_size=3) for path in paths)), st.data())
    def tried(texts: tuple[list[str], ...], data: st.DataObject) -> None:
        one = [(path, text) for path, of_path in zip(paths, texts, strict=True) for text in of_path]
        hosts = {f"h{number}": changed(usually, path, text) for number, (path, text) in enumerate(one)}
        ids = data.draw(st.lists(spoiled("web01"), max_size=5, unique=True))
        taken, _ = loaded({**hosts, **dict.fromkeys(ids, usually)})
        for host in taken:
            path, text = one[int(host.id[1:])] if host.id in hosts else (("",), host.id)
            # root needs no sudo, and another type of file system another check
            if text == "root" or path == ("filesystems", "type"):
                shape(host)
            else:
                assert shape(host) == usual(driver), (path, text)

    tried()
