"""IncidentReport -> PDF bytes, by WeasyPrint. Heavy: imported by ``python -m reports`` only."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from weasyprint import CSS, HTML
from weasyprint.urls import URLFetcher

from domain.wording import duration, moment
from reports.incident import IncidentReport, Work, months
from reports.picture import COLOURS, FONT, Mark, Span, picture
from reports.words import WORDS

FONT_PACKAGE = "fonts-morisawa-bizud-gothic"
LOST_SHOWN = 60
"""So many names of lost files are listed; all are counted, and kept with the incident."""
BOLD = 600
"""Pango's weight from which a face counts as bold."""


class FontMissingError(Exception):
    """The report's font is not installed: Japanese would come out as boxes, or in somebody else's letters."""

    def __init__(self, face: str) -> None:
        super().__init__(f"font {face} is not installed; with Debian: apt-get install {FONT_PACKAGE}")


def render(report: IncidentReport) -> bytes:
    """The PDF. The same data give the same bytes. Nothing is fetched: no file, no network."""
    html = _environment().get_template("incident.html").render(_context(report))
    style = resources.files("templates").joinpath("report", "incident.css").read_text(encoding="utf-8")
    fetch_nothing = URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    document = HTML(string=html, url_fetcher=fetch_nothing).render(stylesheets=[CSS(string=style, url_fetcher=fetch_nothing)])
    # tagged, so that a screen reader finds headings and tables
    content = document.write_pdf(pdf_tags=True)
    faces = {(font.family, font.weight >= BOLD) for font in document.fonts.values()}
    for bold in (False, True):
        if (FONT, bold) not in faces:
            raise FontMissingError(f"{FONT} {'Bold' if bold else 'Regular'}")
    return bytes(content)


_ENDED = {True: "said_acted", False: "said_untouched", None: "said_unsure"}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "report"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(report: IncidentReport) -> dict[str, object]:
    words = WORDS[report.language]
    zone = ZoneInfo(report.zone)
    ended = "said_fixed" if report.fixed else _ENDED[report.acted]
    down = duration(report.down_s, report.language)
    drawn = picture(_spans(report), _marks(report), report.zone) if not report.clock_set else ""
    return {
        "report": report,
        "words": words,
        "picture": "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode(),
        "colours": COLOURS,
        "said": words[ended].format(label=report.label, level=report.level) + _said_length(report, down) + _said_work(report),
        "down": down,
        "lost": [
            (_percent(share.lost), words["month"].format(year=share.year, month=share.month))
            for share in (months(report) if not report.clock_set else ())
        ],
        "offset": moment(report.fault_at_s, report.zone, report.language).rsplit(" ", 1)[1],
        "notice_after": _span(report, report.first_notice_at_s),
        "notice_kept": (report.after_fault_s(report.first_notice_at_s) or 0.0) <= report.notice_target_s,
        "notice_target": duration(report.notice_target_s, report.language),
        "work_after": _span(report, report.work_at_s),
        "lost_files": lambda work: _lost_files(work, words),
        "created": datetime.fromtimestamp(int(report.written_at_s), UTC).isoformat(),
        "moment": lambda at_s: moment(at_s, report.zone, report.language),
        "day": lambda at_s: _day(at_s, report),
        "stamp": lambda at_s: datetime.fromtimestamp(int(at_s), zone).strftime("%Y-%m-%d %H:%M:%S"),
        "clock": lambda at_s: datetime.fromtimestamp(int(at_s), zone).strftime("%H:%M:%S"),
    }


def _said_length(report: IncidentReport, down: str) -> str:
    """How long it lasted, or why that is not known."""
    words = WORDS[report.language]
    if not report.clock_set:
        return words["said_down"].format(span=_kept_together(down))
    return "".join(
        words["said_clock_set"].format(
            before=moment(step.from_at_s, report.zone, report.language), after=moment(step.to_at_s, report.zone, report.language)
        )
        for step in report.clock_set
    )


def _said_work(report: IncidentReport) -> str:
    """How often the power was switched, and when; what a repair has cost."""
    words, zone = WORDS[report.language], ZoneInfo(report.zone)
    times = [f"{datetime.fromtimestamp(int(item.at_s), zone):%H:%M:%S}" for item in report.work if item.power]
    lost = sum(len(item.lost) for item in report.work)
    said = words["said_power"].format(count=len(times), times=words["names_joint"].join(times)) if times else ""
    return said + (words["said_lost"].format(count=lost) if lost else "")


def _lost_files(work: Work, words: Mapping[str, str]) -> str:
    """The names, as far as they fit on a page."""
    more = [words["more_files"].format(count=len(work.lost) - LOST_SHOWN)] if len(work.lost) > LOST_SHOWN else []
    return words["names_joint"].join([*work.lost[:LOST_SHOWN], *more])


def _span(report: IncidentReport, at_s: float | None) -> str | None:
    after_s = report.after_fault_s(at_s)
    return None if after_s is None else duration(after_s, report.language)


def _day(at_s: float, report: IncidentReport) -> str:
    return moment(at_s, report.zone, report.language).rsplit(" ", 2)[0]


def _kept_together(text: str) -> str:
    """A number and its unit never part at a line's end."""
    return text.replace(" ", "\u00a0")


def _percent(lost: float) -> str:
    return f"{lost * 100:.3f} %" if lost >= 0.00001 else "< 0.001 %"


def _spans(report: IncidentReport) -> tuple[Span, ...]:
    """Detecting, then waiting, then working: each from where the one before ended, none outside fault and recovery."""
    end_s = max(report.recovered_at_s, report.fault_at_s)
    confirmed_s = min(max(report.confirmed_at_s, report.fault_at_s), end_s)
    work_s = min(max(report.work_at_s, confirmed_s), end_s) if report.work_at_s is not None else end_s
    return (
        Span(report.fault_at_s, confirmed_s, COLOURS["detect"]),
        Span(confirmed_s, work_s, COLOURS["wait"]),
        Span(work_s, end_s, COLOURS["work"]),
    )


def _marks(report: IncidentReport) -> tuple[Mark, ...]:
    words, zone = WORDS[report.language], ZoneInfo(report.zone)

    began = _day(report.fault_at_s, report)

    def mark(title: str, at_s: float | None, colour: str, note: str = "") -> Mark:
        if at_s is None:
            return Mark(None, words[title], words["none"], "", colour)
        span = words["after"].format(span=duration(at_s - report.fault_at_s, report.language))
        clock = datetime.fromtimestamp(int(at_s), zone)
        if _day(at_s, report) != began:
            span = f"{clock:%m-%d}, {span}"
        return Mark(at_s, words[title], f"{clock:%H:%M:%S}", note or span, colour)

    return (
        mark("began", report.fault_at_s, COLOURS["detect"], began),
        mark("notice", report.first_notice_at_s, COLOURS["ink"]),
        mark("work", report.work_at_s, COLOURS["work"]),
        mark("recovery", report.recovered_at_s, "#2c7a4b"),
    )
