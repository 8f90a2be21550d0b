"""``hikeshi export``: every sample of a host or a check in a period, as CSV or Parquet."""

import contextlib
import csv
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO
from zoneinfo import ZoneInfo

from domain.model import Policy
from engine.context import Context, open_context
from engine.requests import RefusedError, RequestError, current_policy, some
from hikeshi.exits import Exit
from hikeshi.show import counted, refuse
from store.looks import VERDICTS, Watched
from store.samples import Samples

if TYPE_CHECKING:
    from store.series import Series

COLUMNS = ("time", "customer", "check", "verdict", "value", "response_ms")
FORMATS = ("csv", "parquet")
AT_ONCE_S = 32 * 86_400.0
"""So much of one check is in memory."""
EVER_S = 0.0, 2.0**32 + 1
"""There are no samples of other times."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """As the command line says it; ``from_`` and ``to`` are local times, empty: the last day, and now."""

    host: str | None
    check: str | None
    from_: str
    to: str
    format: str
    out: Path | None


Parts = Iterator[tuple[Watched, "Series"]]


def export(wanted: Wanted) -> Exit:
    """Write the samples; each check's in the order of their times."""
    if (wanted.host is None) is (wanted.check is None):
        return refuse("export takes either --host or --check", Exit.USAGE)
    if wanted.format not in FORMATS:
        return refuse(f"--format is {wanted.format!r}, must be csv or parquet", Exit.USAGE)
    if wanted.format == "parquet" and wanted.out is None:
        return refuse("--format parquet needs --out FILE", Exit.USAGE)
    with closing(open_context()) as context:
        zone = ZoneInfo(context.settings.zone)
        from_s, to_s = _period(wanted, context)
        found = _Found(context, _asked(wanted, current_policy(context), context), from_s, to_s)
        if wanted.out is None:
            _write_csv(sys.stdout, found.parts(), zone)
        elif wanted.out.exists():
            return refuse(f"{wanted.out} is there already; an export overwrites nothing, so choose another name")
        else:
            _write_file(wanted.out, _writer(wanted.format, found.parts(), zone))
    where = f"{wanted.out}: " if wanted.out is not None else ""
    print(f"{where}{counted(found.looks, 'looks')} of {counted(found.checks, 'checks')}", file=sys.stderr)
    return Exit.OK


class _Found:
    """What is exported, and how much it was."""

    def __init__(self, context: Context, asked: list[Watched], from_s: float, to_s: float) -> None:
        self._context, self._asked, self._from_s, self._to_s = context, asked, from_s, to_s
        self.looks = self.checks = 0

    def parts(self) -> Parts:
        from store.sample_reading import read

        with closing(Samples(self._context.store)) as samples:
            for of in self._asked:
                before, begin_s = self.looks, self._from_s
                while begin_s < self._to_s:
                    end_s = min(begin_s + AT_ONCE_S, self._to_s)
                    series = read(samples, of, begin_s, end_s)
                    self.looks += len(series)
                    begin_s = end_s
                    if len(series):
                        yield of, series
                self.checks += self.looks > before


def _asked(wanted: Wanted, policy: Policy, context: Context) -> list[Watched]:
    """Of a host that is in the inventory, its customer's; of one that has left it, all that there is."""
    with closing(Samples(context.store)) as samples:
        known = samples.known() if samples.begun else []
    name = wanted.host or wanted.check or ""
    host = policy.hosts.get(name.partition("/")[0])
    option, ids = ("--host", [*policy.hosts]) if wanted.host is not None else ("--check", [*policy.owners()])
    kept = [
        of
        for of in known
        if (of.check == name or of.check.startswith(f"{wanted.host}/")) and (host is None or of.customer == host.customer)
    ]
    if not kept and name not in ids:
        raise RequestError(f"{option} is {name!r}, which is not in the inventory, and has no samples; would be right: {some(ids)}")
    return sorted(kept)


def _period(wanted: Wanted, context: Context) -> tuple[float, float]:
    zone = context.settings.zone
    to_s = _time_s("--to", wanted.to, zone) if wanted.to else context.clock.now_s()
    from_s = _time_s("--from", wanted.from_, zone) if wanted.from_ else to_s - timedelta(days=1).total_seconds()
    if from_s >= to_s:
        raise RequestError(f"--from is {wanted.from_!r}, must be before {wanted.to or 'now'}")
    return max(from_s, EVER_S[0]), min(to_s, EVER_S[1])


def _time_s(option: str, text: str, zone: str) -> float:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise RequestError(f"{option} is {text!r}, must be a local time like 2026-01-31 or 2026-01-31T22:00") from error
    if parsed.tzinfo is not None:
        raise RequestError(f"{option} is {text!r}: leave the offset out, it is local time in {zone}")
    return parsed.replace(tzinfo=ZoneInfo(zone)).timestamp()


def _writer(format_: str, parts: Parts, zone: ZoneInfo) -> Callable[[Path], None]:
    if format_ == "csv":

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", newline="") as file:
                _write_csv(file, parts, zone)

        return write
    arrow, parquet = _pyarrow()
    return lambda path: _write_parquet(path, parts, arrow, parquet)


def _write_csv(file: TextIO, parts: Parts, zone: ZoneInfo) -> None:
    """RFC 4180, but with the system's line ends; an empty field where there is no number."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for of, series in parts:
        times = (datetime.fromtimestamp(at_s, zone).isoformat() for at_s in series.at_s.tolist())
        verdicts = (str(VERDICTS[verdict]) for verdict in series.verdict.tolist())
        numbers = map(_number, series.value.tolist()), map(_number, series.latency_ms.tolist())
        rows.writerows(zip(times, repeat(of.customer), repeat(of.check), verdicts, *numbers, strict=False))


def _number(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.10g}"


def _write_parquet(path: Path, parts: Parts, arrow: Any, parquet: Any) -> None:
    """Times in UTC; null where there is no number."""
    word = arrow.dictionary(arrow.int32(), arrow.string())
    types = [arrow.timestamp("ms", tz="UTC"), word, word, word, arrow.float64(), arrow.float64()]
    schema = arrow.schema(list(zip(COLUMNS, types, strict=True)))
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        for of, series in parts:
            same = arrow.array([0] * len(series), arrow.int32())
            columns = [
                arrow.array(series.at_s * 1000, types[0]),
                arrow.DictionaryArray.from_arrays(same, [of.customer]),
                arrow.DictionaryArray.from_arrays(same, [of.check]),
                arrow.DictionaryArray.from_arrays(arrow.array(series.verdict, arrow.int32()), [str(one) for one in VERDICTS]),
                arrow.array(series.value, from_pandas=True),
                arrow.array(series.latency_ms, from_pandas=True),
            ]
            file.write_table(arrow.Table.from_arrays(columns, schema=schema))


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RefusedError("Parquet needs the package pyarrow: pip install 'hikeshi[parquet]'; --format csv needs none") from error
    return pyarrow, pyarrow.parquet


def _write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Whole or not at all, and for its owner only."""
    partial = path.with_name(path.name + ".partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        write(partial)
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
