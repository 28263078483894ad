"""Who may know whom (architecture.md, section 4), and what importing the package loads."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgbuild

ROOT = Path(__file__).parents[1]
FOLDERS = {name: ROOT / name for name in ("kgbuild", "connectors", "cli", "ontologies")}

# Room -> the rooms it may import, at its top or inside a function. A room is a module of kgbuild/
# or one of its folders, and may always import itself.
RECORDS = {"errors", "datatypes"}
STAGE = RECORDS | {"ontology"}
MAY_KNOW = {
    "errors": set(),
    "progress": set(),
    "datatypes": {"errors"},
    "ontology": RECORDS,
    "ontologies": RECORDS,
    "readers": STAGE,
    "chunking": STAGE,
    "decoding": STAGE,
    "resolution": STAGE,
    "embeddings": STAGE,
    "ledger": STAGE | {"decoding", "resolution"},
    "models": {"errors"},
    "extraction": STAGE | {"chunking", "decoding", "models"},
    "connectors": STAGE | {"ledger"},
    "retrieval": STAGE | {"ledger", "connectors", "embeddings"},
}
KNOW_EVERYTHING = {"kgbuild", "graph", "cli", "training", "evaluation"}  # but nobody knows cli
HEAVY = {"torch", "transformers", "sentence_transformers", "tokenizers", "neo4j", "rdflib"}
HEAVY |= {"pyoxigraph", "docx", "pypdf", "langchain_core", "langchain"}
LOADS_TORCH = {"models", "training", "evaluation"}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of ours, by its dotted name."""
    for top, folder in FOLDERS.items():
        package = top if top == "kgbuild" else f"kgbuild.{top}"
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *parts]).removesuffix(".__init__"), path


def room(module: str) -> str:
    return (module.split(".") + ["kgbuild"])[1] if "." in module else "kgbuild"


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The dotted names that these statements import, ours down to the room."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"kgbuild.{alias.name}" for alias in node.names]
            yield from names if node.module == "kgbuild" else [node.module]


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements that importing a module runs: none in a function, none for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_at_import(node)


MODULES = list(modules())


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_knows_only_whom_it_may(module, path):
    tree = ast.parse(path.read_text("utf-8"))
    known = {room(name) for name in imported(ast.walk(tree)) if name.split(".")[0] == "kgbuild"}
    here = room(module)
    assert "cli" not in known or here == "cli"
    if here not in KNOW_EVERYTHING:
        assert known <= MAY_KNOW[here] | {here}


@pytest.mark.parametrize(("module", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_loads_nothing_heavy_when_imported(module, path):
    names = set(imported(run_at_import(ast.parse(path.read_text("utf-8")))))
    heavy = {name for name in names if name.split(".")[0] in HEAVY}
    heavy |= {name for name in names if name.startswith("kgbuild.") and room(name) in LOADS_TORCH}
    assert room(module) in LOADS_TORCH or not heavy


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
    """The best of several runs: the machine may be busy."""
    command = [Path(sys.executable).with_name("kgbuild"), "--help"]

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.5
