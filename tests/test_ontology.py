"""The ontology: what it answers, what a file may say, and how each mistake in one is told."""

import os
import pickle
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgbuild.errors import OntologyError
from kgbuild.ontology import EntityType, Ontology, RelationType

TEXT = """\
name: company
prefix: https://example.org/company#
entities:
  person:        {description: "A human being", aliases: [people]}
  organization:  {description: "A company, institution or group"}
  company:       {is_a: organization, label: business, threshold: 0.4}
  start-up:      {is_a: company}
  city:
  country:
  date:          {literal: date}
  founding date: {is_a: date}
relations:
  works for:   {head: person, tail: organization, inverse: employs}
  employs:
  leads:       {is_a: works for, tail: company, inverse_functional: true}
  founded on:  {head: organization, tail: date, functional: true}
  married to:  {head: person, tail: person, symmetric: true}
  knows:       {symmetric: true}
  located in:  {tail: [city, country], transitive: true}
  seen with:
"""


@pytest.fixture(scope="module")
def company():
    return Ontology.parse(TEXT, source="company.yaml")


def errors(text):
    """The lines of the message about a wrong file, without the file's name."""
    with pytest.raises(OntologyError) as caught:
        Ontology.parse(text, source="o.yaml")
    lines = str(caught.value).split("\n")
    assert all(line.startswith("o.yaml:") for line in lines)
    return [line.removeprefix("o.yaml:") for line in lines]


class TestQuestions:
    def test_a_type_is_itself_and_what_stands_above_it(self, company):
        assert company.is_a("start-up", "start-up")
        assert company.is_a("start-up", "organization")
        assert not company.is_a("organization", "start-up")
        assert company.ancestors("start-up") == ("company", "organization")
        assert company.descendants("organization") == {"organization", "company", "start-up"}

    def test_compatible_types_lie_on_one_line(self, company):
        assert company.compatible("start-up", "organization")
        assert company.compatible("organization", "start-up")
        assert not company.compatible("person", "organization")

    def test_a_value_is_a_literal_as_are_the_types_below_it(self, company):
        assert company.literal("founding date") == "date"
        assert company.is_literal("date")
        assert not company.is_literal("city")

    def test_a_relation_takes_subtypes_at_its_ends(self, company):
        assert company.allows("works for", "person", "start-up")
        assert not company.allows("works for", "start-up", "person")
        assert company.allows("founded on", "company", "founding date")

    def test_an_open_end_takes_any_type_but_a_head_is_never_a_value(self, company):
        assert company.allows("located in", "person", "city")
        assert not company.allows("located in", "date", "city")
        assert company.allows("seen with", "person", "date")
        assert not company.allows("knows", "person", "date")  # as then a date would know a person

    def test_open_ends_follow_from_the_relation_above_and_from_the_inverse(self, company):
        assert company.heads("leads") == {"person"}
        assert company.tails("leads") == {"company", "start-up"}
        assert company.allows("employs", "organization", "person")
        assert not company.allows("employs", "person", "organization")
        assert company.super_relations("leads") == ("works for",)

    def test_an_inverse_is_known_from_either_side(self, company):
        assert company.inverse_of("works for") == "employs"
        assert company.inverse_of("employs") == "works for"
        assert company.inverse_of("knows") is None

    def test_the_model_reads_the_label_or_else_the_name(self, company):
        assert company.entities["company"].label == "business"
        assert company.entities["city"].label == "city"
        assert company.relations["works for"].label == "works for"

    @pytest.mark.parametrize(
        ("ask", "answer"),
        [
            (lambda o: o.ancestors("compny"), "no entity type `compny`; did you mean `company`?"),
            (lambda o: o.is_a("person", "x"), "no entity type `x`; use one of: city, company, "),
            (lambda o: o.is_literal("works for"), "no entity type `works for`; use one of: "),
            (lambda o: o.allows("works for", "man", "city"), "no entity type `man`"),
            (lambda o: o.inverse_of("employ"), "no relation `employ`; did you mean `employs`?"),
        ],
    )
    def test_an_unknown_name_is_an_error_that_says_what_there_is(self, company, ask, answer):
        with pytest.raises(OntologyError) as caught:
            ask(company)
        assert str(caught.value).startswith("ontology `company` has " + answer)


