"""The sudo rules: valid for visudo, exactly one command per service, never for root."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fixtures_ssh import host_at
from hypothesis import given, settings
from hypothesis import strategies as st

import runbooks
from domain.model import FaultClass, PowerControl, Rescue, Secret, SshAccess
from domain.procedure import Procedure, Step
from hikeshi.rights import command_lines
from remediation import ACTIONS, CannotAct, hypervisor_sudoers, sudoers

VISUDO = shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin")
needs_visudo = pytest.mark.skipif(VISUDO is None, reason="no visudo; with Debian: apt-get install sudo")
RESTART = ACTIONS["restart_service"]
WEB = host_at("192.0.2.1", 22, (), user="hikeshi", service="nginx")


def visudo(text: str) -> str:
    """What visudo complains about; empty when it is content."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rules"
        path.write_text(text)
        path.chmod(0o440)
        checked = subprocess.run([str(VISUDO), "-c", "-s", "-f", str(path)], capture_output=True, text=True, check=False)
        return "" if checked.returncode == 0 else checked.stderr + checked.stdout


def test_the_rules_name_one_command_per_service() -> None:
    lines = [line for unit in ("php8.2-fpm", "nginx.service") for line in RESTART.describe(WEB, {"unit": unit}, None)]
    assert sudoers(WEB, lines) == (
        "# What hikeshi may do on web01. Install: visudo -f /etc/sudoers.d/hikeshi\n"
        "Cmnd_Alias HIKESHI = \\\n"
        "    /usr/bin/systemctl restart nginx.service,\\\n"
        "    /usr/bin/systemctl restart php8.2-fpm.service\n"
        "Defaults:hikeshi !requiretty\n"
        "hikeshi ALL=(root) NOPASSWD: HIKESHI\n"
    )


def test_a_name_that_is_not_known_beforehand_is_bounded_character_by_character() -> None:
    """A * would let in further arguments."""
    text = sudoers(WEB, ACTIONS["command"].describe(WEB, {"argv": ("/usr/bin/id",), "as_root": True}, None))
    assert "    /usr/bin/systemd-run --unit\\=hikeshi-" + "[0-9a-f]" * 16 + " --remain-after-exit /usr/bin/id" in text
    assert "*" not in text
    assert visudo(text) == ""


def test_each_line_that_may_come_instead_has_its_rule() -> None:
    text = sudoers(WEB, ACTIONS["restart_network"].describe(WEB, {}, None))
    for manager in ("NetworkManager", "systemd-networkd", "networking", "network"):
        assert f" /usr/bin/systemctl restart {manager}.service" in text
    assert visudo(text) == ""


def test_what_runs_on_the_hypervisor_is_allowed_there_and_only_there() -> None:
    access = SshAccess("hikeshi", (), Secret("file", "x"))
    control = PowerControl("virsh", "192.0.2.5", system="db01", ssh=access)
    host = replace(WEB, power=control)
    steps = (Step("cycle", "power", {"do": "cycle"}), Step("reboot", "reboot"))
    procedures = {"night": Procedure("night", "1", {}, 600, steps)}
    lines = command_lines(replace(host, procedures={FaultClass.SERVER: "night"}), procedures)
    there, here = hypervisor_sudoers(host), sudoers(host, lines)
    assert "virsh" not in here
    assert "    /usr/sbin/shutdown -r now" in here
    assert there.splitlines()[0].startswith("# What hikeshi may do to web01 on the hypervisor 192.0.2.5.")
    rules = [line.strip(" ,\\") for line in there.splitlines() if line.startswith("    ")]
    assert rules == [
        f"/usr/bin/virsh --connect qemu\\:///system {words}"
        for words in ("domid db01", "domstate db01 --reason", "start db01", "destroy db01", "reset db01")
    ]
    assert visudo(there) == visudo(here) == ""
    for power in (None, PowerControl("ipmi", "192.0.2.6"), replace(control, ssh=replace(access, user="root"))):
        with pytest.raises(ValueError, match="no rules"):
            hypervisor_sudoers(replace(host, power=power))


RUNBOOK = """
title: {en: Restart, ja: 再起動}
budget_s: 600
steps:
  - {id: look, action: look}
  - {id: announce, action: announce}
  - {id: restart, action: restart_service%s}
  - {id: verify, action: look, until_s: 30, every_s: 2}
"""


