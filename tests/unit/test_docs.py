"""What the documentation promises of itself: every number that the code cites is explained, every setting is described."""

import re
import tomllib
from pathlib import Path

import pytest
from probe_talk import EOF, secret, start, talk

from domain.observation import Verdict
from engine.settings import Settings
from hikeshi.exits import Exit
from probes.spec import Spec, Target

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

CITED = re.compile(r"\b[CRP](?:[1-9]\d|\d[a-z]?)\b")
EXPLAINED = re.compile(r"^(?:- |\| )\*\*([CRP]\d+[a-z]?)\*\*", re.MULTILINE)


def text_of(*folders: str) -> dict[Path, str]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml", ".txt", ".html"}]
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in found}


def test_every_number_that_is_cited_is_explained_once() -> None:
    explained = EXPLAINED.findall((DOCS / "facts.md").read_text(encoding="utf-8"))
    assert sorted(explained) == sorted(set(explained))
    cited = {number: path for path, text in text_of(*PACKAGES).items() for number in CITED.findall(text)}
    assert {number: path for number, path in cited.items() if number not in explained} == {}
    assert len(cited) > 30


def documented_settings() -> dict[str, tuple[str, str]]:
    """Name to (default, meaning), from the table in docs/settings.md."""
    rows = re.findall(
        r"^\| `HIKESHI_(\w+)` \| (.*?) \| (.*?) \|$", (DOCS / "settings.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name.lower(): (default, meaning) for name, default, meaning in rows}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(documented_settings()) == set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_documented_default_and_meaning_are_the_real_ones(name: str) -> None:
    setting = Settings.model_fields[name]
    default, meaning = documented_settings()[name]
    if setting.default_factory is None:
        shown = {"True": "true", "False": "false", "None": "", "": ""}.get(str(setting.default), str(setting.default))
        assert default == (f"`{shown}`" if shown else "–")
    assert meaning.startswith(str(setting.description))


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", (DOCS / "operations.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(code) for code in rows] == sorted(Exit)


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert [target for target in linked if target and not (page.parent / target).exists()] == []
    named = re.findall(rf"`((?:{'|'.join(PACKAGES)}|tests|bench|docs|scripts)/[\w./-]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_probe_of_the_guide_works() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "adding-a-probe.md").read_text(encoding="utf-8"), re.DOTALL)
    module: dict[str, object] = {}
    exec(block, module)
    pop3 = module["POP3"]
    assert isinstance(pop3, Spec)

    def seen(greeting: bytes) -> Verdict | None:
        found = talk(start(pop3, Target("192.0.2.1", pop3.complete({}), secret)), [greeting, EOF]).seen
        return found.verdict if found is not None else None

    assert seen(b"+OK ready\r\n") is Verdict.UP
    assert seen(b"-ERR busy\r\n") is Verdict.DOWN
    assert seen(b"") is Verdict.DOWN
