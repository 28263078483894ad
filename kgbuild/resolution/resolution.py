"""From names to entities: which names, in one document and across all, mean one thing."""

from collections.abc import Iterable, Sequence
from itertools import chain

from kgbuild.ontology import Ontology
from kgbuild.resolution.across import scale_of
from kgbuild.resolution.law import Law
from kgbuild.resolution.records import Embed, Judgement, Known, Name, Resolution


def resolve(
    names: Iterable[Name],
    ontology: Ontology,
    *,
    embed: Embed | None = None,
    judgements: Iterable[Judgement] = (),
    known: Sequence[Known] = (),
) -> Resolution:
    """Cluster names; pure, and independent of the order of the names.

    Args:
        names: Those of all documents.
        ontology: Says which types one thing can have.
        embed: Turns texts into unit vectors. Without it, what is likely but not sure from the names
            alone is not merged across documents.
        judgements: What people have decided; it is never overruled.
        known: Things that names mean first, wherever they stand; no two of them become one.
    """
    law = Law(ontology, judgements, known)
    read = law.read(names)
    remembered = law.remember({name.key for name in read.names})
    scale = scale_of(law.forms(chain.from_iterable(group.named for group in read.groups)))
    return law.join([*remembered, *read.groups], read.decisions, embed, scale)
