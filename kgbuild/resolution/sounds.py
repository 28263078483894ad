"""Words as other spellings and transliterations of them are written, too."""

import re
from functools import lru_cache

LONG = 7  # letters of a word in which one letter more or less is a slip rather than another word

_VOWEL = re.compile("[aeiouy]")
_ONE_SOUND = [
    (re.compile(letters), sound)
    for letters, sound in (
        ("^mc", "mac"),
        ("our$", "or"),  # labour, labor
        ("(?<=[^aeiouy])re(?=s?$)", "er"),  # theatre, theater
        ("ys(?=e|ing|ation)|is(?=e$|ed$|ing|ation)", "iz"),  # organisation, organization
        ("sz?ch?t?s?ch|tsch|tch|sh?ch", "ch"),  # Khrushchev, Chruschtschow; Schmidt
        ("š|sch|sz|sh", "sh"),
        ("ph", "f"),
        ("[ck]h(?![aeiouy])|kh|ck|q(?!u)", "k"),
        ("qu|kw", "kv"),
        ("(?<=[dgkt])h|(?<=[aeiou])h(?![aeiouy])", ""),
        ("o(?:ff?|w)$", "ov"),
        ("e(?:ff?|w)$", "ev"),
        ("w", "v"),
        ("ou|oo", "u"),
        ("([aou])e", r"\1"),
        ("[iyj]+", "i"),
        (r"(\w)\1+", r"\1"),
    )
]


@lru_cache(maxsize=1 << 16)
def sound(word: str) -> str:
    """The word as it is roughly spoken."""
    for letters, spoken in _ONE_SOUND:
        word = letters.sub(spoken, word)
    return word


@lru_cache(maxsize=1 << 16)
def bones(word: str) -> str:
    """A long word as it sounds without the vowels inside, which transliterations disagree on."""
    spoken = sound(word)
    if len(word) < LONG or len(spoken) < 3:
        return spoken
    return f"{spoken[0]}{_VOWEL.sub('', spoken[1:-1])}{spoken[-1]}"
