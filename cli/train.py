import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AnnotatedFiles, AsJson, Device, ModelName, system_named
from kgbuild.cli.terminal import counted, print_json, print_table, stdout
from kgbuild.progress import bar

if TYPE_CHECKING:
    from kgbuild.training.finetune import Tuned
    from kgbuild.training.judging import Tally
    from kgbuild.training.measuring import Measured
    from kgbuild.training.systems import Plan, Trained


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
    system: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=system_named,
            help="Train a document-level system, which finds relations between given entities:"
            " atlop, kd-docre, glidre, adapted-predicates, global-pair or relex.",
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="A trained system whose scores kd-docre learns as well.",
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
    With `--system`, or where `--model` is a trained system, a document-level system is trained.
    """
    if encoder is not None and model != "bundled":
        raise typer.BadParameter("is another start than --model; give one", param_hint="--encoder")
    plan = planned(system, model, encoder, teacher)
    if plan is not None:
        from kgbuild.training.systems import train_system

        with bar() as progress:
            trained = train_system(
                paths,
                out,
                plan,
                development=dev,
                minutes=minutes,
                device=device,
                seed=seed,
                progress=progress,
            )
        print_json(trained.to_json()) if json else print_trained(trained, of_dev=dev is not None)
        return
    from kgbuild.training.finetune import fine_tune

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


def planned(
    system: str | None, model: str, encoder: str | None, teacher: Path | None
) -> "Plan | None":
    """What a document-level system starts from; None: a joint model is trained."""
    from kgbuild.models.docre.saving import is_system
    from kgbuild.training.systems import Plan

    if system is None and not is_system(model):
        if teacher is not None:
            raise typer.BadParameter("is for --system kd-docre", param_hint="--teacher")
        return None
    if system not in (None, "relex") and model != "bundled":
        raise typer.BadParameter(
            f"is no start for a new {system}; give --encoder, or leave out --system to go on with"
            " a trained one",
            param_hint="--model",
        )
    if system not in (None, "kd-docre") and teacher is not None:
        raise typer.BadParameter(
            f"is for --system kd-docre; {system} learns from no other", param_hint="--teacher"
        )
    return Plan(system, model, encoder, teacher)


def print_trained(trained: "Trained", *, of_dev: bool) -> None:
    """How good the system was and is, and how to use it."""
    measured = {"before": trained.before, "after": trained.after}
    rows = [(name, *cells(tally)) for name, tally in measured.items() if tally is not None]
    print_table(("", "relations P / R", "F1"), rows)
    console = stdout()
    of = "of --dev" if of_dev else "held out of those given"
    chosen = (
        "They chose weights and margins: `kgbuild eval` on other texts is the better test."
        if trained.chosen
        else "They have too few relations to choose weights and margins by."
    )
    left_out = (
        [
            f"{counted(trained.with_itself, 'relation')} of an entity with itself left out: only"
            " pairs of different entities are scored."
        ]
        if trained.with_itself
        else []
    )
    for line in (
        f"Trained {trained.system} on {counted(trained.records, 'record')} for"
        f" {trained.minutes:.1f} min.",
        f"Measured on {counted(trained.development, 'record')} {of}, with their entities given."
        f" {chosen}",
        *left_out,
        f"Measure it: kgbuild eval FILE --system {shlex.quote(str(trained.folder))}",
    ):
        console.print(line, markup=False)


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