class TestFile:
    def test_short_forms(self):
        ontology = Ontology.parse(
            "entities: [person, company]\n"
            "relations: [[person, works for, company], knows, [[person, company], owns, company]]\n"
        )
        assert ontology.relations["works for"].head == ("person",)
        assert ontology.relations["works for"].tail == ("company",)
        assert ontology.relations["knows"] == RelationType("knows")
        assert ontology.relations["owns"].head == ("company", "person")
        assert ontology.prefix == "https://example.org/ontology#"

    def test_relations_may_be_left_out(self):
        assert Ontology.parse("entities: [person]").relations == {}

    def test_names_are_read_as_written(self):
        ontology = Ontology.parse("entities: [no, 1984, null]\nrelations:\n  on: {tail: no}\n")
        assert set(ontology.entities) == {"no", "1984", "null"}
        assert ontology.relations["on"].tail == ("no",)

    def test_a_description_may_run_over_lines(self):
        written = Ontology.parse("entities:\n  a:\n    description: |\n      one\n      two\n")
        assert written.entities["a"] == EntityType("a", "  one\n  two")

    def test_the_name_defaults_to_the_files(self, tmp_path):
        path = tmp_path / "fishing trade.yaml"
        path.write_bytes("\ufeffentities: [Hering, møll]".encode())
        ontology = Ontology.load(path)
        assert ontology.name == "fishing trade"
        assert ontology.prefix == "https://example.org/fishing%20trade#"
        assert set(ontology.entities) == {"Hering", "møll"}

    def test_what_is_written_reads_back_equal(self, company):
        again = Ontology.parse(company.to_yaml())
        assert again == company
        assert again.to_yaml() == company.to_yaml()
        assert pickle.loads(pickle.dumps(company)) == company  # noqa: S301

    words = st.from_regex(r"[^\x00-\x1f\x7f-\x9f\s\ud800-\udfff]{1,8}", fullmatch=True)

    @given(st.lists(words, min_size=1, unique_by=str.casefold), words, st.floats(0, 1))
    def test_any_names_read_back_equal(self, names, description, threshold):
        entities = {n: EntityType(n, description, threshold=threshold) for n in names}
        relations = {n: RelationType(n, head=(n,), label=n + " x", is_a=names[0]) for n in names}
        relations[names[0]] = RelationType(names[0], description)
        ontology = Ontology(names[0], entities=entities, relations=relations)
        assert Ontology.parse(ontology.to_yaml()) == ontology


class TestFingerprint:
    def test_neither_order_nor_layout_nor_comments_matter(self):
        one = Ontology.parse("entities: [a, b]\nrelations: {r: {head: [a, b]}}")
        two = Ontology.parse("# !\nrelations:\n  r:\n    head: [b, a]\nentities: {b: , a: {}}\n")
        assert one.fingerprint == two.fingerprint
        assert list(one.entities) == list(two.entities)
        assert one == two
        assert hash(one) == hash(two)

    @pytest.mark.parametrize(
        "other",
        [
            "{entities: [a, c]}",
            "{entities: {a: , b: {is_a: a}}}",
            "{entities: {a: {threshold: 0.5}, b: }}",
            "{entities: [a, b], name: other}",
            "{entities: [a, b], relations: [r]}",
        ],
    )
    def test_content_matters(self, other):
        assert Ontology.parse(other).fingerprint != Ontology.parse("entities: [a, b]").fingerprint


