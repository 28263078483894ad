"""The ledger: what is recorded, what a kill leaves, and files that are no ledger."""

import os
import sqlite3
import threading

import pytest
from reading import ONTOLOGY, read

from kgbuild import Document, StoreError
from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.ledger import FILE_NAME, Ledger, assemble, names, only_writer
from kgbuild.ledger.assembly import entity_ids
from kgbuild.resolution import Cluster, Name, resolve


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "kg") as ledger:
        yield ledger


def record(ledger, id, text, build="b1"):
    ledger.record(read(Document(id, text, {"source": f"/docs/{id}"})), build)


def rebuild(ledger):
    assemble(ledger.database, ONTOLOGY, resolve(names(ledger.database, ONTOLOGY), ONTOLOGY))


def test_a_document_comes_back_as_it_was(ledger):
    text = "Ada Lovelace works for Acme Corp — “naïve” 🙂 \x00\r\n"
    document = Document("a.txt", text, {"source": "/docs/a.txt", "pages": [[0, 3]]})
    ledger.record(read(document), "b1")

    assert ledger.document("a.txt") == document
    assert ledger.state("a.txt") == (document.content_hash, "b1", "/docs/a.txt")
    assert ledger.state("b.txt") is None
    assert list(ledger.documents()) == [("a.txt", document.metadata)]


def test_names_are_counted_by_document_and_sorted(ledger):
    record(ledger, "b.txt", "Ada Lovelace. Globex. Ada Lovelace. On 1 May 1843.")
    record(ledger, "a.txt", "Ada Lovelace.")

    assert list(names(ledger.database, ONTOLOGY)) == [
        Name("a.txt", "person", "Ada Lovelace", 1),
        Name("b.txt", "company", "Globex", 1),
        Name("b.txt", "person", "Ada Lovelace", 2),
    ]


def test_recording_again_replaces(ledger):
    record(ledger, "a.txt", "Ada Lovelace works for Acme Corp.")
    record(ledger, "a.txt", "Ada Lovelace works for Globex.")
    rebuild(ledger)

    [triple] = EmbeddedGraph(ledger).triples()
    assert triple.tail.name == "Globex"
    assert ledger.totals().documents == ledger.totals().chunks == 1


def test_the_graph_is_due_after_every_change_until_it_is_built(ledger):
    assert not ledger.dirty
    record(ledger, "a.txt", "Ada Lovelace works for Acme Corp.")
    assert ledger.dirty
    rebuild(ledger)
    assert not ledger.dirty
    assert not ledger.remove("b.txt")
    assert not ledger.dirty
    assert ledger.remove("a.txt")
    assert ledger.dirty


def test_a_failed_recording_leaves_what_was_there(ledger):
    record(ledger, "a.txt", "Ada Lovelace works for Acme Corp.")
    extracted = read(Document("a.txt", "Globex.", {"unwritable": "\ud800"}))
    object.__setattr__(extracted.chunks[0], "text", "\ud800")

    with pytest.raises(UnicodeEncodeError):
        ledger.record(extracted, "b1")
    assert ledger.document("a.txt").text == "Ada Lovelace works for Acme Corp."


def test_full_text_follows_the_documents(ledger):
    def found(word):
        sql = "SELECT text FROM chunk_words WHERE chunk_words MATCH ?"
        return [text for (text,) in ledger.database.rows(sql, (word,))]

    record(ledger, "a.txt", "The engine.")
    record(ledger, "b.txt", "Two engines.")
    assert sorted(found("engine")) == ["The engine.", "Two engines."]
    ledger.remove("a.txt")
    rebuild(ledger)
    assert found("engine") == ["Two engines."]


def test_vectors_are_kept_by_text_and_model(ledger):
    ledger.add_vectors("m", {"h1": b"1", "h2": b"2"})
    assert ledger.vectors("m", ["h1", "h3"]) == {"h1": b"1"}
    assert ledger.vectors("other", ["h1"]) == {}


def test_ids_are_readable_and_one_to_one():
    texts = ["A b", "A_b", "A%20b", "A b~2", "a/b", "Zoë 🙂", "a b"]
    clusters = [cluster("person", text, "a.txt") for text in texts]
    clusters += [cluster("person", "A b", "c.txt"), cluster("person", "A b", "b.txt")]

    ids = dict(entity_ids(clusters))
    assert len(ids) == len(clusters)
    assert ids["person/A_b"].name == "A b"
    assert ids["person/A%5Fb"].name == "A_b"
    assert ids["person/A_b%7E2"].name == "A b~2"
    assert [ids[f"person/A_b~{n}"].names[0].document_id for n in (2, 3)] == ["b.txt", "c.txt"]


def cluster(type, name, document):
    return Cluster((Name(document, type, name, 1),), name, type, (), (type,))


def test_each_thread_reads_on_its_own(ledger):
    record(ledger, "a.txt", "Ada Lovelace works for Acme Corp.")
    seen = []
    with ledger.database.transaction():
        ledger.set("dirty", "changed")
        thread = threading.Thread(target=lambda: seen.append(ledger.get("dirty")))
        thread.start()
        thread.join()
    assert seen == ["1"]


@pytest.mark.parametrize("content", [b"not a database, but long enough to look" * 99, b"short"])
def test_a_file_that_is_no_ledger(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match=f"{FILE_NAME}: this is no kgbuild graph"):
        Ledger.open(tmp_path)


def test_a_database_of_another_program(tmp_path):
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="this is no kgbuild graph"):
        Ledger.open(tmp_path)


def test_a_ledger_of_a_newer_version(tmp_path):
    Ledger.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="has format 99, not 4; update kgbuild"):
        Ledger.open(tmp_path)


def test_a_damaged_ledger(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        for number in range(50):
            record(ledger, f"{number}.txt", "Ada Lovelace works for Acme Corp. " * 20)
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), Ledger.open(tmp_path) as ledger:
        rebuild(ledger)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "kg").write_text("")
    for folder in (tmp_path / "kg", tmp_path / "kg" / "below"):
        with pytest.raises(StoreError, match="is or lies in a file"):
            Ledger.open(folder)


def test_no_graph_where_one_must_be(tmp_path):
    with pytest.raises(StoreError, match="there is no graph here"):
        Ledger.open(tmp_path / "kg", create=False)
    assert not (tmp_path / "kg").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="check"):
            Ledger.open(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_graph_in_a_folder_that_cannot_be_written_is_still_read(tmp_path, monkeypatch):
    with Ledger.open(tmp_path) as ledger:
        record(ledger, "a.txt", "Ada Lovelace works for Acme Corp.")
        rebuild(ledger)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Ledger.open(tmp_path) as ledger:
        assert len(list(EmbeddedGraph(ledger).triples())) == 1
        ledger.add_vectors("m", {"h": b"1"})
        with pytest.raises(StoreError, match="cannot be written"):
            ledger.remove("a.txt")


def test_a_lock_is_held_by_one_and_freed(tmp_path):
    with (
        only_writer(tmp_path / "lock"),
        pytest.raises(StoreError, match="another process is writing"),
        only_writer(tmp_path / "lock"),
    ):
        pass
    with only_writer(tmp_path / "lock"):
        pass
