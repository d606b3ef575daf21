"""`plimsoll`: the commands, and the one place where an error becomes a message and an exit code.

Nothing heavy is imported here: a command imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import functools
import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.cli import affected, alone, cache, comment, evaluators, judges, labels, nightly, registry, sync, view
from plimsoll.cli.flags import (
    CACHE_EXAMPLES,
    COMPARE_EXAMPLES,
    GATE_EXAMPLES,
    RUN_EXAMPLES,
    SYNC_EXAMPLES,
    AffectedBaseOption,
    AffectedFlag,
    AnchorOption,
    AnnotationsOption,
    BaselineOption,
    BaseOption,
    FilterOption,
    FreshFlag,
    JsonFlag,
    JunitOption,
    LooksOption,
    MarkdownOption,
    MaxCostOption,
    NoCacheFlag,
    NoTrackFlag,
    RecordedFlag,
    RepeatsOption,
    SampleOption,
    SarifOption,
    SequentialFlag,
    SuitesArgument,
)
from plimsoll.errors import ExitCode, InterruptedRunError, PlimsollError, UsageError
from plimsoll.version import __version__

# Click's own class, or that of the copy of click which newer typers carry.
_Misuse: Any = typer.BadParameter.__base__
_STDOUT = 1
_EXIT_CODES = "\n".join(f"{int(code):>5}  {code.meaning}" for code in ExitCode)

app = typer.Typer(
    name="plimsoll",
    help="Evaluate prompts and prompt flows over curated cases, gate what you promote, and keep the evidence.",
    epilog=f"\b\nExit codes:\n{_EXIT_CODES}\n\nStart here: `plimsoll init`, then `plimsoll run`.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(evaluators.app, name="evaluators")
app.add_typer(judges.app, name="judge")
app.add_typer(labels.app, name="labels")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what the console script calls.

    Args:
        arguments: Instead of the process's own.

    Raises:
        SystemExit: always, with an `ExitCode`.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    # A command makes much and keeps little of it: looking for cycles as often as Python does took a tenth of a run.
    gc.set_threshold(20_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A Windows pipe can't encode every sign of a report: it is replaced, not raised.
            stream.reconfigure(errors="replace")
    try:
        code = _run(words)
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        code = _unread()
    sys.exit(int(code))


@functools.cache
def _command_line() -> Any:
    """The command line as click runs it: made once, where several commands run in one process."""
    return typer.main.get_command(app)


def _run(words: Sequence[str]) -> ExitCode:
    """The command's exit code, whatever it raises: Python's own for an error is 1, which says «the gate failed»."""
    try:
        # Not standalone: typer itself would end with 1 for a closed pipe and an aborted prompt.
        ended = _command_line()(words, prog_name="plimsoll", standalone_mode=False)
        if ended == ExitCode.INTERRUPTED and not isinstance(ended, ExitCode):
            # What typer makes of a Ctrl-C that no command caught.
            return _told(InterruptedRunError("interrupted"), words)
        return ExitCode(ended or ExitCode.PASS)
    except PlimsollError as error:
        return _told(error, words)
    except _Misuse as error:
        error.show()
        return _told(UsageError(error.format_message()), words, quietly=True)
    except (KeyboardInterrupt, typer.Abort):
        return _told(InterruptedRunError("interrupted"), words)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the last boundary
        # Typer ends the process itself where a pipe is closed; no other code in here may end it, least of all with 0.
        cause = error.__context__ if isinstance(error, SystemExit) else error
        if isinstance(cause, OSError) and cause.errno == errno.EPIPE:
            raise cause from None
        from plimsoll.cli.console import fault_of

        return _told(fault_of(error), words)


def _told(error: PlimsollError, words: Sequence[str], *, quietly: bool = False) -> ExitCode:
    """Show an error, as JSON too where that was asked for; its exit code."""
    from plimsoll.cli.console import print_json, show_error, without_secrets
    from plimsoll.reports.jsonform import error_document

    error = without_secrets(error)
    if not quietly:
        show_error(error)
    if "--json" in words:
        print_json(error_document(error))
    return error.exit_code


def _unread() -> ExitCode:
    """Whoever read stdout (`| head`) left before the result was written: nobody may take that for a pass."""
    # Python writes what is still buffered when it ends: to nowhere, then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    return ExitCode.INFRASTRUCTURE


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("-C", "--directory", help="Work in this folder.", exists=True, file_okay=False)
    ] = None,
) -> None:
    if directory is not None:
        os.chdir(directory)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is missing.")] = Path(),
    *,
    model: Annotated[
        str | None,
        typer.Option(help="embedded, openai, azure or ollama. Default: embedded where it is installed, else openai."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Start a workspace: a small suite that runs as it is, to be made your own."""
    from plimsoll.cli import workspace

    workspace.init(folder, model, as_json=as_json)


