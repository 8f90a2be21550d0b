"""A good inventory becomes one policy, by whatever files and in whatever order it is written."""

import json
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from domain.mistake import Mistake
from domain.model import (
    Confirmation,
    FaultClass,
    FileSystem,
    Level,
    MassOutage,
    Mode,
    Policy,
    PowerControl,
    PowerLimit,
    PowerLimits,
    Rescue,
    Secret,
    SshAccess,
    effective_mode,
)
from domain.pauses import Repeat
from domain.procedure import Procedure
from inventory import Accepted, InventoryError, Registries, keys, load
from inventory.folder import NAMED
from inventory.values import spoken
from probes import PROBES
from remediation import ACTIONS, POWER_DRIVERS

SHIPPED = {name: Procedure(name, "1", {}, 600.0, ()) for name in ("restart-service", "reset-server", "reboot-and-fsck")}
REGISTRIES = Registries(PROBES, SHIPPED, POWER_DRIVERS, ACTIONS)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
KEY2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB"
SAMPLE = Path(__file__).parents[2] / "inventory" / "sample"

FULL = f"""
brand: {{name: 例示ホスティング, sender: Monitoring@Hosting.Example}}
automation: on
limits:
  actions_at_once: 3
  cool_down: 2h
  alerts_per_minute: 5
  flapping: {{changes: 4, window: 10m}}
  power: {{at_once: 4, per_10min: 9, per_customer: {{at_once: 2}}, per_parent: {{per_10min: 1}}}}
  mass_outage: {{share: 30, hosts: 8, within: 5m, patience: 2h}}
profiles:
  own: {{interval: 90, confirmation: {{failures: 4, retry: 1.5s}}}}
customers:
  shop:
    name: no
    zone: Europe/Berlin
    language: en
    automation: shadow
    contacts:
      b: {{name: 012, mail: "b@shop.example", language: ja}}
      a: {{name: "[A]", mail: a@shop.example}}
    contract: {{recovers: [service, server], wait: 0}}
operators:
  first: {{name: First, mail: first@hosting.example, webhook: {{env: CHAT_URL}}}}
  second: {{name: Second, webhook: "http://localhost:8065/hook", language: en}}
on_call: {{order: [second, first], escalate_after: 5s}}
groups:
  linux:
    os: Debian 12
    profile: own
    checks:
      ping: {{}}
      ssh: {{}}
      shop: {{kind: url, contains: 店舗, auth: {{user: monitor, password: {{env: WEB}}}}}}
      http: {{level: 3, service: nginx}}
    ssh: {{user: hikeshi, port: 2222, identity: {{env: SSH_KEY}}}}
    procedures: {{server: reset-server, service: restart-service}}
    power: {{driver: redfish, user: hikeshi, password: {{env: BMC}}, system: System.Embedded.1, ca_file: /etc/hikeshi/bmc.pem}}
    rescue: {{boot: pxe, ssh: {{user: root, host_keys: [{KEY2}], identity: {{file: /etc/hikeshi/rescue}}}}}}
    segment: north
    panel: plesk
  web:
    profile: rapid
    checks: {{http: {{url: "https://www.shop.example/", status: 200, service: apache2.service, timeout: 3s}}}}
hosts:
  web01:
    label: ｗｅｂ01 — 店舗
    customer: shop
    address: 192.0.2.10
    address6: 2001:DB8:0:0::10
    fqdn: Web01.Shop.Example.
    device_type: virtual machine
    groups: [linux, web]
    automation: off
    checks:
      ssh: off
      http: {{timeout: 4s}}
      http6: {{kind: http, ip: 6, interval: 1s, confirmation: {{failures: 1}}}}
    ssh: {{address: 192.0.2.12, host_keys: [{KEY2}, {KEY} root@web01]}}
    power: {{address: 192.0.2.110}}
    rescue: {{address: 192.0.2.11}}
    filesystems: [{{device: /dev/vg0/data, type: xfs}}, {{device: /dev/sda1, type: ext4}}]
    parent: rack-7
pauses:
  night: {{start: 2026-01-31T22:00, duration: 2h, repeat: monthly, check: web01/http, reason: backups}}
  move: {{start: 2026-02-01T00:00:30, duration: 1d, zone: UTC, customer: shop}}
"""


