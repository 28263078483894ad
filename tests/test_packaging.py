"""Checkout, wheel and installed package hold the same modules and data files.

The folders cli/, connectors/ and ontologies/ stand at the top of the repository and are imported
as kgbuild.cli and so on; only pyproject.toml knows, so nothing but a test can tell that it is
complete.
"""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
FOLDERS = {"kgbuild": ROOT / "kgbuild"} | {
    package: ROOT / folder for package, folder in SETUPTOOLS["package-dir"].items()
}


def files_of_the_checkout() -> dict[str, Path]:
    """Every file that should be shipped, under its name in the wheel."""
    return {
        f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}": path
        for package, folder in FOLDERS.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def module_name(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_every_folder_with_modules_is_a_listed_package():
    packages = {
        module_name(file) for file in files_of_the_checkout() if file.endswith("/__init__.py")
    }
    folders = {file.rpartition("/")[0].replace("/", ".") for file in files_of_the_checkout()}
    assert packages == set(SETUPTOOLS["packages"])
    assert folders == packages


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a clean copy, built as pip builds it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS.values():
        shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
    result = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, check=True, capture_output=True, text=True
    )
    return zipfile.ZipFile(copy / result.stdout.splitlines()[-1])


def test_the_wheel_holds_the_files_of_the_checkout(wheel):
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == set(files_of_the_checkout())


def test_the_installed_modules_are_those_of_the_checkout():
    for file, path in files_of_the_checkout().items():
        if file.endswith(".py"):
            spec = importlib.util.find_spec(module_name(file))
            assert spec is not None, f"{file} is not installed: install the package again"
            assert Path(spec.origin).read_bytes() == path.read_bytes(), f"{file}: install again"
