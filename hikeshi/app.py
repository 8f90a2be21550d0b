"""Every command of ``hikeshi``. What a command does is imported when it is called, so that ``--help`` answers at once."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="hikeshi",
    help="火消し — watches customers' servers, recovers outages by written procedures, wakes people, and accounts for it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
runbook = typer.Typer(help="Runbooks: what they may do of their own accord, and who answers for it.", no_args_is_help=True)
app.add_typer(runbook, name="runbook")
process = typer.Typer(help="One process of `up` by itself.", no_args_is_help=True)
app.add_typer(process, name="process", hidden=True)

HostId = Annotated[str, typer.Argument(help="The host's id in the inventory.")]
MaybeHost = Annotated[str | None, typer.Argument(help="The host's id in the inventory; or --all.")]
IncidentId = Annotated[str, typer.Argument(help="The incident, as in INC-000123.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id in the inventory.")]
Why = Annotated[str, typer.Option("--reason", "-m", help="Why; it stands in the record.")]
Folder = Annotated[Path, typer.Argument(help="The inventory's folder.", readable=False)]  # what is wrong with it, we say ourselves
Home = Annotated[Path | None, typer.Option("--home", help="State folder (HIKESHI_HOME).")]


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"hikeshi {version('hikeshi')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")]


@app.callback()
def choose_home(home: Home = None, version: Version = False) -> None:  # noqa: ARG001  # its callback has answered by then
    """All commands work on one state folder."""
    if home is not None:
        import os

        os.environ["HIKESHI_HOME"] = str(home.absolute())


@app.command()
def up(
    inventory: Folder,
    prefect: Annotated[bool, typer.Option(help="Run the Prefect server and show the work in its UI.")] = True,
) -> None:
    """Start everything: engine, watcher, sealer, hands, Prefect server, flow executor, ingress. Ctrl-C ends it."""
    from hikeshi.up import run

    raise typer.Exit(run(inventory, prefect=prefect))


@app.command()
def check(inventory: Folder, json: Json = False) -> None:
    """Read an inventory and list every mistake, without starting anything."""
    from hikeshi.reading import check_inventory

    raise typer.Exit(check_inventory(inventory, json))


@app.command()
def status(
    host: Annotated[str | None, typer.Argument(help="A host: what was found out about it at logins.")] = None, json: Json = False
) -> None:
    """What burns, what is being done, what is held or paused, and who is waited for; or what is known of one host."""
    from hikeshi.knowing import show_host
    from hikeshi.reading import show_status

    raise typer.Exit(show_status(json) if host is None else show_host(host, json))


@app.command()
def incidents(
    json: Json = False,
    all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    host: Annotated[str | None, typer.Option(help="Only of this host.")] = None,
) -> None:
    """Incidents, newest first."""
    from hikeshi.reading import show_incidents

    raise typer.Exit(show_incidents(json, everything=all_, host=host))


@app.command()
def explain(
    subject: Annotated[str, typer.Argument(help="An incident (INC-000123) or a host; none: what concerns no single host.")] = "",
    json: Json = False,
    language: Annotated[str, typer.Option("--lang", help="ja or en.")] = "en",
) -> None:
    """Why: every decision about an incident or a host, in words, with its source, and every message that was delivered."""
    from hikeshi.reading import show_explanation

    raise typer.Exit(show_explanation(subject, json, language))


@app.command()
def findings(
    subject: Annotated[str, typer.Argument(help="An incident (INC-000123), or a host for what was seen there last.")],
    json: Json = False,
) -> None:
    """What was seen on a host and kept: diagnoses, journals, what file system checks said."""
    from hikeshi.knowing import show_findings

    raise typer.Exit(show_findings(subject, json))


@app.command()
def export(
    host: Annotated[str | None, typer.Option(help="All checks of a host …")] = None,
    check: Annotated[str | None, typer.Option(help="… or one check, as host/name.")] = None,
    from_: Annotated[str, typer.Option("--from", help="Local time, YYYY-MM-DD or YYYY-MM-DDTHH:MM; empty: a day before.")] = "",
    to: Annotated[str, typer.Option(help="Local time; what is seen then is not in it. Empty: now.")] = "",
    format_: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="A file that is not there yet; none: standard output (csv).")] = None,
) -> None:
    """Write every sample of a host or a check in a period: time, verdict, value and response time of each look."""
    from hikeshi.export import Wanted
    from hikeshi.export import export as export_now

    raise typer.Exit(export_now(Wanted(host=host, check=check, from_=from_, to=to, format=format_, out=out)))


@app.command()
def ack(incident: IncidentId, by: By) -> None:
    """Take an incident: nobody else is woken."""
    from hikeshi.asking import take

    raise typer.Exit(take(incident, by))


@app.command()
def note(incident: IncidentId, text: Annotated[str, typer.Argument(help="What to write, up to 1000 characters.")], by: By) -> None:
    """Write something into an incident's record."""
    from hikeshi.asking import write_note

    raise typer.Exit(write_note(incident, text, by))