def test_the_rules_are_for_what_the_hosts_own_runbooks_restart(tmp_path: Path) -> None:
    for name, unit in (("restart-fpm", "php8.2-fpm"), ("restart-mail", "postfix"), ("restart-service", None)):
        named = f", parameters: {{unit: {unit}}}" if unit else ""
        (tmp_path / f"{name}.yaml").write_text(RUNBOOK % named, encoding="utf-8")
    known = runbooks.load(ACTIONS, tmp_path)

    def rules(*procedures: str) -> list[str]:
        host = replace(WEB, procedures=dict(zip(FaultClass, procedures, strict=False)))
        text = sudoers(host, command_lines(host, known))
        return re.findall(r"^    /usr/bin/systemctl restart (\S+?)\.service", text, re.MULTILINE)

    assert rules() == rules("restart-service") == rules("no-longer-there") == ["nginx"]
    assert rules("restart-fpm") == rules("restart-service", "restart-fpm") == ["nginx", "php8.2-fpm"]


def test_what_is_sent_to_a_hypervisor_or_a_rescue_system_needs_no_rule_on_the_host() -> None:
    login = SshAccess("operator", (), Secret("file", "/key"))
    host = replace(
        WEB,
        power=PowerControl("virsh", "192.0.2.9", system="web01", ssh=login),
        rescue=Rescue("cdrom", login),
        procedures={FaultClass.SERVER: "all"},
    )
    steps = [Step(name, name, {"do": "cycle"} if name == "power" else {}) for name in ("diagnose", "power", "reboot", "fsck")]
    known = {"all": Procedure("all", "v", {}, 600, tuple(steps))}
    text = sudoers(host, command_lines(host, known))
    assert re.findall("^    (.*?),?\\\\?$", text, re.MULTILINE) == [
        "/usr/bin/systemctl restart nginx.service",
        '/usr/bin/dmesg ""',
        "/usr/bin/journalctl --no-pager --lines\\=1000",
        "/usr/sbin/shutdown -r now",
    ]
    assert visudo(text) == ""


@needs_visudo
@settings(max_examples=40)
@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,20}(@[A-Za-z0-9_.:-]{1,9})?\.service", fullmatch=True), max_size=20))
def test_visudo_is_content_with_any_services(units: list[str]) -> None:
    try:
        text = sudoers(WEB, [line for unit in units for line in RESTART.describe(WEB, {"unit": unit}, None)])
    except CannotAct:
        return  # another kind of unit, or one that takes the machine down
    assert visudo(text) == ""


@needs_visudo
def test_visudo_would_tell() -> None:
    assert "syntax error" in visudo(sudoers(WEB).replace("NOPASSWD:", "NOPASSWD"))


@pytest.mark.parametrize("user", ["root", "", "ALL", "%wheel", "a b", "a\nb", "#0", "a,b", "hikeshi ALL=(ALL) NOPASSWD: ALL #"])
def test_nobody_else_gets_a_rule(user: str) -> None:
    assert WEB.ssh is not None
    with pytest.raises(ValueError, match=r"user|root"):
        sudoers(replace(WEB, ssh=replace(WEB.ssh, user=user)))


def test_a_host_with_nothing_to_restart_gets_none() -> None:
    with pytest.raises(ValueError, match="no check of web01 names a service, and no runbook of it needs root"):
        sudoers(host_at("192.0.2.1", 22, (), user="hikeshi"))
    with pytest.raises(ValueError, match="web01 has no ssh access"):
        sudoers(replace(WEB, ssh=None))


@pytest.mark.parametrize("unit", ["nginx, ALL", "*", "nginx.service ssh.service", "reboot.target", "../x"])
def test_a_service_that_is_none_is_refused(unit: str) -> None:
    with pytest.raises(CannotAct, match="service"):
        sudoers(host_at("192.0.2.1", 22, (), user="hikeshi", service=unit))


@pytest.mark.parametrize("line", ["sudo -n sh -c 'a b'", "sudo -n echo 'a\"b'", "sudo -n echo 'a\nb'"])
def test_what_sudoers_can_not_say_gets_no_rule(line: str) -> None:
    with pytest.raises(ValueError, match="no sudo rule can be written"):
        sudoers(WEB, [line])
