from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import (
    AnnotatedFiles,
    AsJson,
    Device,
    ModelName,
    RelationsName,
    Rerank,
    check_rerank,
    load_ontology,
    ontology_named,
)
from kgbuild.cli.terminal import print_json, print_table
from kgbuild.progress import bar

if TYPE_CHECKING:
    from kgbuild.evaluation import Result, Score

_SCORE = ("P", "R", "F1", "95 %", "gold")


def eval(
    paths: AnnotatedFiles,
    *,
    model: ModelName = "bundled",
    system: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Measure a document-level system instead, on the annotated entities.",
        ),
    ] = None,
    relations: RelationsName = None,
    rerank: Rerank = None,
    device: Device = "auto",
    ontology: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            callback=ontology_named,
            help="Read with this ontology, instead of the bare types of each file.",
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="What the model was trained on: also measure facts that are not in it (Ign-F1).",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Take so many records of each file, evenly spread."),
    ] = None,
    given_mentions: Annotated[
        bool,
        typer.Option(
            "--given-mentions",
            help="Also measure relations between the annotated mentions; reads the texts twice.",
        ),
    ] = False,
    by_type: Annotated[
        bool, typer.Option("--by-type", help="Also print the scores of each type.")
    ] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also measure what other thresholds would give.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Measure a model on annotated texts: precision, recall and F1, with 95 % intervals.

    What is measured depends on what a file contains. A mention is right if span and type are. A
    relation is right if its type and the spans of both ends are; strictly, the types of the ends
    must be, too. Facts are relations of a document as a whole, where entities are mentioned
    several times (DocRED); strictly, all mentions of both ends have to be found (JEREX). With
    `--system`, facts alone are measured, between the annotated entities. Files of Text2KGBench are
    also scored as its authors do. Where not everything is annotated, precision comes out too low.
    """
    from kgbuild.evaluation import evaluate, evaluate_system, facts_of
    from kgbuild.training.data import read_set

    if system is not None:
        refuse_with(
            "--system",
            {
                "--model": model != "bundled",
                "--relations": relations is not None,
                "--ontology": ontology is not None,
                "--given-mentions": given_mentions,
                "--sweep": sweep,
            },
        )
    if relations is not None:
        refuse_with("--relations", {"--given-mentions": given_mentions, "--sweep": sweep})
    check_rerank(rerank, system or relations)
    seen = facts_of(read_set(train)) if train else None
    given = load_ontology(ontology) if ontology else None
    measure: Callable[..., Result] = (
        partial(evaluate_system, folder=system, rerank=rerank)
        if system is not None
        else partial(
            evaluate,
            model=model,
            relations=relations,
            rerank=rerank,
            ontology=given,
            given_mentions=given_mentions,
            sweep=sweep,
        )
    )
    results = []
    with bar() as progress:
        for path in paths:
            progress.stage(f"Reading {path.name}")
            results.append(
                measure(path, device=device, limit=limit, seen=seen, advance=progress.advance)
            )
    if json:
        named = {"model": model} if system is None else {"system": str(system)}
        print_json({**named, "sets": [result.to_json() for result in results]})
    else:
        print_results(results, by_type=by_type, sweep=sweep)


def refuse_with(one: str, others: Mapping[str, bool]) -> None:
    """Complain about options that mean nothing together with another one, if they are given."""
    for option, is_given in others.items():
        if is_given:
            raise typer.BadParameter(
                f"does not go together with {one}; leave out one of them", param_hint=option
            )


def print_results(results: "list[Result]", *, by_type: bool, sweep: bool) -> None:
    """A row for each set and measure, in percent; then what else was asked for."""
    print_table(
        ("set", "records", "measure", *_SCORE),
        [
            (result.name, f"{result.records:,}", measure, *cells(score))
            for result in results
            for measure, score in result.scores.items()
        ],
    )
    for result in results if by_type else ():
        for measure, scores in result.by_type.items():
            rows = [(type, *cells(score)) for type, score in scores.items()]
            print_table((f"{result.name}: {measure}", *_SCORE), rows)
    if sweep:
        measures = ("mentions P / R", "F1", "relations P / R", "F1")
        print_table(("set", "threshold", *measures), sweep_rows(results))


def sweep_rows(results: "list[Result]") -> Iterator[tuple[str, ...]]:
    """A row for each threshold."""
    for result in results:
        for level in result.sweep:
            mentions, relations = cells(level.mentions), cells(level.relations)
            yield (
                result.name,
                f"{level.threshold}",
                f"{mentions[0]} / {mentions[1]}",
                mentions[2],
                f"{relations[0]} / {relations[1]}",
                relations[2],
            )


def cells(score: "Score | None") -> tuple[str, str, str, str, str]:
    """A score in percent; dashes where nothing is annotated."""
    if score is None:
        return ("–",) * 5
    return (
        f"{100 * score.precision:.1f}",
        f"{100 * score.recall:.1f}",
        f"{100 * score.f1:.1f}",
        f"{100 * score.low:.1f}–{100 * score.high:.1f}",
        f"{score.gold:,}",
    )
