"""The incident report (P2, P3): its data, its picture, its PDF."""

import itertools
import re
import subprocess
import sys
from calendar import monthrange
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sample_messages import LANGUAGES
from sample_reports import FAULT_S, TEXTS, a_report

from domain.model import Language
from reports.incident import ClockSet, IncidentReport, MonthShare, Work, encode, months
from reports.pdf import LOST_SHOWN, render
from reports.picture import HEIGHT, WIDTH, Mark, Span, picture
from reports.words import WORDS, WORK_WORDS

JANUARY_S = 31 * 86_400.0


def rendered(report: IncidentReport, path: Path) -> PdfReader:
    """As the product does it: in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "reports", str(path)],
        input=encode(report),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return PdfReader(path)


def text_of(pdf: PdfReader) -> str:
    """All text without spaces: a line's end in a PDF is no space in a text."""
    return re.sub(r"\s", "", "".join(page.extract_text() for page in pdf.pages))


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_says_all_that_the_data_say(language: Language, tmp_path: Path) -> None:
    """P3: timeline, times against their target, what was not done and why."""
    report = a_report(language)
    pdf = rendered(report, tmp_path / "report.pdf")
    text = text_of(pdf)
    said = [*(row.text for row in report.timeline), *(row.outcome for row in report.timeline)]
    said += [part for row in report.work for part in (row.what, row.result, *row.lost)]
    said += {
        "ja": ["電源の操作は 2 回(03:09:30、03:09:55)行いました", "2 件のファイルを復元できませんでした"],
        "en": ["Power actions: 2 (03:09:30, 03:09:55).", "Files that the repair could not save: 2."],
    }[language]
    said += [part for row in report.omissions for part in (row.what, row.why)]
    said += [part for row in report.sent for part in (row.to, row.channel, row.subject)]
    said += [report.customer, report.brand, report.sender, report.incident, report.label, report.address, report.fqdn, report.os]
    said += [*report.checks, report.cause, "03:01:40", "03:04:05", "03:09:30", "03:11:01", "+09:00", "0.021 %"]
    said += {"ja": ["9 分 21 秒", "2 分 25 秒", "目標 20 分以内・達成"], "en": ["9 min 21 s", "2 min 25 s", "target 20 min: met"]}[
        language
    ]
    for part in said:
        assert without_spaces(part) in text
    assert "−" not in text  # a loss of less than nothing
    assert pdf.metadata is not None
    assert pdf.metadata.title == f"{WORDS[language]['title']} INC-000123"
    assert pdf.metadata.author == "火の見 Monitoring"


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_fonts_are_embedded_bold_too(language: Language, tmp_path: Path) -> None:
    pdf = rendered(a_report(language), tmp_path / "report.pdf")
    names = set()
    for page in pdf.pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]  # pypdf's objects are untyped
            (descendant,) = font.get_object()["/DescendantFonts"]
            descriptor = descendant.get_object()["/FontDescriptor"]
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor
            names.add(str(descriptor["/FontName"]).partition("+")[2])
    assert names == {"BIZ-UDPGothic", "BIZ-UDPGothic-Bold"}


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    report = a_report()
    rendered(report, tmp_path / "one.pdf")
    rendered(report, tmp_path / "two.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    rendered(replace(report, written_at_s=report.written_at_s + 1), tmp_path / "later.pdf")
    assert (tmp_path / "one.pdf").read_bytes() != (tmp_path / "later.pdf").read_bytes()


def test_a_page_is_not_blank_and_its_bar_has_its_colours(tmp_path: Path) -> None:
    """The picture of the page, as poppler draws it: the bar's three colours in about their shares of time."""
    rendered(a_report(), tmp_path / "report.pdf")
    subprocess.run(["pdftoppm", "-r", "50", "-f", "1", "-l", "1", tmp_path / "report.pdf", tmp_path / "page"], check=True)
    (image,) = tmp_path.glob("page*.ppm")
    content = image.read_bytes()
    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", content)
    assert header is not None
    pixels = content[header.end() :]
    counts = {
        name: sum(pixels[at : at + 3] == bytes.fromhex(colour) for at in range(0, len(pixels), 3))
        for name, colour in {"detect": "d9482b", "wait": "ee9b84", "work": "2f6aa8", "paper": "ffffff"}.items()
    }
    assert counts["paper"] < len(pixels) / 3 * 0.97
    assert 0.2 < counts["work"] / counts["wait"] < 0.5  # 91 s to 330 s, and the tags and lines
    assert counts["detect"] > counts["work"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_column_runs_into_the_next(language: Language, tmp_path: Path) -> None:
    """Where two columns touch, poppler reads one word."""
    rendered(a_report(language), tmp_path / "report.pdf")
    read = subprocess.run(["pdftotext", "-layout", tmp_path / "report.pdf", "-"], check=True, capture_output=True, text=True).stdout
    times = re.findall(r"\d\d:\d\d:\d\d[^\s,、)]*", read)
    assert len(times) > 10
    assert [time for time in times if len(time) > len("03:04:05")] == []


def test_a_long_timeline_breaks_over_pages_with_its_head_on_each(tmp_path: Path) -> None:
    pdf = rendered(a_report("en", rows=120), tmp_path / "report.pdf")
    assert len(pdf.pages) >= 4
    for page in pdf.pages[1:3]:
        assert "What happened" in page.extract_text()
    assert f"2 / {len(pdf.pages)}" in pdf.pages[1].extract_text()
    assert "Incident report INC-000123" in pdf.pages[1].extract_text()
    text = text_of(pdf)
    for number in range(120):
        assert f"#{number}" in text


EVIL = '<img src="http://127.0.0.1:9/x"><script>alert(1)</script></td>{{ 7*7 }}&amp;\'" file:///etc/passwd'


def test_facts_are_text_and_fetch_nothing(tmp_path: Path) -> None:
    report = replace(a_report("en"), label=EVIL, cause=EVIL, customer=EVIL, brand=EVIL)
    text = text_of(rendered(report, tmp_path / "report.pdf"))
    assert text.count(without_spaces(EVIL)) >= 4
    assert "49" not in text.replace("1:9", "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fixed": False}, {"ja": "自動での復旧作業も行いました", "en": "automatic work was done on it too"}),
        (
            {"fixed": False, "acted": False, "work_at_s": None},
            {"ja": "自動での復旧作業なしに復旧しました", "en": "without automatic work"},
        ),
        (
            {"fixed": False, "acted": None, "work_at_s": None},
            {"ja": "当社の自動での作業によるものかどうかは、確認できていません", "en": "had a part in it is not known"},
        ),
        ({"first_notice_at_s": FAULT_S + 1201}, {"ja": "目標 20 分以内・未達", "en": "target 20 min: missed"}),
        ({"first_notice_at_s": None, "sent": ()}, {"ja": "お送りしたお知らせはありません", "en": "No notices were sent"}),
        ({"omissions": ()}, {"ja": "見合わせた作業やお知らせはありません", "en": "No work or notice was withheld"}),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_truly_how_it_went(changes: dict[str, object], said: dict[Language, str], language: Language) -> None:
    report = replace(a_report(language), **changes)  # type: ignore[arg-type]  # a row of the table above
    assert without_spaces(said[language]) in text_of(PdfReader(BytesIO(render(report))))


def test_of_many_lost_files_some_are_named_and_all_are_counted() -> None:
    lost = tuple(f"/archive/{number:04}" for number in range(LOST_SHOWN + 5))
    text = text_of(PdfReader(BytesIO(render(replace(a_report("en"), work=(Work(FAULT_S, "checked", "repaired", lost=lost),))))))
    assert (lost[LOST_SHOWN - 1] in text, lost[LOST_SHOWN] in text) == (True, False)
    assert "and5more" in text
    assert f"couldnotsave:{len(lost)}." in text
    assert "Poweractions" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_the_clock_was_set_it_says_so_and_no_length(language: Language) -> None:
    report = replace(a_report(language), clock_set=(ClockSet(FAULT_S + 300, FAULT_S + 3900),))
    text = text_of(PdfReader(BytesIO(render(report))))
    before, after = "03:06:40", "04:06:40"
    assert without_spaces({"ja": "時計が", "en": "The clock of the monitoring was set from"}[language]) in text
    assert before in text
    assert after in text
    words = WORDS[language]
    measured = ["9 分 21 秒", "2 分 25 秒", "9 min 21 s", "2 min 25 s", "%", words["down"], words["lost"], words["legend_wait"]]
    measured += [words["kept"].split("{", maxsplit=1)[0], words["missed"].split("{", maxsplit=1)[0]]
    assert [part for part in measured if without_spaces(part) in text.replace("停止時間など", "")] == []


def test_a_missing_font_names_its_package(tmp_path: Path) -> None:
    """With a font configuration that knows other fonts only, if any."""
    (tmp_path / "fonts.conf").write_text(f"<fontconfig><dir>{tmp_path}</dir><cachedir>{tmp_path}</cachedir></fontconfig>")
    (tmp_path / "other.ttf").symlink_to("/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf")
    done = subprocess.run(
        [sys.executable, "-m", "reports", str(tmp_path / "report.pdf")],
        input=encode(a_report()),
        capture_output=True,
        text=True,
        env={"FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "PATH": "/usr/bin"},
        check=False,
    )
    assert done.returncode == 3
    assert "BIZ UDPGothic Regular is not installed; with Debian: apt-get install fonts-morisawa-bizud-gothic" in done.stderr
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"language": "fr"}', encode(a_report()).replace('"level": 4', '"level": "x"')])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reports", str(tmp_path / "report.pdf")], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "not an incident report" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_is_cheap() -> None:
    code = "import reports, sys; sys.exit(int(any(name in sys.modules for name in ('weasyprint', 'jinja2', 'pydantic'))))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_both_languages_have_the_same_words() -> None:
    for words in (WORDS, WORK_WORDS):
        assert words["ja"].keys() == words["en"].keys()
        for name in words["ja"]:
            assert set(re.findall(r"\{\w+", words["ja"][name])) == set(re.findall(r"\{\w+", words["en"][name]))
    assert TEXTS["ja"].keys() == TEXTS["en"].keys()


def test_availability_lost_is_counted_in_each_month() -> None:
    """P3, in the customer's zone: 23:00 of 31 December to 01:00 of 1 January in Tokyo."""
    start_s = 1_735_653_600.0
    report = replace(a_report(), fault_at_s=start_s, recovered_at_s=start_s + 7200)
    assert months(report) == (MonthShare(2024, 12, 3600 / JANUARY_S), MonthShare(2025, 1, 3600 / JANUARY_S))
    assert months(replace(report, zone="UTC")) == (MonthShare(2024, 12, 7200 / JANUARY_S),)


@given(
    start_s=st.floats(min_value=0, max_value=4e9),
    length_s=st.floats(min_value=0, max_value=4e7),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_the_months_together_are_the_whole_outage(start_s: float, length_s: float, zone: str) -> None:
    report = replace(a_report(), fault_at_s=start_s, recovered_at_s=start_s + length_s, zone=zone)
    # a month with a change of DST is an hour longer or shorter
    lost_s = sum(share.lost * monthrange(share.year, share.month)[1] * 86_400 for share in months(report))
    assert lost_s == pytest.approx(length_s, rel=0.002, abs=1)
    assert all(0 <= share.lost <= 1 for share in months(report))


@given(
    places=st.lists(st.floats(min_value=0, max_value=1), min_size=4, max_size=4).map(sorted),
    length_s=st.floats(min_value=0, max_value=4e7),
    start_s=st.floats(min_value=0, max_value=4e9),
)
def test_nothing_in_the_picture_leaves_it_or_collides(places: list[float], length_s: float, start_s: float) -> None:
    times = [start_s + place * length_s for place in places]
    spans = tuple(Span(a, b, "#000") for a, b in zip([start_s, *times], [*times, start_s + length_s], strict=True))
    marks = tuple(Mark(at_s, "<title>", "00:00:00", "a & b", "#000") for at_s in times)
    svg = ElementTree.fromstring(picture(spans, marks, "Asia/Tokyo"))
    name = "{http://www.w3.org/2000/svg}"
    for rectangle in svg.iter(f"{name}rect"):
        assert float(rectangle.get("x", "-1")) >= 0
        assert float(rectangle.get("width", "-1")) >= 0
        assert float(rectangle.get("x", "0")) + float(rectangle.get("width", "0")) <= WIDTH + 0.02
    titles = [text for text in svg.iter(f"{name}text") if text.text == "<title>"]
    columns = [float(text.get("x", "0")) for text in titles]
    assert all(b - a > 150 for a, b in itertools.pairwise(columns))
    assert all(0 < float(text.get("y", "0")) < HEIGHT for text in svg.iter(f"{name}text"))
    ticks = [float(text.get("x", "0")) for text in svg.iter(f"{name}text") if text.get("text-anchor") == "middle"]
    assert all(b - a > 45 for a, b in itertools.pairwise(ticks))


@pytest.mark.parametrize(("language", "rows"), [("ja", 15), ("en", 12)])
def test_the_closing_note_has_no_page_to_itself(language: Language, rows: int) -> None:
    last = without_spaces(PdfReader(BytesIO(render(a_report(language, rows)))).pages[-1].extract_text())
    assert without_spaces(WORDS[language]["footer"]) in last
    assert without_spaces(WORDS[language]["sent"]) in last
    assert last.count("03:11:05") == 1
