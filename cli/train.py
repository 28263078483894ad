import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AnnotatedFiles, AsJson, Device, ModelName
from kgbuild.cli.terminal import counted, print_json, print_table, stdout
from kgbuild.progress import bar

if TYPE_CHECKING:
    from kgbuild.training.finetune import Tuned
    from kgbuild.training.judging import Tally
    from kgbuild.training.measuring import Measured


def train(
    paths: AnnotatedFiles,
    *,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", file_okay=False, help="Receives the model; made if need be."),
    ],
    dev: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Measure on these texts; by default, on a tenth that is held out.",
        ),
    ] = None,
    model: ModelName = "bundled",
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR", help="Start from a bare encoder instead of a trained model."
        ),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            min=0.01, help="The longest to train; measuring before and after comes on top."
        ),
    ] = 30.0,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 13,
    json: AsJson = False,
) -> None:
    """Teach a model the types of your own annotated texts.

    The model that did best on the texts kept aside is written, with the thresholds that suit it;
    `--model DIR` takes it everywhere. A run that was killed goes on when it is started again.
    """
    from kgbuild.training.finetune import fine_tune

    if encoder is not None and model != "bundled":
        raise typer.BadParameter("is another start than --model; give one", param_hint="--encoder")
    with bar() as progress:
        tuned = fine_tune(
            paths,
            out,
            development=dev,
            model=model,
            encoder=encoder,
            minutes=minutes,
            device=device,
            seed=seed,
            progress=progress,
        )
    if json:
        print_json(tuned.to_json())
    else:
        print_tuned(tuned)


def print_tuned(tuned: "Tuned") -> None:
    """How good the model was and is, on what, and how to use it."""
    print_table(("", "mentions P / R", "F1", "relations P / R", "F1", "thresholds"), rows(tuned))
    console = stdout()
    left_out = f"; {tuned.too_long:.1%} of what was drawn was too long" if tuned.too_long else ""
    of = "held out of those given" if tuned.held_out else "of --dev"
    for line in (
        f"Trained on {counted(tuned.records, 'record')} for {tuned.minutes:.1f} min{left_out}.",
        f"Measured on {counted(tuned.development, 'record')} {of}. They chose weights and"
        " thresholds: `kgbuild eval` on other texts is the better test.",
        f"Use it: --model {shlex.quote(str(tuned.folder))}",
    ):
        console.print(line, markup=False)


def rows(tuned: "Tuned") -> Iterator[tuple[str, ...]]:
    """Before, unless that was a bare encoder, and after."""
    for name, measured in (("before", tuned.before), ("after", tuned.after)):
        if measured is not None:
            yield (name, *cells(measured.mentions), *cells(measured.relations), at(measured))


def cells(tally: "Tally") -> tuple[str, str]:
    """Precision and recall, then F1, in percent; dashes where nothing is annotated."""
    if not tally.gold:
        return "–", "–"
    return f"{100 * tally.precision:.1f} / {100 * tally.recall:.1f}", f"{100 * tally.f1:.1f}"


def at(measured: "Measured") -> str:
    """The thresholds of mentions and relations."""
    return f"{measured.threshold:.2f}, {measured.relation_threshold:.2f}"
