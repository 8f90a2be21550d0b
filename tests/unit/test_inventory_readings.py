"""Readings in the inventory: where the agent is, and what a profile means for thresholds."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from test_inventory import REGISTRIES

from domain.model import Check, Confirmation, Secret, SnmpAccess, SnmpKey, SnmpUser
from hikeshi.secrecy import secret_names, unreadable
from inventory import Accepted, load
from probes import PROBES

TEXT = """
brand: {{name: Example, sender: watch@example.com}}
operators: {{op: {{name: Op, mail: op@example.com}}}}
on_call: {{order: [op]}}
customers: {{shop: {{name: Shop, contacts: {{desk: {{name: Desk, mail: desk@shop.example}}}}}}}}
profiles: {{own: {{interval: 30s, confirmation: {{failures: 1}}}}}}
groups:
  linux: {{snmp: {{community: {{env: COMMUNITY}}}}, checks: {{disk: {{}}, load: {{}}}}}}
hosts:
  web01: {{label: web01, customer: shop, address: 192.0.2.1, groups: [linux], profile: {profile}, checks: {{ssh: {{}}, {more}}}}}
"""


def loaded(folder: Path, profile: str = "standard", more: str = "cpu: {}") -> Accepted:
    (folder / "all.yaml").write_text(TEXT.format(profile=profile, more=more))
    return load(folder, REGISTRIES)


def options(check: Check) -> Mapping[str, object]:
    return PROBES[check.kind].complete(check.options)


def checks(accepted: Accepted) -> dict[str, Check]:
    return {check.id.removeprefix("web01/"): check for check in accepted.policy.hosts["web01"].checks}


def test_readings_know_the_agent_of_their_host(tmp_path: Path) -> None:
    accepted = loaded(tmp_path)
    access = SnmpAccess("2c", Secret("env", "COMMUNITY"), 161)
    assert accepted.policy.hosts["web01"].snmp == access
    assert {name: check.snmp for name, check in checks(accepted).items()} == {
        "cpu": access,
        "disk": access,
        "load": access,
        "ssh": None,
    }


@pytest.mark.parametrize(
    ("profile", "load", "disk"),
    [
        ("standard", (0.9, None), (80, None, False)),
        ("own", (0.9, None), (80, None, False)),
        ("rapid", (None, {"2": 4, "3": 8, "4": 12}), (None, {"2": 80, "3": 90, "4": 95}, False)),
        ("basic", (0.9, None), (90, None, True)),
    ],
)
def test_a_profile_has_its_thresholds(tmp_path: Path, profile: str, load: tuple[object, ...], disk: tuple[object, ...]) -> None:
    """C17, C20; profiles of one's own take what standard has."""
    found = {name: options(check) for name, check in checks(loaded(tmp_path, profile)).items()}
    assert tuple(found["load"][name] for name in ("threshold", "levels")) == load
    assert tuple(found["disk"][name] for name in ("threshold", "levels", "reached")) == disk


@pytest.mark.parametrize(
    ("profile", "written", "means"),
    [
        ("rapid", "threshold: 85", (85, None, False)),
        ("rapid", "threshold: 80", (80, None, False)),
        ("rapid", "levels: {4: 99}", (None, {"4": 99}, False)),
        ("standard", "levels: {2: 80, 3: 90, 4: 95}", (None, {"2": 80, "3": 90, "4": 95}, False)),
        ("basic", "threshold: 80", (80, None, True)),
        ("basic", "reached: false", (90, None, False)),
        ("basic", "levels: {2: 90.5}", (None, {"2": 90.5}, True)),
    ],
)
def test_what_is_written_takes_its_place(tmp_path: Path, profile: str, written: str, means: tuple[object, ...]) -> None:
    accepted = loaded(tmp_path, profile, f"disk: {{{written}}}")
    found = options(checks(accepted)["disk"])
    assert tuple(found[name] for name in ("threshold", "levels", "reached")) == means
    (tmp_path / "all.yaml").write_text(accepted.document)
    assert load(tmp_path, REGISTRIES) == accepted, "it is read back as it was"


def test_a_default_written_out_is_the_same_version(tmp_path: Path) -> None:
    assert loaded(tmp_path, "rapid", "disk: {levels: {4: 95.0, 2: 80, 3: 90}}") == loaded(tmp_path, "rapid", "disk: {}")
    assert loaded(tmp_path, "standard", "disk: {threshold: 80.0}") == loaded(tmp_path, "standard", "disk: {}")


def test_its_pace_is_the_profile_s(tmp_path: Path) -> None:
    found = checks(loaded(tmp_path, "rapid"))["disk"]
    assert (found.interval_s, found.confirmation, found.timeout_s) == (60, Confirmation(3), 10)


def test_the_community_is_the_watcher_s_and_told_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = loaded(tmp_path).policy
    monkeypatch.delenv("COMMUNITY", raising=False)
    assert secret_names(policy) == {"watcher": ["COMMUNITY"], "hands": [], "executor": []}
    (missing,) = unreadable(policy, env=True)
    assert missing.startswith("hosts.web01.snmp.community: environment variable COMMUNITY is not set here")


AS_USER = """{version: 3, port: 1161, user: monitor, context: board, auth: {protocol: sha-256, password: {env: AUTH}},
         privacy: {protocol: aes-128, password: {file: /etc/hikeshi/privacy}}}"""


def as_user(folder: Path) -> Accepted:
    text = TEXT.replace("{{community: {{env: COMMUNITY}}}}", AS_USER.replace("{", "{{").replace("}", "}}"))
    (folder / "all.yaml").write_text(text.format(profile="standard", more="cpu: {}"))
    return load(folder, REGISTRIES)


def test_an_agent_may_be_asked_as_a_user(tmp_path: Path) -> None:
    accepted = as_user(tmp_path)
    privacy = SnmpKey("aes-128", Secret("file", "/etc/hikeshi/privacy"))
    user = SnmpUser("monitor", SnmpKey("sha-256", Secret("env", "AUTH")), privacy, "board")
    assert accepted.policy.hosts["web01"].snmp == SnmpAccess("3", None, 1161, user)
    (tmp_path / "all.yaml").write_text(accepted.document)
    assert load(tmp_path, REGISTRIES) == accepted


def test_the_passwords_of_a_user_are_the_watcher_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = as_user(tmp_path).policy
    monkeypatch.delenv("AUTH", raising=False)
    assert secret_names(policy) == {"watcher": ["AUTH"], "hands": [], "executor": []}
    assert [one.partition(":")[0] for one in unreadable(policy, env=True)] == [
        "hosts.web01.snmp.auth.password",
        "hosts.web01.snmp.privacy.password",
    ]
