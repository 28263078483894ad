"""A loaded joint model and the two questions that can be put to it.

`predict` answers what the public package answers: mentions and relations of some texts, decoded
greedily. `candidates` gives what decoding starts from, scores of spans and pairs, for those who
decode with more knowledge (`kgbuild.decoding`).

Only spans that survive overlap removal are paired. A pair scorer looks at one pair at a time, so
this changes no score, and it is where most of the public package's time goes. An adjacency decoder
may look at all spans, and is shown all that stand above the threshold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise, permutations

import numpy as np
import torch

from kgbuild.errors import ModelError
from kgbuild.models.greedy import Floats, Found, Ints, WordSpan, choose
from kgbuild.models.prompt import Labels, Prompter, Words
from kgbuild.models.relex import Relex
from kgbuild.models.run import Bools, Run
from kgbuild.models.windows import cut

BATCH_TOKENS = 16_384
"""Tokens of a batch on a GPU, with padding. On a CPU texts are run one by one."""


@dataclass(frozen=True, slots=True)
class PredictedMention:
    """A typed span of one text; offsets are characters, half-open."""

    start: int
    end: int
    text: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class PredictedRelation:
    """A labelled pair; `head` and `tail` index the prediction's mentions."""

    head: int
    tail: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was found in one text, in order of position."""

    mentions: tuple[PredictedMention, ...] = ()
    relations: tuple[PredictedRelation, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scores of one text's spans and pairs, before any label is chosen.

    Shapes: spans (N, 2) as characters, in order of position; scores (N, C); pairs (M, 2) as
    indices of spans; pair_scores (M, R). Scores are probabilities.
    """

    spans: Ints
    scores: Floats
    pairs: Ints
    pair_scores: Floats


