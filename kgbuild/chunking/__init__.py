"""Documents into chunks that fit the model.

`chunks.py` packs sentences into chunks; `sentences.py` says where sentences end.
"""

from kgbuild.chunking.chunks import Count, chunk
from kgbuild.chunking.sentences import sentences

__all__ = ["Count", "chunk", "sentences"]
