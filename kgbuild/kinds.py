"""Which naming customs a type follows: people have surnames, companies have legal forms."""

import re

from kgbuild.names import Kind
from kgbuild.ontology import Ontology

_KINDS: dict[Kind, frozenset[str]] = {
    "person": frozenset(
        "person people human individual man woman per actor actress artist athlete author writer"
        " character coach composer criminal dancer designer director doctor employee engineer"
        " entrepreneur executive expert founder inventor journalist judge lawyer leader manager"
        " mathematician musician official painter patient philosopher physician physicist player"
        " poet politician president producer professor researcher scientist singer soldier student"
        " teacher victim witness worker".split()
    ),
    "organization": frozenset(
        "organization organisation org company corporation business enterprise firm startup"
        " manufacturer supplier vendor bank institution institute university college school agency"
        " association band broadcaster charity club committee court department hospital laboratory"
        " ministry newspaper ngo nonprofit party publisher team union".split()
    ),
    "place": frozenset(
        "place location loc gpe city town village country nation state province region county"
        " district continent territory municipality island river lake mountain sea ocean settlement"
        " capital address".split()
    ),
}


def kind_of(type: str, ontology: Ontology) -> Kind:
    """Read it off the words for the type or, failing that, for a type above it."""
    for name in (type, *ontology.ancestors(type)):
        entity = ontology.entities[name]
        for label in (entity.name, entity.label, *entity.aliases):
            words = re.findall(r"[a-z]+", label.casefold())
            for kind, known in _KINDS.items():
                if words and words[-1] in known:
                    return kind
    return "other"
