"""Which programs a runbook's ``command`` may be: none that runs what it is told to (a shell, ``sudo``, an interpreter with a text
of code), and none that switches a machine off, since only the actions ``reboot`` and ``power`` are counted and bounded (R26).

It keeps a door from being left open by mistake; what a script of a customer's own does is not seen here."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_SHELLS = "sh bash rbash dash ash ksh ksh93 mksh zsh fish csh tcsh busybox toybox"
_RIGHTS = "sudo su doas runuser pkexec setpriv chroot nsenter unshare capsh run0"
_WRAPPERS = (
    "env nohup setsid nice ionice chrt taskset numactl timeout stdbuf xargs parallel find watch time script screen tmux flock "
    "prlimit start-stop-daemon daemonize strace ltrace gdb expect awk gawk mawk nawk vi vim ed make ld.so"
)
_LATER = "at batch crontab systemd-run machinectl"
_ELSEWHERE = "ssh sshpass rsh dbclient pdsh ansible docker podman kubectl"
_RUNNERS = frozenset(f"{_SHELLS} {_RIGHTS} {_WRAPPERS} {_LATER} {_ELSEWHERE}".split())
_INTERPRETER = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|php|lua|tclsh|Rscript)[0-9.]*")
_DOWN = frozenset({"reboot", "poweroff", "halt"})
_POWER = _DOWN | frozenset({"shutdown", "init", "telinit", "kexec"})
_SWITCHES = "ipmitool ipmi-power ipmi-chassis ipmiutil racadm virsh xl qm pct rtcwake pm-suspend pm-hibernate upscmd upsdrvctl"
_BUSES = "busctl dbus-send gdbus"
_POWER_TOOLS = frozenset(f"{_SWITCHES} {_BUSES}".split())
_VERBS = frozenset({
    *_DOWN, "kexec", "soft-reboot", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate", "sleep", "rescue",
    "emergency", "isolate", "exit", "default", "switch-root",
})  # fmt: skip
_UNIT = re.compile(
    r"(?:systemd-)?(?:reboot|poweroff|halt|kexec|soft-reboot|shutdown|rescue|emergency|suspend|hibernate|hybrid-sleep|"
    r"suspend-then-hibernate|sleep|final|exit|umount|ctrl-alt-del|runlevel[0-6])\.(?:target|service)"
)
_DEVICE = re.compile(r"/sysrq-trigger|/sys/power/")
_RIGHT_POWER = "a program that doesn't take the machine down: for that there are the actions reboot and power"
_RIGHT_RUNS = "the program itself, or a script that can be run by its own absolute path: not {}, which runs what it is told to"


def why_not(argv: Sequence[str]) -> str | None:
    """What would be right in the place of this command; ``None`` where nothing speaks against it."""
    program, arguments = PurePosixPath(argv[0]).name, argv[1:]
    if program in _POWER | _POWER_TOOLS or program.startswith("fence_") or any(map(_takes_down, argv)):
        return _RIGHT_POWER
    if program == "systemctl" and _VERBS & set(arguments):
        return _RIGHT_POWER
    if program in _RUNNERS:
        return _RIGHT_RUNS.format(program)
    if _INTERPRETER.fullmatch(program) and not (arguments and arguments[0].startswith("/")):
        return f"{program} with the absolute path of a script behind it"
    return None


def _takes_down(word: str) -> bool:
    """A program's own verbs, such as an application's ``shutdown``, don't count; a path to a program does."""
    value = word.rpartition("=")[2]
    name = PurePosixPath(value).name
    return name in (_POWER if value.startswith("/") else _DOWN) or bool(_UNIT.fullmatch(name) or _DEVICE.search(value))
