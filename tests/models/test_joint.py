import numpy as np
import pytest

from kgbuild.errors import ModelError
from kgbuild.models import load_model
from kgbuild.models.joint import grouped
from kgbuild.models.windows import cut

TEXTS = [
    "Ada Lovelace wrote about the analytical engine. Charles Babbage works in London!",
    "",
    "Ada",
    "  \n ",
    "Zoë — naïve “quotes” 東京 😀 London",
]
ENTITIES, RELATIONS = ["person", "city", "engine"], ["works with", "wrote about"]


@pytest.fixture(scope="module")
def model(checkpoint_folder):
    return load_model(checkpoint_folder)


def predict(model, texts=TEXTS, **settings):
    settings = {"threshold": 0.6, "relation_threshold": 0.9, **settings}
    return model.predict(texts, ENTITIES, RELATIONS, **settings)


def test_offsets_point_into_the_text(model):
    predictions = predict(model)
    assert sum(len(p.mentions) for p in predictions) > 3
    for text, prediction in zip(TEXTS, predictions, strict=True):
        assert all(text[m.start : m.end] == m.text for m in prediction.mentions)
        assert all(r.head != r.tail for r in prediction.relations)


def test_there_is_one_prediction_for_each_text_in_its_order(model):
    predictions = predict(model)
    assert len(predictions) == len(TEXTS)
    assert predictions[1].mentions == predictions[3].mentions == ()
    assert predict(model, TEXTS[::-1])[::-1] == predictions


def test_a_batch_gives_the_same_as_one_text_at_a_time(model):
    alone, together = predict(model, batch_size=1), predict(model, batch_size=32)
    for a, b in zip(alone, together, strict=True):
        assert [(m.start, m.end, m.label) for m in a.mentions] == [
            (m.start, m.end, m.label) for m in b.mentions
        ]
        np.testing.assert_allclose(
            [r.score for r in a.relations], [r.score for r in b.relations], atol=1e-5
        )


def test_flat_mentions_do_not_overlap_and_nested_ones_do_not_cross(model):
    flat = predict(model, threshold=0.4)[0].mentions
    assert all(a.end <= b.start for a, b in zip(flat, flat[1:], strict=False))
    nested = predict(model, threshold=0.4, flat_ner=False)[0].mentions
    assert len(nested) > len(flat)
    for a in nested:
        for b in nested:
            crossing = a.start < b.start < a.end < b.end
            assert not crossing


def test_one_span_has_several_labels_only_if_asked(model):
    def spans(multi_label):
        mentions = predict(model, threshold=0.4, multi_label=multi_label)[0].mentions
        return [(m.start, m.end) for m in mentions]

    assert len(set(spans(False))) == len(spans(False))
    assert len(set(spans(True))) < len(spans(True))


def test_repeated_labels_count_once(model):
    twice = model.predict(TEXTS, ENTITIES * 2, RELATIONS * 2, threshold=0.6, relation_threshold=0.9)
    assert twice == predict(model)


def test_a_long_text_is_read_in_windows_to_its_end(model):
    text = " ".join([*TEXTS[:1] * 100, "Ada"])
    (long,) = model.predict([text], ENTITIES, RELATIONS, threshold=0.5, relation_threshold=0.5)
    assert all(text[m.start : m.end] == m.text for m in long.mentions)
    assert long.mentions[-1].start > 0.9 * len(text)
    assert all(r.head < len(long.mentions) > r.tail for r in long.relations)
    assert long.relations[-1].head > len(long.mentions) / 2


def test_a_window_is_read_like_a_text_of_its_own(model):
    (words,) = model.prompter.words([" ".join(TEXTS[:1] * 100)])
    text = " ".join(TEXTS[:1] * 100)
    windows = list(cut(text, words, 200))
    assert [span for one in windows for span in one.spans] == words.spans
    assert all(text[one.spans[-1][0]] in ".!?" for one in windows)
    for one in windows:
        start, end = one.spans[0][0], one.spans[-1][1]
        (alone,) = model.prompter.words([text[start:end]])
        assert (alone.ids, alone.first, alone.last) == (one.ids, one.first, one.last)


def test_inputs_of_like_length_are_grouped():
    lengths = [900, 5, 30, 20_000, 7, 8_000, 8_100]
    assert list(grouped(lengths, 3)) == [[1, 4, 2], [0, 5, 6], [3]]
    assert list(grouped(lengths, None)) == [[1, 4, 2, 0], [5, 6], [3]]
    assert list(grouped([], None)) == []


def test_labels_that_leave_no_room_are_refused(model):
    with pytest.raises(ModelError, match="ask for fewer labels at once"):
        model.predict(["Ada"], [f"person number {i}" for i in range(300)], RELATIONS)


def test_candidates_are_not_looked_for_beyond_the_window(model):
    with pytest.raises(ModelError, match="text 1 needs .* the model reads 512"):
        model.candidates(["Ada", "London " * 600], ENTITIES, RELATIONS, threshold=0.5)


def test_candidates_leave_out_pairs_that_no_relation_allows(model):
    pairable = np.zeros((3, 3), bool)
    pairable[0, 1] = True  # a person to a city
    scored = model.candidates(TEXTS[:1], ENTITIES, RELATIONS, threshold=0.7, pairable=pairable)[0]
    everything = model.candidates(TEXTS[:1], ENTITIES, RELATIONS, threshold=0.7)[0]
    assert 0 < len(scored.pairs) < len(everything.pairs)
    for head, tail in scored.pairs.tolist():
        assert scored.scores[head, 0] > 0.7
        assert scored.scores[tail, 1] > 0.7


def test_no_candidate_runs_over_a_blank_line(model):
    text = TEXTS[0].replace(" ", "\n \n")
    (prediction,) = model.predict([text], ENTITIES, [], threshold=0.5)
    assert any("\n \n" in mention.text for mention in prediction.mentions)
    (scored,) = model.candidates([text], ENTITIES, [], threshold=0.5)
    found = [text[start:end] for start, end in scored.spans.tolist()]
    assert found
    assert not any("\n \n" in words for words in found)


def test_without_relation_labels_only_mentions_are_found(model):
    (prediction,) = model.predict(TEXTS[:1], ENTITIES, [], threshold=0.6)
    assert prediction.mentions
    assert prediction.relations == ()


def test_relations_of_given_spans_score_as_those_of_found_ones(model):
    found = model.candidates(TEXTS, ENTITIES, RELATIONS, threshold=0.6)
    given = [[(start, end) for start, end in one.spans.tolist()] for one in found]
    scored = model.relation_scores(TEXTS, given, ENTITIES, RELATIONS)
    assert len(found[0].pairs) > 2
    for one, scores in zip(found, scored, strict=True):
        head, tail = one.pairs.T
        np.testing.assert_allclose(scores[head, tail], one.pair_scores, atol=1e-5)


def test_a_given_span_without_words_has_no_relations(model):
    (scores,) = model.relation_scores(["Ada  London"], [[(0, 3), (3, 5), (5, 11)]], [], RELATIONS)
    assert scores.shape == (3, 3, len(RELATIONS))
    assert (scores[[0, 2], [2, 0]] > 0).all()
    assert not scores[1].any()
    assert not scores[:, 1].any()
