"""What a real SNMP agent tells of becomes checks that the inventory takes and that are up."""

from pathlib import Path

import pytest
from readings import Offer, agent
from real_snmpd import COMMUNITY, snmpd
from ruamel.yaml import YAML
from snmp_agent import polled

from domain.model import Host, Secret, SnmpAccess
from domain.observation import Verdict
from hikeshi.discovering import ITEMS, asked, discovered, written
from probes import PROBES
from probes.mib import (
    HR_RUN_NAME,
    HR_RUN_TYPE,
    HR_STORAGE_DESCR,
    HR_STORAGE_FIXED_DISK,
    HR_STORAGE_RAM,
    HR_STORAGE_TYPE,
    IF_DESCR,
    IF_NAME,
    IF_OPER_STATUS,
)
from probes.reading import Values


def host(port: int, community: Secret) -> Host:
    return Host("web01", "web01", "shop", "127.0.0.1", (), snmp=SnmpAccess("2c", community, port))


def checks(text: str) -> dict[str, dict[str, str]]:
    """As the inventory would read them."""
    found = YAML(typ="safe").load(text)["checks"]
    for entry in found.values():
        (option,) = set(entry) - {"kind"}
        PROBES[entry["kind"]].options[option].parse(entry[option])
    return {name: dict(entry) for name, entry in found.items()}


def test_of_a_real_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_COMMUNITY", COMMUNITY)
    with snmpd(tmp_path) as port:
        seen, values = asked(host(port, Secret("env", "THE_COMMUNITY")))
    assert seen.verdict is Verdict.UP
    found = checks(written("web01", discovered(values)))
    assert found["disk"] == {"kind": "disk", "partition": "/"}
    assert found["process-snmpd"] == {"kind": "process", "process": "snmpd"}
    assert not any(entry.get("interface") == "lo" for entry in found.values())
    assert not any(entry.get("process") == "kthreadd" for entry in found.values())


def test_a_community_that_can_t_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THE_COMMUNITY", raising=False)
    seen, _ = asked(host(9, Secret("env", "THE_COMMUNITY")))
    assert seen.verdict is Verdict.UNKNOWN
    assert seen.detail.startswith("environment variable THE_COMMUNITY is not set here")


def test_names_are_ids_of_their_own_and_what_is_no_text_is_left_out() -> None:
    offered: Offer = {
        HR_STORAGE_TYPE: [HR_STORAGE_RAM, *[HR_STORAGE_FIXED_DISK] * 5],
        HR_STORAGE_DESCR: [b"Physical memory", b"/", b"/var/a", b"/var-a", b"C:\\ Label:System  Serial Number 1a", b"/run/user/0"],
        IF_NAME: [b"lo", b"eth0", b"eth1"],
        IF_DESCR: [b"lo", b"Intel", b"Intel"],
        IF_OPER_STATUS: [1, 1, 2],
        HR_RUN_NAME: {1: b"kthreadd", 2: b"nginx", 3: b"nginx", 4: b'"]\n: {evil', 5: "日本語".encode(), 6: b'a: "b'},
        HR_RUN_TYPE: {1: 2, 2: 4, 3: 4, 4: 4, 5: 4, 6: 4},
    }
    _, found = polled(agent(offered), *ITEMS)
    assert checks(written("web01", discovered(Values(found)))) == {
        "disk": {"kind": "disk", "partition": "/"},
        "disk-var-a": {"kind": "disk", "partition": "/var/a"},
        "disk-var-a-2": {"kind": "disk", "partition": "/var-a"},
        "disk-c": {"kind": "disk", "partition": "C:\\"},
        "interface-eth0": {"kind": "interface", "interface": "eth0"},
        "process-a-b": {"kind": "process", "process": 'a: "b'},
        "process-nginx": {"kind": "process", "process": "nginx"},
        "process": {"kind": "process", "process": "日本語"},
    }


def test_an_agent_that_tells_of_nothing() -> None:
    _, found = polled(agent({}), *ITEMS)
    assert written("web01", discovered(Values(found))).endswith("checks: {}\n")
