"""Who may know whom (architecture.md, section 4), and what importing the package loads."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgbuild

ROOT = Path(__file__).parents[1]
FOLDERS = {name: ROOT / name for name in ("kgbuild", "connectors", "cli", "ontologies")}

# A room is a folder or a module; these are modules with others behind them. New ones join here.
ROOMS = {
    "decoding": {"literals"},
    "extraction": {"document_relations", "passes", "scores"},
    "graph": {"curation", "ingestion", "known"},
}
# A room inside of another, which knows more than that one does.
APART = {"kgbuild.connectors.langchain": "langchain"}
ROOM_OF = {module: room for room, modules in ROOMS.items() for module in modules}

# Room -> the rooms it may import, at its top or inside a function; for types alone, any.
RECORDS = {"errors", "datatypes"}
STAGE = RECORDS | {"ontology"}
MAY_KNOW = {
    "errors": set(),
    "progress": set(),
    "datatypes": set(),
    "ontology": RECORDS,
    "ontologies": RECORDS | {"ontology"},
    "readers": RECORDS,
    "chunking": RECORDS,
    "decoding": STAGE,
    "resolution": STAGE,
    "embeddings": RECORDS | {"models"},
    "models": {"errors"},
    "extraction": STAGE | {"chunking", "decoding", "models", "resolution"},
    "ledger": STAGE | {"chunking", "decoding", "resolution"},
    "connectors": STAGE | {"ledger"},
    "retrieval": STAGE | {"ledger", "connectors", "embeddings"},
    "langchain": STAGE
    | {"connectors", "embeddings", "extraction", "graph", "ledger", "resolution", "retrieval"},
}
KNOW_EVERYTHING = {"kgbuild", "graph", "cli", "training", "evaluation"}  # but nobody knows cli
HEAVY = {"torch", "transformers", "sentence_transformers", "tokenizers", "neo4j", "rdflib"}
HEAVY |= {"pyoxigraph", "docx", "pypdf", "langchain_core", "langchain"}
LOADS_HEAVY = {"models", "training", "evaluation", "langchain"}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of ours, by its dotted name."""
    for top, folder in FOLDERS.items():
        package = top if top == "kgbuild" else f"kgbuild.{top}"
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *parts]).removesuffix(".__init__"), path


def room(module: str) -> str:
    """`kgbuild.models.relex` is in the room `models`, `kgbuild` itself in `kgbuild`."""
    for package, room in APART.items():
        if module == package or module.startswith(f"{package}."):
            return room
    name = f"{module}.kgbuild".split(".")[1]
    return ROOM_OF.get(name, name)


def statements(tree: ast.AST, *, functions: bool) -> Iterator[ast.AST]:
    """What runs, or only what runs at import; never what is for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not functions:
            continue
        yield node
        yield from statements(node, functions=functions)


def imports(path: Path, *, functions: bool) -> set[str]:
    """The dotted names that a file imports."""
    names: set[str] = set()
    for node in statements(ast.parse(path.read_text("utf-8")), functions=functions):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "kgbuild":
            names |= {f"kgbuild.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "a relative import")
    return names


MODULES = list(modules())


each_module = pytest.mark.parametrize(
    ("module", "path"), MODULES, ids=[name for name, _ in MODULES]
)


@each_module
def test_a_module_knows_only_whom_it_may(module, path):
    known = {room(name) for name in imports(path, functions=True) if name.startswith("kgbuild.")}
    here = room(module)
    assert here == "cli" or "cli" not in known
    assert here in KNOW_EVERYTHING | MAY_KNOW.keys(), "a new module: give it a room above"
    assert here in KNOW_EVERYTHING or known <= MAY_KNOW[here] | {here}


@each_module
def test_a_module_loads_nothing_heavy_when_imported(module, path):
    names = imports(path, functions=False)
    heavy = {name for name in names if name.split(".")[0] in HEAVY}
    ours = {name for name in names if name.startswith("kgbuild.") and room(name) in LOADS_HEAVY}
    assert room(module) in LOADS_HEAVY or not heavy | ours


def modules_loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


@pytest.mark.parametrize(
    "code",
    [
        "import kgbuild",
        "import kgbuild; kgbuild.KnowledgeGraph, kgbuild.Ontology, kgbuild.Extractor",
        "import kgbuild.cli",
    ],
)
def test_importing_loads_no_torch_and_no_driver(code):
    assert not modules_loaded_by(code) & HEAVY


def test_import_kgbuild_loads_only_records_and_errors():
    loaded = {name for name in modules_loaded_by("import kgbuild") if name.startswith("kgbuild.")}
    assert loaded == {"kgbuild.datatypes", "kgbuild.errors"}


def test_every_public_name_is_there():
    assert {name: getattr(kgbuild, name) for name in kgbuild.__all__}
    assert set(kgbuild.__all__) <= set(dir(kgbuild))
    assert kgbuild.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = kgbuild.nonsense


def test_help_answers_at_once():
    """In processor time, the best of several runs: the machine may be busy."""
    command = [Path(sys.executable).with_name("kgbuild"), "--help"]

    def seconds() -> float:
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        user = after.children_user - before.children_user
        return user + after.children_system - before.children_system

    assert min(seconds() for _ in range(5)) < 0.5
