"""Documents of any length, read in windows."""

from dataclasses import replace

import pytest
import torch

from kgbuild.errors import ModelError
from kgbuild.models.docre.document_encoder import DocumentEncoder, cut
from kgbuild.models.docre.documents import GivenDocument, GivenEntity

LONG = " ".join(f"Ada works in London with engine {i}." for i in range(12))
WINDOW, OVERLAP = 22, 8


def test_mentions_are_where_their_words_are(transformer, tokenizer, given) -> None:
    document = given("🚢 Žofie wrote about the engine.", ("Žofie",), ("engine",))
    read = DocumentEncoder(transformer, tokenizer).tokenize(document)
    words = [
        tokenizer.decode(read.ids[first : last + 1].tolist())
        for first, last in zip(read.first, read.last, strict=True)
    ]
    assert words[0].replace(" ##", "").replace("##", "").replace(" ", "") == "zofie"
    assert words[1] == "engine"
    assert read.entity.tolist() == [0, 1]


def test_markers_stand_around_mentions_also_nested_ones(transformer, tokenizer, given) -> None:
    document = given("in london city engine", ("london city", "city"), ("london",))
    read = DocumentEncoder(transformer, tokenizer, marked=True).tokenize(document)
    tokens = [tokenizer.id_to_token(i) for i in read.ids.tolist()]
    assert tokens == ["in", "*", "*", "london", "*", "*", "city", "*", "*", "engine"]
    assert read.first.tolist() == [1, 5, 2]
    assert read.last.tolist() == [6, 6, 3]


def test_mentions_of_one_place_share_their_markers(transformer, tokenizer, given) -> None:
    encoder = DocumentEncoder(transformer, tokenizer, marked=True)
    one, other = ("Ada", "Ada"), ("Ada", "London")
    first = encoder.tokenize(given("Ada knew London.", one, other))
    second = encoder.tokenize(given("Ada knew London.", other, one))
    assert torch.equal(first.ids, second.ids)
    assert (first.ids == tokenizer.token_to_id("*")).sum() == 4
    assert first.entity.tolist() == [0, 1, 1]
    assert first.first[0] == first.first[1] == second.first[2]


def test_a_marker_is_of_the_sentence_of_its_mention(transformer, tokenizer, given) -> None:
    document = given("ada works in london city engine", ("london",), ("ada",), ("city",))
    assert DocumentEncoder(transformer, tokenizer, marked=True).tokenize(document).sentence is None
    told = replace(document, sentences=((0, 3), (4, 19), (20, 24)))
    plain = DocumentEncoder(transformer, tokenizer).tokenize(told)
    assert plain.sentence.tolist() == [0, 1, 1, 1, 2, -1]
    marked = DocumentEncoder(transformer, tokenizer, marked=True).tokenize(told)
    tokens = [tokenizer.id_to_token(i) for i in marked.ids.tolist()]
    assert " ".join(tokens) == "* ada * works in * london * * city * engine"
    assert marked.sentence.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, -1]


def test_a_document_of_no_tokens_has_one_in_no_sentence(transformer, tokenizer) -> None:
    blank = GivenDocument("   ", (GivenEntity("entity", ((0, 1),)),), ((0, 3),))
    read = DocumentEncoder(transformer, tokenizer, marked=True).tokenize(blank)
    assert (len(read.ids), read.sentence.tolist()) == (1, [-1])


def test_windows_cover_a_text_and_overlap() -> None:
    assert cut(10, 20, 6) == [(0, 10)]
    assert cut(20, 20, 6) == [(0, 20)]
    assert cut(21, 20, 6) == [(0, 20), (1, 21)]
    assert cut(40, 20, 6) == [(0, 20), (14, 34), (20, 40)]


def test_an_overlap_as_large_as_a_window_is_refused(transformer, tokenizer) -> None:
    with pytest.raises(ModelError, match="windows of 64 tokens cannot overlap by 128"):
        DocumentEncoder(transformer, tokenizer, window=64)


def test_a_text_of_one_window_is_read_as_it_is(transformer, tokenizer, given) -> None:
    document = given("Ada wrote about London.", ("Ada",))
    (states,) = DocumentEncoder(transformer, tokenizer)([document])
    ids = torch.tensor([tokenizer.encode(document.text).ids])
    torch.testing.assert_close(states.tokens, transformer(ids)[0][0, 1:-1])


@pytest.mark.parametrize("marked", [True, False])
def test_windows_merge_as_a_plain_computation_in_float64_says(
    transformer, tokenizer, given, marked: bool
) -> None:
    document = given(LONG, ("Ada", "engine 6"), ("engine 11",))
    encoder = DocumentEncoder(
        transformer, tokenizer, window=WINDOW, overlap=OVERLAP, marked=marked
    ).eval()
    with torch.no_grad():
        (found,) = encoder([document], attention=True)
    read = encoder.tokenize(document)
    n, body = len(read.ids), WINDOW - 2
    tokens, weights = torch.zeros(n, 32).double(), torch.zeros(n).double()
    rows = torch.zeros(3, 4, n).double()
    transformer.set_attn_implementation("eager")
    starts = [*range(0, n - body, body - OVERLAP), n - body]
    assert len(starts) > 5
    for start in starts:
        ids = [2, *read.ids[start : start + body].tolist(), 3]  # [CLS] … [SEP]
        with torch.no_grad():
            out = transformer.double()(torch.tensor([ids]), output_attentions=True)
        for i in range(body):
            weight = min(i + 1, body - i)
            tokens[start + i] += weight * out[0][0, 1 + i]
            weights[start + i] += weight
        for mention, first in enumerate(read.first.tolist()):
            if start <= first < start + body:
                weight = min(first - start + 1, body - first + start)
                row = out.attentions[-1][0, :, 1 + first - start, 1:-1]
                rows[mention, :, start : start + body] += weight * row
    tokens = tokens / weights[:, None]
    rows = rows / rows.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(found.tokens.double(), tokens, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.attention.double(), rows, atol=1e-5, rtol=1e-4)


def test_documents_of_a_batch_do_not_disturb_each_other(transformer, tokenizer, given) -> None:
    documents = [given(LONG, ("Ada",), ("engine 11",)), given("Ada.", ("Ada",)), given("")]
    encoder = DocumentEncoder(transformer, tokenizer, window=WINDOW, overlap=OVERLAP).eval()
    with torch.no_grad():
        together = encoder(documents, attention=True)
        for document, states in zip(documents, together, strict=True):
            (alone,) = encoder([document], attention=True)
            torch.testing.assert_close(states.tokens, alone.tokens, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(states.attention, alone.attention, atol=1e-5, rtol=1e-4)
