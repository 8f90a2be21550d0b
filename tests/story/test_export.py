"""``hikeshi export``: what was seen, as CSV and Parquet; ``hikeshi backup --samples``; and what ``status`` says of samples."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from local import Door, Local, inventory

from domain.observation import Verdict
from engine.inventory_source import InventorySource
from engine.watching import StoreDesk
from hikeshi.exits import Exit
from store.looks import Look, Watched
from store.samples import Samples
from store.sealing import seal_recent
from store.tables import WatcherRow

BEGIN_S = 1_800_057_600
"""2027-01-16T09:00 in Japan."""
DAY = ("--from", "2027-01-16", "--to", "2027-01-17")
LOOKS = (
    (0, Verdict.UP, 12.5, 3.21),
    (60, Verdict.UNKNOWN, None, None),
    (120, Verdict.DOWN, None, None),
    (180, Verdict.UP, 1234567.0, None),
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """An accepted inventory, no process, and four looks at one of its checks: two sealed, two not yet."""
    with Local(tmp_path, inventory({"web01": Door().port})) as made:
        assert isinstance(made, Local)
        InventorySource(made.context, made.inventory).start()
        with closing(Samples(made.context.store)) as samples:
            keep(samples, Watched("web01/ssh", owner(made)), LOOKS[:2])
            seal_recent(samples)
            keep(samples, Watched("web01/ssh", owner(made)), LOOKS[2:])
            keep(samples, Watched("web01/ssh", "somebody-else"), LOOKS)
            keep(samples, Watched("old01/ping", "somebody-else"), LOOKS[:1])
        yield made


def keep(samples: Samples, of: Watched, looks: tuple[tuple[int, Verdict, float | None, float | None], ...]) -> None:
    samples.append([Look(of, BEGIN_S + at_s, *rest) for at_s, *rest in looks], 0)  # type: ignore[arg-type]


def owner(local: Local) -> str:
    with local.context.store.read() as session:
        from store import policies

        policy = policies.current(session)
    assert policy is not None
    return policy.hosts["web01"].customer


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_check_as_csv(local: Local) -> None:
    done = local.quick("export", "--check", "web01/ssh", *DAY)
    assert (done.returncode, done.stderr) == (Exit.OK, "4 looks of 1 check\n")
    assert done.stdout == (
        "time,customer,check,verdict,value,response_ms\n"
        f"2027-01-16T09:00:00+09:00,{owner(local)},web01/ssh,up,12.5,3.21\n"
        f"2027-01-16T09:01:00+09:00,{owner(local)},web01/ssh,unknown,,\n"
        f"2027-01-16T09:02:00+09:00,{owner(local)},web01/ssh,down,,\n"
        f"2027-01-16T09:03:00+09:00,{owner(local)},web01/ssh,up,1234570,\n"
    )


def test_a_host_is_all_its_checks_for_its_customer_and_the_period_has_no_end(local: Local) -> None:
    done = local.quick("export", "--host", "web01", "--from", "2027-01-16T09:01", "--to", "2027-01-16T09:03")
    assert [row["verdict"] for row in table(done.stdout)] == ["unknown", "down"]
    assert {row["customer"] for row in table(done.stdout)} == {owner(local)}


def test_of_a_host_that_has_left_the_inventory_there_is_what_there_is(local: Local) -> None:
    for words in (("--host", "old01"), ("--check", "old01/ping")):
        [row] = table(local.quick("export", *words, *DAY).stdout)
        assert (row["customer"], row["check"]) == ("somebody-else", "old01/ping")


def test_a_period_without_looks_has_a_head_only(local: Local) -> None:
    done = local.quick("export", "--host", "web01")
    assert (done.returncode, done.stdout) == (Exit.OK, "time,customer,check,verdict,value,response_ms\n")
    assert done.stderr == "0 looks of 0 checks\n"


def test_a_period_may_be_all_of_time(local: Local) -> None:
    done = local.quick("export", "--host", "web01", "--from", "0001-01-01", "--to", "9999-12-31")
    assert len(table(done.stdout)) == len(LOOKS)


def test_whoever_reads_it_may_leave_early(local: Local) -> None:
    of = Watched("web01/ssh", owner(local))
    with closing(Samples(local.context.store)) as samples:
        samples.append([Look(of, BEGIN_S + at_s, Verdict.UP) for at_s in range(20_000)], 0)
    argv = [sys.executable, "-m", "hikeshi", "export", "--host", "web01", *DAY]
    environment = {**os.environ, **local.environment}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        assert done.stdout.readline().startswith("time,")
        done.stdout.close()
        assert done.stderr.read() == ""


def test_into_a_file_as_parquet_and_as_csv(local: Local, tmp_path: Path) -> None:
    from pyarrow import parquet

    files = {name: tmp_path / f"samples.{name}" for name in ("csv", "parquet")}
    for name, file in files.items():
        done = local.quick("export", "--host", "web01", *DAY, "--format", name, "--out", str(file))
        assert (done.returncode, done.stdout, done.stderr) == (Exit.OK, "", f"{file}: 4 looks of 1 check\n")
        assert file.stat().st_mode & 0o777 == 0o600
    read = parquet.read_table(files["parquet"])
    assert [str(kind) for kind in read.schema.types if "dictionary" not in str(kind)] == [
        "timestamp[ms, tz=UTC]",
        "double",
        "double",
    ]
    found = read.to_pylist()
    assert [int(row["time"].timestamp()) for row in found] == [BEGIN_S + at_s for at_s, *_ in LOOKS]
    assert [(row["verdict"], row["value"], row["response_ms"]) for row in found] == [
        ("up", 12.5, 3.21),
        ("unknown", None, None),
        ("down", None, None),
        ("up", 1234570.0, None),
    ]
    assert [row["verdict"] for row in table(files["csv"].read_text())] == [row["verdict"] for row in found]


def test_parquet_wants_its_package_and_says_so(local: Local, tmp_path: Path) -> None:
    out = tmp_path / "samples.parquet"
    words = ["hikeshi", "--home", str(local.settings.home), "export", "--host", "web01", "--format", "parquet", "--out", str(out)]
    without = f"import sys; sys.modules['pyarrow'] = None; sys.argv = {words!r}; from hikeshi.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert done.returncode == Exit.REFUSED
    assert done.stderr == ("hikeshi: Parquet needs the package pyarrow: pip install 'hikeshi[parquet]'; --format csv needs none\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), Exit.USAGE, "export takes either --host or --check"),
        (("--host", "web01", "--check", "web01/ssh"), Exit.USAGE, "export takes either --host or --check"),
        (("--host", "web01", "--format", "xlsx"), Exit.USAGE, "--format is 'xlsx', must be csv or parquet"),
        (("--host", "web01", "--format", "parquet"), Exit.USAGE, "--format parquet needs --out FILE"),
        (
            ("--host", "web02"),
            Exit.BAD_INPUT,
            "--host is 'web02', which is not in the inventory, and has no samples; would be right: web01",
        ),
        (
            ("--check", "web01/sssh"),
            Exit.BAD_INPUT,
            "--check is 'web01/sssh', which is not in the inventory, and has no samples; would be right: web01/ssh",
        ),
        (
            ("--host", "web01", "--from", "yesterday"),
            Exit.BAD_INPUT,
            "--from is 'yesterday', must be a local time like 2026-01-31 or 2026-01-31T22:00",
        ),
        (
            ("--host", "web01", "--to", "2027-02-30"),
            Exit.BAD_INPUT,
            "--to is '2027-02-30', must be a local time like 2026-01-31 or 2026-01-31T22:00",
        ),
        (
            ("--host", "web01", "--from", "2027-01-16T09:00+09:00"),
            Exit.BAD_INPUT,
            "--from is '2027-01-16T09:00+09:00': leave the offset out, it is local time in Asia/Tokyo",
        ),
        (
            ("--host", "web01", "--from", "2027-01-17", "--to", "2027-01-17"),
            Exit.BAD_INPUT,
            "--from is '2027-01-17', must be before 2027-01-17",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_exported(local: Local, words: tuple[str, ...], code: Exit, says: str) -> None:
    done = local.quick("export", *words)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"hikeshi: {says}\n")


def test_never_over_a_file_that_is_there(local: Local, tmp_path: Path) -> None:
    (tmp_path / "samples.csv").write_text("yesterday's")
    done = local.quick("export", "--host", "web01", "--out", str(tmp_path / "samples.csv"))
    assert done.returncode == Exit.REFUSED
    assert "is there already; an export overwrites nothing, so choose another name" in done.stderr
    assert (tmp_path / "samples.csv").read_text() == "yesterday's"


def test_before_anything_was_seen(local: Local) -> None:
    (local.settings.home / "hikeshi-samples.db").unlink()
    done = local.quick("export", "--host", "web01")
    assert (done.returncode, done.stderr) == (Exit.OK, "0 looks of 0 checks\n")


def test_samples_have_a_backup_of_their_own(local: Local, tmp_path: Path) -> None:
    copy, of_store = tmp_path / "samples.db", tmp_path / "store"
    assert "the samples are not in it" in local.quick("backup", str(of_store)).stderr
    done = local.quick("backup", "--samples", str(copy))
    assert (done.returncode, done.stdout) == (Exit.OK, f"{copy}: {copy.stat().st_size:,} bytes\n")
    before = local.quick("export", "--host", "web01", *DAY).stdout
    for file in local.settings.home.glob("hikeshi-samples.db*"):
        file.unlink()
    copy.rename(local.settings.home / "hikeshi-samples.db")
    assert local.quick("export", "--host", "web01", *DAY).stdout == before


def test_status_says_what_is_not_kept(local: Local) -> None:
    assert "samples" not in local.quick("status").stdout
    with local.context.store.write() as session:
        session.add(WatcherRow(name="watcher", seen_s=0.0, unkept=1, lost=20))
    shown = local.quick("status").stdout
    assert "! watcher can't keep samples, its log says why; waiting: 1 look" in shown
    assert "! watcher has lost the samples of 20 looks since it began" in shown
    [watcher] = json.loads(local.quick("status", "--json").stdout)["watchers"]
    assert (watcher["unkept"], watcher["lost"]) == (1, 20)


def test_a_watcher_that_keeps_up_says_nothing(local: Local) -> None:
    desk = StoreDesk(local.context.store, "watcher")
    desk.beat(0.0)
    desk.recorder.close()
    assert "samples" not in local.quick("status").stdout
