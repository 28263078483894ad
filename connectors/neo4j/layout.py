"""What documents, passages and types are called in Neo4j: its customs, and those of other tools."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

OURS = "__kgbuild__"  # the label of every node of ours
LOCK = "__kgbuildLock__"  # the one node that a writer holds
ENTITY = "__Entity__"  # the label by which other tools know entities
VALUE = "__Value__"

_WORDS = re.compile(r"[^\W\d_]\w*(?:[ _-]+\w+)*")


@dataclass(frozen=True, slots=True)
class Layout:
    """Names in the lexical graph: documents, their chunks, and which entities these mention.

    Attributes:
        in_document: The relationship from a chunk to its document.
        mention: The relationship between an entity and a chunk that mentions it.
        mention_from_chunk: It leads from the chunk to the entity, not the other way.
        vectors: Chunks and entities have vectors, too.
    """

    document: str = "Document"
    chunk: str = "Chunk"
    in_document: str = "FROM_DOCUMENT"
    next_chunk: str = "NEXT_CHUNK"
    mention: str = "FROM_CHUNK"
    mention_from_chunk: bool = False
    vectors: bool = True


LAYOUTS = {
    "neo4j-graphrag": Layout(),
    "langchain": Layout(
        document="Source", chunk="Document", mention="MENTIONS", mention_from_chunk=True
    ),
    "llm-graph-builder": Layout(
        in_document="PART_OF", mention="HAS_ENTITY", mention_from_chunk=True
    ),
}


def label(type: str) -> str:
    """`research group` as `ResearchGroup`; what is not plain words stays as it is."""
    if not _WORDS.fullmatch(type):
        return type
    return "".join(word[:1].upper() + word[1:] for word in re.split("[ _-]+", type))


def relationship_type(type: str) -> str:
    """`works for` as `WORKS_FOR`; what is not plain words stays as it is."""
    return re.sub("[ _-]+", "_", type).upper() if _WORDS.fullmatch(type) else type


def labels(types: Iterable[str]) -> tuple[str, ...]:
    """The labels of an entity of these types."""
    return tuple(sorted({OURS, ENTITY, *map(label, types)}))


def quoted(name: str) -> str:
    r"""A label, relationship type, property or index as Cypher reads it, whatever is in it.

    Cypher knows `\u0060` for a backtick even inside of quotes, so a backslash is escaped as well.
    """
    escaped = name.replace("\\", "\\u005C").replace("`", "``")
    return f"`{escaped}`"
