import dataclasses
import random
from itertools import count, cycle

import pytest
import torch

from kgbuild.models.checkpoint import load
from kgbuild.training.data import parse_record
from kgbuild.training.examples import Label, assemble, clip
from kgbuild.training.loop import Schedule, Trainer
from kgbuild.training.targets import batches, entity_targets, pair_targets, prepare, word_targets

RECORD = parse_record(
    {
        "text": "Ada works with Charles in London",
        "entities": [
            {"type": "person", "mentions": [[0, 3]]},
            {"type": "person", "mentions": [[15, 22]]},
            {"type": "city", "mentions": [[26, 32]]},
        ],
        "relations": [{"head": 0, "type": "works with", "tail": 1}],
    },
    "made",
)


def example(relations=("works with",)):
    labels = [Label("person", "person"), Label("city", "city")]
    part = clip(RECORD, 0, len(RECORD.text))
    wanted = [Label(name, name) for name in relations]
    return assemble([part], labels, wanted, {}, random.Random(1))


@pytest.fixture
def loaded(checkpoint_folder):
    return load(checkpoint_folder)


def test_answers_lie_where_the_scores_do(loaded):
    prepared = prepare(loaded[1], [example()], max_width=12, max_tokens=400)
    targets, known = entity_targets(prepared, (1, 6, 12, 2))
    assert targets.nonzero().tolist() == [[0, 0, 0, 0], [0, 3, 0, 0], [0, 5, 0, 1]]
    assert known[0, 5].sum() == 2, "only the last word itself, for two labels"


def test_where_mentions_may_be_unlabelled_a_sample_of_other_spans_is_negative(loaded):
    torch.manual_seed(0)
    one = dataclasses.replace(example(), spans_known=False)
    prepared = prepare(loaded[1], [one], max_width=12, max_tokens=400)
    targets, known = entity_targets(prepared, (1, 6, 12, 2))
    assert known[targets].all()
    n_spans = 6 * 7 // 2
    assert 3 < known[..., 0].sum() < n_spans / 2


def test_pairs_carry_the_answers_and_spans_that_are_none_are_negative(loaded):
    import numpy as np

    prepared = prepare(loaded[1], [example()], max_width=12, max_tokens=400)
    pairs = pair_targets(prepared, [[(1, 2)]], 1, 99, np.random.default_rng(0))
    assert len(pairs.pairs) == 4 * 3
    positive = pairs.pairs[pairs.targets[:, 0]]
    assert pairs.spans[positive[0]].tolist() == [[0, 0, 0], [0, 3, 3]]
    assert pairs.known.all()


def test_batches_hold_so_many_tokens_padding_included(loaded):
    prepared = prepare(loaded[1], [example()] * 7, max_width=12, max_tokens=400)
    groups = batches(prepared, max_tokens=3 * prepared[0].length)
    assert [len(group) for group in groups] == [3, 3, 1]


def test_examples_longer_than_the_encoder_reads_are_left_out(loaded):
    assert prepare(loaded[1], [example()], max_width=12, max_tokens=10) == []


def train(loaded, folder, steps, losses):
    schedule = Schedule(steps / 60, pool=8, warmup=0.0, encoder_rate=1e-3, head_rate=1e-3)
    a_second_for_each_step = count().__next__
    trainer = Trainer(*loaded, schedule, folder / "state.pt", clock=a_second_for_each_step)
    step = trainer.step

    def recorded(group):
        losses.append(sum(step(group).values()))
        return {"loss": losses[-1]}

    trainer.step = recorded
    trainer.train(cycle([example(), example(("works with", "in"))]), lambda progress: None)
    return trainer


def test_training_lowers_the_loss_and_goes_on_where_it_was_stopped(
    loaded, checkpoint_folder, tmp_path
):
    losses: list[float] = []
    first = train(loaded, tmp_path, 40, losses)
    assert losses[-1] < losses[0] / 2
    again = train(load(checkpoint_folder), tmp_path, 45, [])
    assert first.steps < again.steps < first.steps + 10
    assert torch.isfinite(next(again.model.parameters())).all()


def test_token_level_models_learn_first_last_and_every_word_of_a_mention(loaded):
    record = parse_record(
        {"text": "Ada Lovelace wrote", "entities": [{"type": "person", "mentions": [[0, 12]]}]},
        "made",
    )
    labels = [Label("person", "person"), Label("city", "city")]
    one = assemble([clip(record, 0, 18)], labels, [], {}, random.Random(1))
    prepared = prepare(loaded[1], [one], max_width=12, max_tokens=400)
    targets, known = word_targets(prepared, (1, 3, 2, 3))
    assert targets[0, :, 0].int().tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 0]]
    assert not targets[0, :, 1].any()
    assert known.all()


def scored_steps(loaded, folder, scores):
    """Train with a measurement after every step, and these scores."""
    schedule = Schedule(60 / 60, pool=8, warmup=0.0, patience=3)
    trainer = Trainer(*loaded, schedule, folder / "state.pt", clock=count().__next__)
    given = iter(scores)
    kept = []

    def measure():
        kept.append(next(trainer.model.parameters()).detach().clone())
        return next(given)

    trainer.train(cycle([example()]), lambda progress: None, measure)
    return trainer, kept


def test_the_weights_that_measured_best_are_kept_and_training_stops_when_nothing_helps(
    loaded, tmp_path
):
    trainer, kept = scored_steps(loaded, tmp_path, [0.1, 0.5, 0.4, 0.3, 0.2, 0.9])
    assert trainer.scores == [0.1, 0.5, 0.4, 0.3, 0.2]
    assert torch.equal(next(trainer.model.parameters()), kept[1])


def test_a_model_that_finds_nothing_yet_is_given_time(loaded, tmp_path):
    trainer, _ = scored_steps(loaded, tmp_path, [0.0] * 99)
    assert len(trainer.scores) > 5
