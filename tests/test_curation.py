"""What people decide on entities: it holds whatever comes, and can be taken back exactly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import exported, ingested, open_graph, write

from kgbuild import QueryError, graph

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. Ada King works for Globex. Mary King.",
    "b.txt": "Ada Lovelace founded Initech. Augusta King married to Mary Shelley.",
    "c.txt": "Ada Lovelace works for Globex. Mary King founded Acme Corp.",
}


@pytest.fixture
def kg(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        yield kg


def names(kg) -> set[str]:
    return {entity.name for entity in kg.entities(type="person")}


def test_a_merge_makes_two_entities_one(kg):
    merged = kg.merge("Ada Lovelace", "Augusta King")

    assert (merged.name, merged.aliases) == ("Ada Lovelace", ("Augusta King",))
    assert {t.tail.name for t in kg.triples(head="Augusta King")} >= {"Initech", "Mary Shelley"}


def test_a_split_takes_a_document_s_namesake_out(kg):
    out, rest = kg.split("Ada Lovelace", documents=["b.txt"])

    assert (out.name, rest.name) == ("Ada Lovelace", "Ada Lovelace")
    assert [t.tail.name for t in kg.triples(head=out.id)] == ["Initech"]
    assert {t.tail.name for t in kg.triples(head=rest.id)} == {"Acme Corp", "Globex"}


def test_a_split_takes_a_name_out(kg):
    kg.merge("Ada Lovelace", "Ada King", "Augusta King")
    out, rest = kg.split("Ada Lovelace", names=["ada king"])

    assert (out.name, out.aliases) == ("Ada King", ())
    assert rest.aliases == ("Augusta King",)


def test_undo_brings_the_earlier_graph_back(kg):
    before = exported(kg, "jsonl")
    kg.merge("Ada Lovelace", "Augusta King")
    assert exported(kg, "jsonl") != before

    assert kg.undo().same
    assert exported(kg, "jsonl") == before
    with pytest.raises(QueryError, match="there is no decision to undo"):
        kg.undo()


def test_what_a_later_decision_builds_on_is_not_undone_before_it(kg):
    kg.merge("Ada Lovelace", "Augusta King")
    kg.merge("Mary King", "Mary Shelley")
    kg.merge("Augusta King", "Ada King")

    with pytest.raises(QueryError, match="decision 1 cannot be undone before decision 3"):
        kg.undo(1)
    assert kg.undo(2).number == 2
    assert "Mary King" in names(kg)


def test_decisions_survive_documents_that_change_move_and_come_back(kg, tmp_path):
    kg.merge("Ada Lovelace", "Augusta King")
    kg.split("Mary King", documents=["c.txt"])
    decided = exported(kg, "jsonl")

    kg.ingest([write(tmp_path / "docs", {"b.txt": "Augusta King married to Mary Shelley."})])
    assert [e.name for e in kg.entities("Augusta King")] == ["Ada Lovelace"]
    (tmp_path / "docs/b.txt").rename(tmp_path / "docs/z.txt")
    kg.ingest([tmp_path / "docs"])
    assert [e.name for e in kg.entities("Augusta King")] == ["Ada Lovelace"]
    (tmp_path / "docs/z.txt").unlink()
    kg.ingest([write(tmp_path / "docs", TEXTS)])
    assert exported(kg, "jsonl") == decided


def test_decisions_hold_when_all_documents_are_read_anew(kg, tmp_path):
    kg.merge("Ada Lovelace", "Augusta King")
    decided = exported(kg, "jsonl")
    kg.remove(*TEXTS)
    assert not list(kg.entities())

    kg.ingest([tmp_path / "docs"])
    assert exported(kg, "jsonl") == decided


def test_a_new_document_s_name_means_the_judged_thing(kg, tmp_path):
    kg.merge("Ada Lovelace", "Augusta King")
    kg.ingest([write(tmp_path / "docs", {"d.txt": "Augusta King works for Initech."})])
    assert [e.name for e in kg.entities("Augusta King")] == ["Ada Lovelace"]


def test_a_new_document_s_name_that_two_judged_things_have_is_a_question(kg, tmp_path):
    kg.split("Ada Lovelace", documents=["b.txt"])
    kg.ingest([write(tmp_path / "docs", {"d.txt": "Ada Lovelace works for Initech."})])

    assert len(list(kg.entities("Ada Lovelace"))) == 3
    [first, second] = [q for q in kg.questions() if q.left_name == "Ada Lovelace"]
    kg.answer([(first, True)])
    assert len(list(kg.entities("Ada Lovelace"))) == 2
    assert second.left_name not in {q.left_name for q in kg.questions()}


def test_the_later_of_two_decisions_that_disagree_holds(kg):
    kg.merge("Ada Lovelace", "Augusta King")
    kg.split("Ada Lovelace", names=["Augusta King"])
    assert "Augusta King" in names(kg)
    kg.merge("Ada Lovelace", "Augusta King")
    assert "Augusta King" not in names(kg)


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (lambda kg: kg.merge("Ada Lovelace", "Nobody"), "nothing in the graph is called 'Nobody'"),
        (lambda kg: kg.merge("Ada Lovelace", "ada lovelace"), "takes two different entities"),
        (lambda kg: kg.split("Ada Lovelace", names=["Ada"]), "none of the names"),
        (lambda kg: kg.split("Ada King", documents=["a.txt"]), "all of the names"),
        (lambda kg: kg.undo(7), "there is no decision 7"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(kg, decide, message):
    before = exported(kg, "jsonl")
    with pytest.raises(QueryError, match=message):
        decide(kg)
    assert exported(kg, "jsonl") == before


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["merge", "split", "undo"]), st.integers(0, 99), st.integers(0, 99)),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(OPERATIONS)
def test_any_sequence_of_decisions_is_taken_back_exactly(tmp_path_factory, operations):
    with ingested(tmp_path_factory.mktemp("any"), TEXTS) as kg:
        past = []
        for operation, first, second in operations:
            now = exported(kg, "jsonl") + exported(kg, "nt")
            if operation == "undo" and past:
                kg.undo()
                assert exported(kg, "jsonl") + exported(kg, "nt") == past.pop()
            elif operation != "undo" and decide(kg, operation, first, second):
                past.append(now)
        while past:
            kg.undo()
            assert exported(kg, "jsonl") + exported(kg, "nt") == past.pop()


def decide(kg, operation, first, second) -> bool:
    """Merge or split something; False if there is nothing to."""
    ids = sorted(entity.id for entity in kg.entities())
    one, other = ids[first % len(ids)], ids[second % len(ids)]
    try:
        if operation == "merge":
            has = {name.key for id in (one, other) for name in kg.entity(id).names}
            merged = kg.merge(one, other)
            assert {name.key for name in kg.entity(merged.id).names} >= has
        else:
            name = kg.entity(one).names[second % len(kg.entity(one).names)]
            out, rest = kg.split(one, names=[name.text], documents=[name.document_id])
            assert name.key in {name.key for name in kg.entity(out.id).names}
            assert name.key not in {name.key for name in kg.entity(rest.id).names}
    except QueryError:
        return False
    return True


def test_a_killed_decision_is_completed_by_the_next_run(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        update, kg._update = kg._update, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            kg.merge("Ada Lovelace", "Augusta King")
        kg._update = update
    with open_graph(tmp_path / "kg") as kg:
        kg.ingest([tmp_path / "docs"])
        assert "Augusta King" not in names(kg)


def test_a_thing_is_still_one_after_its_documents_were_renamed_and_it_was_merged_again(tmp_path):
    texts = {
        "a.txt": "Ada Lovelace works for Globex.",
        "b.txt": "Mary Shelley works for Initech.",
        "c.txt": "Grace Hopper works for Acme Corp.",
    }
    with ingested(tmp_path, texts) as kg:
        kg.merge("Ada Lovelace", "Mary Shelley")
        for name in ("a.txt", "b.txt"):
            (tmp_path / "docs" / name).rename(tmp_path / "docs" / f"new {name}")
        kg.ingest([tmp_path / "docs"])
        kg.merge("Ada Lovelace", "Grace Hopper")
        kg.ingest([write(tmp_path / "docs", {"d.txt": "Ada Lovelace founded C1."})])

        [ada] = kg.entities("Ada Lovelace")
        assert ada.aliases == ("Grace Hopper", "Mary Shelley")


def test_decisions_on_documents_that_come_and_go_can_all_be_taken_back(tmp_path):
    texts = {
        "a.txt": "Ada Lovelace works for Globex.",
        "b.txt": "Mary Shelley works for Initech.",
        "d.txt": "Charles Clarke works for C1. Joan Clarke works for C1.",
    }
    with ingested(tmp_path, texts) as kg:
        kg.merge("Ada Lovelace", "Charles Clarke")
        kg.merge("Mary Shelley", "Joan Clarke")
        kg.remove("d.txt")
        kg.merge("Ada Lovelace", "Mary Shelley")
        kg.ingest([write(tmp_path / "docs", {"d.txt": texts["d.txt"] + " Clarke King."})])
        kg.undo()

        things = [{e.name, *e.aliases} for e in kg.entities(type="person")]
        assert {"Ada Lovelace", "Charles Clarke"} in things
        assert {"Mary Shelley", "Joan Clarke"} in things


def test_a_run_that_ends_before_the_graph_is_made_is_made_up_for(tmp_path, monkeypatch):
    known = tmp_path / "known.csv"
    known.write_text("id,type,name,aliases\nQ7259,person,Ada Lovelace,Augusta King\n")
    with ingested(tmp_path, TEXTS) as kg:
        with monkeypatch.context() as patch:
            patch.setattr(graph, "assemble", interrupted)
            with pytest.raises(KeyboardInterrupt):
                kg.ingest([tmp_path / "docs"], known=known)
        kg.ingest([tmp_path / "docs"], known=known)

        assert [e.id for e in kg.entities("Augusta King")] == ["Q7259"]


def test_an_answer_comes_too_late_when_the_documents_are_gone(tmp_path):
    texts = {
        "a.txt": "Katherine Johnson works for Globex.",
        "b.txt": "Kathrine Johnson works for Initech.",
        "c.txt": "Ada Lovelace works for Globex.",
    }
    with ingested(tmp_path, texts) as kg:
        [question] = kg.questions()
        kg.remove("a.txt")

        with pytest.raises(QueryError, match="have changed meanwhile; review again"):
            kg.answer([(question, True)])
        with pytest.raises(QueryError, match="there is no decision to undo"):
            kg.undo()


def interrupted(*_):
    raise KeyboardInterrupt
