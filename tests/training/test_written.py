import pytest

from kgbuild.errors import DocumentError
from kgbuild.training.data import read_set
from kgbuild.training.written import FOLDER, read_written

LIGHTS = """
@ lighthouse keepers
E keeper: person who tends a light
E lighthouse: tower with a light
R tends: keeper > lighthouse: looked after the light
R known to: * > *
---
[1 keeper|Marta Ilves] never saw [2 lighthouse|Sker Light]; [1|Ilves] ran [3 lighthouse|Gannet].
+ 1 tends 3; 1 known to 3
- 1 tends 2
---
Nobody else did.
@ stones
E stone: a stone
---
[7 stone|Opal] is soft.
"""


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "lights.txt"

    def write(text):
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_file_of_passages_is_a_set_to_learn_from(written):
    path = written(LIGHTS)
    assert read_set(path) == read_written(path)
    with pytest.raises(DocumentError, match=r"lights.txt:1: expected `E type: description`"):
        read_set(written("Once upon a time, there was a light."))


def test_marks_become_mentions_and_lines_of_facts_relations(written):
    first, second, third = read_written(written(LIGHTS))
    assert first.text == "Marta Ilves never saw Sker Light; Ilves ran Gannet."
    assert first.types == ("keeper", "lighthouse", "lighthouse")
    assert [[first.text[s:e] for s, e in of] for of in first.mentions] == [
        ["Marta Ilves", "Ilves"],
        ["Sker Light"],
        ["Gannet"],
    ]
    assert first.relations == ((0, "tends", 2), (0, "known to", 2))
    assert first.denied == ((0, "tends", 1),)
    assert first.relation_ends["tends"] == (("keeper",), ("lighthouse",))
    assert first.relation_ends["known to"] == (("keeper", "lighthouse"),) * 2
    assert first.entity_types["keeper"] == "person who tends a light"
    assert (second.text, second.domain) == ("Nobody else did.", "lighthouse keepers")
    assert (third.text, third.domain) == ("Opal is soft.", "stones")


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("[1 keeper|Marta", "[1 sailor|Marta", "8: [1 sailor|Marta Ilves]"),
        ("1 tends 3", "1 paints 3", "8: relation 'paints' is not declared"),
        ("1 tends 3", "1 tends 9", "8: '1 tends 9' names an entity that is not marked"),
        ("1 tends 3;", "1 tends;", "8: '1 tends' is not `number relation number`"),
        ("keeper > lighthouse", "keeper > tower", "5: 'tower' is not a declared entity type"),
        ("E keeper:", "K keeper:", "3: expected `E type: description`"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(written, wrong, right, said):
    with pytest.raises(ValueError, match="lights.txt") as caught:
        read_written(written(LIGHTS.replace(wrong, right)))
    assert said in str(caught.value)


@pytest.mark.skipif(not FOLDER.exists(), reason="the passages come with the source")
def test_every_passage_of_the_project_can_be_read():
    records = [record for path in FOLDER.glob("*.txt") for record in read_written(path)]
    assert len(records) > 5000
    assert len({(record.source, record.domain) for record in records}) > 1000
