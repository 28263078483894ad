"""Which naming customs a type follows: people have surnames, companies have legal forms."""

import re

from kgbuild.ontology import EntityType, Ontology
from kgbuild.resolution.names import Kind

_KINDS: dict[Kind, frozenset[str]] = {
    "person": frozenset(
        "activist actor actress administrator adult adviser advisor advocate ambassador analyst"
        " applicant apprentice archaeologist architect artist assistant astronaut astronomer"
        " athlete attendee attorney author baker banker biologist bishop blogger boxer boy"
        " broker builder buyer candidate captain caregiver carer celebrity chairman chairperson"
        " chancellor character chef chemist child choreographer citizen claimant cleric clerk"
        " client climber coach collector columnist comedian commander composer conductor"
        " consultant contestant contributor cook coordinator councillor courier creator criminal"
        " critic curator cyclist dancer dealer defendant delegate dentist deputy designer"
        " detective diplomat director doctor donor draughtsman dynast economist editor educator"
        " emperor employee engineer engraver entrepreneur executive expert explorer farmer"
        " father fighter financier fisherman founder gardener general geologist girl goalkeeper"
        " governor grantor guardian guest guitarist hacker historian human illustrator"
        " individual informant inspector instructor interviewee interviewer inventor"
        " investigator investor journalist judge juror king landlord lawyer leader learner"
        " lecturer librarian linguist lobbyist lord magistrate man manager mathematician mayor"
        " mechanic mediator member mentor merchant migrant minister monarch monk mother musician"
        " narrator navigator neighbour nobleman novelist nun nurse nutritionist occupant officer"
        " official owner painter participant passenger pathologist patient patron people per"
        " performer person pharmacist philosopher photographer physician physicist pianist pilot"
        " plaintiff player playwright poet politician pope priest prince princess principal"
        " prisoner producer professor programmer prosecutor protagonist psychiatrist"
        " psychologist publicist pupil queen ranger recipient referee relative reporter"
        " representative researcher resident respondent reviewer rider royalty ruler runner"
        " sailor saint scholar scientist scribe scriptwriter sculptor secretary seller senator"
        " shareholder sheriff singer sister skipper sociologist soldier solicitor somebody"
        " someone songwriter speaker specialist spokesperson staff statesman steward student"
        " surgeon surveyor suspect swimmer teacher technician tenant therapist trader trainer"
        " translator traveller treasurer trustee tutor umpire user veteran veterinarian victim"
        " visitor volunteer voter warden winner witness woman worker writer".split()
    ),
    "organization": frozenset(
        "academy agency airline airport association authority band bank body brewery"
        " broadcaster bureau business charity church club college commission committee company"
        " consortium contractor cooperative corporation council court department employer"
        " ensemble enterprise faculty firm foundation franchisor fund government group hospital"
        " institute institution insurer lab laboratory league legislature library manufacturer"
        " ministry museum newspaper ngo nonprofit office operator orchestra org organisation"
        " organization parliament party provider publisher regulator retailer school society"
        " sponsor squad startup studio subsidiary supplier team theatre trust union university"
        " utility vendor".split()
    ),
    "place": frozenset(
        "address area bay borough city continent country county desert district forest gpe"
        " hamlet island lake loc location mountain municipality nation ocean place province"
        " region river sea settlement site state street territory town valley village".split()
    ),
}
_HEAD_ENDS = re.compile(r"[^\w\s-]|\b(?:who|whom|whose|that|which|where|when|of|in|for|to|with)\b")


_TELLS_NOTHING = frozenset(
    "agent any concept entity item label name named node noun object other"
    " resource subject term thing topic unknown".split()
)


def kind_of(type: str, ontology: Ontology) -> Kind:
    """Read it off the words for the type or, failing that, for a type above it."""
    entities = (ontology.entities[name] for name in (type, *ontology.ancestors(type)))
    kinds = (_KIND_OF[noun] for entity in entities for noun in _nouns(entity) if noun in _KIND_OF)
    own = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", type).casefold().split()
    return next(kinds, "any" if set(own) <= _TELLS_NOTHING else "other")


def _nouns(entity: EntityType) -> list[str]:
    """What the type is called, and what its description starts with: "A company that ..."."""
    head = _HEAD_ENDS.split(entity.description.strip().casefold(), maxsplit=1)[0]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", entity.name)
    labels = (spaced, entity.label, *entity.aliases, head)
    words = (re.findall(r"[a-z]+", label.casefold()) for label in labels)
    return [noun for found in words if found for noun in (found[-1], found[-1].removesuffix("s"))]


_KIND_OF = {noun: kind for kind, nouns in _KINDS.items() for noun in nouns}