class JointModel:
    """A joint model on a device, with its tokenizer.

    Args:
        network: The network, in evaluation mode.
        prompter: Goes with its tokenizer.
        device: Where to run.
        dtype: Of the weights; float32 unless said otherwise.
        window: Most tokens of one input, label prompt included.
    """

    def __init__(
        self,
        network: Relex,
        prompter: Prompter,
        *,
        device: torch.device,
        dtype: torch.dtype | None = None,
        window: int,
    ) -> None:
        self.network = network.to(device=device, dtype=dtype).eval()
        self.prompter = prompter
        self.device = device
        self.window = window

    def predict(
        self,
        texts: Sequence[str],
        entity_labels: Sequence[str],
        relation_labels: Sequence[str],
        *,
        threshold: float = 0.5,
        relation_threshold: float = 0.5,
        adjacency_threshold: float = 0.5,
        flat_ner: bool = True,
        multi_label: bool = False,
        batch_size: int | None = None,
    ) -> list[Prediction]:
        """Find mentions and relations; one prediction for each text, in its order.

        A token-level model selects a span once for each of its labels, and pairs what it selects:
        as in the public package, a relation of such a span is found more than once, and may lead
        from the span to itself.

        A text that is too long for the model is read in windows, cut where a sentence ends if one
        does; the public package cuts it off. No mention or relation leads from one to the next:
        documents are better read by `kgbuild.extraction`, whose chunks overlap.

        Args:
            texts: Of any length.
            entity_labels: Words for the entity types; repeated ones count once.
            relation_labels: Words for the relation types.
            threshold: A mention's score is above it.
            relation_threshold: A relation's score is above it.
            adjacency_threshold: In a model with an adjacency decoder, pairs above it are scored.
            flat_ner: Mentions do not overlap; otherwise one may lie inside another.
            multi_label: One span may carry several labels.
            batch_size: Texts that are run together; by default as many as suit the device.

        Raises:
            ModelError: The labels leave no room for text, or for a very long word.
        """
        entities, relations = (
            list(dict.fromkeys(entity_labels)),
            list(dict.fromkeys(relation_labels)),
        )
        labels = self.prompter.labels(entities, relations)
        room = self.window - self.prompter.length(labels)
        windows = [
            (index, window)
            for index, words in enumerate(self.prompter.words(texts))
            for window in cut(texts[index], words, room)
        ]
        predictions = [Prediction() for _ in windows]

        def answer(indices: list[int], words: list[Words]) -> None:
            run = Run(self.network, self.prompter, self.device, words, labels)
            chosen = [choose(one.above(threshold), flat_ner, multi_label) for one in run.scores]
            selected = [one.selected(threshold) for one in run.scores]
            links = run.links(selected, adjacency_threshold)
            spans = [_chosen_among(*both) for both in zip(selected, chosen, strict=True)]
            pairs = [_pairs_among(*all) for all in zip(selected, links, spans, strict=True)]
            distinct = [np.unique(of, axis=0, return_inverse=True) for of in pairs]
            scores = run.score_pairs(spans, [of.tolist() for of, _ in distinct])
            for row, index in enumerate(indices):
                text = texts[windows[index][0]]
                mentions = _mentions(text, words[row], chosen[row], entities)
                position = _first_positions(chosen[row], spans[row])
                scored = scores[row][distinct[row][1].reshape(-1)]
                found = [
                    PredictedRelation(position[h], position[t], relations[r], float(scored[m, r]))
                    for m, r in np.argwhere(scored > relation_threshold).tolist()
                    for h, t in [pairs[row][m].tolist()]
                ]
                predictions[index] = Prediction(mentions, tuple(found))

        self._run_all(answer, self._batches([words for _, words in windows], labels, batch_size))
        of_text: list[list[Prediction]] = [[] for _ in texts]
        for (index, _), prediction in zip(windows, predictions, strict=True):
            of_text[index].append(prediction)
        return [_joined(found) for found in of_text]

    def candidates(
        self,
        texts: Sequence[str],
        entity_labels: Sequence[str],
        relation_labels: Sequence[str],
        *,
        threshold: float,
        pairable: Bools | None = None,
        adjacency_threshold: float = 0.5,
        batch_size: int | None = None,
    ) -> list[Candidates]:
        """Score the spans and pairs that decoding chooses from.

        Args:
            texts: Each at most as long as the model's window.
            entity_labels: C distinct labels.
            relation_labels: R distinct labels.
            threshold: Spans whose best score is above it are kept, the better of two that overlap;
                none of them runs from one paragraph into the next.
            pairable: (C, C); pairs no label combination of which is true are not scored.
            adjacency_threshold: In a model with an adjacency decoder, pairs above it are scored.
            batch_size: Texts that are run together; by default as many as suit the device.
        """
        labels = self.prompter.labels(entity_labels, relation_labels)
        results = [_no_candidates(len(entity_labels), len(relation_labels)) for _ in texts]

        def answer(indices: list[int], words: list[Words]) -> None:
            run = Run(self.network, self.prompter, self.device, words, labels)
            found = [
                _within_paragraphs(texts[index], of, one.above(threshold))
                for index, of, one in zip(indices, words, run.scores, strict=True)
            ]
            spans = [
                [(first, last) for first, last, _, _ in choose(of, True, False)] for of in found
            ]
            scores = [one.of(chosen) for one, chosen in zip(run.scores, spans, strict=True)]
            pairs = [_pairs(of > threshold, pairable) for of in scores]
            if self.network.adjacency is not None:
                selected = [one.selected(threshold) for one in run.scores]
                links = run.links(selected, adjacency_threshold)
                pairs = [_linked(*all) for all in zip(pairs, spans, selected, links, strict=True)]
            pair_scores = run.score_pairs(spans, [of.tolist() for of in pairs])
            for row, index in enumerate(indices):
                at = words[row].spans
                characters = [(at[first][0], at[last][1]) for first, last in spans[row]]
                results[index] = Candidates(
                    np.array(characters, np.int64).reshape(-1, 2),
                    scores[row],
                    pairs[row],
                    pair_scores[row],
                )

        self._run_all(answer, self._batches(self._fitting(texts, labels), labels, batch_size))
        return results

    def relation_scores(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        entity_labels: Sequence[str],
        relation_labels: Sequence[str],
        *,
        batch_size: int | None = None,
    ) -> list[Floats]:
        """Score relations between given spans, all with all, whatever the model says of the spans.

        Args:
            texts: Each at most as long as the model's window.
            spans: Of each text, N spans in characters. Of one that has more words than the model
                reads as a span, the last words stand for it.
            entity_labels: Stand in the prompt, as they do when spans are found.
            relation_labels: R distinct labels.
            batch_size: Texts that are run together; by default as many as suit the device.

        Returns:
            Of each text probabilities (N, N, R): head, tail, label; 0 from a span to itself, and
            where a span touches no word.
        """
        labels = self.prompter.labels(entity_labels, relation_labels)
        results = [np.zeros((len(of), len(of), len(relation_labels)), np.float32) for of in spans]

        def answer(indices: list[int], words: list[Words]) -> None:
            at = [
                [_touched(of, span, self.network.config.max_width) for span in spans[index]]
                for index, of in zip(indices, words, strict=True)
            ]
            known = [[i for i, one in enumerate(of) if one is not None] for of in at]
            pairs = [list(permutations(range(len(of)), 2)) for of in known]
            run = Run(self.network, self.prompter, self.device, words, labels)
            scores = run.score_pairs([[one for one in of if one] for of in at], pairs)
            for index, of, chosen, scored in zip(indices, known, pairs, scores, strict=True):
                for (head, tail), row in zip(chosen, scored, strict=True):
                    results[index][of[head], of[tail]] = row

        self._run_all(answer, self._batches(self._fitting(texts, labels), labels, batch_size))
        return results

    def _run_all(
        self,
        answer: Callable[[list[int], list[Words]], None],
        batches: Iterable[tuple[list[int], list[Words]]],
    ) -> None:
        """Answer batch after batch; on a CPU as many at once as PyTorch has threads.

        Two cores that read a text each are faster than two that share one, and what comes out does
        not depend on how many there are.
        """

        def one(batch: tuple[list[int], list[Words]]) -> None:
            with torch.inference_mode():
                answer(*batch)

        threads = torch.get_num_threads()
        if self.device.type != "cpu" or threads == 1:
            for batch in batches:
                one(batch)
            return
        try:
            with ThreadPoolExecutor(
                threads, initializer=torch.set_num_threads, initargs=(1,)
            ) as at:
                for _ in at.map(one, batches):
                    pass
        finally:
            torch.set_num_threads(threads)

    def _fitting(self, texts: Sequence[str], labels: Labels) -> list[Words]:
        """Tokenise texts that must fit the window together with the labels."""
        words = self.prompter.words(texts)
        fixed = self.prompter.length(labels)
        for index, one in enumerate(words):
            if fixed + len(one.ids) > self.window:
                raise ModelError(
                    f"text {index} needs {fixed + len(one.ids)} tokens with its labels, the model"
                    f" reads {self.window}: split the text or ask for fewer labels at once"
                )
        return words

    def _batches(
        self, words: Sequence[Words], labels: Labels, batch_size: int | None
    ) -> Iterator[tuple[list[int], list[Words]]]:
        """Group texts of like length. There is no group of texts without any words."""
        prompt = self.prompter.length(labels)
        size = batch_size or (1 if self.device.type == "cpu" else None)
        for indices in grouped([prompt + len(of.ids) for of in words], size):
            if any(words[i].spans for i in indices):
                yield indices, [words[i] for i in indices]


