"""The document-level systems side by side: one encoder, the same documents, the same time.

    python benchmarks/docre_systems.py run DATA RESULTS --minutes 15
    python benchmarks/docre_systems.py run DATA RESULTS --systems glidre --few-shot 1 10 50 100
    python benchmarks/docre_systems.py run DATA RESULTS --systems glidre --start DIR --few-shot 1 10
    python benchmarks/docre_systems.py table RESULTS

DATA holds `train/redocred.jsonl.gz` and `dev/redocred.jsonl.gz`, of Re-DocRED. The 399 documents to
train on are not the 3,053 of published numbers. Every system starts from the same small encoder,
all-MiniLM-L6-v2, or goes on from a trained system with `--start`, and is trained as `kgbuild train
--system` does: a tenth of the training documents chooses weights and the shift of margins. Time is
processor time of one thread, which other work makes longer by up to a third; with `--device cuda`
it is that of the clock on the wall.

Each run leaves a file in RESULTS and is not done again. What is stopped goes on when it is started
again, and two of these may fill one folder, each with systems of its own.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # whoever imports torch is large, and so are the children of that process
    from kgbuild.training.data import Record
    from kgbuild.training.systems import Plan

T = TypeVar("T")

SYSTEMS = ("atlop", "kd-docre", "glidre", "relex", "adapted-predicates", "global-pair")
MEASURED = {"adapted-predicates": 5, "global-pair": 5}
"""How many of the development documents, evenly spread, where one takes long; else all."""
FEWEST_TO_CHOOSE = 50
"""With fewer training documents none are kept aside: the last weights, and no shift."""


@dataclass(frozen=True)
class Run:
    """One system, trained once.

    Attributes:
        documents: Drawn from the training documents; None: all.
        seed: Of the draw and of everything else.
        start: Folder of the trained system that it goes on from; None: a bare encoder.
    """

    data: str
    results: str
    system: str
    documents: int | None
    seed: int
    minutes: float
    device: str
    start: str | None = None

    @property
    def name(self) -> str:
        start = f"-from-{Path(self.start).name}" if self.start else ""
        return f"{self.system}{start}-{self.documents or 'all'}-{self.minutes:g}min-{self.seed}"

    @property
    def folder(self) -> Path:
        """Of the trained system."""
        return Path(self.results) / "trained" / self.name

    @property
    def file(self) -> Path:
        """Of the result."""
        return Path(self.results) / f"{self.name}.json"

    @property
    def clock(self) -> Callable[[], float]:
        return time.monotonic if self.device == "cuda" else time.process_time

    def records(self, part: str) -> "list[Record]":
        from kgbuild.training.data import read_set

        return read_set(Path(self.data) / part / "redocred.jsonl.gz")


def plan(run: Run) -> "Plan":
    """What a system starts from."""
    from kgbuild.embeddings import default_folder
    from kgbuild.training.systems import Plan

    if run.start:
        return Plan(model=run.start)
    return Plan(run.system, encoder=default_folder())


def train(run: Run) -> dict[str, Any]:
    """Train, or go on with it; what came of it."""
    import torch

    from kgbuild.models.docre.saving import is_system
    from kgbuild.training.documents import draw, labels_of
    from kgbuild.training.runs import RUN, STATE, hold_out
    from kgbuild.training.systems import learn

    torch.set_num_threads(1)
    if is_system(run.folder) and not (run.folder / STATE).exists():  # killed before it was measured
        return dict(json.loads((run.folder / RUN).read_text("utf-8")))
    every = run.records("train")
    records = draw(every, run.documents, run.seed) if run.documents else every
    kept_aside: list[Record] = []
    if len(records) >= FEWEST_TO_CHOOSE:
        records, kept_aside = hold_out(records, run.seed, run.data)
    trained = learn(
        records,
        kept_aside,
        run.folder,
        plan(run),
        run=run.name,
        minutes=run.minutes,
        labels=labels_of(every),
        device=run.device,
        seed=run.seed,
        clock=run.clock,
    )
    return trained.to_json() | {"megabytes": megabytes()}


def measure(run: Run) -> dict[str, Any]:
    """Measure a trained system on the development documents: counts of each, as lists."""
    import torch

    from kgbuild.evaluation.benchmark import spread
    from kgbuild.evaluation.documents import compare, facts_found
    from kgbuild.evaluation.facts import facts_of
    from kgbuild.models.docre.saving import load_system
    from kgbuild.training.documents import labels_of, tasks

    torch.set_num_threads(1)
    training = run.records("train")
    seen = facts_of(training)
    given = tasks(spread(run.records("dev"), MEASURED.get(run.system)), labels_of(training))
    system = load_system(run.folder).to(run.device)
    counts, started = [], run.clock()
    for task in given:
        found = facts_found(system, task)
        counts.append(list(asdict(compare(task.record, found, seen).counts).values()))
    seconds = run.clock() - started
    return {"counts": counts, "ms": 1000 * seconds / len(given), "megabytes": megabytes()}


def megabytes() -> float:
    """Most memory that this process ever took."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(work: Callable[[Run], T], run: Run) -> T:
    """Do it in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, run).result()


def do(run: Run) -> None:
    """Train and measure, unless it was done before; of few-shot runs only the result is kept."""
    if run.file.exists():
        return
    print(f"{time.strftime('%H:%M')} {run.name}", file=sys.stderr, flush=True)
    result = {**asdict(run), "training": alone(train, run), "measured": alone(measure, run)}
    temporary = run.file.with_suffix(".tmp")
    temporary.write_text(json.dumps(result) + "\n", "utf-8")
    os.replace(temporary, run.file)
    if run.documents:
        for path in run.folder.iterdir():
            path.unlink()
        run.folder.rmdir()


@dataclass(frozen=True)
class Row:
    """What the runs of one system came to, in percent.

    Attributes:
        values: Of each run.
        interval: 95 %, of their mean, over development documents.
    """

    values: Sequence[float]
    interval: tuple[float, float]

    def __str__(self) -> str:
        return f"{mean_and_deviation(self.values)} ({self.interval[0]:.1f}–{self.interval[1]:.1f})"


def f1(results: Sequence[Mapping[str, Any]], *, unseen: bool) -> Row:
    """F1 or Ign-F1."""
    import numpy as np

    from kgbuild.evaluation.scores import draws, interval, rates

    counts = np.array([one["measured"]["counts"] for one in results], float)  # runs, documents, 4
    if not unseen:
        counts[..., 3] = 0
    _, _, values = rates(100 * counts.sum(axis=1))
    _, _, drawn = rates(np.einsum("sd,rdc->src", draws(counts.shape[1]), counts))
    low, high = interval(100 * drawn.mean(axis=1))
    return Row([100 * value for value in values.tolist()], (low, high))


def mean_and_deviation(values: Sequence[float]) -> str:
    """`52.1 ± 0.8`, or the only value there is."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def mean_of(results: Sequence[Mapping[str, Any]], part: str, key: str) -> str:
    """Over the runs that tell: one that was killed and gone on with does not tell its memory."""
    values = [one[part][key] for one in results if key in one[part]]
    return f"{statistics.mean(values):,.0f}" if values else "–"


