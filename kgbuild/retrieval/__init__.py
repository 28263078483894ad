"""From a question to the passages that answer it, and the part of the graph around them.

`ranking.py` finds the passages, by meaning, words and graph; `search.py` adds what they mention and
say. Both ask a graph through `searchable.py`, and `embedded.py` answers for the ledger. Other
stores can be searched in the same way if they answer the same.
"""

from kgbuild.retrieval.embedded import EmbeddedPassages
from kgbuild.retrieval.ranking import Findings, find
from kgbuild.retrieval.search import Passage, SearchResult, search
from kgbuild.retrieval.searchable import Place, SearchableGraph

__all__ = [
    "EmbeddedPassages",
    "Findings",
    "Passage",
    "Place",
    "SearchResult",
    "SearchableGraph",
    "find",
    "search",
]
