"""`allowed_nodes` and `allowed_relationships`, as LLMGraphTransformer takes them → an ontology."""

import re
from collections import defaultdict
from collections.abc import Sequence

from kgbuild.errors import OntologyError
from kgbuild.ontology import EntityType, Ontology, RelationType

Pattern = tuple[str, str, str]
"""Types of head, relation and tail."""

_WORD_ENDS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")


def ontology_of(
    nodes: Sequence[str], relationships: Sequence[str | Pattern], properties: Sequence[str]
) -> Ontology:
    """An ontology of these types, which keep their names; the model reads them as words.

    Args:
        nodes: Types of things.
        relationships: Names, for relations between any of the types, or patterns.
        properties: Values that things may have: of a date, if the name says so, or else a text.

    Raises:
        OntologyError: There is nothing to look for, or the types contradict each other.
    """
    if not nodes or not relationships:
        raise OntologyError(
            "allowed_nodes and allowed_relationships: name what to look for in both, or give an"
            " `ontology`; nothing else is found"
        )
    values = {name: f"{name} (value)" for name in properties}
    heads, tails = _ends(relationships, nodes)
    return Ontology(
        "langchain",
        entities={name: EntityType(name, label=_words(name)) for name in nodes}
        | {
            value: EntityType(value, label=_words(name), literal=_kind(name))
            for name, value in values.items()
        },
        relations={
            name: RelationType(
                name, label=_words(name), head=tuple(heads[name]), tail=tuple(tails[name])
            )
            for name in heads
        }
        | {
            name: RelationType(name, label=_words(name), head=tuple(nodes), tail=(value,))
            for name, value in values.items()
        },
    )


def patterns(relationships: Sequence[str | Pattern]) -> frozenset[Pattern]:
    """The patterns among relationships; a relation of one may not link the ends of another."""
    return frozenset(each for each in relationships if not isinstance(each, str))


def _ends(
    relationships: Sequence[str | Pattern], nodes: Sequence[str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Per relation, the types that it may start from and lead to."""
    heads: dict[str, set[str]] = defaultdict(set)
    tails: dict[str, set[str]] = defaultdict(set)
    for each in relationships:
        if isinstance(each, str):
            heads[each].update(nodes)
            tails[each].update(nodes)
        elif len(each) == 3:
            head, name, tail = each
            heads[name].add(head)
            tails[name].add(tail)
        else:
            raise OntologyError(
                f"allowed_relationships: {each!r} is neither a name nor (head, relation, tail)"
            )
    return heads, tails


def _words(name: str) -> str:
    """`WORKS_FOR` and `worksFor` as `works for`."""
    return " ".join(_WORD_ENDS.sub(" ", name).split()).lower() or name


def _kind(name: str) -> str:
    return "date" if "date" in _words(name).split() else "text"
