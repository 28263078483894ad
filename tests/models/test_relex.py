import pytest
import torch

from kgbuild.models.checkpoint import load
from kgbuild.models.losses import weighted_bce

TEXTS = ["Ada Lovelace wrote about the analytical engine in London", "Charles Babbage", "London"]


@pytest.fixture
def loaded(checkpoint_folder):
    return load(checkpoint_folder)


def score(loaded, texts, entities=("person", "city"), relations=("works with", "in")):
    model, prompter = loaded
    labels = prompter.labels(entities, relations)
    batch = prompter.batch([labels] * len(texts), prompter.words(texts))
    with torch.no_grad():
        states = model.encode(batch)
        sides = model.sides(states)
        return states, sides, model.span_logits(states, sides)


def test_scores_have_one_cell_for_each_word_width_and_label(loaded):
    _, _, logits = score(loaded, TEXTS)
    assert logits.shape == (3, 9, 12, 2)


def test_spans_past_the_last_word_cannot_be_chosen(loaded):
    _, _, logits = score(loaded, ["Ada wrote"])
    assert torch.isinf(logits[0, 1, 1:]).all()
    assert torch.isfinite(logits[0, 0, :2]).all()


def test_a_padded_batch_scores_like_single_texts(loaded):
    _, _, together = score(loaded, TEXTS)
    for row, text in enumerate(TEXTS):
        _, _, alone = score(loaded, [text])
        n_words = alone.shape[1]
        for k in range(n_words):
            torch.testing.assert_close(together[row, : n_words - k, k], alone[0, : n_words - k, k])


def test_split_arithmetic_equals_the_published_formula(loaded):
    """Span = MLP(relu[a(start); b(end)]), pair = MLP([head; tail]), scores by dot product."""
    model = loaded[0].double()
    states, sides, logits = score((model, loaded[1]), TEXTS[:1])
    start = torch.relu(model.spans.project_start(states.words[0, 2]))
    end = torch.relu(model.spans.project_end(states.words[0, 4]))
    span = torch.nn.Sequential.forward(model.spans.out_project, torch.cat([start, end]))
    torch.testing.assert_close(
        logits[0, 2, 2].double(), states.entity[0] @ span, rtol=1e-5, atol=1e-5
    )

    vectors = model.span_vectors(sides, torch.tensor([[0, 2, 4], [0, 0, 0]]))
    torch.testing.assert_close(vectors[0], span)
    pair = torch.nn.Sequential.forward(model.pairs, torch.cat([vectors[1], vectors[0]]))
    scored = model.pair_logits(states, vectors, torch.tensor([0]), torch.tensor([[1, 0]]))
    torch.testing.assert_close(scored[0], states.relation[0] @ pair)


def test_pairs_of_several_texts_are_scored_against_their_own_labels(loaded):
    model = loaded[0]
    states, sides, _ = score(loaded, TEXTS)
    spans = torch.tensor([[0, 0, 1], [0, 5, 6], [1, 0, 0], [1, 1, 1]])
    vectors = model.span_vectors(sides, spans)
    rows, pairs = torch.tensor([0, 0, 1]), torch.tensor([[0, 1], [1, 0], [2, 3]])
    scored = model.pair_logits(states, vectors, rows, pairs)
    alone, alone_sides, _ = score(loaded, [TEXTS[1]])
    own = model.span_vectors(alone_sides, torch.tensor([[0, 0, 0], [0, 1, 1]]))
    torch.testing.assert_close(
        scored[2:], model.pair_logits(alone, own, torch.tensor([0]), torch.tensor([[0, 1]]))
    )


def test_one_batch_can_be_learned_by_heart(checkpoint_folder):
    model, prompter = load(checkpoint_folder)
    labels = prompter.labels(["person", "city"], [])
    batch = prompter.batch([labels] * 2, prompter.words(TEXTS[:2]))
    targets = torch.zeros(2, 9, 12, 2, dtype=torch.bool)
    targets[0, 0, 1, 0] = targets[0, 8, 0, 1] = targets[1, 0, 1, 0] = True
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(200):
        states = model.encode(batch)
        logits = model.span_logits(states, model.sides(states))
        loss = weighted_bce(logits, targets, torch.isfinite(logits), 0.5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    finite = torch.isfinite(logits)
    assert ((logits > 0) == targets)[finite].all()