FULL_DOCUMENT = json.dumps(
    YAML(typ="safe", pure=True).load(
        FULL.replace(": 012", ': "012"')
        .replace("2026-01-31T22:00", '"2026-01-31T22:00"')
        .replace("2026-02-01T00:00:30", '"2026-02-01T00:00:30"')
    )
)
"""FULL as plain values; what a YAML reader would guess to be something else is quoted."""


def loaded(tmp_path: Path, **files: str) -> Accepted:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load(tmp_path, REGISTRIES)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return loaded(tmp_path, all=FULL).policy


def test_people_are_read_as_written(policy: Policy) -> None:
    assert policy.brand.sender == "Monitoring@hosting.example"
    assert policy.mode is Mode.ON
    shop = policy.customers["shop"]
    assert (shop.name, shop.zone, shop.mode) == ("no", "Europe/Berlin", Mode.SHADOW)
    assert [(contact.id, contact.name, contact.language) for contact in shop.contacts] == [("a", "[A]", "en"), ("b", "012", "ja")]
    assert (shop.contract.recovers, shop.contract.wait_s) == (frozenset({FaultClass.SERVER, FaultClass.SERVICE}), 0.0)
    assert policy.operators["first"].webhook == Secret("env", "CHAT_URL")
    assert policy.operators["second"].webhook == "http://localhost:8065/hook"
    assert (policy.on_call.order, policy.on_call.escalate_after_s) == (("second", "first"), 5)
    limits = policy.limits
    assert (limits.actions_at_once, limits.cool_down_s, limits.alerts_per_minute) == (3, 7200, 5)
    assert (limits.flapping.changes, limits.flapping.window_s) == (4, 600)
    assert limits.power == PowerLimits(overall=PowerLimit(4, 9), customer=PowerLimit(2, 3), parent=PowerLimit(1, 1))
    assert limits.mass_outage == MassOutage(share=30, hosts=8, within_s=300, patience_s=7200)


def test_a_host_stands_over_its_groups_and_a_later_group_over_an_earlier(policy: Policy) -> None:
    host = policy.hosts["web01"]
    assert (host.os, host.fqdn, host.address6) == ("Debian 12", "web01.shop.example", "2001:db8::10")
    assert host.ssh is not None
    assert (host.ssh.user, host.ssh.port, host.ssh.identity, host.ssh.host_keys) == (
        "hikeshi",
        2222,
        Secret("env", "SSH_KEY"),
        (KEY, KEY2),
    )
    assert host.ssh.address == "192.0.2.12"
    assert host.procedures == {FaultClass.SERVER: "reset-server", FaultClass.SERVICE: "restart-service"}
    checks = {check.id: check for check in host.checks}
    assert list(checks) == ["web01/http", "web01/http6", "web01/ping", "web01/shop"]  # ssh is dropped by the host
    http = checks["web01/http"]
    assert (http.level, http.service, http.timeout_s) == (Level.MINOR, "apache2.service", 4)
    assert (http.interval_s, http.confirmation) == (60, Confirmation(3))  # rapid (C2), the later group's
    assert http.options == {"url": PROBES["http"].options["url"].parse("https://www.shop.example/")}
    assert checks["web01/shop"].options == {"contains": "店舗", "auth": {"user": "monitor", "password": {"env": "WEB"}}}
    six = checks["web01/http6"]
    assert (six.address, six.interval_s, six.confirmation, six.fault_class) == (
        "2001:db8::10",
        1,
        Confirmation(1),
        FaultClass.SERVICE,
    )
    ping = checks["web01/ping"]
    assert (ping.kind, ping.address, ping.level, ping.fault_class) == ("ping", "192.0.2.10", Level.UNREACHABLE, FaultClass.SERVER)
    assert effective_mode(policy, host) is Mode.OFF


def test_how_a_host_is_switched_and_repaired_is_read_from_its_groups_too(policy: Policy) -> None:
    host = policy.hosts["web01"]
    assert host.power == PowerControl(
        driver="redfish",
        address="192.0.2.110",
        user="hikeshi",
        password=Secret("env", "BMC"),
        system="System.Embedded.1",
        ca_file="/etc/hikeshi/bmc.pem",
    )
    assert host.rescue == Rescue("pxe", SshAccess("root", (KEY2,), Secret("file", "/etc/hikeshi/rescue")), "192.0.2.11")
    assert host.filesystems == (FileSystem("/dev/vg0/data", "xfs"), FileSystem("/dev/sda1", "ext4"))
    assert (host.parent, host.segment, host.panel) == ("rack-7", "north", "plesk")


