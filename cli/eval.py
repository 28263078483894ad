from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AsJson, Device, ModelName
from kgbuild.cli.terminal import print_json, print_table
from kgbuild.progress import bar

if TYPE_CHECKING:
    from kgbuild.evaluation import Counts, Result


def eval(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            exists=True,
            dir_okay=False,
            help="Annotated texts as JSON Lines, gzipped or not; see `kgbuild.training.data`.",
        ),
    ],
    *,
    model: ModelName = "bundled",
    device: Device = "auto",
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Take so many records of each file, evenly spread."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure a model on annotated texts: precision, recall and F1 of mentions and relations."""
    from kgbuild.evaluation import evaluate

    results = []
    with bar() as progress:
        for path in paths:
            progress.stage(f"Extracting {path.name}")
            results.append(
                evaluate(path, model, device=device, limit=limit, advance=progress.advance)
            )
    if json:
        print_json({"model": model, "sets": [result.to_json() for result in results]})
    else:
        print_results(results)


def print_results(results: "list[Result]") -> None:
    """A row for each set, in percent."""
    print_table(
        ("set", "records", "mentions P / R", "F1 (95 %)", "relations P / R", "F1 (95 %)"),
        [
            (result.name, f"{result.records:,}", *cells(result.mentions), *cells(result.relations))
            for result in results
        ],
    )


def cells(counts: "tuple[Counts, ...]") -> tuple[str, str]:
    """Precision and recall, then F1 with its interval; dashes where nothing is annotated."""
    from kgbuild.evaluation.metrics import interval, total

    if not counts:
        return "–", "–"
    sum_ = total(counts)
    low, high = (100 * bound for bound in interval(counts))
    return (
        f"{100 * sum_.precision:.1f} / {100 * sum_.recall:.1f}",
        f"{100 * sum_.f1:.1f} ({low:.1f}–{high:.1f})",
    )
