"""How good is it: annotated texts, extracted again, and the two compared.

`metrics.py` counts what is right, `benchmark.py` runs a model over annotated sets.
"""

from kgbuild.evaluation.benchmark import Result, evaluate
from kgbuild.evaluation.metrics import Counts

__all__ = ["Counts", "Result", "evaluate"]