@app.command()
def validate(suites: SuitesArgument = None, *, as_json: JsonFlag = False) -> None:
    """Check every file of the workspace, and list all mistakes with file and line."""
    from plimsoll.cli import workspace

    workspace.validate(suites or (), as_json=as_json)


@app.command("list")
def list_(*, as_json: JsonFlag = False) -> None:
    """Show what the workspace holds: suites, targets, evaluators, runs."""
    from plimsoll.cli import workspace

    workspace.list_all(as_json=as_json)


@app.command(epilog=RUN_EXAMPLES)
def run(  # each is a flag
    suites: SuitesArgument = None,
    *,
    target: Annotated[list[str] | None, typer.Option(help="Only this target. Repeatable.")] = None,
    sample: SampleOption = None,
    filters: FilterOption = None,
    repeats: RepeatsOption = None,
    max_cost: MaxCostOption = None,
    affected: AffectedFlag = False,
    base: AffectedBaseOption = None,
    recorded: RecordedFlag = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run that is not finished.")] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="Run the failed cells of the newest run again.")
    ] = False,
    no_cache: NoCacheFlag = False,
    fresh: FreshFlag = False,
    track: Annotated[
        bool | None, typer.Option("--track/--no-track", help="Log to MLflow. Default: yes; with --watch no.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay; when a file is saved run what it changes, and show what flipped.")
    ] = False,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Run suites: plan, generate, score, log. Only what changed runs again; Ctrl-C leaves a run to --resume."""
    from plimsoll.api.options import RunOptions
    from plimsoll.cli import evaluate

    options = RunOptions(
        sample=sample,
        filters=evaluate.filter_pairs(filters or ()),
        repeats=repeats,
        max_cost=max_cost,
        targets=tuple(target or ()),
        reuse=not no_cache,
        fresh=fresh,
        resume=resume,
        only_failed=only_failed,
        recorded=recorded,
        track=not (watch or recorded) if track is None else track,
    )
    if base is not None and not affected:
        raise UsageError("--base belongs to --affected", remedy="plimsoll run --affected --base REF")
    if watch:
        if affected:
            raise UsageError("--watch looks at one suite at a time", remedy="leave --affected out")
        from plimsoll.cli import watching

        return watching.watch(suites or (), options, as_json=as_json)
    return evaluate.run(suites or (), options, as_json=as_json, affected=affected, base=base)


@app.command(epilog=COMPARE_EXAMPLES)
def compare(  # each is a flag
    first: Annotated[
        str,
        typer.Argument(help="TARGET, RUN:TARGET, or RUN: its id, run:ID, branch:NAME, tag:KEY=VALUE, alias:NAME."),
    ],
    second: Annotated[str, typer.Argument(help="Likewise; a RUN where the first is one.")],
    *,
    suite: Annotated[str | None, typer.Option(help="Whose newest run; needed where there are several suites.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Show only this metric. Repeatable.")] = None,
    slice_: Annotated[str | None, typer.Option("--slice", metavar="NAME", help="Show this slice in detail.")] = None,
    equivalent: Annotated[
        float | None,
        typer.Option(metavar="MARGIN", help="Ask whether they differ by less than this: 0 yes, 1 no, 3 can't tell."),
    ] = None,
    as_json: JsonFlag = False,
) -> ExitCode:
    """Compare two targets, or runs, case by case: what flipped, by how much, and whether it is more than chance."""
    from plimsoll.api.comparing import CompareOptions
    from plimsoll.cli import comparing

    options = CompareOptions(suite=suite, metrics=tuple(metric or ()), slice=slice_, margin=equivalent)
    return comparing.compare(first, second, options, as_json=as_json)


@app.command()
def report(
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run's id or part of it, run:ID, branch:NAME, tag:KEY=VALUE, alias:NAME; default newest here.",
        ),
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the HTML report here.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a run again, and write its self-contained HTML report."""
    from plimsoll.cli import evaluate

    evaluate.report(run_id, output, as_json=as_json)


