"""The door: what a folder of documents becomes, and stays, whatever happens on the way."""

import io
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from itertools import permutations

import pytest
import reading
from reading import ONTOLOGY, Reader, open_graph, write

from kgbuild import DocumentError, Entity, KnowledgeGraph, Literal, Ontology, QueryError, StoreError

TEXTS = {
    "1900.txt": "Ada Lovelace works for Acme Corp. Mary Shelley married to Percy Shelley.",
    "1901.txt": "It is said: Ada Lovelace works for Acme Corp.\n\nAda Lovelace founded Globex.",
    "deep/1902.txt": "Percy Shelley married to Mary Shelley. Globex founded on 1 May 1843.",
}

SMALLER = "entities: [person, company]\nrelations: [[person, works for, company]]"


@pytest.fixture
def docs(tmp_path):
    return write(tmp_path / "docs", TEXTS)


@pytest.fixture
def kg(tmp_path):
    with open_graph(tmp_path / "kg") as kg:
        yield kg


def exported(kg, format="nt"):
    out = io.BytesIO()
    kg.export(format, out)
    return out.getvalue()


def edges(kg):
    return {
        (t.head.name, t.type, t.tail.name if isinstance(t.tail, Entity) else t.tail.value)
        for t in kg.triples()
    }


def test_facts_of_all_documents_become_one_graph(kg, docs):
    report = kg.ingest([docs])

    assert (report.read, report.entities, report.triples) == (3, 5, 4)
    assert edges(kg) == {
        ("Ada Lovelace", "works for", "Acme Corp"),
        ("Ada Lovelace", "founded", "Globex"),
        ("Globex", "founded on", "1843-05-01"),
        ("Mary Shelley", "married to", "Percy Shelley"),
    }


def test_every_quote_and_span_is_the_text_of_its_document(kg, docs):
    kg.ingest([docs])

    found = [(triple, evidence) for triple in kg.triples() for evidence in triple.evidence]
    assert len(found) == 6
    for triple, evidence in found:
        text = (docs / evidence.document_id).read_text()
        assert text[evidence.start : evidence.end] == evidence.quote
        assert text[slice(*evidence.head)] == triple.head.name
        assert evidence.start <= evidence.head[0] < evidence.head[1] <= evidence.end
        assert evidence.start <= evidence.tail[0] < evidence.tail[1] <= evidence.end


def test_documents_corroborate_each_other(kg, docs):
    kg.ingest([docs])

    triple = kg.explain("ada lovelace", "works for", "ACME CORP")
    first, second = triple.evidence
    assert (first.document_id, second.document_id) == ("1900.txt", "1901.txt")
    assert triple.score == pytest.approx(1 - (1 - first.score) * (1 - second.score), abs=1e-6)


def test_a_value_is_found_as_it_is_written(kg, docs):
    kg.ingest([docs])

    assert kg.explain("Globex", "founded on", "1 May 1843").tail == Literal("1843-05-01", "date")


def test_a_second_run_reads_nothing_and_changes_nothing(kg, docs, tmp_path):
    kg.ingest([docs])
    before = exported(kg)

    with open_graph(tmp_path / "kg", extractor=(reader := Reader())) as again:
        report = again.ingest([docs])
        assert (report.read, report.unchanged, reader.read) == (0, 3, [])
        assert report.triples == 4
        assert exported(again) == before


def test_the_order_of_files_and_of_runs_does_not_matter(kg, docs, tmp_path):
    kg.ingest([docs])
    paths = sorted(path for path in docs.rglob("*") if path.is_file())

    with open_graph(tmp_path / "other") as other:
        other.ingest([docs / "deep", docs / "1901.txt"])
        other.ingest([*reversed(paths)])
        for format in ("nt", "turtle", "jsonl", "graphml"):
            assert exported(other, format) == exported(kg, format)


def test_documents_one_by_one_in_any_order_end_in_the_same_entities(tmp_path):
    texts = {
        "1.txt": "Ada Lovelace works for Acme Corp. Volodymyr Zelensky works for Globex.",
        "2.txt": "Volodymyr Zelenskyy founded Acme Corp. Ada Lovelace founded Globex.",
        "3.txt": "Ada Lovelacee works for Initech. Volodymir Zelensky married to Ada Lovelace.",
    }
    docs = write(tmp_path / "docs", texts)
    graphs = set()
    for order in permutations(texts):
        with open_graph(tmp_path / "-".join(order)) as kg:
            for name in order:
                kg.ingest([docs / name])
            graphs.add(exported(kg, "jsonl"))
    assert len(graphs) == 1


