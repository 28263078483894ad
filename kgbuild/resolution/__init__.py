"""From names to entities: which names, in one document and across all, mean one thing.

`resolution.py` decides on all names, `renewal.py` on those that a change concerns (`concern.py`);
both first within each document (`in_document.py`), then `across.py` all. From the bottom up:
`names.py` takes a name apart, by the customs of its kind (`kinds.py`: a person's, an
organization's); `matching.py` says when two names can mean one thing; `clustering.py` groups what
pairs of scores hold together; `linking.py` puts these to work on many names; `senses.py` tells
namesakes apart. What people have decided (`judging.py`) is `law.py` to all of them. `records.py`
has what goes in and what comes out.
"""

from kgbuild.resolution.judging import labels_of, things_of
from kgbuild.resolution.records import (
    Cluster,
    Decision,
    Embed,
    Judgement,
    Key,
    Known,
    Name,
    Resolution,
)
from kgbuild.resolution.renewal import Changes, renew
from kgbuild.resolution.resolution import resolve

__all__ = [
    "Changes",
    "Cluster",
    "Decision",
    "Embed",
    "Judgement",
    "Key",
    "Known",
    "Name",
    "Resolution",
    "labels_of",
    "renew",
    "resolve",
    "things_of",
]
