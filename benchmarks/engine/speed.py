"""What a run costs over a bare loop that sends the same requests: seconds against a latency, processor without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.common.processes import CommandError, Ended, module, plimsoll
from benchmarks.common.results import Finding, at_most
from benchmarks.engine.setting import Setting
from benchmarks.engine.workspace import Workspace, write_workspace
from benchmarks.standin import StandIn

ENGINE_GOAL = 1.10
WHOLE_GOAL = 1.35
CPU_GOAL = 1.25


@dataclass(frozen=True, slots=True)
class _Measured:
    span: float
    """Seconds from the first request to the last answer, by the endpoint's log."""
    ended: Ended


def wall(setting: Setting) -> Iterator[Finding]:
    """Against a latency: the requests alone, and the whole process with MLflow."""
    bare, engine, whole = [], [], []
    with StandIn(latency=setting.latency) as model:
        workspace = write_workspace(
            setting.folder / "wall", model.base_url, setting.rows, concurrency=setting.concurrency
        )
        # Interleaved: what else the machine does meanwhile meets all three.
        for _ in range(setting.rounds):
            bare.append(_bare(model, workspace, setting))
            engine.append(_plimsoll(model, workspace, "--no-track"))
            whole.append(_plimsoll(model, workspace))
    floor = setting.rows * setting.latency / setting.concurrency
    ratio = median(one.span / other.span for one, other in zip(engine, bare, strict=True))
    tracked = median(one.span / other.span for one, other in zip(whole, bare, strict=True))
    spans = {
        "bare": [one.span for one in bare],
        "engine": [one.span for one in engine],
        "engine, with MLflow": [one.span for one in whole],
    }
    yield Finding(
        key="wall",
        what=f"{_sizes(setting)}: first request to last answer, over a bare loop of `AsyncOpenAI` over aiohttp",
        measured=ratio,
        unit="×",
        goal=f"≤ {ENGINE_GOAL:.2f}",
        reached=at_most(ENGINE_GOAL, ratio),
        note=f"The bare loop took {median(spans['bare']) / floor:.2f} × the floor of {floor:.2f} s; "
        f"with MLflow beside it, a run took {tracked:.2f} × the bare loop.",
        details={"floor": floor, **spans},
    )
    seconds = [one.ended.seconds for one in whole]
    bare_seconds = [one.ended.seconds for one in bare]
    over = median(one / other for one, other in zip(seconds, bare_seconds, strict=True))
    untracked = median(one.ended.seconds for one in engine)
    measured = median(seconds) / floor
    yield Finding(
        key="whole",
        what="the same, the whole process with start-up and MLflow, over the floor (rows × latency ÷ concurrency)",
        measured=measured,
        unit="×",
        goal=f"≤ {WHOLE_GOAL:.2f}",
        reached=at_most(WHOLE_GOAL, measured),
        note=f"{over:.2f} × the bare loop's own whole process, which takes {median(bare_seconds) / floor:.2f} × the "
        f"floor on this machine; without MLflow {untracked / floor:.2f} × the floor.",
        details={"floor": floor, "seconds": seconds, "bare": bare_seconds},
    )


def processor(setting: Setting) -> Iterator[Finding]:
    """Without latency: user and system time of one cell, start-up taken out."""
    ratios, bare, aiohttp, main, children = [], [], [], [], []
    with StandIn(latency=0) as model:
        many = write_workspace(
            setting.folder / "cpu-many", model.base_url, setting.cpu_rows, concurrency=setting.concurrency
        )
        one = write_workspace(setting.folder / "cpu-one", model.base_url, 1, concurrency=setting.concurrency)
        cells = setting.cpu_rows - 1
        for _ in range(setting.rounds):
            bare.append((_cpu(_bare(model, many, setting)) - _cpu(_bare(model, one, setting))) / cells)
            aiohttp.append(
                (_cpu(_bare(model, many, setting, "aiohttp")) - _cpu(_bare(model, one, setting, "aiohttp"))) / cells
            )
            large, small = (_plimsoll(model, workspace, "--no-track") for workspace in (many, one))
            main.append(((large.ended.cpu or 0) - (small.ended.cpu or 0)) / cells)
            children.append(((large.ended.cpu_children or 0) - (small.ended.cpu_children or 0)) / cells)
            ratios.append((main[-1] + children[-1]) / bare[-1])
    ratio = median(ratios)
    milliseconds = {
        "bare loop": 1000 * median(bare),
        "aiohttp alone": 1000 * median(aiohttp),
        "main process": 1000 * median(main),
        "children": max(0.0, 1000 * median(children)),
    }
    yield Finding(
        key="cpu",
        what="processor time of one cell (prompt, request, score, journal, cache), over one request of that bare loop",
        measured=ratio,
        unit="×",
        goal=f"≤ {CPU_GOAL:.2f}",
        reached=at_most(CPU_GOAL, ratio),
        note=f"In ms: {', '.join(f'{name} {value:.2f}' for name, value in milliseconds.items())}. "
        f"Time of {setting.cpu_rows:,} cells less that of one, user and system, children included.",
        details={"ratios": ratios, "milliseconds": milliseconds},
    )


def _cpu(measured: _Measured) -> float:
    return (measured.ended.cpu or 0) + (measured.ended.cpu_children or 0)


def _bare(model: StandIn, workspace: Workspace, setting: Setting, client: str = "openai") -> _Measured:
    model.reset()
    words = [str(workspace.rows_file), model.base_url, "--client", client, "--concurrency", str(setting.concurrency)]
    ended = module("benchmarks.engine.bare", *words, cwd=workspace.root)
    if ended.code != 0:
        raise CommandError(f"the bare loop ended with {ended.code}: {ended.err[-2000:]}")
    return _measured(model, ended)


def _plimsoll(model: StandIn, workspace: Workspace, *words: str) -> _Measured:
    workspace.fresh()
    model.reset()
    return _measured(model, plimsoll("run", "bench", *words, cwd=workspace.root))


def _measured(model: StandIn, ended: Ended) -> _Measured:
    span = model.span()
    if span is None:
        raise CommandError("nothing was asked")
    return _Measured(span.seconds, ended)


def _sizes(setting: Setting) -> str:
    return f"{setting.rows:,} rows, {1000 * setting.latency:.0f} ms, {setting.concurrency} at once"
