"""How well `groundedness_overlap` tells grounded answers from others, by people's labels, beside simpler scorers.

    python -m benchmarks.groundedness                  prints the table and keeps it in benchmarks/results/
    python -m benchmarks.groundedness --quick          without intervals; nothing is kept
    python -m benchmarks.groundedness --data FOLDER    that holds begin/ and halueval/; default: ../shared/data
                                                       beside the repository, or data/ in $PLIMSOLL_SHARED

The data is read where it lies and never copied: the dev part of BEGIN with Wizard of Wikipedia (Dziri et al. 2022),
any further part of BEGIN that lies beside it, and questions of HaluEval (Li et al. 2023).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.common.results import Finding, Section, Table, machine, save, show, today, versions

from plimsoll.evaluators.text.groundedness import GroundednessOverlap
from plimsoll.evaluators.text.words import content_words, words
from plimsoll.stats import auc, auc_interval
from plimsoll.types import Scored

ROOT = Path(__file__).parents[1]
CONFIDENCE = 0.95
GOALS = {"BEGIN dev_wow": 0.933, "HaluEval": 0.979}
"""The better of two overlap baselines (content words, pairs of words), measured by others on the full sets."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer, the source it was to keep to, and whether people say that it does."""

    answer: str
    source: str
    grounded: bool
    group: str
    """Answers of one group are not independent."""


Scorer = Callable[[Labelled], float | None]


def begin(path: Path) -> list[Labelled]:
    """One part of BEGIN: «Fully attributable» against «Generic» and «Not fully attributable»."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Labelled(row["response"], row["knowledge"], row["begin_label"] == "Fully attributable", row["knowledge"])
        for row in rows
    ]


def halueval(path: Path) -> list[Labelled]:
    """Each question twice: the right answer, and the one that was made up."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Labelled(row[key], row["knowledge"], key == "right_answer", row["question"])
        for row in rows
        for key in ("right_answer", "hallucinated_answer")
    ]


def shortness(one: Labelled) -> float:
    """Minus the answer's words: knows nothing of the source."""
    return -float(len(words(one.answer)))


def content_overlap(one: Labelled) -> float:
    """The share of the answer's content words that stand in the source."""
    found, content = set(words(one.source)), content_words(one.answer)
    return sum(word in found for word in content) / len(content) if content else 0.0


def pair_overlap(one: Labelled) -> float:
    """The share of the answer's pairs of adjacent words that are pairs of the source; of one word, whether it is."""
    given = words(one.answer)
    return _pairs(one) if len(given) > 1 else content_overlap(one)


def lenient_pair_overlap(one: Labelled) -> float:
    """The same, where an answer of one word has no pair that is not in the source, and counts 1."""
    return _pairs(one) if len(words(one.answer)) > 1 else 1.0


def groundedness(one: Labelled) -> float | None:
    """The evaluator itself; None where it skips."""
    scored = GroundednessOverlap().score(one.answer, [one.source])
    return float(scored.value) if isinstance(scored, Scored) else None


SCORERS: dict[str, Scorer] = {
    "length alone, shorter is better": shortness,
    "content words": content_overlap,
    "pairs of words": pair_overlap,
    "pairs of words, an answer of one word counts 1": lenient_pair_overlap,
    "`groundedness_overlap`": groundedness,
}


def _pairs(one: Labelled) -> float:
    given, source = words(one.answer), words(one.source)
    found = set(pairwise(source))
    pairs = list(pairwise(given))
    return sum(pair in found for pair in pairs) / len(pairs)


def main() -> None:
    """Print the table; keep it unless asked to be quick."""
    given = _arguments()
    folder: Path = given.data
    if not (folder / "begin").is_dir() or not (folder / "halueval").is_dir():
        sys.exit(
            f"no labelled data: {folder} holds no begin/ and halueval/; name the folder by --data or PLIMSOLL_SHARED"
        )
    sets = dict(_sets(folder))
    table = _table(sets, quick=given.quick)
    print(table.caption, *("  ".join(row) for row in (table.columns, *table.rows)), sep="\n")
    findings = tuple(_findings(sets, quick=given.quick))
    for finding in findings:
        show(finding)
    if not given.quick:
        save(
            Section(
                name="groundedness",
                command="python -m benchmarks.groundedness",
                date=today(),
                machine=machine(),
                versions=versions("plimsoll-llm"),
                findings=findings,
                tables=(table,),
            )
        )


def _arguments() -> argparse.Namespace:
    shared = Path(os.environ.get("PLIMSOLL_SHARED") or ROOT.parent / "shared")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.groundedness")
    parser.add_argument("--data", type=Path, default=shared / "data", help=f"default {shared / 'data'}")
    parser.add_argument("--quick", action="store_true", help="no intervals; nothing is kept")
    return parser.parse_args()


def _sets(folder: Path) -> Iterator[tuple[str, list[Labelled]]]:
    for path in sorted((folder / "begin").glob("begin_*.tsv")):
        yield f"BEGIN {path.stem.removeprefix('begin_')}", begin(path)
    everything = halueval(folder / "halueval" / "qa_one-turn_data.json")
    yield "HaluEval", [one for one in everything if groundedness(one) is not None]
    yield "HaluEval, all", everything


def _table(sets: dict[str, list[Labelled]], *, quick: bool) -> Table:
    rows = []
    for name, scorer in SCORERS.items():
        rows.append((name, *(_shown(scorer, answers, quick=quick) for answers in sets.values())))
    skipped = [one for one in sets["HaluEval, all"] if groundedness(one) is None]
    return Table(
        key="auc",
        caption="Area under the ROC curve, 95% interval: how often a grounded answer scores above another. "
        f"«HaluEval» leaves out the {len(skipped)} answers that `groundedness_overlap` skips, bare yes or no, "
        f"{sum(one.grounded for one in skipped)} of them right; in «HaluEval, all» they count 0.",
        columns=("scorer", *(f"{name}, n = {len(answers):,}" for name, answers in sets.items())),
        rows=tuple(rows),
    )


def _shown(scorer: Scorer, answers: Sequence[Labelled], *, quick: bool) -> str:
    scores = [scorer(one) or 0.0 for one in answers]
    truths = [one.grounded for one in answers]
    area = auc(scores, truths)
    between = None if quick else auc_interval(scores, truths, CONFIDENCE, groups=[one.group for one in answers])
    shown = "–" if area is None else f"{area:.3f}"
    return f"{shown} ({between.low:.3f} to {between.high:.3f})" if between else shown


def _findings(sets: dict[str, list[Labelled]], *, quick: bool) -> Iterator[Finding]:
    for name, goal in GOALS.items():
        answers = sets[name]
        area = auc([groundedness(one) or 0.0 for one in answers], [one.grounded for one in answers])
        yield Finding(
            key=name,
            what=f"`groundedness_overlap` on {name}: area under the ROC curve",
            measured=area,
            unit="",
            goal=f"≥ {goal}",
            reached=area is not None and area >= goal,
            note=f"length alone {_shown(shortness, answers, quick=quick)}",
        )


if __name__ == "__main__":
    main()
