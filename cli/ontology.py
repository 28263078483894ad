from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import load_ontology, ontology_named
from kgbuild.cli.terminal import counted, print_table, stdout

if TYPE_CHECKING:
    from kgbuild.ontology import EntityType, Ontology, RelationType

app = typer.Typer(help="Work with ontology files.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", callback=ontology_named, help="A YAML file, or a ready ontology."
        ),
    ],
) -> None:
    """Say what an ontology defines, or everything that is wrong with it."""
    print_ontology(load_ontology(file))


def print_ontology(ontology: "Ontology") -> None:
    """The types and relations, as the file's author would want to see them read."""
    stdout().print(
        f"{ontology.name}: {counted(len(ontology.entities), 'entity type')}, "
        f"{counted(len(ontology.relations), 'relation')}\n",
        markup=False,
    )
    entities = ontology.entities.values()
    print_table(
        ("entity", "is a", "description"),
        [(e.name, kind(e), e.description) for e in entities],
    )
    stdout().print()
    print_table(
        ("relation", "head", "tail", "rules", "description"),
        [
            (r.name, ends(r.head), ends(r.tail), rules(r), r.description)
            for r in ontology.relations.values()
        ],
    )


def kind(entity: "EntityType") -> str:
    """The type above, or the kind of value."""
    return f"{entity.literal} value" if entity.literal else entity.is_a or ""


def ends(types: tuple[str, ...]) -> str:
    """The types that a relation may have at one end."""
    return ", ".join(types) or "any"


def rules(relation: "RelationType") -> str:
    """The axioms that decoding uses, in the words of the file."""
    named = [
        f"{key} {getattr(relation, key)}" for key in ("is_a", "inverse") if getattr(relation, key)
    ]
    flags = ("symmetric", "asymmetric", "functional", "inverse_functional", "transitive")
    return ", ".join(named + [flag for flag in flags if getattr(relation, flag)])
