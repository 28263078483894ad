"""From a question to the passages that answer it, and the part of the graph around them.

`ranking.py` finds the passages, by meaning, words and graph; `search.py` adds what they mention and
say. Both ask a graph through `searchable.py`: `embedded.py` answers for the ledger, `stored.py` for
stores with indexes of their own. `names.py` finds what a question names.
"""

from kgbuild.retrieval.embedded import EmbeddedPassages
from kgbuild.retrieval.ranking import Findings, find
from kgbuild.retrieval.search import Passage, SearchResult, search
from kgbuild.retrieval.searchable import Place, SearchableGraph
from kgbuild.retrieval.stored import IndexedStore, StoredPassages

__all__ = [
    "EmbeddedPassages",
    "Findings",
    "IndexedStore",
    "Passage",
    "Place",
    "SearchResult",
    "SearchableGraph",
    "StoredPassages",
    "find",
    "search",
]