class TestMistakes:
    def test_all_of_a_file_are_told_at_once_in_its_order(self):
        text = """\
name: company
prefix: example
entities:
  person:        {descripton: "A human being", aliases: [people]}
  company:
    is_a: organisation
    threshold: 2
  date:          {literal: date}
  date:          {literal: number}
relations:
  works for:     {head: people, tail: compani, inverse: employs}
  founded on:    {head: date, tail: company, functional: maybe}
"""
        assert errors(text) == [
            "2: prefix: `example` cannot start an IRI; give an absolute IRI that ends in # or /, "
            "such as https://example.org/company#",
            "4: entities.person.descripton: is not a key of the format; "
            "did you mean `description`?",
            "6: entities.company.is_a: `organisation` is not defined; "
            "use one of: company, date, person",
            "7: entities.company.threshold: 2.0 is outside 0 to 1; give a score in between",
            "9: entities.date: is defined twice (first on line 8); keep one",
            "11: relations.works for.head: `people` is not an entity type; did you mean `person`?",
            "11: relations.works for.inverse: `employs` is not a relation; use one of: founded on",
            "11: relations.works for.tail: `compani` is not an entity type; "
            "did you mean `company`?",
            "12: relations.founded on.functional: is not a yes or no; write `true` or `false`",
            "12: relations.founded on.head: `date` is a value and cannot be a head; "
            "swap the two ends, or remove `literal`",
        ]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("", "1: is empty; define `entities` and `relations`"),
            ("# nothing but this", "1: is empty; define `entities` and `relations`"),
            ("- person", "1: is not a mapping; define `entities` in it"),
            ("\nperson", "2: is not a mapping; define `entities` in it"),
            ("name: x", "1: entities: no entity types; define at least one"),
            ("entities:", "1: entities: has no value; give one or remove the key"),
            ("entities: person", "1: entities: is not a mapping; write `name: value` pairs"),
            ("entities: [a]\nrelation: [r]", "2: relation: is not a key of the format; "
             "did you mean `relations`?"),
            ("entities: [a]\nentities: [b]",
             "2: entities: is defined twice (first on line 1); keep one"),
            ("entities: [a]\nname: [x]", "2: name: is not text; write plain words"),
            ("entities: [a, '']", "1: entities: is not text; write plain words"),
            ("entities: [a, [b]]", "1: entities: is not text; write plain words"),
            ("entities: [a]\nprefix: https://x.org/a b#", "2: prefix: `https://x.org/a b#` cannot "
             "start an IRI; give an absolute IRI that ends in # or /, such as "
             "https://example.org/company#"),
        ],
    )  # fmt: skip
    def test_of_the_whole(self, text, line):
        assert errors(text) == [line]

    @pytest.mark.parametrize(
        ("entity", "line"),
        [
            ("[x]", "is not a mapping; write `name: value` pairs"),
            ("{is_a: a}", ".is_a: goes round in a circle (a → a); remove one `is_a`"),
            ("{is_a: z}", ".is_a: `z` is not defined; use one of: a, thing, value"),
            ("{is_a: [thing, value]}", ".is_a: is not text; write plain words"),
            ("{literal: money}",
             ".literal: `money` is not a kind of value; use one of: date, number, text"),
            ("{literal: text, is_a: value}",
             ".literal: `value` above it has `date`; make the two agree"),
            ("{literal: text, is_a: thing}",
             ".literal: `thing` above it is a thing, not a value; make the two agree"),
            ("{threshold: high}", ".threshold: is not a number; write one such as 0.5"),
            ("{threshold: -0.1}", ".threshold: -0.1 is outside 0 to 1; give a score in between"),
            ("{threshold: nan}", ".threshold: nan is outside 0 to 1; give a score in between"),
            ("{aliases: []}", ".aliases: is an empty list; remove it"),
            ("{description: }", ".description: has no value; give one or remove the key"),
            ("{label: THING}", ".thing: `thing` also stands for `a`; use other words for one of"),
            ('{description: "x\\ud800"}', ".description: has a control character; write plain"),
            ('{label: "\\e[31m"}', ".label: has a control character; write plain words"),
        ],
    )  # fmt: skip
    def test_of_an_entity_type(self, entity, line):
        text = f"entities:\n  a: {entity}\n  thing:\n  value: {{literal: date}}\n"
        found = [each for each in errors(text) if line in each]
        assert len(found) == 1
        assert found[0].split(": ")[1].startswith("entities.")

    def test_a_circle_is_told_at_each_of_its_types_but_not_below(self):
        text = "entities:\n  a: {is_a: b}\n  b: {is_a: c}\n  c: {is_a: b}\nrelations: [[a, r, b]]"
        assert errors(text) == [
            "3: entities.b.is_a: goes round in a circle (b → c → b); remove one `is_a`",
            "4: entities.c.is_a: goes round in a circle (c → b → c); remove one `is_a`",
        ]

    @pytest.mark.parametrize(
        ("relation", "line"),
        [
            ("{tail: animal}",
             "tail: `animal` is not an entity type; use one of: city, date, person"),
            ("{tail: []}", "tail: is an empty list; remove it"),
            ("{tail: [city, city]}", "tail: `city` is listed twice; list it once"),
            ("{tail: {city: }}", "tail: is not text; write plain words"),
            ("{head: date}", "head: `date` is a value and cannot be a head; "
             "swap the two ends, or remove `literal`"),
            ("{head: person, tail: city, symmetric: true}",
             "symmetric: needs the same types as `head` and `tail`; make them equal"),
            ("{symmetric: true, asymmetric: true}",
             "asymmetric: cannot be both symmetric and asymmetric; remove one"),
            ("{symmetric: true, inverse: s}",
             "inverse: a symmetric relation is its own inverse; remove one"),
            ("{inverse: r}", "inverse: is the relation itself; write `symmetric: true` instead"),
            ("{inverse: z}", "inverse: `z` is not a relation; use one of: p, q, s"),
            ("{inverse: p}", "inverse: `p` already is the inverse of `q`; keep one of them"),
            ("{inverse: q}", "inverse: `q` already is the inverse of `p`; keep one of them"),
            ("{tail: person, inverse: s}",
             "inverse: `s` has other types at that end; make its `head` the `tail` here"),
            ("{tail: date, inverse: s}",
             "inverse: one of the tails is a value, which cannot be a head; remove it"),
            ("{tail: date, transitive: true}",
             "transitive: the tail is a value, where no chain goes on; remove it"),
            ("{is_a: z}", "is_a: `z` is not defined; use one of: p, q, r, s"),
            ("{head: person, is_a: s}",
             "head: `s` above it allows only city; choose among them, or remove `is_a`"),
            ("{functional: 1}", "functional: is not a yes or no; write `true` or `false`"),
            ("{domain: person}", "domain: is not a key of the format; use one of: asymmetric, "),
        ],
    )  # fmt: skip
    def test_of_a_relation(self, relation, line):
        text = (
            "entities: {person: , city: , date: {literal: date}}\n"
            f"relations:\n  r: {relation}\n  s: {{head: city}}\n  p: {{inverse: q}}\n  q:\n"
        )
        assert any(each.startswith(f"3: relations.r.{line}") for each in errors(text))

    def test_a_relation_defined_twice_in_the_short_form(self):
        text = "entities: [a, b]\nrelations:\n - [a, r, a]\n - [a, r, b]\n"
        assert errors(text) == ["4: relations.r: is defined twice (first on line 3); keep one"]

    def test_an_ontology_made_in_python_obeys_the_same_rules(self):
        with pytest.raises(OntologyError, match=r"^ontology `x`: entities\.a\.is_a: `b` is not"):
            Ontology("x", entities={"a": EntityType("a", is_a="b")})

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("", "'' is blank or has stray white space; write plain words"),
            ("a ", "'a ' is blank or has stray white space; write plain words"),
            ("a\x1bb", "'a\\x1bb' has a control character; remove it"),
        ],
    )
    def test_so_do_its_names(self, name, message):
        with pytest.raises(OntologyError) as caught:
            Ontology("x", entities={name: EntityType(name)})
        assert message in str(caught.value)

    def test_a_record_is_filed_under_its_own_name(self):
        with pytest.raises(OntologyError, match="is called `a`; file it under that name"):
            Ontology("x", entities={"b": EntityType("a")}, relations={"r": RelationType("q")})

    def test_a_flood_of_mistakes_is_told_in_part_and_in_time(self):
        names = [f"type {n}" for n in range(1000)]
        text = (
            f"entities: {names}\nrelations: {{{', '.join(f'r{n}: {{is_a: s{n}}}' for n in names)}}}"
        )
        assert len(errors(text)) == 100

    def test_a_long_chain_of_types_takes_no_long_time(self):
        above = {f"t{n}": EntityType(f"t{n}", is_a=f"t{n - 1}" if n else None) for n in range(1500)}
        assert len(Ontology("deep", entities=above).ancestors("t1499")) == 1499


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "start"),
        [
            ("entities:\n  a: [b\n", "3: not valid YAML: expected ',' or ']'"),
            ("entities:\n\ta:\n", "2: not valid YAML: found character '\\t'"),
            ("entities: [a]\n---\nentities: [b]\n", "2: not valid YAML: but found another"),
            ("entities:\n - a\x00b\n", "2: not valid YAML: special characters are not allowed"),
            ('entities:\n - "\\UFFFFFFFF"\n', "2: not valid YAML: "),
            ("entities: &x [a]\nrelations: *x\n", "2: not valid YAML: an alias (`*…`) is not"),
            ("entities:\n  <<: {a: b}\n", "2: not valid YAML: a tag (`!…`) or merge key (`<<`)"),
            ("entities: !!python/object/apply:os.system [ls]", "1: not valid YAML: a tag (`!…`)"),
            ("entities: [" + 5000 * "[", "1: not valid YAML: is nested too deeply"),
            ("? [a, b]\n: c\n", "1: is not text; write plain words"),
        ],
    )
    def test_wrong_or_hostile_text_is_refused_with_its_line(self, text, start):
        found = errors(text)
        assert found[0].startswith(start)

    def test_a_bomb_of_aliases_does_not_go_off(self):
        bomb = "a0: &a0 [x, x]\n" + "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
        )
        start = time.perf_counter()
        assert errors(bomb)[0].startswith("2: not valid YAML: an alias")
        assert time.perf_counter() - start < 1

    @given(st.text(alphabet=st.characters(codec=None)) | st.text("[]{}:,-? \n\"'&*!|>#%ab\\Ux0"))
    def test_no_text_ends_in_anything_but_an_ontology_or_an_ontology_error(self, text):
        for attempt in (text, "entities: {a: " + text, "entities:\n " + text):
            with suppress(OntologyError):
                Ontology.parse(attempt)


