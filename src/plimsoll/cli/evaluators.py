"""`evaluators`: what a suite may name, one's settings, and a new one with its test."""

from __future__ import annotations

import typer

from plimsoll.cli.flags import EVALUATORS_EXAMPLES, JsonFlag

app = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(invoke_without_command=True, epilog=EVALUATORS_EXAMPLES)
def list_(context: typer.Context, *, as_json: JsonFlag = False) -> None:
    """List the evaluators that a suite may name: what each needs, gives and costs. Start a new one."""
    if context.invoked_subcommand is None:
        from plimsoll.cli import evaluator_tables

        evaluator_tables.list_all(as_json=as_json)


@app.command()
def show(context: typer.Context, name: str, *, as_json: JsonFlag = False) -> None:
    """Show one evaluator with every setting that it takes."""
    from plimsoll.cli import evaluator_tables

    evaluator_tables.show(name, as_json=as_json or _json_before(context))


@app.command()
def new(
    context: typer.Context,
    name: str,
    *,
    judge: bool = typer.Option(False, "--judge", help="One that a model scores by, in place of a Python function."),
    as_json: JsonFlag = False,
) -> None:
    """Write a new evaluator into evaluators/ and a test of it into tests/, both working as they are."""
    from plimsoll.cli import evaluator_tables

    evaluator_tables.new(name, judge=judge, as_json=as_json or _json_before(context))


def _json_before(context: typer.Context) -> bool:
    """Whether --json was given before the command's name: it is meant for it."""
    return context.parent is not None and bool(context.parent.params.get("as_json"))