@app.command(epilog=GATE_EXAMPLES)
def gate(  # each is a flag
    suites: SuitesArgument = None,
    *,
    target: Annotated[str | None, typer.Option(help="The challenger; over the policy's.")] = None,
    baseline: BaselineOption = None,
    anchor: AnchorOption = None,
    base: BaseOption = None,
    affected: AffectedFlag = False,
    recorded: RecordedFlag = False,
    first: Annotated[
        bool, typer.Option("--first", help="There is no champion yet: decide by the absolute rules alone.")
    ] = False,
    sequential: SequentialFlag = False,
    looks: LooksOption = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Decide over this run; run nothing.")] = None,
    sample: SampleOption = None,
    filters: FilterOption = None,
    repeats: RepeatsOption = None,
    max_cost: MaxCostOption = None,
    no_cache: NoCacheFlag = False,
    fresh: FreshFlag = False,
    no_track: NoTrackFlag = False,
    markdown: MarkdownOption = None,
    junit: JunitOption = None,
    sarif: SarifOption = None,
    annotations: AnnotationsOption = "none",
    as_json: JsonFlag = False,
) -> ExitCode:
    """Decide whether a target may be promoted: pass (0), fail (1) or inconclusive (3), with reasons and attestation."""
    from plimsoll.api.options import GateOptions, RunOptions
    from plimsoll.api.sequential import LOOKS
    from plimsoll.cli import decide
    from plimsoll.cli.evaluate import filter_pairs
    from plimsoll.cli.verdict_files import Files

    if looks is not None and not sequential:
        raise UsageError("--looks belongs to --sequential", remedy="plimsoll gate SUITE --sequential --looks N")
    options = GateOptions(
        run=RunOptions(
            sample=sample,
            filters=filter_pairs(filters or ()),
            repeats=repeats,
            max_cost=max_cost,
            reuse=not no_cache,
            fresh=fresh,
            recorded=recorded,
            track=not (no_track or recorded),
        ),
        target=target,
        baseline=baseline,
        anchor=anchor,
        base=base,
        first=first,
        looks=None if not sequential else LOOKS if looks is None else looks,
        run_id=run_id,
    )
    files = Files.of(markdown, junit, sarif, annotations)
    return decide.gate(suites or (), options, files, as_json=as_json, affected=affected)


for _command in registry.COMMANDS:
    app.command()(_command)
app.command(epilog=SYNC_EXAMPLES)(sync.sync)
app.command(epilog=view.VIEW_EXAMPLES)(view.view)
app.command(epilog=affected.AFFECTED_EXAMPLES)(affected.affected)
app.command(epilog=comment.COMMENT_EXAMPLES)(comment.comment)
app.command(epilog=nightly.NIGHTLY_EXAMPLES)(nightly.nightly)
app.command("try")(alone.try_)
app.command(epilog=CACHE_EXAMPLES)(cache.cache)
app.command()(alone.doctor)
app.command()(alone.demo)


if __name__ == "__main__":
    main()
