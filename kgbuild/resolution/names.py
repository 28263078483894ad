"""What a name is made of, once case, accents and punctuation no longer matter."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["person", "organization", "place", "other", "any"]
Words = tuple[str, ...]

_ARTICLES = frozenset({"the", "a", "an"})
_DETERMINERS = _ARTICLES | frozenset("this that these those my your his her its our their".split())
_PRONOUNS = frozenset(
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself"
    " it its itself we us our ours ourselves they them their theirs themselves one oneself"
    " this that these those here there who whom whose which what where someone somebody anyone"
    " anybody everyone everybody nobody both others former latter".split()
)
HONORIFICS = {
    **dict.fromkeys(
        "mr sir lord herr monsieur senor signor sr don king prince emperor duke count baron earl"
        " viscount marquis graf freiherr father brother congressman".split(),
        "m",
    ),
    **dict.fromkeys(
        "mrs ms miss lady dame frau madame mme mademoiselle mlle senora signora dona".split(), "f"
    ),
    **dict.fromkeys(
        "queen princess empress duchess countess baroness grafin sister congresswoman".split(), "f"
    ),
    **dict.fromkeys(
        "dr prof professor doctor rev revd reverend mx president senator sen governor gov"
        " chancellor minister ambassador secretary mayor captain capt colonel col general gen major"
        " maj lieutenant lt sergeant sgt corporal cpl brigadier brig marshal admiral adm commander"
        " cmdr justice judge pope cardinal bishop archbishop rabbi imam sheikh sheik ayatollah"
        " mullah swami fr hon honourable honorable rt right st saint rep representative cllr"
        " councillor chief coach officer constable inspector detective ing dipl".split(),
        "",
    ),
}
_POST_NOMINALS = frozenset(
    "phd md dphil dds dvm jd llb llm lld mba msc bsc mph rn cpa esq obe mbe kbe cbe dbe gbe frs"
    " frcs frse fba qc kc mp mep sj op osb ret retd retired himself herself".split()
)
_GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr"}
_LEGAL_FORMS = {
    # What any company may call itself, and documents mix freely, tells no two apart.
    **dict.fromkeys("inc incorporated corp corporation co company".split(), ""),
    "limited": "ltd",
    "kk": "ltd",  # by custom, what a kabushiki kaisha translates itself to is "Co., Ltd."
    **{
        form: form
        for form in (
            "ltd llc llp lp plc ag gmbh kg kgaa se sa sas sarl srl spa bv nv ab oy oyj as asa aps"
            " pty pte ug ev"
        ).split()
    },
}
_LEGAL_PHRASES = {
    "aktiengesellschaft": "ag",
    "gesellschaft mit beschrankter haftung": "gmbh",
    "kabushiki kaisha": "kk",
    "public limited company": "plc",
    "limited liability company": "llc",
    "societe anonyme": "sa",
    "sociedad anonima": "sa",
    "societa per azioni": "spa",
    "naamloze vennootschap": "nv",
    "besloten vennootschap": "bv",
}
_ABBREVIATIONS = {
    short: full
    for entry in (
        "acad academy, admin administration, agric agricultural, amer american, assn association,"
        " assoc association, bldg building, bros brothers, ctr center, cttee committee,"
        " dept department, dist district, div division, eng engineering, engrg engineering,"
        " fdn foundation, fed federal, ft fort, gov government, govt government, hosp hospital,"
        " inst institute, intl international, int international, jnl journal, lab laboratory,"
        " labs laboratories, mfg manufacturing, mgmt management, min ministry, mt mount,"
        " natl national, org organization, res research, rly railway, rr railroad, sci science,"
        " soc society, st saint, tech technology, univ university"
    ).split(", ")
    for short, full in [entry.split()]
}
_UNITS = frozenset("mg ml mcg g kg iu unit units percent mgml".split())
_ROMAN = re.compile(r"(?=[ivx]{2})x{0,2}(ix|iv|v?i{0,3})")
_ARTICLE = re.compile(r"(the|an?)\s+", re.IGNORECASE)
_ASIDE = re.compile(r"""\s*(?:\([^()]*\)|"[^"]*"|“[^”]*”)""")
_POSSESSIVE = re.compile("['’]s?$")
_WORD = r"(?:[^\W\d_a-z][\w'’.\-]*|al|bin|da|de|del|den|der|di|du|el|ibn|la|le|of|van|von)"
_PERSON = re.compile(rf"{_WORD}(?:,? {_WORD}){{1,6}}\.?")
_THINGS = frozenset(
    "academy agency airlines airport army assembly association authority bank bay board bureau"
    " center centre church city club college commission committee company computer conference"
    " congress council county court department district empire federation festival forum foundation"
    " group holding holdings hospital house industries institute international island islands"
    " journal kingdom lake league library ministry mount mountain mountains museum navy of office"
    " organisation organization party peoples police prize republic research river royal school"
    " sea service shipping society state states street technologies technology the theater theatre"
    " treaty tribunal union united university valley war".split()
) - {"of"}
_INITIALS_LAST = re.compile(
    r"(?P<surname>.*[^\W\d_][a-z].*)\s(?P<initials>(?:[A-Z]\.\s?){2,3}|[A-Z]{2,3})"
)
_SPECIAL = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "&": " and ",
        **dict.fromkeys("'’‘ʼ`´", ""),
        **{chr(mark): "" for mark in range(0x300, 0x370)},
    }
)


