import json

import pytest

from kgbuild.datatypes import Document
from kgbuild.decoding import decode
from kgbuild.errors import ModelError
from kgbuild.extraction import Extractor, coverage, fingerprint_of, model_id
from kgbuild.ontology import Ontology

ONTOLOGY = Ontology.parse("""
name: test
entities: [person, city, engine]
relations:
  works with: {head: person, tail: person}
  in: {head: person, tail: city}
""")
TEXT = "Ada Lovelace wrote about the analytical engine. Charles Babbage works in London! "


@pytest.fixture
def model_folder(checkpoint_folder, tmp_path):
    """The untrained checkpoint with thresholds that let about half of everything through."""
    for path in checkpoint_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    settings = {"threshold": 0.6, "relation_threshold": 0.6, "text_tokens": 60}
    (tmp_path / "kgbuild.json").write_text(json.dumps(settings))
    return tmp_path


@pytest.fixture
def extractor(model_folder):
    return Extractor(model_folder, ONTOLOGY, device="cpu")


def extract(extractor, *texts):
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    return list(extractor.extract(documents))


def test_every_offset_points_into_the_document(extractor):
    (found,) = extract(extractor, TEXT * 20)
    assert len(found.chunks) > 5
    assert len(found.extraction.mentions) > 20
    assert found.extraction.relations
    for one in (*found.extraction.mentions, *found.chunks):
        assert found.document.text[one.start : one.end] == one.text


def test_all_of_a_long_document_is_read(extractor):
    (found,) = extract(extractor, TEXT * 50)
    assert found.extraction.coverage == 1.0
    assert max(m.end for m in found.extraction.mentions) > len(TEXT) * 49


def test_relations_keep_to_the_ontology(extractor):
    (found,) = extract(extractor, TEXT * 5)
    for relation in found.extraction.relations:
        assert ONTOLOGY.allows(relation.type, relation.head.type, relation.tail.type)


def test_mentions_do_not_overlap_though_chunks_do(extractor):
    (found,) = extract(extractor, "Ada wrote about London in person. " * 30)
    assert any(a.end > b.start for a, b in zip(found.chunks, found.chunks[1:], strict=False))
    mentions = found.extraction.mentions
    assert all(a.end <= b.start for a, b in zip(mentions, mentions[1:], strict=False))


def test_documents_come_back_in_order_and_apart(extractor):
    alone = [extract(extractor, text)[0] for text in (TEXT * 3, TEXT)]
    together = extract(extractor, TEXT * 3, "", "  \n", TEXT)
    assert [found.document.id for found in together] == ["d0", "d1", "d2", "d3"]
    assert [len(found.chunks) for found in together][1:3] == [0, 0]
    for one, other in zip(alone, (together[0], together[3]), strict=True):
        assert [(m.span, m.score) for m in one.extraction.mentions] == [
            (m.span, m.score) for m in other.extraction.mentions
        ]


def test_documents_are_read_as_they_are_needed(extractor):
    taken = []

    def endless():
        for i in range(10**9):
            taken.append(i)
            yield Document(str(i), TEXT)

    next(extractor.extract(endless()))
    assert len(taken) < 300


def test_one_document_that_fails_does_not_stop_the_others(extractor, monkeypatch):
    model = extractor._model
    score = model.candidates

    def fail_on_babbage(texts, *labels, **settings):
        if any("Babbage" in text for text in texts):
            raise RuntimeError("out of memory")
        return score(texts, *labels, **settings)

    monkeypatch.setattr(model, "candidates", fail_on_babbage)
    good, bad, also_good = extract(extractor, "Ada wrote.", "Babbage wrote.", "London.")
    assert bad.extraction is None
    assert bad.error == "out of memory"
    assert good.extraction is not None
    assert also_good.extraction is not None


def test_an_ontology_too_large_for_one_prompt_is_asked_for_in_several(model_folder):
    entities = [f"{name} number {i}" for i in range(12) for name in ("person", "city", "engine")]
    large = Ontology.parse(f"name: large\nentities: {entities}")
    (found,) = extract(Extractor(model_folder, large, device="cpu"), TEXT)
    assert found.extraction.mentions
    assert found.extraction.coverage == 1.0


def test_a_type_has_its_own_threshold(model_folder):
    strict = Ontology.parse(
        "name: s\nentities:\n  person: {threshold: 1.0}\n  city: {}\n  engine: {}"
    )
    (found,) = extract(Extractor(model_folder, strict, device="cpu"), TEXT * 5)
    assert {m.type for m in found.extraction.mentions} == {"city", "engine"}


def test_the_fingerprint_tells_models_and_ontologies_apart(model_folder, checkpoint_folder):
    other = Ontology.parse("name: test\nentities: [person]")
    prints = {
        fingerprint_of(model_folder, ONTOLOGY),
        fingerprint_of(model_folder, other),
        fingerprint_of(checkpoint_folder, ONTOLOGY),
    }
    assert len(prints) == 3
    assert model_id(model_folder).startswith(model_folder.name + "@")


def test_settings_that_are_not_settings_are_refused(model_folder):
    (model_folder / "kgbuild.json").write_text('{"treshold": 0.5}')
    with pytest.raises(ModelError, match="kgbuild.json"):
        Extractor(model_folder, ONTOLOGY, device="cpu")


def test_coverage_counts_characters_that_are_not_white_space():
    from kgbuild.datatypes import Chunk

    text = "ab cd  ef"
    assert coverage(text, [Chunk("d", 0, 0, 5, "ab cd")]) == pytest.approx(4 / 6)
    assert coverage(text, [Chunk("d", 0, 0, 5, "ab cd"), Chunk("d", 1, 3, 9, "cd  ef")]) == 1.0
    assert coverage(" \n", []) == 1.0


def test_candidates_are_what_the_extraction_is_decoded_from(extractor):
    document = Document("d", TEXT * 3)
    (candidates,) = extractor.candidates([document])
    (found,) = extract(extractor, document.text)
    mentions, relations = decode("d", document.text, candidates, ONTOLOGY, extractor.model_id)
    assert [m.span for m in mentions] == [m.span for m in found.extraction.mentions]
    assert len(relations) == len(found.extraction.relations)


def test_relations_between_given_spans_score_as_between_found_ones(extractor):
    document = Document("d", TEXT * 3)
    (candidates,) = extractor.candidates([document])
    given = extractor.relations_between(document, list(candidates.types))
    assert candidates.relations
    assert {edge: given[edge] for edge in candidates.relations} == pytest.approx(
        candidates.relations, abs=1e-4
    )
    assert extractor.relations_between(Document("d", ""), []) == {}
