"""What of a log is read, how a stream is cut, what a line means, and what is heard by now (C40)."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.observation import Verdict
from notify.findings import FINDINGS
from probes.spec import Heard
from probes.syslog import DAY_S, DEAF, FOUND, LAST, SYSLOG, Finding, finding, judge
from probes.syslog_message import MAX_BYTES, MAX_CHARS, Framer, Line, line
from probes.syslog_patterns import PATTERNS, named


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"<34>1 2026-01-02T03:04:05.003Z web01 su - ID47 - \xef\xbb\xbf'su root' failed", Line("su", "'su root' failed")),
        (b'<165>1 2026-01-02T03:04:05Z web01 app 1 - [a@1 x="1\\"\\]" y="2"][b@1] said', Line("app", "said")),
        (b"<165>1 - - - - - - said", Line("", "said")),
        (b"<165>1 - - app - - -", Line("app", "")),
        (b"<34>Oct 11 22:14:15 web01 su: 'su root' failed", Line("su", "'su root' failed")),
        (b"<34>Oct  1 22:14:15 web01 sshd[123]: no\n", Line("sshd", "no")),
        (b"<4>kernel: [ 12.3] md127: kicking", Line("kernel", "[ 12.3] md127: kicking")),
        (b"just words", Line("", "just words")),
        (b"<999>no priority", Line("", "<999>no priority")),
        (b"<13>a\x1b[31mb\0c\xff", Line("", "a [31mb c\ufffd")),
        (b"", Line("", "")),
    ],
)
def test_a_message(data: bytes, read: Line) -> None:
    assert line(data) == read


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_harmless_line(data: bytes) -> None:
    for one in (data, b"<13>1 " + data, b"<13>Oct 11 22:14:15 h " + data, b"<13>1 - - - - - [" + data):
        read = line(one)
        assert read.whole.isprintable()
        assert len(read.text) <= MAX_CHARS
        assert len(read.app) <= 64


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"<1>a\n<2>b\n", [b"<1>a", b"<2>b"]),
        (b"4 <1>a6 <2>b\nc3 <3>", [b"<1>a", b"<2>b\nc", b"<3>"]),
        (b"4 <1>a<2>b\n4 <3>c\n\n", [b"<1>a", b"<2>b", b"<3>c"]),
        (b"2026 is a year\n", None),
        (b"12345678 no count\nb\n", [b"12345678 no count", b"b"]),
        (b"no end", []),
        (b"9000 " + b"x" * 9000 + b"1 y", [b"x" * MAX_BYTES, b"y"]),
        (b"<1>" + b"x" * 20_000 + b"\nb\n", None),
    ],
)
def test_a_stream_is_cut_the_same_wherever_it_is_torn(stream: bytes, messages: list[bytes] | None) -> None:
    whole = [one.rstrip(b"\n") for one in Framer().feed(stream)]
    if messages is not None:
        assert [one for one in whole if one] == messages
    for cuts in ((1,), (3, 5), tuple(range(0, len(stream), 7))):
        framer, found = Framer(), []
        for begin, end in pairwise(sorted({0, len(stream), *cuts})):
            found += framer.feed(stream[begin:end])
        if len(stream) < MAX_BYTES:
            assert [one.rstrip(b"\n") for one in found] == whole
        else:
            assert all(len(one) <= MAX_BYTES for one in found)
            assert found[-1].rstrip(b"\n") in {b"y", b"b"}


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_any_stream_is_cut_in_bounded_memory(pieces: list[bytes]) -> None:
    framer = Framer()
    for piece in [*pieces, b"9" * 100_000, b"x" * 100_000, *pieces]:
        assert all(0 < len(one) <= MAX_BYTES for one in framer.feed(piece))
        assert len(framer._buffer) <= MAX_BYTES + 10


TROUBLE = [
    ("raid", "kernel: md/raid1:md0: Disk failure on sdb1, disabling device."),
    ("raid", "mdadm: Fail event detected on md device /dev/md0, component device /dev/sdb1"),
    ("disk", "kernel: blk_update_request: I/O error, dev sda, sector 12345 op 0x0:(READ)"),
    ("disk", "kernel: Buffer I/O error on dev sdb1, logical block 0, async page read"),
    ("disk", "kernel: critical medium error, dev sda, sector 123"),
    ("disk", "kernel: ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x0"),
    ("smart", "smartd: Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors"),
    ("smart", "smartd: Device: /dev/sda, FAILED SMART self-check. BACK UP DATA NOW!"),
    ("filesystem", "kernel: EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0"),
    ("filesystem", "kernel: EXT4-fs (sda1): Remounting filesystem read-only"),
    ("filesystem", "kernel: XFS (sdb1): Metadata corruption detected at xfs_agi_read_verify"),
    ("ecc", "kernel: EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#0_DIMM#0"),
    ("ecc", "kernel: mce: [Hardware Error]: Machine check events logged"),
    ("heat", "kernel: CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)"),
    ("supply", "ipmievd: Power Supply sensor PS1 Status Power Supply AC lost Asserted"),
    ("kernel", "kernel: BUG: soft lockup - CPU#0 stuck for 22s! [swapper:0]"),
    ("kernel", "kernel: INFO: task jbd2/sda1-8:123 blocked for more than 120 seconds."),
    ("oom", "kernel: Out of memory: Killed process 1234 (mysqld) total-vm:1kB"),
    ("oom", "systemd: mariadb.service: A process of this unit has been killed by the OOM killer."),
    ("full", "postfix/smtpd: fatal: write queue file cleanup: No space left on device"),
    ("link", "kernel: e1000e: eth0 NIC Link is Down"),
    ("tables", "kernel: nf_conntrack: nf_conntrack: table full, dropping packet"),
    ("crash", "kernel: php-fpm[123]: segfault at 0 ip 00007f sp 00007f error 4 in php-fpm"),
    ("crash", "systemd-coredump: Process 123 (nginx) of user 33 dumped core."),
    ("service", "systemd: nginx.service: Failed with result 'exit-code'."),
    ("service", "systemd: Failed to start nginx.service - A high performance web server."),
]
HARMLESS = [
    "sshd: Accepted publickey for root from 192.0.2.1 port 22 ssh2",
    "kernel: eth0: NIC Link is Up 1000 Mbps Full Duplex",
    "systemd: Started nginx.service - A high performance web server.",
    "kernel: EXT4-fs (sda1): mounted filesystem with ordered data mode",
    "kernel: md0: detected capacity change from 0 to 1000",
    "CRON: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    "systemd: Reached target multi-user.target",
    "kernel: EDAC MC: Ver: 3.0.0",
    "kernel: mce: CPU supports 20 MCE banks",
    "sshd: Failed password for invalid user admin from 192.0.2.9 port 22 ssh2",
]


@pytest.mark.parametrize(("pattern", "whole"), TROUBLE)
def test_what_means_trouble(pattern: str, whole: str) -> None:
    assert named(whole) == pattern


@pytest.mark.parametrize("whole", HARMLESS)
def test_what_means_none(whole: str) -> None:
    assert named(whole) is None


def test_each_pattern_has_an_example_and_words() -> None:
    assert {pattern for pattern, _ in TROUBLE} == PATTERNS.keys()
    for words in FINDINGS.values():
        assert words.keys() == PATTERNS.keys()


@pytest.mark.parametrize("word", ["EDAC ", "md1: ", "EXT4-fs (", "rcu", "nf_conntrack: ", "x", "PSU", "thermal "])
def test_no_line_takes_long(word: str) -> None:
    """Of the length that a line has at most: linear, or nearly."""
    whole = (word * MAX_CHARS)[:MAX_CHARS]
    began_s = time.process_time()
    named(whole)
    assert time.process_time() - began_s < 0.1


def options(**given: object) -> object:
    parsed = {name: SYSLOG.options[name].parse(value) for name, value in given.items()}
    return SYSLOG.complete(parsed)


def test_what_the_inventory_adds_and_leaves_out() -> None:
    own = {"name": "backup", "contains": "Backup FAILED", "proposal": "Please look at the backup server."}
    chosen = options(patterns=[own, {"name": "quota", "contains": "over quota"}], ignore=["test-run"])
    read = Line("backup", "nightly backup failed: I/O error, dev sda")
    assert finding(chosen, read) == Finding("backup", read.whole, own["proposal"])  # type: ignore[arg-type]  # a mapping
    assert finding(chosen, Line("", "user OVER QUOTA")) == Finding("quota", "user OVER QUOTA")  # type: ignore[arg-type]
    assert finding(chosen, Line("", "Test-Run: backup failed")) is None  # type: ignore[arg-type]
    assert finding(options(), Line("kernel", "x" * 900 + " segfault at 0")) is not None  # type: ignore[arg-type]
    assert finding(options(), read) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("patterns", []),
        ("patterns", [{"name": "x", "contains": "too short a name"}]),
        ("patterns", [{"name": "one", "contains": "same"}, {"name": "one", "contains": "other"}]),
        ("patterns", [{"name": "one", "match": "same"}]),
        ("patterns", [{"name": "one", "contains": "a\nb"}]),
        ("patterns", [{"name": "one", "contains": 5}]),
        ("ignore", ["ab"]),
        ("ignore", "text"),
        ("every", "5m"),
        ("silence", "1m"),
    ],
)
def test_options_that_can_not_be(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        SYSLOG.options[name].parse(wrong)


NOW_S = 1_000_000.0


@pytest.mark.parametrize(
    ("heard", "silence", "verdict"),
    [
        ([], None, Verdict.UP),
        ([], DAY_S, Verdict.UNKNOWN),
        ([Heard(LAST, NOW_S - DAY_S - 10, LAST, "")], None, Verdict.UP),
        ([Heard(LAST, NOW_S - DAY_S - 10, LAST, "")], DAY_S, Verdict.DOWN),
        ([Heard(LAST, NOW_S - DAY_S + 10, LAST, ""), Heard("disk", NOW_S, FOUND, "I/O error")], DAY_S, Verdict.UP),
        ([Heard(LAST, NOW_S, LAST, ""), Heard(DEAF, NOW_S, DEAF, "can't listen")], None, Verdict.UNKNOWN),
    ],
)
def test_what_is_heard(heard: list[Heard], silence: int | None, verdict: Verdict) -> None:
    assert judge({"silence": silence}, heard, NOW_S).verdict is verdict
