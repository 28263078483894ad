from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.export import opened
from kgbuild.cli.options import AsJson, Device, ModelName, OntologyName
from kgbuild.cli.terminal import counted, print_json, print_table, stdout

if TYPE_CHECKING:
    from kgbuild.training.calibration import Result
    from kgbuild.training.judging import Tally


def calibrate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            exists=True,
            dir_okay=False,
            help="Annotated texts or judged facts as JSON Lines, gzipped or not.",
        ),
    ],
    *,
    ontology: OntologyName,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write a calibrated copy of the ontology, instead of a file beside it.",
        ),
    ] = None,
    model: ModelName = "bundled",
    device: Device = "auto",
    json: AsJson = False,
) -> None:
    """Fit scores and thresholds to a few dozen texts that you have judged.

    Scores become probabilities, and each type gets a threshold of its own; types with few examples
    go by the others. What is learnt is written beside the ontology, where every command finds it.
    A judged fact is a line of `kgbuild export --format jsonl` with `"accepted": true` or `false`
    added, or an object with text, head, relation, tail and accepted.
    """
    from kgbuild import ontologies
    from kgbuild.ontology import Ontology, calibration_beside
    from kgbuild.ontology.parsing import read_text
    from kgbuild.training.calibration import calibrate, to_yaml

    path = ontologies.find(ontology)
    if out is None and not Path(ontology).exists():
        raise typer.BadParameter(
            f"'{ontology}' is a ready ontology; say where to write a calibrated copy",
            param_hint="--out",
        )
    plain = Ontology.parse(read_text(path), source=str(path))
    result = calibrate(paths, plain, model, device=device)
    target = out or calibration_beside(path)
    text = result.ontology.to_yaml() if out else to_yaml(result.ontology)
    with opened(target) as file:
        file.write(text.encode("utf-8"))
    if json:
        print_json(as_json(result, target))
    else:
        print_result(result, target)


def as_json(result: "Result", target: Path) -> dict[str, object]:
    """Plain numbers for scripts."""
    return {
        "file": str(target),
        "texts": result.texts,
        "before": result.before.to_json(),
        "after": result.after.to_json(),
    }


def print_result(result: "Result", target: Path) -> None:
    """What it does to texts that it was not fitted to, and to each type."""
    names = ("P / R", "F1", "error")
    print_table(
        ("", *(f"{kind} {name}" for kind in ("mentions", "relations") for name in names)),
        [
            (
                name,
                *cells(quality.mentions, quality.mention_error),
                *cells(quality.relations, quality.relation_error),
            )
            for name, quality in (("before", result.before), ("after", result.after))
        ],
    )
    stdout().print()
    print_table(("type", "of", "examples", "counts from"), type_rows(result))
    lines = (
        f"\nMeasured on {counted(result.texts, 'text')}, each left out in turn. The error is the"
        " mean distance of scores from the share that is right.",
        f"Written to {target}.",
    )
    for line in lines:
        stdout().print(line, markup=False)


def cells(tally: "Tally", error: float) -> tuple[str, str, str]:
    """In percent; dashes where nothing was judged."""
    if not tally.gold and not tally.predicted:
        return "–", "–", "–"
    return (
        f"{100 * tally.precision:.1f} / {100 * tally.recall:.1f}",
        f"{100 * tally.f1:.1f}",
        f"{100 * error:.1f}",
    )


def type_rows(result: "Result") -> Iterator[tuple[str, ...]]:
    """Each type that has examples, and the least score that counts."""
    for kind, examples, types in (
        ("mentions", result.entities, result.ontology.entities),
        ("relations", result.relations, result.ontology.relations),
    ):
        for name, number in sorted(examples.items()):
            threshold = types[name].threshold
            yield name, kind, f"{number:,}", "–" if threshold is None else f"{threshold:.2f}"