def grouped(lengths: Sequence[int], size: int | None) -> Iterator[list[int]]:
    """Group inputs by length, shortest first.

    Args:
        lengths: In tokens.
        size: Inputs in a group; by default as many as have `BATCH_TOKENS` tokens, padded.
    """
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        tokens = (len(group) + 1) * lengths[index]
        if group and (len(group) == size or (size is None and tokens > BATCH_TOKENS)):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _within_paragraphs(text: str, words: Words, found: Found) -> Found:
    """Leave out spans that begin in one paragraph and end in another."""
    gaps = [text[a[1] : b[0]].count("\n") > 1 for a, b in pairwise(words.spans)]
    paragraph = np.cumsum([0, *gaps])
    whole = paragraph[found.spans[:, 0]] == paragraph[found.spans[:, 1]]
    return Found(found.spans[whole], found.scores[whole])


def _touched(words: Words, span: tuple[int, int], most: int) -> WordSpan | None:
    """First and last word of those that share a character with `span`; `most` words at the most."""
    touched = [i for i, (start, end) in enumerate(words.spans) if start < span[1] and span[0] < end]
    return (max(touched[0], touched[-1] - most + 1), touched[-1]) if touched else None


def _no_candidates(n_entities: int, n_relations: int) -> Candidates:
    nothing = np.zeros((0, 2), np.int64)
    return Candidates(
        nothing,
        np.zeros((0, n_entities), np.float32),
        nothing,
        np.zeros((0, n_relations), np.float32),
    )