@app.command()
def rescued(host: HostId, by: By, reason: Why = "") -> None:
    """Say that a host, which a run had left in its rescue system, runs its own system again."""
    from hikeshi.asking import say_rescued

    raise typer.Exit(say_rescued(host, by, reason))


@app.command()
def hold(
    host: MaybeHost = None,
    all_: Annotated[bool, typer.Option("--all", help="Every host; works without database or Prefect.")] = False,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    reason: Why = "",
) -> None:
    """Stop every action on a host (or on all) at once, until released."""
    from hikeshi.asking import hold as hold_now

    raise typer.Exit(hold_now(host, everything=all_, by=by, reason=reason))


@app.command()
def release(
    host: MaybeHost = None,
    all_: Annotated[bool, typer.Option("--all", help="The hold on every host.")] = False,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    reason: Why = "",
) -> None:
    """End a hold."""
    from hikeshi.asking import release as release_now

    raise typer.Exit(release_now(host, everything=all_, by=by, reason=reason))


@app.command()
def pause(
    by: By,
    host: Annotated[str | None, typer.Option(help="A host …")] = None,
    customer: Annotated[str | None, typer.Option(help="… or all hosts of a customer …")] = None,
    check: Annotated[str | None, typer.Option(help="… or one check, as host/name.")] = None,
    start: Annotated[str, typer.Option(help="Local time YYYY-MM-DDTHH:MM; empty: now.")] = "",
    minutes: Annotated[float, typer.Option(help="How long.", min=0.01, max=40320)] = 60,
    repeat: Annotated[str, typer.Option(help="once, daily, weekly or monthly.")] = "once",
    cancel: Annotated[str | None, typer.Option(help="End the pause of this id instead.")] = None,
    reason: Why = "",
) -> None:
    """Set a maintenance pause: nothing is alerted, nothing is done; measuring goes on."""
    from hikeshi.asking import Window
    from hikeshi.asking import pause as pause_now

    window = Window(host=host, customer=customer, check=check, start=start, minutes=minutes, repeat=repeat, reason=reason)
    raise typer.Exit(pause_now(window, by=by, cancel=cancel))


@app.command()
def run(
    runbook: Annotated[str, typer.Argument(help="A runbook's name, such as restart-service.")],
    host: HostId,
    service: Annotated[str | None, typer.Option(help="The service it is for; needed where several may be meant.")] = None,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what it would do, and do nothing.")] = False,
    reason: Why = "",
    json: Json = False,
) -> None:
    """Run a runbook on a host now, as an operator's own decision: it is done also where its checks are up."""
    from hikeshi.asking import run_runbook

    raise typer.Exit(run_runbook(runbook, host, service=service, by=by, dry_run=dry_run, reason=reason, json=json))


@app.command()
def rehearse(
    name: Annotated[str, typer.Argument(metavar="RUNBOOK", help="A runbook's name, such as restart-service.")],
    fault: Annotated[str | None, typer.Option(help="What shall be wrong; by default what the runbook is for.")] = None,
    out: Annotated[Path | None, typer.Option(help="The page; by default rehearsal-RUNBOOK-HASH.html here.")] = None,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    language: Annotated[str, typer.Option("--lang", help="Of the page: ja or en.")] = "en",
) -> None:
    """Run a runbook against a throwaway host with a real fault, and write a page of what it did. Needs root."""
    from hikeshi.rehearsal import command

    raise typer.Exit(command(name, fault=fault, out=out, by=by, language=language))


RunbookId = Annotated[str, typer.Argument(metavar="RUNBOOK", help="A runbook's name, such as restart-service.")]


@runbook.command("check")
def runbook_check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders; none: the shipped ones.", readable=False)] = None,
    json: Json = False,
) -> None:
    """Read runbooks and list every mistake, without starting anything."""
    from hikeshi.linting import check_runbooks

    raise typer.Exit(check_runbooks(paths or [], json))


@runbook.command("list")
def runbook_list(json: Json = False) -> None:
    """Every runbook: who approved it, what it may do for whom, how often its cures lasted."""
    from hikeshi.trusting import show_list

    raise typer.Exit(show_list(json))


