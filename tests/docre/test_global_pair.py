import pytest
import torch
from tokenizers import Tokenizer

from kgbuild.errors import ModelError
from kgbuild.models.docre.documents import GivenDocument, GivenEntity, RelationLabels
from kgbuild.models.docre.global_pair import GlobalPair, Options


def make(transformer, tokenizer, labels, **options) -> GlobalPair:
    torch.manual_seed(3)
    return GlobalPair(transformer, tokenizer, labels, Options(**options)).eval()


def score(system: GlobalPair, document: GivenDocument, labels: RelationLabels) -> torch.Tensor:
    with torch.inference_mode():
        return system([document], [document.pairs], labels)[0].logits


@pytest.fixture
def system(transformer, tokenizer: Tokenizer, labels) -> GlobalPair:
    return make(transformer, tokenizer, labels)


def test_a_pair_is_the_document_and_the_names_of_head_and_tail(system, given, labels) -> None:
    text = "Ada Lovelace (Ada) lived in London."
    spans = ((text.index("(Ada") + 1, text.index(")")), (0, 12), (0, 12))
    document = GivenDocument(
        text, (GivenEntity("person", spans), GivenEntity("place", ((28, 34),)))
    )
    ids, encoder = system.encoder.ids, system.encoder
    names = ids("Ada Lovelace | Ada"), ids("London")
    whole = encoder.assemble(ids(text), *names)
    kinds = torch.ones(len(whole), dtype=torch.long)
    kinds[: len(ids(text)) + 2] = 0
    with torch.no_grad():
        begin = encoder.transformer(whole[None], token_type_ids=kinds[None])[0][0, 0]
        expected = system.classifier(torch.tanh(system.pooler(begin)))
    torch.testing.assert_close(score(system, document, labels)[0], expected)


def test_of_a_long_document_the_best_window_counts(transformer, tokenizer, labels, given) -> None:
    system = make(transformer, tokenizer, labels, window=24, overlap=4)
    document = given("Ada knew London well. " * 6, ("Ada",), ("London",))
    ids = system.encoder.ids(document.text)
    names = system.encoder.ids("Ada"), system.encoder.ids("London")
    body = 20 - len(names[0]) - len(names[1])
    starts = [*range(0, len(ids) - body, body - 4), len(ids) - body]
    assert len(starts) > 2
    logits = []
    for start in starts:
        whole = system.encoder.assemble(ids[start : start + body], *names)
        with torch.no_grad():
            begin = system.encoder.read_at([whole], torch.tensor([[0]]))[0, 0]
            logits.append(system.classifier(torch.tanh(system.pooler(begin))))
    expected = torch.stack(logits).amax(dim=0)
    torch.testing.assert_close(score(system, document, labels)[0], expected, atol=2e-5, rtol=1e-4)


def test_before_it_learns_no_relation_is_likely(system, documents, labels) -> None:
    assert (score(system, documents[0], labels) < 0).all()


def test_of_a_pair_with_one_relation_the_best_is_above_no_relation(
    transformer, tokenizer, labels, documents, targets
) -> None:
    system = make(transformer, tokenizer, labels, softmax=True)
    scores = system(documents[1:2], [documents[1].pairs], labels)
    classes = torch.cat([torch.zeros(2, 1), scores[0].logits], dim=1)
    wanted = torch.tensor([3, 0])  # Babbage lives in London, London nowhere
    expected = torch.nn.functional.cross_entropy(classes, wanted)
    torch.testing.assert_close(system.loss(scores, targets[1:2]), expected)


# --- frozen


def test_a_pair_with_one_relation_at_the_most_has_the_best(transformer, tokenizer, labels) -> None:
    odds = torch.tensor([[3.0, 2.0, 1.0], [-1.0, -2.0, -3.0]])
    single = make(transformer, tokenizer, labels, softmax=True)
    assert single.likely(odds).tolist() == [[True, False, False], [False] * 3]
    assert make(transformer, tokenizer, labels).likely(odds)[0].all()


def test_a_frozen_encoder_does_not_learn_and_reads_a_pair_once(
    transformer, tokenizer, labels, documents, targets
) -> None:
    system = make(transformer, tokenizer, labels, frozen=True).train()
    assert not system.encoder.training
    before = score(system.eval(), documents[0], labels)
    calls = []
    transformer.register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(score(system, documents[0], labels), before)
    system.train()
    system.loss(system(documents[:1], [documents[0].pairs], labels), targets[:1]).backward()
    assert not calls
    assert all(weight.grad is None for weight in transformer.parameters())
    assert system.classifier.weight.grad is not None


def test_a_frozen_encoder_scores_what_any_does(transformer, tokenizer, labels, documents) -> None:
    frozen, free = (make(transformer, tokenizer, labels, frozen=f) for f in (True, False))
    assert torch.equal(score(frozen, documents[0], labels), score(free, documents[0], labels))


# --- controls


def test_without_the_document_only_names_count(transformer, tokenizer, labels, given) -> None:
    system = make(transformer, tokenizer, labels, sees="entities")
    one, other = (given(f"{w} saw London.", ("London",), (w,)) for w in ("Ada", "Ada never"))
    same = GivenDocument("London, Ada", (GivenEntity("x", ((0, 6),)), GivenEntity("x", ((8, 11),))))
    assert torch.equal(score(system, one, labels), score(system, same, labels))
    assert not torch.equal(score(system, one, labels), score(system, other, labels))


def test_without_entities_all_pairs_are_alike(transformer, tokenizer, labels, documents) -> None:
    logits = score(make(transformer, tokenizer, labels, sees="document"), documents[0], labels)
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))


def test_a_shuffled_document_is_always_shuffled_alike(
    transformer, tokenizer, labels, documents
) -> None:
    first, again, straight = (
        score(make(transformer, tokenizer, labels, sees=sees), documents[0], labels)
        for sees in ("shuffled", "shuffled", "all")
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, straight)


def test_there_is_nothing_else_to_see(transformer, tokenizer, labels) -> None:
    with pytest.raises(ModelError, match="global-pair sees 'stars'; known are all, entities"):
        make(transformer, tokenizer, labels, sees="stars")