def _chosen_among(
    selected: Sequence[WordSpan], chosen: Sequence[tuple[int, int, int, float]]
) -> list[WordSpan]:
    """The distinct spans of `selected` that are chosen, in its order."""
    wanted = {(first, last) for first, last, _, _ in chosen}
    return [span for span in dict.fromkeys(selected) if span in wanted]


def _pairs_among(selected: Sequence[WordSpan], links: Bools, spans: Sequence[WordSpan]) -> Ints:
    """The linked pairs of selected spans, in their order, as indices of `spans`, (M, 2).

    Where a span is selected several times its pairs are too.
    """
    index = {span: i for i, span in enumerate(spans)}
    of = np.array([index.get(span, -1) for span in selected], np.int64)
    pairs = np.argwhere(links & (of >= 0)[:, None] & (of >= 0)[None, :])
    indices: Ints = of[pairs]
    return indices


def _linked(
    pairs: Ints, spans: Sequence[WordSpan], selected: Sequence[WordSpan], links: Bools
) -> Ints:
    """Those of `pairs` (indices of `spans`) that are linked as selected spans."""
    at = {span: i for i, span in enumerate(selected)}
    kept = [
        spans[h] in at and spans[t] in at and links[at[spans[h]], at[spans[t]]]
        for h, t in pairs.tolist()
    ]
    linked: Ints = pairs[np.array(kept, bool)]
    return linked


def _pairs(types: Bools, pairable: Bools | None) -> Ints:
    """Ordered pairs of different spans whose possible labels (N, C) may stand together."""
    n = len(types)
    allowed = np.ones((n, n), bool)
    if pairable is not None:
        possible = types.astype(np.int64)
        allowed = (possible @ pairable.astype(np.int64) @ possible.T) > 0
    np.fill_diagonal(allowed, val=False)
    return np.argwhere(allowed)


def _joined(parts: Sequence[Prediction]) -> Prediction:
    """The predictions of a text's windows as one."""
    mentions: list[PredictedMention] = []
    relations: list[PredictedRelation] = []
    for part in parts:
        before = len(mentions)
        mentions += part.mentions
        relations += [
            replace(r, head=r.head + before, tail=r.tail + before) for r in part.relations
        ]
    return Prediction(tuple(mentions), tuple(relations))


def _mentions(
    text: str, words: Words, chosen: Sequence[tuple[int, int, int, float]], labels: Sequence[str]
) -> tuple[PredictedMention, ...]:
    found = []
    for first, last, label, score in chosen:
        start, end = words.spans[first][0], words.spans[last][1]
        found.append(PredictedMention(start, end, text[start:end], labels[label], score))
    return tuple(found)


def _first_positions(
    chosen: Sequence[tuple[int, int, int, float]], spans: Sequence[tuple[int, int]]
) -> list[int]:
    """For each distinct span, the first mention that has it."""
    first: dict[tuple[int, int], int] = {}
    for index, (start, end, _, _) in enumerate(chosen):
        first.setdefault((start, end), index)
    return [first[span] for span in spans]
