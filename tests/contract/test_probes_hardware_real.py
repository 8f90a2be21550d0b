"""C41 against real BMCs: sushy-tools' Redfish over TLS, and ipmi_sim."""

from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from driving import until
from misbehaving import closes_at_once, endless, says, serving, silent

from bed.ipmi import Ipmi
from bed.redfish import Redfish
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.bmc_words import ipmi_faults, ipmi_lines, redfish_health
from probes.spec import Call, Target
from store.clock import SystemClock
from watch.driver import Driver


def asked(password: str, timeout_s: float = 10.0, **given: Any) -> Observation:
    spec = PROBES["hardware"]
    options = {"login": {"user": "operator", "password": {"env": "BMC"}}, **given}
    parsed = spec.complete({name: spec.options[name].parse(value) for name, value in options.items()})
    assert isinstance(spec.way, Call)
    driver, found = Driver(SystemClock()), list[Observation]()
    driver.call(partial(spec.way.look, Target("192.0.2.10", parsed, lambda _: password, timeout_s)), timeout_s, found.append)
    try:
        until(driver, found)
    finally:
        driver.close()
    return found[0]


def by_redfish(bmc: Redfish, tmp_path: Path, password: str | None = None, **changes: Any) -> Observation:
    login = {"user": bmc.user, "password": {"env": "BMC"}}
    where = {"driver": "redfish", "bmc": bmc.address, "port": bmc.port, "login": login, "ca_file": str(tmp_path / "ca.pem")}
    return asked(password or bmc.password, **{**where, **changes})


def by_ipmi(bmc: Ipmi, password: str | None = None, **changes: Any) -> Observation:
    login = {"user": bmc.user, "password": {"env": "BMC"}}
    return asked(password or bmc.password, **{"driver": "ipmi", "bmc": bmc.address, "port": bmc.port, "login": login, **changes})


class TestRedfish:
    def test_a_healthy_machine_is_up(self, redfish: Redfish, tmp_path: Path) -> None:
        assert by_redfish(redfish, tmp_path)[:2] == (Verdict.UP, "health OK")
        assert by_redfish(redfish, tmp_path, system=redfish.system)[:2] == (Verdict.UP, "health OK")

    def test_one_whose_lamp_is_on_is_down(self, redfish: Redfish, tmp_path: Path) -> None:
        redfish.chassis.critical = True
        assert by_redfish(redfish, tmp_path)[:2] == (Verdict.DOWN, "health Critical")

    def test_what_it_refuses_is_told(self, redfish: Redfish, tmp_path: Path) -> None:
        seen = by_redfish(redfish, tmp_path, "wrong-one")
        assert seen[:2] == (Verdict.DOWN, "the BMC: login refused: the user or the password is wrong")
        seen = by_redfish(redfish, tmp_path, system="no-such")
        assert (seen.verdict, "status 404" in seen.detail) == (Verdict.DOWN, True)

    def test_a_certificate_of_nobody_is_not_trusted(self, redfish: Redfish) -> None:
        seen = asked(redfish.password, driver="redfish", bmc=redfish.address, port=redfish.port)
        assert (seen.verdict, "CERTIFICATE_VERIFY_FAILED" in seen.detail) == (Verdict.DOWN, True)

    def test_certificates_that_can_t_be_read_are_our_trouble(self, redfish: Redfish, tmp_path: Path) -> None:
        assert by_redfish(redfish, tmp_path, ca_file="/no/such.pem").verdict is Verdict.UNKNOWN


class TestIpmi:
    def test_a_healthy_machine_is_up(self, ipmi: Ipmi) -> None:
        assert by_ipmi(ipmi)[:2] == (Verdict.UP, "no fault")

    def test_a_wrong_password_is_down_and_is_nowhere(self, ipmi: Ipmi, ran: Path) -> None:
        seen = by_ipmi(ipmi, "wrong-one")
        assert seen[:2] == (Verdict.DOWN, "the BMC: login refused: the password is wrong")
        assert "wrong-one" not in ran.read_text()


@pytest.mark.parametrize("driver", ["redfish", "ipmi"])
class TestAnyOther:
    def test_a_silent_one_is_down_in_time_and_nothing_stays_open(self, driver: str) -> None:
        with serving(silent) as server:
            seen = asked("x", 1.0, driver=driver, bmc="127.0.0.1", port=server.port)
            assert seen.verdict is Verdict.DOWN
            theirs = {("127.0.0.1", server.port)}
            assert not [one for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr[:2] in theirs]

    @pytest.mark.parametrize("treat", [says(b"SSH-2.0-else\r\n", silent), endless, closes_at_once])
    def test_garbage_is_down(self, driver: str, treat: Any) -> None:
        with serving(treat) as server:
            seen = asked("x", 3.0, driver=driver, bmc="127.0.0.1", port=server.port)
        assert seen.verdict is Verdict.DOWN


def test_the_words_of_both() -> None:
    lit = ipmi_lines(
        "System Power         : on\nDrive Fault          : true\nCooling/Fan Fault    : true\nPower Interlock : inactive"
    )
    assert ipmi_faults(lit) == ["drive fault", "cooling or fan fault"]
    assert redfish_health({"Status": {"Health": "OK", "HealthRollup": "Warning"}}) == "Warning"
    assert redfish_health({"Status": {}}) is None
    assert redfish_health({"Status": "fine"}) is None