def test_a_hypervisor_is_logged_in_to(tmp_path: Path) -> None:
    control = f"""
    power:
      driver: virsh
      address: 192.0.2.5
      system: db01
      ssh: {{user: hikeshi, host_keys: [{KEY}], identity: {{env: HV}}}}
"""
    base = Path(__file__).parents[1] / "invalid" / "inventory" / "_base"
    texts = {path.stem: path.read_text() for path in base.glob("*.yaml")}
    accepted = loaded(tmp_path, **{**texts, "hosts": texts["hosts"] + control.lstrip("\n")})
    access = SshAccess("hikeshi", (KEY,), Secret("env", "HV"))
    assert accepted.policy.hosts["web01"].power == PowerControl("virsh", "192.0.2.5", system="db01", ssh=access)
    (tmp_path / "again").mkdir()
    assert loaded(tmp_path / "again", all=accepted.document).document == accepted.document


OWN = """\
title: {en: Our restart, ja: 自社の再起動}
budget_s: 600
steps:
  - {id: look, action: look}
  - {id: restart, action: restart_service, verify: {within_s: 30}}
"""


def with_runbook(tmp_path: Path, name: str, text: str = OWN) -> Policy:
    (tmp_path / "runbooks").mkdir(exist_ok=True)
    (tmp_path / "runbooks" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return loaded(tmp_path, all=FULL).policy


def test_shipped_runbooks_are_part_of_every_version(policy: Policy) -> None:
    assert dict(policy.procedures) == SHIPPED


def test_the_inventorys_own_runbooks_come_with_it(tmp_path: Path, policy: Policy) -> None:
    own = with_runbook(tmp_path, "ours")
    assert set(own.procedures) == {*SHIPPED, "ours"}
    assert [step.id for step in own.procedures["ours"].steps] == ["look", "restart", "restart-verify"]
    assert own.version != policy.version
    changed = with_runbook(tmp_path, "ours", OWN.replace("600", "601"))
    assert changed.version not in (own.version, policy.version)


def test_an_own_runbook_takes_the_place_of_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own = with_runbook(tmp_path, "restart-service")
    assert own.procedures["restart-service"].title["en"] == "Our restart"
    assert set(own.procedures) == set(SHIPPED)


def test_hosts_may_name_an_own_runbook(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "ours.yaml").write_text(OWN, encoding="utf-8")
    text = FULL.replace("service: restart-service", "service: ours")
    assert text != FULL
    assert loaded(tmp_path, all=text).policy.hosts["web01"].procedures[FaultClass.SERVICE] == "ours"


def test_a_profile_of_ones_own_paces_its_checks(tmp_path: Path) -> None:
    text = FULL.replace("    profile: rapid\n", "")
    http = next(check for check in loaded(tmp_path, all=text).policy.hosts["web01"].checks if check.id == "web01/http")
    assert (http.interval_s, http.confirmation) == (90, Confirmation(4, 1.5))


def test_pauses_are_read_with_their_customers_zone(policy: Policy) -> None:
    move, night = policy.pauses
    assert (night.host, night.check, night.zone, night.repeat, night.start) == (
        "web01",
        "web01/http",
        "Europe/Berlin",
        Repeat.MONTHLY,
        "2026-01-31T22:00:00",
    )
    assert (move.customer, move.zone, move.duration_s, move.start) == ("shop", "UTC", 86400, "2026-02-01T00:00:30")


def test_what_is_not_said_is_safe(tmp_path: Path) -> None:
    base = Path(__file__).parents[1] / "invalid" / "inventory" / "_base"
    policy = load(base, REGISTRIES).policy
    assert policy.mode is Mode.SHADOW
    text = (base / "people.yaml").read_text().replace("    contract: {recovers: [server, service]}\n", "")
    silent = loaded(tmp_path, people=text, brand=(base / "brand.yaml").read_text(), hosts=(base / "hosts.yaml").read_text()).policy
    assert silent.customers["shop"].contract.recovers == frozenset()


def test_the_example_in_the_docs_is_a_good_inventory(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    assert [check.id for check in loaded(tmp_path, example=example).policy.hosts["web01"].checks] == [
        "web01/http",
        "web01/ping",
        "web01/ssh",
    ]


def test_a_check_that_one_group_drops_starts_anew_in_the_next(tmp_path: Path) -> None:
    """What was dropped must not come back with the options of the group that brought it."""
    text = FULL.replace("groups: [linux, web]", "groups: [linux, bare, web]").replace(
        "groups:\n", "groups:\n  bare: {checks: {http: off}}\n", 1
    )
    http = next(check for check in loaded(tmp_path, all=text).policy.hosts["web01"].checks if check.id == "web01/http")
    assert (http.service, http.level) == ("apache2.service", Level.SERVICE_DOWN)


def test_an_accepted_version_is_read_back_from_its_document(tmp_path: Path) -> None:
    accepted = loaded(tmp_path, all=FULL)
    assert loaded(tmp_path, all=accepted.document) == accepted


def test_a_fraction_of_a_minute_is_read_back_as_it_was(tmp_path: Path) -> None:
    accepted = loaded(tmp_path, all=FULL.replace("wait: 0", "wait: 0.57m"))
    assert accepted.policy.customers["shop"].contract.wait_s == 34.2
    assert loaded(tmp_path, all=accepted.document) == accepted


def test_nothing_of_an_accepted_policy_can_be_changed(policy: Policy) -> None:
    for mapping in (policy.hosts, policy.customers, policy.operators, policy.hosts["web01"].checks[0].options):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cool_down: 2h", "cool_down: 120m"),
        ("automation: on\n", "automation: on # everywhere\n"),
        ("interval: 90", "interval: 1.5m"),
        ("service: nginx", "service: nginx.service"),
        ("2001:DB8:0:0::10", "'2001:db8::10'"),
        ("recovers: [service, server]", "recovers: [server, service]"),
        ("status: 200, ", ""),
        ("ping: {}", "ping: {kind: ping, level: 5, timeout: 5, ip: 4}"),
        ("    zone: Europe/Berlin\n    language: en\n", '    language: "en"\n    zone: Europe/Berlin\n'),
        (f"{KEY} root@web01", KEY),
        (f"[{KEY2}, {KEY} root@web01]", f"[{KEY}, {KEY2}]"),
        ("brand:", "\ufeffbrand:"),
        ("groups:\n", "groups:\n  unused: {os: plan9}\n"),
        ("profile: rapid", "profile: rapid\n    os: Debian 12"),
        ("2026-01-31T22:00,", "2026-01-31T22:00:00, zone: Europe/Berlin,"),
    ],
)
def test_the_same_meaning_has_the_same_version(tmp_path: Path, policy: Policy, old: str, new: str) -> None:
    assert old in FULL
    text = FULL.lstrip() if new.startswith("\ufeff") else FULL
    (tmp_path / "all.yaml").unlink()
    assert loaded(tmp_path, other=text.replace(old, new)).policy == policy


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("wait: 0", "wait: 1"),
        ("order: [second, first]", "order: [first, second]"),
        ("timeout: 4s", "timeout: 5s"),
        ("automation: on", ""),
    ],
)
def test_another_meaning_has_another_version(tmp_path: Path, policy: Policy, old: str, new: str) -> None:
    assert old in FULL
    assert loaded(tmp_path, all=FULL.replace(old, new)).policy.version != policy.version


