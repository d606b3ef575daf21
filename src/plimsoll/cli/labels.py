"""`labels`: what people said of answers comes back, as labels that a judge is measured against and as curated cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plimsoll.cli.flags import JsonFlag, SuitesArgument

if TYPE_CHECKING:
    from plimsoll.api.curating import CasesFile
    from plimsoll.api.labelling import LabelsFile, Pulled

_MOST_TOLD = 10
_MOST_NAMED = 5

ForceFlag = Annotated[bool, typer.Option("--force", help="Write over a file that is there and holds something else.")]

app = typer.Typer(
    help="What people said of answers, in MLflow or in `plimsoll view`: fetch it, and use it.",
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def pull(
    suites: SuitesArgument = None,
    *,
    run_id: Annotated[str | None, typer.Option("--run", help="Only this run: its id or a part of it.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the labels that people gave in MLflow. Twice brings nothing twice; what was deleted there goes here too."""
    from plimsoll.api.labelling import pull_labels
    from plimsoll.cli.console import print_result
    from plimsoll.config import Workspace

    pulled = pull_labels(Workspace.find(), suites or (), run=run_id)
    if as_json:
        print_result(pulled)
    else:
        _show_pulled(pulled)


@app.command()
def export(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="The metric that people gave labels about.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Default: labels/METRIC.jsonl.")] = None,
    suite: Annotated[str | None, typer.Option(help="Only answers of this suite's runs.")] = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the labels about a metric, for `judge calibrate` where a judge gives it. Everybody's label is kept."""
    from plimsoll.api.labelling import export_labels
    from plimsoll.cli.console import print_result
    from plimsoll.config import Workspace

    written = export_labels(Workspace.find(), metric, suite=suite, out=out, force=force)
    if as_json:
        print_result(written)
    else:
        _show_labels(written)


@app.command()
def cases(  # each is a flag
    suite: Annotated[str | None, typer.Argument(metavar="[SUITE]", help="Needed where there are several.")] = None,
    *,
    out: Annotated[Path | None, typer.Option(help="A new file. Default: datasets/SUITE-labelled.jsonl.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="Change this dataset instead: other expected answers, cases that it lacks.")
    ] = None,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write cases from answers that people corrected or called bad: a new file, or into a dataset."""
    from plimsoll.api.curating import curate_cases
    from plimsoll.cli.console import print_result
    from plimsoll.config import Workspace

    written = curate_cases(Workspace.find(), suite, out=out, into=into, force=force)
    if as_json:
        print_result(written)
    else:
        _show_cases(written)


def _show_pulled(pulled: Pulled) -> None:
    from rich.table import Table

    from plimsoll.cli.console import to_stdout
    from plimsoll.reports.text import count

    console = to_stdout()
    console.print(
        f"{count(pulled.new, 'new label')}, {pulled.changed:,} changed, {pulled.taken_back:,} taken back; "
        f"{count(pulled.traces, 'trace')} looked at"
    )
    if pulled.same:
        _tell(pulled.told)
        if pulled.left_out:
            amount = count(len(pulled.left_out), "label")
            console.print(f"{amount} left out as before: `plimsoll labels pull --json` says why", soft_wrap=True)
        return
    if pulled.labels:
        table = Table("about", "labels", "by", box=None, pad_edge=False)
        for name, people in pulled.labels.items():
            each = ", ".join(f"{who} {amount:,}" for who, amount in people.items())
            other = " (no metric of the run: kept, not used)" if name in pulled.other_names else ""
            table.add_row(name + other, f"{sum(people.values()):,}", each)
        console.print()
        console.print(table)
    for run in pulled.brought:
        console.print(f"brought here from the tracking server: run {run}", soft_wrap=True)
    _tell((*pulled.left_out, *pulled.told))
    usable = [name for name in pulled.labels if name not in pulled.other_names]
    if usable:
        about = [name for name in usable if name != "expected"]
        console.print("\nNext:")
        for name in about[:_MOST_NAMED]:
            console.print(f"  plimsoll labels export {name}", soft_wrap=True)
        console.print("  plimsoll labels cases", soft_wrap=True)


def _show_labels(written: LabelsFile) -> None:
    from plimsoll.cli.console import to_stdout
    from plimsoll.reports.text import count

    console = to_stdout()
    _tell(written.told)
    said, on = count(written.labels, "label"), count(written.answers, "answer")
    console.print(f"{said} on {on}, by {', '.join(written.people)}")
    console.print(f"wrote {written.file}", soft_wrap=True)
    if not written.judged:
        return
    flags = "" if written.output_column == "output" else f" --output-column {written.output_column}"
    flags += "" if written.label_column == "labels" else f" --label-column {written.label_column}"
    console.print(
        f"\nNext:\n  plimsoll judge calibrate {written.metric} --labels {written.file}{flags}", soft_wrap=True
    )


def _show_cases(written: CasesFile) -> None:
    from plimsoll.cli.console import to_stdout
    from plimsoll.reports.text import count

    console = to_stdout()
    _tell(written.told)
    for names, words in (
        (written.new, "added" if written.into else "not in the dataset"),
        (written.updates, "changed: another expected answer" if written.into else "with another expected answer"),
        (written.same, "as in the dataset: people called the answer bad"),
    ):
        if names:
            more = f", and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            console.print(f"{count(len(names), 'case')} {words}: {', '.join(names[:_MOST_NAMED])}{more}")
    nothing = not (written.new or written.updates or written.same)
    console.print(f"{'nothing to change in' if nothing else 'wrote'} {written.file}", soft_wrap=True)


def _tell(told: Sequence[str]) -> None:
    """What was left out, on stderr."""
    from plimsoll.cli.console import to_stderr

    console = to_stderr()
    for words in told[:_MOST_TOLD]:
        console.print(f"note: {words}")
    if len(told) > _MOST_TOLD:
        console.print(f"note: and {len(told) - _MOST_TOLD:,} more; --json shows all")
