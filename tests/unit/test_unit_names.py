"""Names of services that may be restarted: nothing that a shell, sudo or systemctl reads otherwise gets through."""

import shlex

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.unit import service_unit


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("nginx", "nginx.service"),
        ("nginx.service", "nginx.service"),
        ("php8.2-fpm", "php8.2-fpm.service"),
        ("postgresql@15-main.service", "postgresql@15-main.service"),
        ("systemd-resolved", "systemd-resolved.service"),
    ],
)
def test_a_service_is_known_by_its_full_name(name: str, unit: str) -> None:
    assert service_unit(name) == unit


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".service",
            "-H.service",
            "--now",
            "a b",
            "a\n",
            "nginx.service\n",
            "a;b",
            "a|b",
            "a$b",
            "a%b",
            "{a}",
            "a*",
            "a/b",
            "é",
        ),
        *("reboot.target", "a.socket", "a.timer", "getty@", "getty@.service", "x" * 256, None, 3, True),
        *("systemd-reboot", "systemd-poweroff.service", "emergency", "rescue.service", "systemd-soft-reboot"),
    ],
)
def test_anything_else_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="service"):
        service_unit(name)


@settings(max_examples=3000)
@given(st.text(max_size=40) | st.text("abn.@:-_ ;|&$`'\"\\<>(){}[]*?!~#=%,\n\t/", max_size=12))
@example("nginx.service")
def test_what_is_accepted_is_one_plain_word_everywhere(name: str) -> None:
    try:
        unit = service_unit(name)
    except ValueError:
        return
    assert shlex.quote(unit.replace("@", "")) == unit.replace("@", "")
    assert unit.isascii()
    assert not unit.startswith("-")
    assert service_unit(unit) == unit