@dataclass(frozen=True, slots=True)
class Form:
    """A name taken apart. Two texts with equal forms are one name.

    Attributes:
        kind: The customs it follows: those of its type, or what a legal form tells.
        words: All words, folded, without a leading article.
        core: What names the thing: words without honorifics (unless one other word is all there
            is), generation, legal form.
        squeezed: The core as one string, so that "Deep Mind" is "DeepMind".
        sex: "m" or "f" where an honorific tells, else "".
        marks: Legal forms and generation: two names whose marks differ are two things.
        numbers: Words of the core that count: digits and Roman numerals.
        acronym: Whether it is written as an acronym is: "IBM", "U.S.".
        definite: Whether it begins with "the".
    """

    kind: Kind
    words: Words
    core: Words
    squeezed: str
    sex: str
    marks: frozenset[str]
    numbers: frozenset[str]
    acronym: bool
    definite: bool


@lru_cache(maxsize=1 << 16)
def parse(text: str, kind: Kind) -> Form:
    """Take a name apart by the customs of its kind; a name without letters has no words."""
    bare = _without_asides(text)
    if kind == "any":
        kind = _guessed(bare)
    words = _without_article(fold(_surname_last(bare) if kind == "person" else bare))
    if kind == "other" and len(words) > 1 and words[-1] in _LEGAL_FORMS:
        kind = "organization"
    core, marks, sex = words, frozenset[str](), ""
    if kind == "person":
        core, marks, sex = _strip_person(words)
    else:
        core = _written_out(words)
        if kind != "place":
            core, marks = _strip_legal_form(core)
        if kind == "other":
            core, strength = _strip_strength(core)
            marks |= strength
    numbers = frozenset(word for word in core if _is_number(word))
    definite = text.strip()[:4].casefold() == "the "
    return Form(kind, words, core, "".join(core), sex, marks, numbers, _is_acronym(text), definite)


def fold(text: str) -> Words:
    """Words without case, accents and punctuation; initials written apart become one word."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_SPECIAL)
    plain = unicodedata.normalize("NFC", plain)
    letters = (char if _is_letter(char) else " " for char in plain)
    return _join_initials("".join(letters).split())


def is_pronoun(text: str) -> bool:
    """Whether a text points instead of naming. "WHO" and "IT" name."""
    words = fold(text)
    shouted = len(text) > 1 and text.isupper()
    return not shouted and all(word in _PRONOUNS for word in words)


def is_description(text: str) -> bool:
    """Whether a text describes in plain words instead of naming: "the company", "his sister"."""
    first, _, rest = text.partition(" ")
    return first.casefold() in _DETERMINERS and bool(rest) and rest == rest.casefold()


def _is_letter(char: str) -> bool:
    """The letters, digits and vowel signs of any script; `+` and `#` as in C++ and C#."""
    return char.isalnum() or char in "+#" or unicodedata.category(char)[0] == "M"


def _join_initials(words: list[str]) -> Words:
    joined: list[str] = []
    open_run = False
    for word in words:
        initial = len(word) == 1 and word.isalpha()
        if initial and open_run:
            joined[-1] += word
        else:
            joined.append(word)
        open_run = initial
    return tuple(joined)


