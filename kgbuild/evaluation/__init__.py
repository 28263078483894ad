"""How good is it: annotated texts, read again, and the two compared.

`benchmark.py` reads an annotated set, under the ontology that `inventory.py` makes of it, and keeps
what the model scored (`reading.py`): a text is read once, and decoded under any thresholds
(`thresholds.py`, `sweep.py`). What is compared has a file for each tradition: `metrics.py` for
mentions and relations, `facts.py` for what a document says as a whole, `text2kgbench.py` for
triples of strings; `measures.py` chooses what makes sense of a set. `scores.py` turns it all into
precision, recall and F1 with intervals.
"""

from kgbuild.evaluation.benchmark import Result, evaluate
from kgbuild.evaluation.facts import Fact, facts_of
from kgbuild.evaluation.scores import Score
from kgbuild.evaluation.sweep import Level

__all__ = ["Fact", "Level", "Result", "Score", "evaluate", "facts_of"]
