"""Document-level systems: relations between the entities of a document, whose mentions are given.

`scoring.py` says what all of them take and give. One system is one file; what several share is in
`document_encoder.py`, `pooling.py`, `context.py`, `bilinear.py`, `label_encoder.py` and
`objectives.py`. `reranked.py` puts one behind another.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from kgbuild.models.docre.documents import RelationLabels
    from kgbuild.models.docre.scoring import RelationSystem

SYSTEMS = {
    "atlop": "Atlop",
    "kd-docre": "KdDocre",
    "glidre": "Glidre",
    "adapted-predicates": "AdaptedPredicates",
    "global-pair": "GlobalPair",
    "relex": "RelexRelations",
}
"""Systems by name; the class is in the module of the same name."""


def build(
    system: str,
    transformer: "PreTrainedModel",
    tokenizer: "Tokenizer",
    labels: "RelationLabels | None",
    options: Mapping[str, Any],
) -> "RelationSystem":
    """Make a system around an encoder, its other weights untrained.

    Args:
        system: One of `SYSTEMS`.
        transformer: Encoder of `transformers`.
        tokenizer: Goes with the encoder.
        labels: Those of a closed system; one for any labels leaves them out.
        options: Of the system's own `Options`; what is not given has its default.

    Raises:
        ModelError: The system cannot be built so.
    """
    module = import_module(f"kgbuild.models.docre.{system.replace('-', '_')}")
    kind: type[RelationSystem] = getattr(module, SYSTEMS[system])
    known = None if kind.open_labels else labels
    made: RelationSystem = kind(transformer, tokenizer, known, module.Options(**options))
    return made
