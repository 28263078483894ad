import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgbuild.ontology import Ontology
from kgbuild.resolution.kinds import kind_of
from kgbuild.resolution.names import fold, is_description, is_pronoun, parse


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Müller-Lüdenscheidt", ("muller", "ludenscheidt")),
        ("Straße & Weg", ("strasse", "and", "weg")),
        ("O’Brien's", ("obriens",)),
        ("U.S. Army", ("us", "army")),
        ("J. R. R. Tolkien", ("jrr", "tolkien")),
        ("John F. Kennedy", ("john", "f", "kennedy")),
        ("C++", ("c++",)),
        ("Łódź", ("lodz",)),
        ("東京", ("東京",)),
        ("हिन्दी", ("हिन्दी",)),
        ("한국", ("한국",)),
        ("—", ()),
    ],
)
def test_folding_keeps_what_names_and_drops_how_it_is_written(text, words):
    assert fold(text) == words


@given(st.text())
def test_any_text_can_be_taken_apart(text):
    for kind in ("person", "organization", "place", "other", "any"):
        form = parse(text, kind)
        assert bool(form.words) == bool(form.core) == bool(form.squeezed)
    assert form.words or is_pronoun(text)


@given(st.text())
def test_folding_twice_changes_nothing(text):
    once = fold(text)
    assert fold(" ".join(once)) == once


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Dr. Samira Okonjo", "person"),
        ("Okafor, C.E.", "person"),
        ("University of Tartu", "organization"),
        ("Acme Pumps Ltd", "organization"),
        ("ibuprofen", "other"),
        ("Apollo 11", "other"),
    ],
)
def test_a_name_whose_type_tells_nothing_tells_its_kind_itself(text, kind):
    assert parse(text, "any").kind == kind


def test_a_person_loses_titles_but_not_the_generation():
    form = parse("Prof. Dr. Martin Luther King, Jr.", "person")
    assert form.core == ("martin", "luther", "king")
    assert form.marks == {"jr"}


def test_a_company_loses_its_legal_form():
    form = parse("The Acme Pump Co., Ltd.", "organization")
    assert form.core == ("acme", "pump")
    assert form.marks == {"ltd"}  # "Co." may be left out or become "Inc.", "Ltd." may not


def test_legal_forms_are_known_in_full():
    assert parse("Siemens Aktiengesellschaft", "organization").marks == {"ag"}
    assert parse("Hayama K.K.", "organization").marks == {"ltd"}


@pytest.mark.parametrize(
    "text",
    ["Okafor, Chidi", "Chidi Okafor, PhD", "The Rt Hon. Chidi Okafor", 'Chidi "Chi" Okafor (ret.)'],
)
def test_a_person_is_named_by_given_name_and_surname(text):
    assert parse(text, "person").core == ("chidi", "okafor")


def test_initials_may_follow_a_surname():
    assert parse("Okafor CE", "person").core == ("ce", "okafor")
    assert parse("Henry VI", "person").core == ("henry", "vi")


def test_a_medicine_is_named_without_its_strength():
    form = parse("Ibuprofen 200 mg oral tablet", "other")
    assert (form.core, form.marks) == (("ibuprofen",), {"200mg"})


def test_abbreviations_are_written_out():
    assert parse("Tartu Univ.", "organization").core == ("tartu", "university")


def test_a_name_is_never_emptied():
    assert parse("Dr.", "person").core == ("dr",)
    assert parse("Limited", "organization").core == ("limited",)
    assert parse("The", "other").core == ("the",)


def test_numbers_are_digits_and_roman_numerals():
    assert parse("Henry VIII", "person").numbers == {"viii"}
    assert parse("Apollo 11", "other").numbers == {"11"}
    assert parse("Mix and Livid", "other").numbers == frozenset()


@pytest.mark.parametrize(("text", "acronym"), [("IBM", True), ("the U.S.", True), ("Ibm", False)])
def test_an_acronym_is_known_by_its_capitals(text, acronym):
    assert parse(text, "organization").acronym is acronym


@pytest.mark.parametrize(
    ("text", "description"),
    [("the company", True), ("His sister", True), ("the Hague", False), ("company", False)],
)
def test_a_description_has_a_determiner_and_no_capital(text, description):
    assert is_description(text) is description


@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("scientist", "person"),
        ("CaseWorker", "person"),
        ("postdoc", "person"),
        ("climber", "person"),
        ("SPONSORS", "organization"),
        ("river", "place"),
        ("protein", "other"),
        ("NamedEntity", "any"),
    ],
)
def test_the_customs_of_a_type_are_read_off_its_words(type, kind):
    ontology = Ontology.parse(
        """
        name: x
        entities:
          scientist: {description: "Whoever is paid for thinking, at a university"}
          postdoc: {is_a: scientist}
          climber: {}
          CaseWorker: {}
          SPONSORS: {}
          river: {}
          NamedEntity: {}
          protein: {description: "A molecule that a person has many of"}
        """
    )
    assert kind_of(type, ontology) == kind
