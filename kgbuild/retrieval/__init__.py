"""From a question to the passages that answer it, and the part of the graph around them.

`ranking.py` finds them, by three rankings in one; `passages.py` asks the ledger for passages.
"""

from kgbuild.retrieval.ranking import SearchResult, search

__all__ = ["SearchResult", "search"]