class TestLoad:
    def complaint(self, path):
        with pytest.raises(OntologyError) as caught:
            Ontology.load(path)
        return str(caught.value).replace(str(path), "FILE")

    def test_a_missing_file(self, tmp_path):
        path = tmp_path / "none.yaml"
        assert self.complaint(path) == "FILE: there is no such file; check the path"

    def test_a_folder(self, tmp_path):
        assert self.complaint(tmp_path) == "FILE: is a folder; give the ontology file itself"

    def test_not_utf_8(self, tmp_path):
        path = tmp_path / "o.yaml"
        path.write_bytes("name: x\nentities: [møll]".encode("latin-1"))
        assert self.complaint(path) == "FILE:2: is not UTF-8; save the file as UTF-8"

    def test_binary(self, tmp_path):
        path = tmp_path / "o.yaml"
        path.write_bytes(bytes(range(128)))
        assert self.complaint(path).startswith("FILE:1: not valid YAML: special characters")

    def test_too_large(self, tmp_path):
        path = tmp_path / "o.yaml"
        path.write_bytes(b"#" * (4 * 2**20 + 1))
        assert self.complaint(path) == "FILE: is larger than 4 MiB; split the ontology"

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
    def test_unreadable(self, tmp_path):
        path = tmp_path / "o.yaml"
        path.touch(mode=0)
        assert "cannot be read (Permission denied)" in self.complaint(path)

    def test_every_line_names_the_file(self, tmp_path):
        path = tmp_path / "o.yaml"
        path.write_text("entities: [a, a]\nrelations: [r, r]")
        assert self.complaint(path).splitlines() == [
            "FILE:1: entities.a: is defined twice (first on line 1); keep one",
            "FILE:2: relations.r: is defined twice (first on line 2); keep one",
        ]
