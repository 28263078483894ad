from collections import Counter
from itertools import islice

from kgbuild.training.data import parse_record
from kgbuild.training.examples import Examples, Mix
from kgbuild.training.inventory import Inventory


def record(text, relations, types=("person", "company")):
    return parse_record(
        {
            "text": text,
            "source": "made",
            "entities": [
                {"type": types[0], "mentions": [[0, 3]]},
                {"type": types[1], "mentions": [[4, 8]]},
            ],
            "relations": [{"head": h, "type": name, "tail": t} for h, name, t in relations],
        },
        "made",
    )


RECORDS = [
    record("Ada Acme leads", [(0, "works for", 1)]),
    record("Eve Acme again", [(1, "employs", 0)]),
    record("Bob Ghent born", [(0, "born in", 1)], ("person", "city")),
    record("Kim Ghent grew", [(0, "grew up in", 1)], ("person", "city")),
    record("Ox1 eats grass", [(0, "works in the fields of", 1)], ("animal", "plant")),
]


def test_inverses_and_relations_between_the_same_types_are_alike():
    alike = Inventory(RECORDS).relations.of
    assert alike("works for", "employs") > alike("works for", "born in")
    assert alike("born in", "grew up in") > alike("born in", "employs")


def test_names_that_share_words_are_alike():
    alike = Inventory(RECORDS).relations.of
    assert alike("works for", "works in the fields of") > alike("born in", "works for")


def test_entity_types_with_the_same_part_in_relations_are_alike():
    alike = Inventory(RECORDS).entities.of
    assert alike("person", "company") > alike("person", "plant")


def test_likely_confusions_come_first_among_the_labels_that_are_not_in_the_text():
    many = [record("Ada Acme leads", [(0, "works for", 1)])] + [
        record(f"Ox{i} eats", [(0, f"other {i}", 1)], (f"animal {i}", f"plant {i}"))
        for i in range(9)
    ]
    many.append(record("Eve Acme again", [(1, "employs", 0)]))

    def partners(hard):
        mix = Mix(words=(1, 2), max_relation_labels=3, drop_labels=0.0, reword=0.0, hard=hard)
        drawn = islice(iter(Examples({"made": many}, {}, mix, seed=1)), 600)
        labels = [{name.casefold() for name in one.relation_labels} for one in drawn]
        seen = [of for of in labels if "works for" in of]
        return Counter(name for of in seen for name in of)["employs"] / len(seen)

    assert partners(hard=1.0) > 1.5 * partners(hard=0.0)