def systems_table(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row for each system that was trained on all documents."""
    yield (
        "system", "minutes", "runs", "F1", "Ign F1", "ms / document", "MB", "MB, training",
        "documents seen", "measured",
    )  # fmt: skip
    for (system, minutes), runs in grouped(results, "began", "minutes"):
        yield (
            system,
            f"{minutes:g}",
            str(len(runs)),
            str(f1(runs, unseen=False)),
            str(f1(runs, unseen=True)),
            mean_of(runs, "measured", "ms"),
            mean_of(runs, "measured", "megabytes"),
            mean_of(
                [one for one in runs if "megabytes" in one["training"]], "training", "megabytes"
            ),
            mean_of(runs, "training", "documents_seen"),
            str(len(runs[0]["measured"]["counts"])),
        )


def few_shot_table(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row for each system, a column for each number of training documents."""
    numbers = sorted({one["documents"] for one in results})
    yield ("F1 after so many documents", "minutes", *map(str, numbers))
    for (system, minutes), runs in grouped(results, "began", "minutes"):
        of = {number: runs for (number,), runs in grouped(runs, "documents")}
        cells = (f1(of[n], unseen=False).values if n in of else () for n in numbers)
        yield (system, f"{minutes:g}", *(mean_and_deviation(one) if one else "–" for one in cells))


def grouped(
    results: Sequence[Mapping[str, Any]], *keys: str
) -> list[tuple[tuple[Any, ...], list[Mapping[str, Any]]]]:
    """Results that agree in some keys, under the values of these."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for one in results:
        groups[tuple(one[key] for key in keys)].append(one)
    return sorted(groups.items())


def print_tables(folder: Path) -> None:
    """Print what there is, as Markdown."""
    results = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    for one in results:
        start = one.get("start")
        one["began"] = f"{one['system']}, from {Path(start).name}" if start else one["system"]
    whole = [one for one in results if one["documents"] is None]
    few = [one for one in results if one["documents"] is not None]
    for table in (systems_table(whole) if whole else (), few_shot_table(few) if few else ()):
        for number, row in enumerate(table):
            print("| " + " | ".join(row) + " |")
            if number == 0:
                print("|" + "---|" * len(row))
        print()


def main() -> None:
    """Run what is asked for and not yet there, or print tables of what is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="train and measure, then print the tables")
    running.add_argument("data", type=Path)
    running.add_argument("results", type=Path)
    running.add_argument("--minutes", type=float, default=15.0, help="of training, each run")
    running.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    running.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    running.add_argument(
        "--few-shot", type=int, nargs="+", metavar="N", default=[None],
        help="train on draws of so many documents instead, one for each seed",
    )  # fmt: skip
    running.add_argument("--start", metavar="DIR", help="a trained system to go on from")
    running.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    commands.add_parser("table", help="print the tables").add_argument("results", type=Path)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    if given.command == "run":
        for documents in given.few_shot:
            for seed in given.seeds:  # a round of all systems first: a table that is soon of use
                for system in given.systems:
                    folders = str(given.data), str(given.results)
                    rest = documents, seed, given.minutes, given.device, given.start
                    do(Run(*folders, system, *rest))
    print_tables(given.results)


if __name__ == "__main__":
    main()