def recorded(folder):
    """How many documents a graph holds that another process is writing."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/ledger.sqlite?mode=ro", uri=True)) as ledger:
            return ledger.execute("SELECT count(*) FROM documents").fetchone()[0]
    except sqlite3.Error:  # not made yet
        return 0


def test_a_killed_run_is_continued_to_the_same_graph(tmp_path):
    texts = {f"{i:03}.txt": f"Ada Lovelace works for C{i % 50}." for i in range(200)}
    docs = write(tmp_path / "docs", texts)
    with open_graph(tmp_path / "whole") as whole:
        whole.ingest([docs])
        expected = exported(whole)

    command = [sys.executable, reading.__file__, str(tmp_path / "kg"), str(docs), "0.003"]
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(command)
        until = time.monotonic() + 60
        while not recorded(tmp_path / "kg") and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()

    with open_graph(tmp_path / "kg") as kg:
        report = kg.ingest([docs])
        assert report.read + report.unchanged == 200
        assert report.unchanged > 0
        assert exported(kg) == expected


def test_a_run_killed_before_the_graph_was_built_is_completed_by_the_next(tmp_path, docs):
    with open_graph(tmp_path / "kg") as kg:
        kg._update = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            kg.ingest([docs])

    with open_graph(tmp_path / "kg", extractor=(reader := Reader())) as kg:
        assert kg.ingest([docs]).triples == 4
        assert reader.read == []


def test_removing_a_document_takes_back_what_it_alone_says(kg, docs):
    kg.ingest([docs])

    assert kg.remove("1901.txt", "never there") == 1
    assert edges(kg) == {
        ("Ada Lovelace", "works for", "Acme Corp"),
        ("Globex", "founded on", "1843-05-01"),
        ("Mary Shelley", "married to", "Percy Shelley"),
    }
    assert [
        e.document_id for e in kg.explain("Ada Lovelace", "works for", "Acme Corp").evidence
    ] == ["1900.txt"]


def test_removing_everything_leaves_nothing(kg, docs):
    kg.ingest([docs])
    kg.remove(*TEXTS)

    stats = kg.stats()
    assert (stats.documents, stats.chunks, stats.mentions, stats.entities, stats.triples) == (
        0,
    ) * 5


def test_a_changed_file_is_replaced_and_a_deleted_one_forgotten(kg, docs):
    kg.ingest([docs])
    (docs / "1901.txt").write_text("Ada Lovelace works for Initech.")
    (docs / "1900.txt").unlink()

    report = kg.ingest([docs])

    assert (report.read, report.unchanged, report.removed) == (1, 1, 1)
    assert edges(kg) == {
        ("Ada Lovelace", "works for", "Initech"),
        ("Globex", "founded on", "1843-05-01"),
        ("Mary Shelley", "married to", "Percy Shelley"),
    }


def test_other_folders_are_left_alone(kg, docs, tmp_path):
    other = write(tmp_path / "docs-2", {"other.txt": "Ada Lovelace works for Initech."})
    kg.ingest([docs])
    report = kg.ingest([other])

    assert (report.read, report.removed) == (1, 0)
    assert kg.stats().documents == 4


def test_a_document_that_fails_is_reported_and_the_others_go_on(kg, docs):
    kg.ingest([docs])
    (docs / "1901.txt").write_text("BROKEN Ada Lovelace works for Initech.")
    (docs / "empty.txt").write_text("")

    report = kg.ingest([docs])

    assert (report.read, report.unchanged, report.failed) == (0, 2, 2)
    assert dict(report.failures)["1901.txt"] == "the model gave up"
    assert "empty" in dict(report.failures)["empty.txt"]
    assert ("Ada Lovelace", "founded", "Globex") not in edges(kg)  # no text says so any more
    assert kg.stats().failed == 2

    (docs / "1901.txt").write_text(TEXTS["1901.txt"])
    (docs / "empty.txt").unlink()
    assert kg.ingest([docs]).failures == []
    assert kg.stats().failed == 0


def test_an_id_that_belongs_to_another_file_is_refused(kg, tmp_path):
    here = write(tmp_path / "here", {"a.txt": "Ada Lovelace works for Globex."})
    there = write(tmp_path / "there", {"a.txt": "Ada Lovelace works for Initech."})
    kg.ingest([here])
    report = kg.ingest([there])

    [(document, reason)] = report.failures
    assert document == "a.txt"
    assert str(here / "a.txt") in reason
    assert edges(kg) == {("Ada Lovelace", "works for", "Globex")}

    (here / "a.txt").unlink()
    kg.ingest([there])
    assert edges(kg) == {("Ada Lovelace", "works for", "Initech")}


def test_a_moved_file_is_not_read_again(kg, docs, tmp_path):
    kg.ingest([docs])
    docs.rename(tmp_path / "moved")

    report = kg.ingest([tmp_path / "moved"])
    assert (report.read, report.unchanged, report.removed) == (0, 3, 0)
    (tmp_path / "moved/1901.txt").unlink()
    assert kg.ingest([tmp_path / "moved"]).removed == 1


def test_another_ontology_reads_everything_again_even_from_elsewhere(tmp_path, docs):
    with open_graph(tmp_path / "kg") as kg:
        kg.ingest([docs])
    smaller = Ontology.parse(
        "entities: [person, company]\nrelations: [[person, works for, company]]"
    )
    new = write(tmp_path / "new", {"new.txt": "Mary Shelley works for Globex."})

    with open_graph(tmp_path / "kg", ontology=smaller, extractor=Reader("reader 2")) as kg:
        report = kg.ingest([new])
        assert report.read == 4
        assert {relation for _, relation, _ in edges(kg)} == {"works for"}
        assert report.dropped == {
            "mentions of a type not in the ontology": 1,
            "relations of a type not in the ontology": 4,
        }
    with KnowledgeGraph.open(tmp_path / "kg") as kg:
        assert kg.ontology == smaller


def test_what_is_not_in_the_graph_is_counted(kg, tmp_path):
    docs = write(tmp_path / "docs", {"a.txt": "Ada Lovelace married to Ada Lovelace."})
    report = kg.ingest([docs])

    assert (report.relations, report.triples) == (1, 0)
    assert report.dropped == {"relations of a thing with itself": 1}
    assert kg.stats().dropped == report.dropped


def test_the_report_for_scripts(kg, docs):
    report = kg.ingest([docs]).to_json()

    assert report["documents"] == {"read": 3, "unchanged": 0, "failed": 0, "removed": 0}
    assert (report["chunks"], report["coverage"]) == (3, 1.0)
    assert {"mentions", "relations", "entities", "triples", "seconds"} <= report.keys()


def test_only_one_process_writes(docs, tmp_path):
    class Rival(Reader):
        def extract(self, documents):
            command = [sys.executable, reading.__file__, str(tmp_path / "kg"), str(docs)]
            self.rival = subprocess.run(command, capture_output=True, text=True, check=False)
            yield from super().extract(documents)

    with open_graph(tmp_path / "kg", extractor=(reader := Rival())) as kg:
        assert kg.ingest([docs]).triples == 4
    assert "another process is writing to this graph" in reader.rival.stderr


def test_readers_keep_the_graph_they_had_until_the_new_one_is_whole(kg, docs, tmp_path):
    kg.ingest([docs])
    before = exported(kg, "jsonl")
    (docs / "1900.txt").write_text("Ada Lovelace works for Initech.")

    class Watching(Reader):
        def extract(self, documents):
            yield from super().extract(documents)
            with KnowledgeGraph.open(tmp_path / "kg") as other:
                assert exported(other, "jsonl") == before

    with open_graph(tmp_path / "kg", extractor=Watching()) as writer:
        writer.ingest([docs])
    assert exported(kg, "jsonl") != before


def test_a_file_is_kept_in_step_with_the_graph(docs, tmp_path):
    with open_graph(tmp_path / "kg", store=str(tmp_path / "graph.nt")) as kg:
        kg.ingest([docs])
        assert (tmp_path / "graph.nt").read_bytes() == exported(kg)
        kg.remove("1901.txt")
        assert (tmp_path / "graph.nt").read_bytes() == exported(kg)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("Ada Lovelac", "works for", "Globex"), "near are 'Ada Lovelace'"),
        (("Zzz", "works for", "Globex"), "nothing in the graph is called 'Zzz'$"),
        (("Ada Lovelace", "works at", "Globex"), "no relation 'works at'; it has .*works for"),
        (("Ada Lovelace", "works for", "Globex"), "but to 'Acme Corp'"),
        (("Acme Corp", "works for", "Globex"), "'Acme Corp' has no 'works for' in this graph"),
    ],
)
def test_what_cannot_be_explained_is_answered_with_what_is_near(kg, docs, question, answer):
    kg.ingest([docs])
    with pytest.raises(QueryError, match=answer):
        kg.explain(*question)


def test_a_path_that_does_not_exist_stops_before_anything_is_done(kg, docs, tmp_path):
    with pytest.raises(DocumentError, match="nowhere"):
        kg.ingest([docs, tmp_path / "nowhere"])
    assert kg.stats().documents == 0


def test_a_new_graph_needs_an_ontology(docs, tmp_path):
    with (
        KnowledgeGraph.open(tmp_path / "kg") as kg,
        pytest.raises(StoreError, match="with an ontology"),
    ):
        kg.ingest([docs])


def test_a_graph_remembers_its_ontology(kg, docs, tmp_path):
    kg.ingest([docs])
    with open_graph(tmp_path / "kg", ontology=None) as again:
        assert again.ontology == ONTOLOGY
        assert again.ingest([docs]).unchanged == 3


@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    peaks = []
    for size in (1_000, 10_000):
        folder = tmp_path / str(size)
        folder.mkdir()
        with (folder / "docs.jsonl").open("w") as file:
            for i in range(size):
                file.write(f'{{"text": "Ada Lovelace works for C{i % 300}. Nothing else."}}\n')
        script = (
            "import resource, runpy, sys; sys.argv = sys.argv[1:];"
            "runpy.run_path(sys.argv[0], run_name='__main__');"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", script, reading.__file__, str(folder / "kg"), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.3 * peaks[0]