def shuffled(draw: st.DrawFn, value: Any) -> Any:
    """The same mapping with its keys in another order, at every depth; lists keep theirs."""
    if not isinstance(value, dict):
        return value
    return {key: shuffled(draw, value[key]) for key in draw(st.permutations(list(value)))}


@st.composite
def splits(draw: st.DrawFn) -> list[dict[str, Any]]:
    """FULL's sections in any order over up to four files, the entries of one section over several of them."""
    files: list[dict[str, Any]] = [{} for _ in range(draw(st.integers(1, 4)))]
    whole = json.loads(FULL_DOCUMENT)
    for section, content in shuffled(draw, whole).items():
        if section in NAMED:
            for id_, entry in content.items():
                draw(st.sampled_from(files)).setdefault(section, {})[id_] = entry
        else:
            draw(st.sampled_from(files))[section] = content
    return [file for file in files if file]


@settings(max_examples=40)
@given(splits())
def test_neither_the_order_nor_the_files_make_another_version(files: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as above:
        whole, split = Path(above, "whole"), Path(above, "split")
        for folder in (whole, split):
            folder.mkdir()
        (whole / "all.yaml").write_text(FULL, encoding="utf-8")
        for number, content in enumerate(files):
            with (split / f"{number}.yml").open("w", encoding="utf-8") as stream:
                YAML(typ="safe", pure=True).dump(content, stream)
        assert load(split, REGISTRIES) == load(whole, REGISTRIES)


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", "off", "\ud800", "a\nb", 0, -1, 1e300, True, [], [[]], ["x", "x"], {}, {"": {}}, {"x": None}, {"env": "X"}]
)