@runbook.command("show")
def runbook_show(name: RunbookId, json: Json = False) -> None:
    """One runbook: its steps, its rehearsals, and what people said of it."""
    from hikeshi.trusting import show_one

    raise typer.Exit(show_one(name, json))


@runbook.command("approve")
def runbook_approve(
    name: RunbookId,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    reason: Why = "",
) -> None:
    """Let it act on its own as it is now; it must have passed a rehearsal in this very version."""
    from hikeshi.trusting import approve

    raise typer.Exit(approve(name, by=by, reason=reason))


@runbook.command("revoke")
def runbook_revoke(
    name: RunbookId,
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    reason: Why = "",
) -> None:
    """Take its approval back, also the project's: from now on it only records what it would do."""
    from hikeshi.trusting import revoke

    raise typer.Exit(revoke(name, by=by, reason=reason))


@runbook.command("raise")
def runbook_raise(
    name: RunbookId,
    customer: Annotated[str, typer.Option(help="The customer it was lowered for.")],
    by: Annotated[str, typer.Option("--by", envvar="HIKESHI_OPERATOR", help="Your operator id.")] = "",
    reason: Why = "",
) -> None:
    """Let one that was lowered, because a cure of it did not last, act on its own again."""
    from hikeshi.trusting import raise_again

    raise typer.Exit(raise_again(name, customer=customer, by=by, reason=reason))


@app.command()
def sudoers(
    host: HostId,
    hypervisor: Annotated[bool, typer.Option("--hypervisor", help="Those that the host's hypervisor needs.")] = False,
    json: Json = False,
) -> None:
    """Print the minimal sudo rules that a host needs for its runbooks."""
    from hikeshi.rights import show_sudoers

    raise typer.Exit(show_sudoers(host, hypervisor, json))


@app.command()
def discover(host: HostId) -> None:
    """Print checks of the disks, interfaces and processes that a host's SNMP agent tells of, as YAML to paste."""
    from hikeshi.discovering import show_discovered

    raise typer.Exit(show_discovered(host))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    samples: Annotated[
        bool, typer.Option("--samples", help="The samples instead, where they are a file beside the store.")
    ] = False,
) -> None:
    """Copy the store into a file, while everything runs."""
    from hikeshi.keeping import backup as backup_now

    raise typer.Exit(backup_now(file, samples=samples))


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What backup has written.")]) -> None:
    """Put a backup back as the store. Nothing may be running."""
    from hikeshi.keeping import restore as restore_now

    raise typer.Exit(restore_now(file))


@app.command()
def heartbeat(host: HostId, check: Annotated[str, typer.Argument(help="A heartbeat check of the host.")]) -> None:
    """Print the URL that a job asks when it has done its work (C44)."""
    from hikeshi.reading import show_report_url

    raise typer.Exit(show_report_url(host, check))


@app.command()
def watcher(name: Annotated[str, typer.Argument(help="As the inventory's segments name it.")]) -> None:
    """Run one more watcher, in a network that is seen from elsewhere only (C51), until Ctrl-C."""
    from hikeshi.processes import one_more_watcher

    raise typer.Exit(one_more_watcher(name))


@app.command()
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Keep everything up at the end, until Ctrl-C.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Without real guests, even where they could be started.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Save the table of the story as an SVG file.")] = None,
) -> None:
    """Play the main job as a story, on a real host that it starts itself, in a state folder of its own."""
    import os

    from hikeshi.demo.play import play
    from hikeshi.demo.stage import FOLDER
    from hikeshi.exits import Exit
    from hikeshi.show import refuse

    if home := os.environ.get("HIKESHI_HOME"):
        why = f"the demo empties its folder and plays in it, which is always {FOLDER}"
        raise typer.Exit(refuse(f"--home or HIKESHI_HOME is {home!r}, must be left out: {why}", Exit.USAGE))
    raise typer.Exit(play(stay=stay, plain=plain, picture=picture))


@process.command("prepare")
def process_prepare() -> None:
    from hikeshi.processes import prepare

    raise typer.Exit(prepare())


@process.command("engine")
def process_engine() -> None:
    from hikeshi.processes import engine

    raise typer.Exit(engine())


@process.command("watcher")
def process_watcher() -> None:
    from hikeshi.processes import watcher

    raise typer.Exit(watcher())


@process.command("sealer")
def process_sealer() -> None:
    from hikeshi.processes import sealer

    raise typer.Exit(sealer())


@process.command("hands")
def process_hands() -> None:
    from hikeshi.processes import hands

    raise typer.Exit(hands())


@process.command("ingress")
def process_ingress() -> None:
    from hikeshi.processes import ingress

    raise typer.Exit(ingress())
