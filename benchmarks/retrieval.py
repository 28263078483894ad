"""Does the graph help to find passages? hit@k and MRR of several ways to search, side by side.

    python benchmarks/retrieval.py                         # examples/, with its questions.jsonl
    python benchmarks/retrieval.py --documents DIR --ontology FILE --questions FILE.jsonl
    python benchmarks/retrieval.py --annotated FILE.jsonl  # questions made of its relations

A line of a file of questions has a `question` and its `answers`, each a `document` and a `quote` of
it; a passage is right if it holds one of the quotes. Annotated texts are as for `kgbuild eval`. Of
these, two kinds of questions are made: "Ada Lovelace born in?", with the passages that name both
ends of such a relation, and "Ada Lovelace born in country?", where the second relation stands in
another document. `--gold` builds the graph from the annotation instead of by the model: what the
search would be with a perfect reader.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from kgbuild import Document, Extraction, KnowledgeGraph, Mention, Ontology, Relation
from kgbuild.chunking import chunk
from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.datatypes import Span
from kgbuild.embeddings import Embedder
from kgbuild.evaluation.inventory import make_ontology
from kgbuild.extraction import Extracted
from kgbuild.ledger import Ledger
from kgbuild.retrieval import EmbeddedPassages, Findings, Place, find
from kgbuild.retrieval.ranking import Question
from kgbuild.training.data import Record, read_set

EXAMPLES = Path(__file__).parents[1] / "examples"
AT = (1, 3, 5)
CHUNK_WORDS = 150  # of a passage with `--gold`, where no model says how long one may be
MOST_ANSWERS = 3  # of a question over two documents; more would be no question

Answer = tuple[str, int, int]  # document, start, end


@dataclass(frozen=True)
class Asked:
    """A question and the places that answer it."""

    text: str
    answers: frozenset[Answer]

    def is_answered_by(self, document: str, start: int, end: int) -> bool:
        return any(d == document and start <= s and e <= end for d, s, e in self.answers)


# How the passages are put in order; each from the same findings.
WAYS: Mapping[str, Callable[[Findings], Iterable[Place]]] = {
    "vector": lambda found: Findings(found.meaning, {}).fused(),
    "full text": lambda found: found.words,
    "vector, full text": lambda found: Findings(found.meaning, found.words).fused(),
    "vector, graph": lambda found: Findings(found.meaning, {}, found.graph).fused(),
    "all three: `kgbuild search`": lambda found: found.fused(),
}


def read_questions(path: Path, ledger: Ledger) -> list[Asked]:
    """Questions with quotes, which are looked up in the documents."""
    return [
        Asked(line["question"], frozenset(_places(line["answers"], ledger)))
        for line in map(json.loads, path.read_text("utf-8").splitlines())
    ]


def _places(answers: Iterable[Mapping[str, str]], ledger: Ledger) -> Iterator[Answer]:
    for answer in answers:
        document, quote = answer["document"], answer["quote"]
        found = ledger.document(document)
        start = found.text.find(quote) if found else -1
        if start < 0:
            raise SystemExit(f"no document '{document}' with the words '{quote}'")
        yield document, start, start + len(quote)


def over_one_edge(records: Sequence[Record]) -> list[Asked]:
    """What stands in a relation to something?"""
    answers: dict[tuple[str, str], set[Answer]] = defaultdict(set)
    for record in records:
        for head, type, tail in record.relations:
            answers[_name(record, head), type].add(_place(record, head, tail))
    return [Asked(f"{head} {type}?", frozenset(of)) for (head, type), of in answers.items()]


def over_two_edges(records: Sequence[Record]) -> list[Asked]:
    """The same of what the first edge leads to, if another document has the second edge."""
    edges: dict[str, list[tuple[str, str, Answer]]] = defaultdict(list)
    for record in records:
        for head, type, tail in record.relations:
            place = _place(record, head, tail)
            edges[_name(record, head)].append((type, _name(record, tail), place))
    answers: dict[str, set[Answer]] = defaultdict(set)
    for start in [*edges]:
        for first, middle, (here, *_) in edges[start]:
            for second, end, place in edges.get(middle, ()):
                if place[0] != here and end != start and second != first:
                    answers[f"{start} {first} {second}?"].add(place)
    return [Asked(text, frozenset(of)) for text, of in answers.items() if len(of) <= MOST_ANSWERS]


def _name(record: Record, entity: int) -> str:
    """The longest of its names."""
    return max((record.text[start:end] for start, end in record.mentions[entity]), key=len)


def _place(record: Record, head: int, tail: int) -> Answer:
    one, other = _nearest(record, head, tail)
    return record.id, min(one[0], other[0]), max(one[1], other[1])


def _nearest(record: Record, head: int, tail: int) -> tuple[Span, Span]:
    pairs = product(record.mentions[head], record.mentions[tail])
    return min(pairs, key=lambda pair: abs(pair[0][0] - pair[1][0]))


class AnnotationReader:
    """Reads of a document what its annotation says, at the two mentions that are nearest."""

    fingerprint = "annotation"

    def __init__(self, records: Sequence[Record], ontology: Ontology) -> None:
        self._records = {record.id: record for record in records}
        self._ontology = ontology

    def extract(self, documents: Iterable[Document]) -> Iterator[Extracted]:
        for document in documents:
            record = self._records[document.id]
            mentions = dict(self._mentions(record))
            relations = tuple(
                Relation(mentions[one], mentions[other], type, 1.0, self.fingerprint)
                for head, type, tail in record.relations
                for one, other in [_nearest(record, head, tail)]
            )
            found = tuple(mentions[span] for span in sorted(mentions))
            chunks = tuple(chunk(document, budget=CHUNK_WORDS, count=_words))
            yield Extracted(document, chunks, Extraction(document.id, found, relations, 1.0))

    def _mentions(self, record: Record) -> Iterator[tuple[Span, Mention]]:
        anything = next(iter(self._ontology.entities))
        for type, spans in zip(record.types, record.mentions, strict=True):
            known = type if type in self._ontology.entities else anything
            for start, end in spans:
                text = record.text[start:end]
                yield (start, end), Mention(record.id, start, end, text, known, 1.0)


def _words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def build_from_annotation(records: Sequence[Record], folder: Path, *, gold: bool) -> None:
    """A graph of annotated texts, as the model or as the annotation reads them."""
    ontology = make_ontology(records)
    texts = folder / "texts.jsonl"
    lines = (json.dumps({"id": record.id, "text": record.text}) + "\n" for record in records)
    texts.write_text("".join(lines), "utf-8")
    extractor = AnnotationReader(records, ontology) if gold else None
    with KnowledgeGraph.open(folder / "kg", ontology=ontology, extractor=extractor) as kg:
        kg.ingest([texts])


def build_from_files(documents: Path, ontology: Path, folder: Path) -> None:
    """A graph of files, as the model reads them."""
    with KnowledgeGraph.open(folder / "kg", ontology=Ontology.load(ontology)) as kg:
        kg.ingest([documents])


def answerable(questions: Iterable[Asked], graph: EmbeddedPassages) -> list[Asked]:
    """Questions that a single passage answers, in an order that has nothing to do with them."""
    chunks = defaultdict(list)
    for document, start, end in graph.graph.ledger.database.rows(
        'SELECT d.id, c.start, c."end" FROM chunks c JOIN documents d ON d.key = c.document'
    ):
        chunks[document].append((document, start, end))
    held = [
        one
        for one in questions
        if any(one.is_answered_by(*each) for d, *_ in one.answers for each in chunks[d])
    ]
    return sorted(held, key=lambda one: sha256(one.text.encode()).digest())


def ranks(questions: Iterable[Asked], graph: EmbeddedPassages) -> Iterator[dict[str, float]]:
    """For each question, at which rank each way has the first right passage; infinity: nowhere."""
    for question in questions:
        found = find(graph, Question(question.text, graph))
        yield {way: _rank(question, list(order(found)), graph) for way, order in WAYS.items()}


def _rank(question: Asked, places: Sequence[Place], graph: EmbeddedPassages) -> float:
    for rank, (passage, _) in enumerate(graph.passages(places).values(), 1):
        if question.is_answered_by(passage.document_id, passage.start, passage.end):
            return rank
    return float("inf")


def show(title: str, found: Sequence[Mapping[str, float]]) -> None:
    """A table in Markdown, in per cent."""
    columns = [*(f"hit@{k}" for k in AT), "MRR"]
    rows = [f"| {title}: {len(found)} questions | {' | '.join(columns)} |", "|---|" + "---:|" * 4]
    for way in WAYS:
        at = [one[way] for one in found]
        shares = [sum(rank <= k for rank in at) / len(at) for k in AT]
        shares.append(sum(1 / rank for rank in at) / len(at))
        rows.append(f"| {way} | {' | '.join(f'{share:.1%}' for share in shares)} |")
    sys.stdout.write("\n".join([*rows, "", ""]))


def main() -> None:
    """Build a graph, ask the questions, print a table for each kind of them."""
    options = parse()
    with TemporaryDirectory() as name:
        folder = Path(name)
        records = read_set(options.annotated) if options.annotated else []
        if records:
            build_from_annotation(records, folder, gold=options.gold)
        else:
            build_from_files(options.documents, options.ontology, folder)
        with Ledger.open(folder / "kg") as ledger:
            graph = EmbeddedPassages(EmbeddedGraph(ledger), Embedder(cache=ledger))
            kinds = (
                {"one edge": over_one_edge(records), "two edges": over_two_edges(records)}
                if records
                else {options.questions.stem: read_questions(options.questions, ledger)}
            )
            for kind, questions in kinds.items():
                chosen = answerable(questions, graph)[: options.limit]
                if chosen:
                    show(kind, list(ranks(chosen, graph)))


def parse() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=Path, default=EXAMPLES / "documents")
    parser.add_argument("--ontology", type=Path, default=EXAMPLES / "ontology.yaml")
    parser.add_argument("--questions", type=Path, default=EXAMPLES / "questions.jsonl")
    parser.add_argument("--annotated", type=Path, help="texts with entities and relations")
    parser.add_argument("--gold", action="store_true", help="take the annotation as the graph")
    parser.add_argument("--limit", type=int, default=250, help="the most questions of a kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()