def spoilt(draw: st.DrawFn, value: Any, chance: int) -> Any:
    """The same tree with junk here and there, and a key misspelt here and there."""
    if draw(st.integers(0, chance)) == 0:
        return draw(JUNK)
    if isinstance(value, dict):
        return {key + "x" * (draw(st.integers(0, chance)) == 0): spoilt(draw, entry, chance) for key, entry in value.items()}
    return value


@settings(max_examples=150)
@given(st.data())
def test_whatever_is_written_is_accepted_or_refused_and_nothing_else(data: st.DataObject) -> None:
    whole = json.loads(FULL_DOCUMENT)
    chance = data.draw(st.sampled_from([20, 200]))
    text = json.dumps(data.draw(st.composite(lambda draw: spoilt(draw, whole, chance))()))
    with TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(text, encoding="utf-8")
        mistakes: tuple[Mistake, ...] = ()
        try:
            accepted = load(Path(folder), REGISTRIES)
        except InventoryError as refused:
            mistakes = refused.mistakes
        else:
            Path(folder, "all.yaml").write_text(accepted.document, encoding="utf-8")
            assert load(Path(folder), REGISTRIES) == accepted
        assert mistakes == tuple(sorted(set(mistakes)))
        assert all(str(mistake).isprintable() for mistake in mistakes)


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path, policy: Policy) -> None:
    (tmp_path / ".hosts.yaml").write_text("half-written by an editor: [")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text("[")
    (tmp_path / "hosts.yaml~").write_text("[")
    assert load(tmp_path, REGISTRIES).policy == policy


@pytest.mark.parametrize(
    ("exchangers", "refused"), [(["mx.example.net."], False), (["mx.example.net.", "WEB01.shop.example."], True)]
)
def test_r5_an_address_whose_mail_exchanger_is_monitored_is_refused(tmp_path: Path, exchangers: list[str], refused: bool) -> None:
    (tmp_path / "all.yaml").write_text(FULL, encoding="utf-8")
    asked: set[str] = set()

    def mx_of(domain: str) -> Collection[str]:
        asked.add(domain)
        return exchangers

    if refused:
        with pytest.raises(InventoryError, match=r"whose mail goes to web01\.shop\.example") as caught:
            load(tmp_path, REGISTRIES, mx_of)
        assert [mistake.path for mistake in caught.value.mistakes] == [f"customers.shop.contacts.{id_}.mail" for id_ in ("b", "a")]
    else:
        load(tmp_path, REGISTRIES, mx_of)
    assert asked == {"shop.example"}


def test_no_option_of_a_kind_hides_a_key_that_every_check_has() -> None:
    assert {(spec.name, name) for spec in PROBES.values() for name in spec.options if name in keys.CHECK} == set()


@pytest.mark.parametrize(("seconds", "words"), [(0, "0s"), (0.1, "0.1s"), (90, "90s"), (900, "15m"), (86_400, "1d")])
def test_durations_are_said_as_they_are_written(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_the_sample_is_whole_with_its_example_of_hosts(tmp_path: Path) -> None:
    for file in (path for path in SAMPLE.rglob("*") if path.is_file()):
        copy = tmp_path / file.relative_to(SAMPLE).with_name(file.name.removesuffix(".example"))
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text())
    policy = load(tmp_path, REGISTRIES).policy
    assert list(policy.hosts) == ["db01", "web01"]
    assert policy.hosts["db01"].power is not None
    assert policy.hosts["db01"].rescue is not None
    assert "shop-procedure" in policy.procedures


def test_the_sample_lacks_nothing_but_hosts(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"hosts is missing") as caught:
        load(SAMPLE, REGISTRIES)
    assert len(caught.value.mistakes) == 1
    for file in SAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    hosts = f"""
hosts:
  web01:
    label: web01
    customer: shop
    address: 192.0.2.10
    groups: [linux, web]
    ssh:
      host_keys: [{KEY}]
      identity: {{file: /tmp/key}}
"""
    web01 = loaded(tmp_path, hosts=hosts).policy.hosts["web01"]
    assert [(check.id, check.service) for check in web01.checks] == [
        ("web01/http", "nginx.service"),
        ("web01/ping", None),
        ("web01/ssh", None),
    ]
