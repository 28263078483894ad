"""A graph for LangChain: found by a retriever, made of documents, noted in their metadata.

`retriever.py` searches a graph. `extractor.py` makes graph documents, `annotator.py` puts mentions
and triples into metadata; both read with `reading.py`. `allowed.py` turns lists of allowed types
into an ontology, and `graph_documents.py` chooses the classes that stores of LangChain take.
"""

try:
    import langchain_core as _langchain_core  # noqa: F401  # to say here that it is missing
except ImportError as error:
    raise ImportError(
        "kgbuild.connectors.langchain needs langchain-core; run `pip install 'kgbuild[langchain]'`"
    ) from error

from kgbuild.connectors.langchain.annotator import GraphAnnotator
from kgbuild.connectors.langchain.extractor import GraphExtractor
from kgbuild.connectors.langchain.retriever import KnowledgeGraphRetriever

__all__ = ["GraphAnnotator", "GraphExtractor", "KnowledgeGraphRetriever"]
