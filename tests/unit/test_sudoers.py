"""The sudo rules: valid for visudo, exactly one command per service, never for root."""

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
from domain.model import FaultClass
from hikeshi.reading import restarted_units
from remediation import ACTIONS, sudoers

VISUDO = shutil.which("visudo", path="/usr/sbin:/sbin:/usr/bin")
needs_visudo = pytest.mark.skipif(VISUDO is None, reason="no visudo; with Debian: apt-get install sudo")
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
    assert sudoers(WEB, ["php8.2-fpm", "nginx.service"]) == (
        "# What hikeshi may do on web01. Install: visudo -f /etc/sudoers.d/hikeshi\n"
        "Cmnd_Alias HIKESHI_RESTART = \\\n"
        "    /usr/bin/systemctl restart nginx.service,\\\n"
        "    /usr/bin/systemctl restart php8.2-fpm.service\n"
        "Defaults:hikeshi !requiretty\n"
        "hikeshi ALL=(root) NOPASSWD: HIKESHI_RESTART\n"
    )


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

    def units(*procedures: str) -> set[str]:
        return restarted_units(replace(WEB, procedures=dict(zip(FaultClass, procedures, strict=False))), known)

    assert units() == units("restart-service") == units("no-longer-there") == set()
    assert units("restart-fpm") == units("restart-service", "restart-fpm") == {"php8.2-fpm.service"}
    assert "/usr/bin/systemctl restart php8.2-fpm.service\n" in sudoers(WEB, units("restart-fpm"))


@needs_visudo
@settings(max_examples=40, deadline=None)
@given(st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,20}(@[A-Za-z0-9_.:-]{1,9})?\.service", fullmatch=True), max_size=20))
def test_visudo_is_content_with_any_services(units: list[str]) -> None:
    try:
        text = sudoers(WEB, units)
    except ValueError:
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
    with pytest.raises(ValueError, match="no check and no runbook of web01 names a service"):
        sudoers(host_at("192.0.2.1", 22, (), user="hikeshi"), [])
    with pytest.raises(ValueError, match="web01 has no ssh access"):
        sudoers(replace(WEB, ssh=None))


@pytest.mark.parametrize("unit", ["nginx, ALL", "*", "nginx.service ssh.service", "reboot.target", "../x"])
def test_a_service_that_is_none_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="service"):
        sudoers(WEB, [unit])
