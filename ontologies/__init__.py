"""The ready ontologies, by name."""

from importlib.resources import files
from pathlib import Path

from kgbuild.errors import OntologyError
from kgbuild.ontology.rules import near

_FOLDER = Path(str(files(__name__)))


def names() -> tuple[str, ...]:
    """The names of the ready ontologies, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def find(name_or_path: str | Path) -> Path:
    """The file of a ready ontology if its bare name is given, else the path as it is.

    Raises:
        OntologyError: A bare name that is neither a file here nor a ready ontology.
    """
    path = Path(name_or_path)
    if path.is_file() or path.suffix or path.name != str(name_or_path):
        return path
    if path.name not in names():
        hint = near(path.name, names())
        raise OntologyError(f"{path}: is neither a file nor a ready ontology; {hint}")
    return _FOLDER / f"{path.name}.yaml"
