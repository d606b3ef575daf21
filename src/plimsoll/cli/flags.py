"""Options and arguments that several commands share, each declared once; and the examples of their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
SuitesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[SUITE]...", help="Names or paths of suites; all where none is given.")
]
SuiteArgument = Annotated[str, typer.Argument(metavar="SUITE", help="Name or path of a suite.")]
SampleOption = Annotated[int | None, typer.Option(min=0, help="Draw N cases by hash of seed and id; 0 takes all.")]
FilterOption = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="FIELD=VALUE", help="Only such cases; slice, group, id or an input. Repeatable."),
]
RepeatsOption = Annotated[int | None, typer.Option(min=1, help="Answers for each case; over the suite's.")]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        help="An alias, another target, git:REF, none; or a run: its id, run:ID, branch:NAME, tag:KEY=VALUE. Over the "
        "policy's."
    ),
]
AnchorOption = Annotated[
    str | None,
    typer.Option(help="The release that nothing may fall below: an alias, v3, #2 or a digest; over the policy's."),
]
BaseOption = Annotated[
    str | None,
    typer.Option(metavar="REF", help="The git ref that the change starts from: its quarantine and its cases count."),
]
AffectedFlag = Annotated[
    bool, typer.Option("--affected", help="Only suites that the change since --base affects: see `plimsoll affected`.")
]
AffectedBaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="REF",
        help="The git ref that the change starts from. Default: the pull request's, else the remote's default branch.",
    ),
]
RecordedFlag = Annotated[
    bool,
    typer.Option("--recorded", help="Ask no model: show what the cache holds. Needs no key, and decides nothing."),
]
MaxCostOption = Annotated[
    float | None,
    typer.Option(metavar="USD", help="Stop, to be resumed, before models have cost more; over the suite's."),
]
NoCacheFlag = Annotated[bool, typer.Option("--no-cache", help="Generate and score anew what the cache holds.")]
FreshFlag = Annotated[bool, typer.Option("--fresh", help="Draw new samples, kept apart from all older ones.")]
NoTrackFlag = Annotated[bool, typer.Option("--no-track", help="Do not log to MLflow.")]
SequentialFlag = Annotated[
    bool,
    typer.Option("--sequential", help="Run random blocks of cases, and stop as soon as the verdict is decided."),
]
LooksOption = Annotated[
    int | None, typer.Option(metavar="N", help="With --sequential: blocks, and looks at them. Default: 5.")
]
MarkdownOption = Annotated[Path | None, typer.Option(help="Write the verdicts as Markdown here, for a comment.")]
JunitOption = Annotated[Path | None, typer.Option(help="Write JUnit XML here.")]
SarifOption = Annotated[Path | None, typer.Option(help="Write SARIF here: what failed, at the prompt's line.")]
AnnotationsOption = Annotated[
    str, typer.Option(metavar="FORGE", help="Print annotations: github, azure, auto (where a job runs), none.")
]
ReasonOption = Annotated[str, typer.Option(help="Why, for the history.")]
WhoOption = Annotated[str | None, typer.Option(help="Who, for the history. Default: git's user, else the login name.")]

RUN_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll run                          every suite of the workspace\n"
    "  plimsoll run support-qa --sample 20   twenty cases, the same ones each time\n"
    "  plimsoll run support-qa --filter slice=critical\n"
    "  plimsoll run support-qa --resume      go on after Ctrl-C or a crash\n"
    "  plimsoll run support-qa --watch       again at each save"
)
COMPARE_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll compare v1 v2                        the newest run that has both\n"
    "  plimsoll compare a79b:v2 f519:v2              the same target in two runs\n"
    "  plimsoll compare a79b f519                    every target of both runs\n"
    "  plimsoll compare branch:main a79b             with the newest of main\n"
    "  plimsoll compare v1 v2 --slice hard           one slice in detail\n"
    "  plimsoll compare dag port --equivalent 0.05   do they differ by less?"
)
GATE_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll gate support-qa --target v1 --first   there is no champion yet\n"
    "  plimsoll gate support-qa --target v2           against the champion\n"
    "  plimsoll gate support-qa --baseline branch:main   against a run of main\n"
    "  plimsoll gate support-qa --sequential          no more cases than it takes"
)
SYNC_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll sync                            every run that is not in MLflow yet\n"
    "  plimsoll sync a79b                       one run, by a part of its id\n"
    "  plimsoll sync a79b --to http://mlflow    the same run in another store too"
)
CACHE_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll cache --explain support-qa             what changed, by reason\n"
    "  plimsoll cache --explain support-qa --case 17   one case in full\n"
    "  plimsoll cache --prune --older-than 30d --max-size 500MB"
)
EVALUATORS_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll evaluators                     all that a suite may name\n"
    "  plimsoll evaluators show contains       one, with its settings\n"
    "  plimsoll evaluators new is_polite       a function of your own, and its test\n"
    "  plimsoll evaluators new tone --judge    a model's judgement"
)
CALIBRATE_EXAMPLES = (
    "\b\nExamples:\n"
    "  plimsoll judge calibrate relevance --labels labels/relevance.jsonl\n"
    "  plimsoll judge calibrate tone --labels tone.csv --threshold '>= 4'\n"
    "  plimsoll judge calibrate grounded --labels g.csv --label-passes yes"
)