def _without_article(words: Words) -> Words:
    return words[1:] if len(words) > 1 and words[0] in _ARTICLES else words


def _guessed(text: str) -> Kind:
    """The kind of a name whose type tells nothing, by its words and its shape."""
    words = fold(text)
    if len(words) > 1 and (words[-1] in _LEGAL_FORMS or words[-1] in _ABBREVIATIONS):
        return "other"  # which a legal form makes an organization
    if _THINGS & set(words) or any(_is_number(word) for word in words[:-1]):
        return "organization" if _THINGS & set(words) else "other"
    if len(words) == 1 or not _PERSON.fullmatch(text.strip()):
        return "other"
    return "person"


def _without_asides(text: str) -> str:
    """Without what stands in brackets or quotes, unless that is all there is, and without an 's."""
    rest = _ASIDE.sub("", text).strip()
    return _POSSESSIVE.sub("", rest if set(fold(rest)) - _ARTICLES else text)


def _surname_last(text: str) -> str:
    """Turn "Lovelace, Ada" and "Lovelace AK" round; "Davis, Jr." and "Ada Curie, CPA" stay."""
    surname, comma, given = text.partition(",")
    rest = fold(given)
    if comma:
        suffix = any(word in _GENERATIONS or word in _POST_NOMINALS for word in rest)
        suffix = suffix or (given.strip().isupper() and "." not in given and " " in surname)
        return text if "," in given or suffix else f"{given} {surname}"
    last = _INITIALS_LAST.fullmatch(text.strip())
    if last and not _is_suffix(*fold(last["initials"])):
        return f"{last['initials']} {last['surname']}"
    return text


def _is_suffix(*words: str) -> bool:
    return any(word in _POST_NOMINALS or _is_number(word) for word in words)


def _written_out(words: Words) -> Words:
    """With abbreviations and legal forms in the one way in which we compare them."""
    if len(words) == 1:
        return words
    text = f" {' '.join(_ABBREVIATIONS.get(word, word) for word in words)} "
    for phrase, form in _LEGAL_PHRASES.items():
        if phrase in text:
            text = text.replace(f" {phrase} ", f" {form} ")
    return tuple(text.split())


def _strip_strength(words: Words) -> tuple[Words, frozenset[str]]:
    """A medicine without its strength and what follows that: "200 mg oral tablet"."""
    for i in range(1, len(words) - 1):
        if words[i].isdigit() and words[i + 1] in _UNITS:
            return words[:i], frozenset({words[i] + words[i + 1]})
    return words, frozenset()


def _strip_person(words: Words) -> tuple[Words, frozenset[str], str]:
    core, sexes, generation = list(words), set[str](), set[str]()
    while len(core) > 1 and core[-1] in _POST_NOMINALS | _GENERATIONS.keys():
        generation.add(_GENERATIONS.get(core.pop(), ""))
    while len(core) > 2 and core[0] in HONORIFICS:
        sexes.add(HONORIFICS[core.pop(0)])
    if len(core) == 2:  # "Queen Victoria" is not every Victoria
        sexes.add(HONORIFICS.get(core[0], ""))
    sexes.discard("")
    sex = sexes.pop() if len(sexes) == 1 else ""
    return tuple(core), frozenset(generation - {""}), sex


def _strip_legal_form(words: Words) -> tuple[Words, frozenset[str]]:
    core, forms = list(words), set[str]()
    while len(core) > 1 and (core[-1] in _LEGAL_FORMS or (forms and core[-1] == "and")):
        forms.add(_LEGAL_FORMS.get(core.pop(), ""))
    return tuple(core), frozenset(forms - {""})


def _is_number(word: str) -> bool:
    return any(char.isdigit() for char in word) or bool(_ROMAN.fullmatch(word))


def _is_acronym(text: str) -> bool:
    name = _ARTICLE.sub("", text.strip())
    letters = [char for char in name if char.isalnum()]
    capitals = sum(char.isupper() for char in letters)
    one_word = not re.search(r"[\s-]", name)
    return (
        one_word and 2 <= len(letters) <= 8 and letters[0].isupper() and capitals * 2 > len(letters)
    )
