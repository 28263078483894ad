"""The ready ontologies, by name."""

from importlib.resources import files
from pathlib import Path

_FOLDER = Path(str(files(__name__)))


def names() -> tuple[str, ...]:
    """The names of the ready ontologies, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def find(name_or_path: str | Path) -> Path:
    """The file of a ready ontology if that is what the name says, else the path as it is.

    A file of your own called `company` wins over the ready one; so does `./company`.
    """
    path = Path(name_or_path)
    ready = _FOLDER / f"{name_or_path}.yaml"
    return ready if str(name_or_path) in names() and not path.is_file() else path
