import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import counted, one_line, print_json, print_table, stdout

if TYPE_CHECKING:
    from kgbuild.curation import EntityDetails, Question
    from kgbuild.datatypes import Entity
    from kgbuild.graph import KnowledgeGraph
    from kgbuild.resolution import Judgement

app = typer.Typer(
    help="See what was taken for one thing, and decide otherwise.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_SHOWN = 3  # names of a thing in one line
_ANSWERS = {"y": True, "yes": True, "n": False, "no": False}
_COLUMNS = ("answer", "left", "right", "now", "score", "reason", "left id", "right id")

EntityName = Annotated[str, typer.Argument(help="An entity's name or id.")]


@app.command("list")
def list_(
    *,
    folder: GraphFolder = Path("kg"),
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only this type and those below it.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    json: AsJson = False,
) -> None:
    """List entities in order of id."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        found = list(islice(kg.entities(type=type), limit))
    if json:
        print_json({"entities": [as_json(entity) for entity in found]})
        return
    rows = [(e.id, e.name, e.type, f"{e.mention_count:,}", "; ".join(e.aliases)) for e in found]
    print_table(("id", "name", "type", "mentions", "other names"), rows)


@app.command()
def show(
    entity: EntityName,
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Show one entity: its names in each document, and every decision that made it."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        details = kg.entity(entity)
    if json:
        print_json(details_as_json(details))
    else:
        print_details(details)


@app.command()
def merge(
    entities: Annotated[
        list[str], typer.Argument(metavar="ENTITY ENTITY...", help="Names or ids.")
    ],
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Make two or more entities one, for good; `undo` takes it back."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        merged = kg.merge(*entities)
    print_entities([merged], json)


@app.command()
def split(
    entity: EntityName,
    *,
    folder: GraphFolder = Path("kg"),
    name: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name to take out; repeatable.")
    ] = None,
    document: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Take out what this document means; repeatable."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make some of an entity's names, or those in some documents, another entity, for good."""
    from kgbuild.graph import KnowledgeGraph

    if not name and not document:
        raise typer.BadParameter("say what to take out: --name, --document, or both")
    with KnowledgeGraph.open(folder, create=False) as kg:
        parts = kg.split(entity, names=name or (), documents=document or ())
    print_entities(parts, json)


@app.command()
def undo(
    number: Annotated[
        int | None, typer.Argument(help="Of a decision, as `show` prints it; else the last one.")
    ] = None,
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Take back a merge, a split or an answer: the graph is as it was before."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        undone = kg.undo(number)
    if json:
        print_json(judgement_as_json(undone))
    else:
        stdout().print(f"Undone: {in_words(undone)}", markup=False)


@app.command()
def review(
    *,
    folder: GraphFolder = Path("kg"),
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Take answers from a file: what this command prints in a pipe, filled in.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many pairs.")] = 50,
    json: AsJson = False,
) -> None:
    """Walk through the pairs of names that may or may not mean one thing.

    In a terminal each is asked: y (one thing), n (two), s (skip), q (enough). Elsewhere they are
    printed as a table, whose first column takes the answers for `--answers`.
    """
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        if answers is not None:
            decided = kg.answer(read_answers(answers, kg.questions()))
        elif json:
            print_json({"questions": [question.to_json() for question in kg.questions(limit)]})
            return
        elif is_terminal():
            decided = kg.answer(ask(kg, limit))
        else:
            print_table(_COLUMNS, map(cells, kg.questions(limit)))
            return
    if json:
        print_json({"decided": decided})
    else:
        stdout().print(f"{counted(decided, 'pair')} decided")


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(kg: "KnowledgeGraph", limit: int) -> "list[tuple[Question, bool]]":
    """Put each question to the person at the terminal."""
    given = []
    for question in kg.questions(limit):
        console = stdout()
        for name, entity in (
            (question.left_name, question.left),
            (question.right_name, question.right),
        ):
            others = "; ".join((entity.name, *entity.aliases[:_SHOWN]))
            console.print(f"  {name}  ({entity.type}: {others})", markup=False)
        console.print(f"  {question.reason}, score {question.score:.2f}", markup=False, style="dim")
        answer = typer.prompt("One thing? y/n/skip/quit", default="skip").strip().casefold()
        if answer in {"q", "quit"}:
            break
        if answer in _ANSWERS:
            given.append((question, _ANSWERS[answer]))
    return given


def read_answers(path: Path, questions: "Iterable[Question]") -> "Iterator[tuple[Question, bool]]":
    """The answers in a table that `review` has printed; lines without y or n are skipped."""
    from kgbuild.errors import QueryError

    open_now = {identity(cells(question)): question for question in questions}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        row = line.split("\t")
        answer = row[0].strip().casefold()
        if answer not in _ANSWERS:
            continue
        if len(row) != len(_COLUMNS) or identity(row) not in open_now:
            raise QueryError(f"{path}, line {number}: not an open question; run `review` again")
        yield open_now[identity(row)], _ANSWERS[answer]


def cells(question: "Question") -> list[str]:
    """A line of the table, without an answer."""
    return [
        "",
        question.left_name,
        question.right_name,
        "one" if question.are_one else "two",
        f"{question.score:.2f}",
        question.reason,
        question.left.id,
        question.right.id,
    ]


def identity(row: list[str]) -> tuple[str, ...]:
    """What tells one question from the others."""
    return tuple(one_line(cell) for cell in (*row[1:3], *row[-2:]))


def as_json(entity: "Entity") -> dict[str, Any]:
    """The entity as the plain data that scripts rely on."""
    return {
        "id": entity.id,
        "name": entity.name,
        "type": entity.type,
        "aliases": list(entity.aliases),
        "mentions": entity.mention_count,
    }


def details_as_json(details: "EntityDetails") -> dict[str, Any]:
    """The entity with its names, and the decisions of the machine and of people."""
    return {
        **as_json(details.entity),
        "names": [
            {"document": n.document_id, "type": n.type, "text": n.text, "mentions": n.count}
            for n in details.names
        ],
        "decisions": [asdict(decision) for decision in details.decisions],
        "judgements": [judgement_as_json(judgement) for judgement in details.judgements],
    }


def judgement_as_json(judgement: "Judgement") -> dict[str, Any]:
    """The decision of a person, with the names that both things had then."""
    left, right = (
        [
            {"document": document, "type": type, "text": text}
            for document, type, text in sorted(side)
        ]
        for side in (judgement.left, judgement.right)
    )
    return {"number": judgement.number, "same": judgement.same, "left": left, "right": right}


def in_words(judgement: "Judgement") -> str:
    """The decision in a line: its number, and some names of both things."""
    left, right = (
        ", ".join(sorted({" ".join(text.split()) for *_, text in side})[:_SHOWN])
        for side in (judgement.left, judgement.right)
    )
    relation = "is the same as" if judgement.same else "is not the same as"
    return f"decision {judgement.number}, {left} {relation} {right}"


def print_details(details: "EntityDetails") -> None:
    """Who it is, what it is called where, and why."""
    entity = details.entity
    stdout().print(f"{entity.name} ({entity.type}), {entity.id}", markup=False, style="bold")
    names = [(n.text, n.document_id, f"{n.count:,}") for n in details.names]
    print_table(("name", "document", "mentions"), names)
    if details.decisions:
        rows = [(d.kind, d.left, d.right, f"{d.score:.2f}", d.reason) for d in details.decisions]
        print_table(("decision", "left", "right", "score", "reason"), rows)
    for judgement in details.judgements:
        stdout().print(f"By hand: {in_words(judgement)}", markup=False)


def print_entities(entities: "Iterable[Entity]", json: bool) -> None:
    """Those that a decision has made."""
    found = list(entities)
    if json:
        print_json({"entities": [as_json(entity) for entity in found]})
        return
    for entity in found:
        names = "; ".join((entity.name, *entity.aliases))
        stdout().print(f"{entity.id}  {names}", markup=False)
