"""Documents and an ontology → extractions: the bridge between the records and the model.

A document is cut into chunks that fit the model's window together with the labels, so no text is
ever truncated. Chunks of many documents are run together; each document is decoded as a whole.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from kgbuild.chunking import chunk
from kgbuild.datatypes import Chunk, Document, Extraction, Span
from kgbuild.decoding import Candidates, Edge, decode
from kgbuild.document_relations import DocumentRelations, system_folder
from kgbuild.errors import KgbuildError, ModelError, OntologyError
from kgbuild.ontology import Ontology
from kgbuild.ontology.types import AnyType
from kgbuild.passes import Pass, plan
from kgbuild.scores import calibrated, raw

if TYPE_CHECKING:
    import torch

    from kgbuild.models.joint import Candidates as Scored
    from kgbuild.models.joint import JointModel

SETTINGS = "kgbuild.json"
_REVISION = 1  # to be raised when the same model and ontology come to give other results
_TOGETHER = 128  # chunks that are run together, so that the model can sort them by length


@dataclass(frozen=True, slots=True)
class Settings:
    """What goes with a model but is not part of it; `kgbuild.json` in the checkpoint's folder."""

    threshold: float = 0.5
    """Least score of a mention, where the ontology does not say."""
    relation_threshold: float = 0.5
    """Least score of a relation, where the ontology does not say."""
    text_tokens: int = 256
    """Tokens of a chunk; about the length of text that the model was trained on."""
    prompt_share: float = 0.5
    """The most of the model's window that labels may take."""

    @classmethod
    def read(cls, folder: Path) -> "Settings":
        """Read a model's settings; defaults where it has none.

        Raises:
            ModelError: The file is not valid.
        """
        path = folder / SETTINGS
        try:
            return cls(**json.loads(path.read_text("utf-8"))) if path.exists() else cls()
        except (TypeError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document, how it was cut, and what was found, or why that failed."""

    document: Document
    chunks: tuple[Chunk, ...]
    extraction: Extraction | None
    error: str | None = None


class Scorer:
    """Scores everything that an ontology defines in documents, and decides nothing.

    Args:
        model: Is loaded, and may be in training.
        ontology: What to look for.
        settings: How texts are cut, and the thresholds of types that have none of their own.

    Raises:
        OntologyError: A label is too long for the model.
    """

    def __init__(self, model: "JointModel", ontology: Ontology, settings: Settings) -> None:
        self.ontology = ontology
        self._settings = settings
        self._model = model
        self._passes = plan(ontology, self._prompt_size, self._prompt_budget)
        self._pairable = [one.pairable(ontology) for one in self._passes]
        used = (
            max(self._prompt_size(*self._labels(one)) for one in self._passes)
            if self._passes
            else 0
        )
        self._chunk_tokens = min(self._settings.text_tokens, self._model.window - used)

    def candidates(self, documents: Iterable[Document]) -> Iterator[Candidates]:
        """Read documents and decide nothing: what `decode` chooses from, in their order."""
        for waiting in self._groups(documents):
            yield from self.score([chunks for _, chunks in waiting])

    def relations_between(self, document: Document, spans: Sequence[Span]) -> dict[Edge, float]:
        """Score relations between given spans of a document, as far as one chunk holds both ends.

        Returns:
            The relations above their thresholds, whatever the types of their ends.
        """
        found = _Found(self.ontology, self._settings)
        chunks = self.chunks(document)
        inside = [[span for span in spans if _holds(one, span)] for one in chunks]
        texts = [one.text for one in chunks]
        local = [
            [(start - one.start, end - one.start) for start, end in of]
            for one, of in zip(chunks, inside, strict=True)
        ]
        for asked in self._passes:
            scored = self._model.relation_scores(texts, local, *self._labels(asked))
            for of, scores in zip(inside, scored, strict=True):
                pairs = permutations(range(len(of)), 2)
                found.add_relations(
                    asked, ((of[h], of[t], scores[h, t].tolist()) for h, t in pairs)
                )
        return found.relations

    def _groups(
        self, documents: Iterable[Document]
    ) -> Iterator[list[tuple[Document, tuple[Chunk, ...]]]]:
        """Documents with their chunks, as many at a time as are run together."""
        waiting: list[tuple[Document, tuple[Chunk, ...]]] = []
        for document in documents:
            waiting.append((document, self.chunks(document)))
            if sum(len(chunks) for _, chunks in waiting) >= _TOGETHER:
                yield waiting
                waiting = []
        yield waiting

    def chunks(self, document: Document) -> tuple[Chunk, ...]:
        """Cut a document so that each chunk fits the window together with the labels."""
        return tuple(chunk(document, budget=self._chunk_tokens, count=self._count))

    def score(self, cut: Sequence[Sequence[Chunk]]) -> list[Candidates]:
        """Run the chunks of several documents together; one result for each document."""
        found = [_Found(self.ontology, self._settings) for _ in cut]
        chunks = [(i, one) for i, of in enumerate(cut) for one in of]
        for start in range(0, len(chunks), _TOGETHER):
            part = chunks[start : start + _TOGETHER]
            texts = [one.text for _, one in part]
            for asked, pairable in zip(self._passes, self._pairable, strict=True):
                scored = self._model.candidates(
                    texts,
                    *self._labels(asked),
                    threshold=found[0].least_score(asked),
                    pairable=pairable,
                )
                for (i, one), scores in zip(part, scored, strict=True):
                    found[i].add(one.start, asked, scores)
        return [Candidates(one.types, one.relations) for one in found]

    def _labels(self, asked: Pass) -> tuple[list[str], list[str]]:
        return (
            [self.ontology.entities[name].label for name in asked.entities],
            [self.ontology.relations[name].label for name in asked.relations],
        )

    def _count(self, texts: Sequence[str]) -> list[int]:
        return [len(words.ids) for words in self._model.prompter.words(texts)]

    def _prompt_size(self, entities: Sequence[str], relations: Sequence[str]) -> int:
        prompter = self._model.prompter
        return prompter.length(prompter.labels(entities, relations))

    @property
    def _prompt_budget(self) -> int:
        return int(self._model.window * self._settings.prompt_share)


class Extractor(Scorer):
    """Finds what an ontology defines in documents.

    Args:
        model: A name or folder that `kgbuild.models.load_model` takes.
        ontology: What to look for.
        device: `auto` takes a GPU if there is one.
        relations: The folder of a trained document-level system, or `relex` for the model's own
            head: reads relations off whole documents, in the model's place.
        rerank: The folder of trained adapted predicates, which read again what `relations` is
            unsure of.

    Raises:
        ModelError: The model or a system cannot be loaded, the system does not know one of the
            ontology's relation types, or there is no such device.
        OntologyError: A label is too long for the model, or the ontology's scores are calibrated
            for another model.
    """

    def __init__(
        self,
        model: str | Path,
        ontology: Ontology,
        *,
        device: str = "auto",
        relations: str | Path | None = None,
        rerank: str | Path | None = None,
    ) -> None:
        from kgbuild.models import load_model, model_folder

        self.model_id = model_id(model)
        self.fingerprint = fingerprint_of(model, ontology, relations, rerank)
        self._relations: DocumentRelations | None = None
        if relations is not None:
            self._relations = document_relations(relations, rerank, model, ontology, device)
        check_calibration(ontology, self.model_id)
        settings = Settings.read(model_folder(model))
        super().__init__(load_model(model, *placement(device)), ontology, settings)

    def extract(self, documents: Iterable[Document]) -> Iterator[Extracted]:
        """Read documents, in their order and without holding more than a few of them.

        A document that cannot be processed comes back with an `error`; the others go on.
        """
        for waiting in self._groups(documents):
            yield from self._extract_together(waiting)

    def _extract_together(
        self, waiting: Sequence[tuple[Document, tuple[Chunk, ...]]]
    ) -> Iterator[Extracted]:
        """Run the chunks of several documents together; if that fails, one document at a time."""
        try:
            scored = self.score([chunks for _, chunks in waiting])
            yield from [
                self._finish(*one, found) for one, found in zip(waiting, scored, strict=True)
            ]
        except (KgbuildError, RuntimeError, MemoryError) as error:
            if len(waiting) == 1:
                document, chunks = waiting[0]
                yield Extracted(document, chunks, None, _reason(error))
                return
            for one in waiting:
                yield from self._extract_together([one])

    def _finish(
        self, document: Document, chunks: tuple[Chunk, ...], candidates: Candidates
    ) -> Extracted:
        mentions, relations = decode(
            document.id, document.text, candidates, self.ontology, self.model_id
        )
        if self._relations is not None:
            relations = self._relations.between(document.id, document.text, mentions)
        covered = coverage(document.text, chunks)
        return Extracted(document, chunks, Extraction(document.id, mentions, relations, covered))


class _Found:
    """Collects what the passes find in one document; of the same thing found twice, the better."""

    def __init__(self, ontology: Ontology, settings: Settings) -> None:
        self.types: dict[Span, dict[str, float]] = defaultdict(dict)
        self.relations: dict[Edge, float] = {}
        self._ontology = ontology
        self._entity = _least_scores(ontology.entities, settings.threshold)
        self._relation = _least_scores(ontology.relations, settings.relation_threshold)

    def least_score(self, asked: Pass) -> float:
        """The lowest raw score at which one of a pass's entity types counts."""
        return min((self._entity[name] for name in asked.entities), default=1.0)

    def add(self, offset: int, asked: Pass, scored: "Scored") -> None:
        """Take in one chunk's scores; `offset` is where the chunk starts."""
        spans = [(start + offset, end + offset) for start, end in scored.spans.tolist()]
        for span, row in zip(spans, scored.scores.tolist(), strict=True):
            for name, score in zip(asked.entities, row, strict=True):
                if score > self._entity[name]:
                    known = self.types[span]
                    worth = calibrated(score, self._ontology.entities[name].calibration)
                    known[name] = max(worth, known.get(name, 0.0))
        pairs = zip(scored.pairs.tolist(), scored.pair_scores.tolist(), strict=True)
        self.add_relations(asked, ((spans[head], spans[tail], row) for (head, tail), row in pairs))

    def add_relations(
        self, asked: Pass, pairs: Iterable[tuple[Span, Span, Sequence[float]]]
    ) -> None:
        """Take in heads and tails with a score for each relation of the pass."""
        for head, tail, row in pairs:
            for name, score in zip(asked.relations, row, strict=True):
                if score > self._relation[name]:
                    edge = (head, name, tail)
                    worth = calibrated(score, self._ontology.relations[name].calibration)
                    self.relations[edge] = max(worth, self.relations.get(edge, 0.0))


def _least_scores(types: Mapping[str, AnyType], default: float) -> dict[str, float]:
    """Per type, the raw score at its threshold, or at `default` where it has none."""
    return {
        name: raw(default if type.threshold is None else type.threshold, type.calibration)
        for name, type in types.items()
    }


def _holds(chunk: Chunk, span: Span) -> bool:
    return chunk.start <= span[0] and span[1] <= chunk.end


def coverage(text: str, chunks: Sequence[Chunk]) -> float:
    """The share of a text's characters, white space aside, that lie in a chunk; 1.0 of nothing."""
    total = _solid(text)
    if total == 0:
        return 1.0
    seen, end = 0, 0
    for one in chunks:
        seen += _solid(text[max(one.start, end) : one.end])
        end = max(end, one.end)
    return seen / total


def _solid(text: str) -> int:
    return sum(map(len, text.split()))


@lru_cache(maxsize=8)
def model_id(model: str | Path) -> str:
    """Name a model for good: what it is called, and a hash of its files. Loads nothing."""
    from kgbuild.models import model_folder

    folder = model_folder(model)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in (".json", ".safetensors", ".bin"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    name = model if not Path(model).is_dir() else folder.resolve().name
    return f"{name}@{digest.hexdigest()[:12]}"


def check_calibration(ontology: Ontology, model_id: str) -> None:
    """Make sure that an ontology's scores may be used with a model.

    Raises:
        OntologyError: They are calibrated for another one.
    """
    if ontology.calibrated_for not in ("", model_id):
        raise OntologyError(
            f"ontology `{ontology.name}`: its scores are calibrated for the model"
            f" {ontology.calibrated_for}, not {model_id}; run `kgbuild calibrate` again"
        )


def fingerprint_of(
    model: str | Path,
    ontology: Ontology,
    relations: str | Path | None = None,
    rerank: str | Path | None = None,
) -> str:
    """Two runs with the same fingerprint extract the same from the same text. Loads nothing."""
    named = [system_folder(one, model) for one in (relations, rerank) if one is not None]
    systems = "".join(f"+{model_id(folder)}" for folder in named)
    return f"{model_id(model)}{systems}+{ontology.fingerprint[:16]}+{_REVISION}"


def document_relations(
    relations: str | Path,
    rerank: str | Path | None,
    model: str | Path,
    ontology: Ontology,
    device: str,
) -> DocumentRelations:
    """Load a document-level system and, if there is one, what takes a second look.

    Raises:
        ModelError: One cannot be loaded, or does not know a relation type of the ontology.
    """
    first = system_folder(relations, model)
    second = None if rerank is None else system_folder(rerank, model)
    name = "+".join(model_id(folder) for folder in (first, second) if folder is not None)
    return DocumentRelations(first, name, ontology, placement(device)[0], second)


def placement(device: str) -> tuple[str, "torch.dtype | None"]:
    """Choose a device, and the fastest number format that it computes in."""
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps else "cpu"
    kind = device.partition(":")[0]
    if not {"cpu": True, "cuda": cuda, "mps": mps}.get(kind):
        raise ModelError(f"device '{device}': there is none on this machine; use `auto` or `cpu`")
    half = device.startswith("cuda") and torch.cuda.is_bf16_supported()
    return device, torch.bfloat16 if half else None


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
