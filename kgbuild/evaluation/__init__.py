"""How good is it: annotated texts, read again, and the two compared.

`benchmark.py` has an annotated set (`annotation.py`) read by a model, under the ontology that
`inventory.py` makes of it, and keeps all scores (`reading.py`): a text is read once, and decoded
under any thresholds (`thresholds.py`, `sweep.py`). `measures.py` chooses what makes sense of a set:
mentions and relations (`metrics.py`), what a document says as a whole (`facts.py`, `clusters.py`),
triples of strings (`text2kgbench.py`). `scores.py` has precision, recall and F1 with intervals.
`documents.py` measures document-level systems on given entities.
"""

from kgbuild.evaluation.benchmark import Result, evaluate
from kgbuild.evaluation.documents import evaluate_system
from kgbuild.evaluation.facts import Fact, facts_of
from kgbuild.evaluation.scores import Score
from kgbuild.evaluation.sweep import Level

__all__ = [
    "Fact", "Level", "Result", "Score",
    "evaluate", "evaluate_system", "facts_of",
]  # fmt: skip
