"""The ontology: which types of things and links a graph may hold, and what follows from them.

`ontology.py` is the whole, and answers every question about it. `types.py` has the records it is
made of, `rules.py` what must hold of them, and `parsing.py` reads them from a YAML file, telling
each mistake with its line.
"""

from kgbuild.ontology.ontology import Ontology, calibration_beside
from kgbuild.ontology.types import EntityType, RelationType

__all__ = ["EntityType", "Ontology", "RelationType", "calibration_beside"]
