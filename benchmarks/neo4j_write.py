"""How fast a graph gets into Neo4j, beside langchain_neo4j's writer, in one run.

    python benchmarks/neo4j_write.py [--triples 100000] [--width 384]

Starts a server of its own, with APOC, which langchain_neo4j needs (kgbuild does not). Both write
the same triples with their passages, into the same empty database: kgbuild with all evidence and
full-text indexes, LangChain one GraphDocument for each passage, as its transformers give them.
Then kgbuild writes a second time, when there is nothing to do, and once more with vectors and their
indexes, which the peer writes none of. Needs Java and Maven.

Where the system tells it, the processor time of both client and server is shown as well: on a
machine that does other work at the same time, it is what can be compared.

Measured on two cores that did other work as well (seconds by the clock, and of processors):

| triples | langchain_neo4j | first push | with vectors | second | peer / first | / with vectors |
|---|---|---|---|---|---|---|
| 2,000 | 4.8, 8.2 | 4.1, 6.8 | 3.4, 5.1 | 0.3, 0.4 | 1.2, 1.1 | 1.4, 1.6 |
| 20,000 | 23.4, 25.4 | 7.4, 11.6 | 16.1, 22.8 | 0.1, 0.2 | 3.2, 2.2 | 1.5, 1.1 |
| 100,000 | 211.6, 168.9 | 29.7, 40.8 | 66.9, 90.8 | 0.1, 0.2 | 7.1, 4.1 | 3.2, 1.9 |

The peer gets slower as the graph grows. At 2,000, making indexes and warming up weighs most.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from servers import LocalServer, Neo4j

from kgbuild import Chunk, Document, Extraction, KnowledgeGraph, Mention, Ontology, Relation
from kgbuild.extraction import Extracted

PER_PASSAGE = 5  # triples
PASSAGES = 20  # of a document
WARM_UP = 2_000  # triples
ONTOLOGY = Ontology.parse(
    "{entities: [person, company], relations: {works for: {head: person, tail: company}}}"
)
Said = list[tuple[str, str]]


class Writer:
    """Documents that say who works for whom; every person has a name that looks like no other."""

    fingerprint = "benchmark"

    def extract(self, documents: Iterable[Document]) -> Iterator[Extracted]:
        for document in documents:
            yield read(document)


class Random:
    """Vectors in no time, since the peer computes none."""

    def __init__(self, width: int) -> None:
        self._width = width

    def embed(self, texts: list[str]) -> np.ndarray:
        rows = np.random.default_rng(len(texts)).normal(size=(len(texts), self._width))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def passages(triples: int) -> list[Said]:
    """Who works for whom: as many people as half of the triples, a fifth as many companies."""
    people, companies = triples // 2, triples // 10
    pairs = [
        (f"P{n % people}x", f"C{(n % people * 7 + n // people) % companies}y")
        for n in range(triples)
    ]
    return [pairs[i : i + PER_PASSAGE] for i in range(0, triples, PER_PASSAGE)]


def sentence(pair: tuple[str, str]) -> str:
    """One triple in words."""
    return f"{pair[0]} has now worked for {pair[1]} since the spring of that year. "


def write_documents(folder: Path, said: list[Said]) -> None:
    """The passages as files, a line for each."""
    for number in range(0, len(said), PASSAGES):
        lines = ["".join(map(sentence, part)) for part in said[number : number + PASSAGES]]
        (folder / f"{number:08}.txt").write_text("\n".join(lines))


def read(document: Document) -> Extracted:
    """What a document says, without a model."""
    chunks, mentions, relations, start = [], [], [], 0
    for index, line in enumerate(document.text.split("\n")):
        chunks.append(Chunk(document.id, index, start, start + len(line), line))
        at = start
        for part in line.split(". ")[:-1]:
            words = part.split()
            ends = []
            for word, type in ((words[0], "person"), (words[5], "company")):
                place = document.text.index(word, at)
                ends.append(Mention(document.id, place, place + len(word), word, type, 0.9))
            mentions += ends
            relations.append(Relation(*ends, "works for", 0.8, "benchmark"))
            at += len(part) + 2
        start += len(line) + 1
    extraction = Extraction(document.id, tuple(mentions), tuple(relations), 1.0)
    return Extracted(document, tuple(chunks), extraction)


def write_with_langchain(server: LocalServer, said: list[Said]) -> None:
    """One GraphDocument for each passage, with its source, all in one call."""
    from langchain_core.documents import Document as Text
    from langchain_neo4j import Neo4jGraph
    from langchain_neo4j.graphs.graph_document import GraphDocument, Node, Relationship

    graph = Neo4jGraph(server.url, "neo4j", server.password, refresh_schema=False)
    documents = []
    for part in said:
        nodes = {end: Node(id=end, type=type) for pair in part
                 for end, type in zip(pair, ("Person", "Company"), strict=True)}  # fmt: skip
        links = [
            Relationship(
                source=nodes[head], target=nodes[tail], type="WORKS_FOR",
                properties={"score": 0.8, "quote": sentence((head, tail))},
            )
            for head, tail in part
        ]  # fmt: skip
        source = Text(page_content="".join(map(sentence, part)))
        documents.append(
            GraphDocument(nodes=list(nodes.values()), relationships=links, source=source)
        )
    graph.add_graph_documents(documents, include_source=True, baseEntityLabel=True)
    graph.close()


class Spent(NamedTuple):
    """Seconds by the clock, and of the processors in client and server."""

    clock: float
    processors: float

    def times(self, other: "Spent") -> str:
        """How many times as much as another."""
        ratios = (of / to if to else 0 for of, to in zip(self, other, strict=True))
        return "{:.1f} times (processors: {:.1f} times)".format(*ratios)


def timed(what: str, server: LocalServer, triples: int, action: Callable[[], object]) -> Spent:
    """Run, print how long it took, and return that."""
    clock, processors = time.perf_counter(), time.process_time() + server.processor_seconds()
    result = action()
    spent = Spent(
        time.perf_counter() - clock, time.process_time() + server.processor_seconds() - processors
    )
    print(
        f"{what:30} {spent.clock:8.1f} s {triples / spent.clock:9,.0f} triples/s"
        f" {spent.processors:8.1f} s of processors",
        result or "",
        flush=True,
    )
    return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--triples", type=int, default=100_000)
    parser.add_argument(
        "--width", type=int, default=384, help="numbers of a vector; the peer writes no vectors"
    )
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = LocalServer(Path(folder) / "neo4j", options=("-Xmx2g",), apoc=True)
        server.start()
        os.environ |= {"NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": server.password}
        for triples in (WARM_UP, options.triples):
            measure(server, Path(folder) / str(triples), triples, options.width)
        server.stop()


def measure(server: LocalServer, folder: Path, triples: int, width: int) -> None:
    """Both writers, each into an empty database; the first, small measurement warms the server."""
    said = passages(triples)
    (folder / "docs").mkdir(parents=True)
    write_documents(folder / "docs", said)
    with Neo4j(server.url) as database, KnowledgeGraph.open(
        folder / "kg", ontology=ONTOLOGY, extractor=Writer(), embedder=Random(width)
    ) as kg:  # fmt: skip
        kg.ingest([folder / "docs"])
        plain = f"{server.url}?vectors=no"
        first = timed("kgbuild, first push", server, triples, lambda: kg.push(plain) and None)
        second = timed("kgbuild, second push", server, triples, lambda: kg.push(plain) or None)
        database.empty()
        full = timed("kgbuild, with vectors", server, triples, lambda: kg.push(server.url) and None)
        database.empty()
        peer = timed("langchain_neo4j", server, triples, lambda: write_with_langchain(server, said))
        database.empty()
    print(f"the peer takes {peer.times(first)} as long as a first push,")
    print(f"{peer.times(full)} as long as one with vectors;")
    print(f"the first push takes {first.times(second)} as long as the second\n")


if __name__ == "__main__":
    main()
