"""What goes into resolution and what comes out of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Key = tuple[str, str, str]  # document, type and text of a name: what tells it from all others

MEMORY = "\0"  # how the documents that stand for what is remembered begin; no other does


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A text that a document uses for a thing of a type, and how often it does.

    Attributes:
        context: The passage around it, which may tell it from its namesakes elsewhere.
        neighbours: What the document has it in a relation with.
        values: Properties of which a thing has only one, each with the value in the document.
    """

    document_id: str
    type: str
    text: str
    count: int = 1
    context: str = field(default="", compare=False, repr=False)
    neighbours: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    values: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False, repr=False)

    @property
    def key(self) -> Key:
        return self.document_id, self.type, self.text

    @property
    def tells(self) -> bool:
        """Whether the document says anything around it."""
        return bool(self.context or self.values)

    @property
    def spelling(self) -> str:
        """The text in one line: documents wrap names over two."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True)
class Cluster:
    """The names of one entity.

    Attributes:
        names: Sorted.
        name: The canonical spelling.
        type: The most specific among the types of the names.
        aliases: The other spellings, sorted.
        known_as: Of each name the type as which it may be met in other documents; empty if it is
            short for another and bound to its own.
        known: The id of the known thing that it is, or empty.
        judged: The first of the names under which people have decided on it, if they have.
    """

    names: tuple[Name, ...]
    name: str
    type: str
    aliases: tuple[str, ...]
    known_as: tuple[str, ...]
    known: str = ""
    judged: Key | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on two names, and why.

    Attributes:
        left: One of the names that the decision is about; where it shortens another, the short one.
        right: None for a name that is left out.
        score: How likely it is, before looking at anything else, that they mean one thing.
        local: Whether it depends on nothing but the one document.
    """

    kind: Literal["merge", "keep apart", "leave out"]
    left: Name
    right: Name | None
    score: float
    reason: str
    local: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A thing that was known before any document was read.

    Attributes:
        names: The first is the one to call it by.
    """

    id: str
    type: str
    names: tuple[str, ...]

    @property
    def keys(self) -> frozenset[Key]:
        """Its names as those of a document that stands for it."""
        return frozenset((f"{MEMORY}known {self.id}", self.type, name) for name in self.names)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person has decided on two entities, by the names that these had then.

    Attributes:
        number: Later judgements have higher numbers, and the last word.
        same: Whether the two are one.
    """

    number: int
    same: bool
    left: frozenset[Key]
    right: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every name is in one cluster or left out.

    Attributes:
        left_out: Pronouns, texts without any letter, and descriptions ("the company") of what
            their document does not name.
    """

    clusters: tuple[Cluster, ...]
    decisions: tuple[Decision, ...]
    left_out: tuple[Name, ...]

    @classmethod
    def of(cls, clusters: Iterable[Cluster], decisions: Iterable[Decision]) -> Self:
        """Sorted by content."""
        decided = {(*_by_content(one), one.local): one for one in decisions}
        ordered = tuple(decided[content] for content in sorted(decided))
        return cls(
            tuple(sorted(clusters, key=lambda cluster: cluster.names)),
            ordered,
            tuple(sorted(one.left for one in ordered if one.kind == "leave out")),
        )


def _by_content(decision: Decision) -> tuple[str, Key, Key | tuple[()], float, str]:
    right = decision.right.key if decision.right else ()
    return decision.kind, decision.left.key, right, decision.score, decision.reason
