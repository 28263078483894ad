"""After a change only what it concerns is resolved anew, and the outcome is that of all anew."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import Letters, exported, open_graph, write

from kgbuild import resolution
from kgbuild.ontology import Ontology
from kgbuild.resolution import Changes, Judgement, Known, Name, linking, renew, resolve, things_of

ONTOLOGY = Ontology.parse(
    "{entities: {being: {}, person: {is_a: being},"
    " organization: {}, company: {is_a: organization}}, relations: {}}"
)
PEOPLE = (
    "Ada Lovelace|Lovelace|A. Lovelace|Ada King Lovelace|Dr. Ada Lovelace|Mrs Lovelace|Mr. Lovelace"
    "|Ada|Bill Gates|William Gates|W. Gates|William Henry Gates|Gates|Wiliam Gates|she|the author"
    "|Katherine Johnson|Kathrine Johnson|Catherine Johnson|K. Johnson|J Smith|John Smith|Jane Smith"
).split("|")
ORGANIZATIONS = (
    "International Business Machines|IBM|I.B.M.|Business Machines|the Machines|IBM Corp.|IBM GmbH"
    "|World Health Organization|WHO|the Organization|Woodland Heritage Office|Acme|Acme Holdings"
    "|Acme Group|Acme Solutions|Organisation of Health|Health Organization"
).split("|")
PASSAGES = (
    "", "{} wrote a program for the engine in London in the summer of that year",
    "the striker {} scored twice for the club before the break on Sunday",
    "{}, born in 1815, and her mother", "{} (born 1955) sold software",
)  # fmt: skip
PLACES = ("a", "b", "c", "d", "e")


@st.composite
def written(draw, id):
    """The names of a document."""
    kinds = [("person", PEOPLE), ("person", PEOPLE), ("being", PEOPLE)]
    kinds += [("organization", ORGANIZATIONS), ("company", ORGANIZATIONS)]
    names = {}
    for type, texts in draw(st.lists(st.sampled_from(kinds), max_size=6)):
        text = draw(st.sampled_from(texts))
        context = draw(st.sampled_from(PASSAGES)).format(text)
        near = frozenset(draw(st.lists(st.sampled_from(["x", "y"]), max_size=1)))
        born = [("born", draw(st.sampled_from(["1815", "1955"])))] * draw(st.booleans())
        count = draw(st.integers(1, 3))
        names[type, text] = Name(id, type, text, count, context, near, frozenset(born))
    return list(names.values())


class Memory:
    """Documents, decisions, and what came out of them; changed step by step."""

    def __init__(self, known=()):
        self.documents, self.judgements, self.known = {}, [], known
        self.resolution = self._everything()

    def change(self, documents, judgements=()):
        """Renew after some documents have been replaced or, by None, removed."""
        before, after = (things_of(given, self.known) for given in (self.judgements, judgements))
        self.judgements = list(judgements)
        gone = [id for id in documents if id in self.documents]
        self.documents = {
            id: names for id, names in (self.documents | documents).items() if names is not None
        }
        changes = Changes(
            self.resolution.clusters,
            [replace(one, left=bare(one.left)) for one in self.resolution.decisions],
            [name for id in documents for name in self.documents.get(id, ())],
            gone,
            {key for key in before | after if before.get(key) != after.get(key)},
            lambda ids: [n for id in ids for n in self.documents.get(id, ())],
        )
        found = renew(changes, ONTOLOGY, **self._given)
        everything = self._everything()
        if found is not None:
            assert found.clusters == everything.clusters
            assert [*map(content, found.decisions)] == [*map(content, everything.decisions)]
            assert [n.key for n in found.left_out] == [n.key for n in everything.left_out]
        self.resolution = everything
        return found

    @property
    def _given(self):
        return {"embed": Letters().embed, "judgements": self.judgements, "known": self.known}

    def _everything(self):
        every = [name for names in self.documents.values() for name in names]
        return resolve(every, ONTOLOGY, **self._given)


def bare(name):
    return Name(*name.key)


def content(decision):
    right = decision.right and decision.right.key
    return decision.kind, decision.left.key, right, decision.score, decision.reason, decision.local


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_it_comes_to_what_resolving_everything_comes_to(data):
    block = data.draw(st.sampled_from([2, 50]), "names of a large block")
    known = data.draw(
        st.sampled_from([(), (Known("Q1", "person", ("Ada Lovelace", "Ada Byron")),)])
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linking, "_BLOCK", block)
        memory = Memory(known)
        memory.change({id: data.draw(written(id)) for id in PLACES})
        for _ in range(3):
            ids = data.draw(st.lists(st.sampled_from(PLACES), max_size=2, unique=True))
            documents = {id: data.draw(st.none() | written(id)) for id in ids}
            memory.change(documents, decided(data, memory))


def decided(data, memory):
    """The decisions so far, with one more, one less, or as they are."""
    keys = sorted(name.key for names in memory.documents.values() for name in names)
    do = data.draw(st.sampled_from(["nothing", "add", "take back"]))
    if do == "take back":
        return memory.judgements[:-1]
    if do == "nothing" or len(keys) < 2:
        return memory.judgements
    some = st.frozensets(st.sampled_from(keys), min_size=1, max_size=2)
    left, right = data.draw(some), data.draw(some)
    judgement = Judgement(len(memory.judgements) + 1, data.draw(st.booleans()), left, right)
    return [*memory.judgements, judgement]


def test_what_a_new_document_does_not_concern_is_not_looked_at():
    memory = Memory()
    people = "Ada Lovelace|Bill Gates|Katherine Johnson|Alan Turing|Grace Hopper".split("|")
    memory.change({name: [Name(name, "person", name)] for name in people})
    asked = []

    def read(ids):
        asked.extend(ids)
        return [name for id in ids for name in memory.documents[id]]

    new = [Name("new", "person", "Dr. Ada Lovelace"), Name("new", "person", "Lovelace")]
    before = memory.resolution
    found = renew(Changes(before.clusters, before.decisions, new, (), (), read), ONTOLOGY)

    assert asked == ["Ada Lovelace"]
    assert [len(cluster.names) for cluster in found.clusters] == [3, 1, 1, 1, 1]
    assert {*found.clusters[0].aliases} == {"Ada Lovelace", "Lovelace"}


def test_all_names_are_resolved_when_there_are_many_more_of_them():
    memory = Memory()
    memory.change({"a": [Name("a", "person", "Ada Lovelace")]})

    assert memory.change({"b": [Name("b", "person", "Bill Gates")]}) is None
    assert memory.change({"c": [Name("c", "person", "Grace Hopper")]}) is not None


def test_a_graph_that_grew_is_the_graph_made_at_once(tmp_path, monkeypatch):
    """Document by document, with two decisions, through the ledger."""
    texts = {
        f"{i:02}.txt": f"{a} works for {b}. {b} founded by {a}. {c} married to {a}."
        for i, (a, b, c) in enumerate(
            (
                ("Ada Lovelace", "Acme Corp", "William King"),
                ("Ada King", "Globex", "Bill King"),
                ("Augusta Lovelace", "C1", "William King"),
                ("Mary Shelley", "C2", "Percy Shelley"),
                ("Ada Lovelace", "C2", "William Noel"),
                ("Grace Hopper", "Initech", "Vincent Hopper"),
                ("Alan Turing", "C1", "Joan Clarke"),
            )
        )
    }
    with open_graph(tmp_path / "at once") as kg:
        kg.ingest([write(tmp_path / "docs", texts)])
        decide(kg)
        whole = exported(kg, "jsonl")
    renewed = []
    monkeypatch.setattr(
        resolution, "renew", lambda *a, **k: renewed.append(renew(*a, **k)) or renewed[-1]
    )
    with open_graph(tmp_path / "grown") as kg:
        kg.ingest([tmp_path / "docs" / name for name in [*texts][:5]])
        decide(kg)
        for name in [*texts][5:]:
            kg.ingest([tmp_path / "docs" / name])
        assert exported(kg, "jsonl") == whole
    assert sum(one is not None for one in renewed) >= 3


def decide(kg):
    kg.merge("Ada Lovelace", "Augusta Lovelace")
    kg.split("William King", documents=["02.txt"])
