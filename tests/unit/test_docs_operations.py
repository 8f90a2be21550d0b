"""docs/operations.md names every command, every option that matters to it, and every exit code."""

import re
from pathlib import Path

import typer
from typer.core import TyperGroup

from domain.procedure import ANNOUNCE, LOOK
from hikeshi.app import app
from hikeshi.exits import Exit
from remediation import ACTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def commands() -> set[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return {name for name, command in group.commands.items() if not command.hidden}


def rows() -> dict[str, str]:
    """What the table of commands says, by command."""
    found = re.findall(r"^\| (`hikeshi .*?`) \| (.*?) \|$", TEXT, re.MULTILINE)
    return {name: says for first, says in found for name in re.findall(r"`hikeshi (\w+)", first)}


def test_every_command_is_documented_and_nothing_else() -> None:
    assert set(rows()) == commands()


def test_every_option_that_is_named_exists() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, says in rows().items():
        known = {option for parameter in group.commands[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
        named = re.findall(r"--[a-z-]+", says)
        assert [option for option in named if option not in known] == [], name


def test_every_reading_command_takes_json() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    [sentence] = re.findall(r"^What reads \((.*?)\) takes `--json`", TEXT, re.MULTILINE)
    reading = set(re.findall(r"`(\w+)", sentence))
    assert reading == {name for name, one in group.commands.items() if any("--json" in item.opts for item in one.params)}


def test_every_command_and_all_that_it_takes_says_what_it_is() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        if not command.hidden:
            assert command.help, name
            assert [item.name for item in command.params if not getattr(item, "help", None)] == [], name


def test_every_command_is_in_one_row_of_who_ends_how() -> None:
    [table] = re.findall(r"\| command \| can end with \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    ends = re.findall(r"^\| (.*?) \| ([\d, ]+) \|$", table, re.MULTILINE)
    named = [name for names, _ in ends for name in re.findall(r"`(\w+)[` ]", names)]
    assert sorted(named) == sorted(commands())
    assert {int(code) for _, codes in ends for code in codes.split(", ")} == set(Exit)


def test_every_exit_code_is_documented_and_nothing_else() -> None:
    [table] = re.findall(r"\| code \| means \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert documented == [int(code) for code in Exit]


def test_every_exit_code_is_reached_by_a_story() -> None:
    stories = Path(__file__).parents[1] / "story"
    text = "".join(path.read_text(encoding="utf-8") for path in stories.glob("test_*.py"))
    assert {code.name for code in Exit if f"Exit.{code.name}" not in text} == set()


def test_every_action_is_documented_with_all_that_it_takes() -> None:
    [table] = re.findall(r"\| action \| does \| parameters \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    found = re.findall(r"^\| `(\w+)` \| .*? \| (.*?) \|$", table, re.MULTILINE)
    takes = {name: sorted(re.findall(r"(?:^|; )`(\w+)`:", said)) for name, said in found}
    assert takes == {LOOK: [], ANNOUNCE: [], **{name: sorted(action.parameters) for name, action in ACTIONS.items()}}
