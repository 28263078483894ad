"""What a name is made of, once case, accents and punctuation no longer matter."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["person", "organization", "place", "other"]
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
        "mr sir lord herr monsieur senor signor king prince emperor duke count baron".split(), "m"
    ),
    **dict.fromkeys(
        "mrs ms miss lady dame frau madame mme mademoiselle senora signora".split(), "f"
    ),
    **dict.fromkeys("queen princess empress duchess countess baroness".split(), "f"),
    **dict.fromkeys(
        "dr prof professor doctor rev reverend mx president senator sen governor gov chancellor"
        " minister ambassador secretary mayor captain capt colonel col general gen major maj"
        " lieutenant lt sergeant sgt admiral commander justice judge pope cardinal bishop"
        " archbishop rabbi imam sheikh".split(),
        "",
    ),
}
_POST_NOMINALS = frozenset("phd md dphil esq obe mbe kbe cbe frs qc kc himself herself".split())
_GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr"}
_LEGAL_FORMS = {
    "incorporated": "inc",
    "corporation": "corp",
    "company": "co",
    "limited": "ltd",
    **{
        form: form
        for form in (
            "inc corp co ltd llc llp lp plc ag gmbh kg kgaa se sa sas sarl srl spa bv nv ab oy oyj"
            " as asa aps kk pty pte ug ev"
        ).split()
    },
}
_ROMAN = re.compile(r"(?=[ivx]{2})x{0,2}(ix|iv|v?i{0,3})")
_ARTICLE = re.compile(r"(the|an?)\s+", re.IGNORECASE)
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
    words = _without_article(fold(_surname_last(text) if kind == "person" else text))
    if kind == "other" and len(words) > 1 and words[-1] in _LEGAL_FORMS:
        kind = "organization"
    core, marks, sex = words, frozenset[str](), ""
    if kind == "person":
        core, marks, sex = _strip_person(words)
    elif kind != "place":
        core, marks = _strip_legal_form(words)
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


def _surname_last(text: str) -> str:
    """Turn "Lovelace, Ada" round; "Davis, Jr." and "Curie, PhD" stay."""
    surname, comma, given = text.partition(",")
    rest = fold(given)
    suffix = any(word in _GENERATIONS or word in _POST_NOMINALS for word in rest)
    return text if not comma or "," in given or suffix else f"{given} {surname}"


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
