"""`judge`: measured against people, and what its certificate says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plimsoll.cli.flags import CALIBRATE_EXAMPLES, JsonFlag
from plimsoll.errors import ExitCode

app = typer.Typer(
    help="Measure judges against people: a certificate says whether one may be believed.",
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog=CALIBRATE_EXAMPLES)
def calibrate(  # each is a flag
    name: Annotated[str, typer.Argument(metavar="NAME", help="A judged metric of a suite.")],
    *,
    labels: Annotated[
        Path, typer.Option(help="JSONL, CSV or Parquet: a case's fields, the answer, and people's label or labels.")
    ],
    suite: Annotated[str | None, typer.Option(help="Whose judge; needed where suites differ in it.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Judgements of each answer of a sample; 1 repeats none.")] = 3,
    threshold: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="Which of the judge's values are good; over its pass_if.")
    ] = None,
    label_passes: Annotated[
        str | None, typer.Option(metavar="CONDITION", help="Which labels are good, where not in the judge's terms.")
    ] = None,
    valid_days: Annotated[int | None, typer.Option(min=1, help="Until it expires; over the project's.")] = None,
    output_column: Annotated[str, typer.Option(metavar="NAME", help="The column with the answer.")] = "output",
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The one with a label or a list of them; default label, labels.")
    ] = None,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Measure a judge against people. Its certificate: certified (0), not (1), too little to tell (3)."""
    from plimsoll.api.calibrating import CalibrationOptions
    from plimsoll.cli import calibrating

    options = CalibrationOptions(
        labels=labels,
        suite=suite,
        repeats=repeats,
        threshold=threshold,
        label_passes=label_passes,
        valid_days=valid_days,
        output_column=output_column,
        label_column=label_column,
    )
    return calibrating.calibrate_judge(name, options, as_json=as_json)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one, in full.")] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """List certificates: valid, expired, for another version of the judge, or not certified."""
    from plimsoll.cli import calibrating

    calibrating.show_certificates(name, as_json=as_json)
