"""The ontology under which a set is read: made of its annotation, or given."""

from collections.abc import Iterable, Mapping, Sequence

from kgbuild.errors import OntologyError
from kgbuild.ontology import EntityType, Ontology, RelationType
from kgbuild.training.data import UNTYPED, Record

# What to call things where the source only says that something is named.
_ANYTHING = ("person", "organization", "location", "date", "event", "creative work", "product")


def make_ontology(records: Sequence[Record]) -> Ontology:
    """The ontology of a source: given with its records, or all the types that occur in them."""
    given = records[0]
    entities = given.entity_types or dict.fromkeys(sorted(_entity_types(records)) or _ANYTHING, "")
    relations = given.relation_types or dict.fromkeys(sorted(_relation_types(records)), "")
    return Ontology(
        "evaluation",
        "https://example.org/evaluation#",
        {name: EntityType(name, text) for name, text in entities.items()},
        {name: _relation(name, text, given.relation_ends) for name, text in relations.items()},
    )


def check_ontology(ontology: Ontology, records: Sequence[Record], source: str) -> None:
    """Make sure that an ontology defines all types of some records, so that all can be found.

    Raises:
        OntologyError: It does not.
    """
    missing = [
        *sorted(_entity_types(records) - ontology.entities.keys()),
        *sorted(_relation_types(records) - ontology.relations.keys()),
    ]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise OntologyError(
            f"{source}: has types that ontology `{ontology.name}` does not define: {names}{more};"
            " define them, or leave out the ontology"
        )


def _entity_types(records: Iterable[Record]) -> set[str]:
    return {type for record in records for type in record.types} - UNTYPED


def _relation_types(records: Iterable[Record]) -> set[str]:
    return {name for record in records for _, name, _ in record.relations}


def _relation(
    name: str, description: str, ends: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> RelationType:
    head, tail = ends.get(name, ((), ()))
    return RelationType(name, description, head=head, tail=tail)
