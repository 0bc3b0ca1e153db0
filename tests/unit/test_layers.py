"""Each folder of lib/tandem imports only what stands above it (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from support import ROOT

LIB = ROOT / "lib" / "tandem"
MAY_IMPORT = {
    "base": "",
    "nvml": "base",
    "processes": "base",
    "log": "base",
    "config": "base processes log",
    "machine": "base nvml processes",
    "measure": "base nvml processes",
    "plan": "base config log",
    "background": "base nvml processes log config measure plan",
    "results": "base processes measure plan",
    "interference": "base log config measure results",
    "report": "base nvml log config measure plan background results interference",
    "experiment": "base nvml processes log config machine measure plan background results"
    " interference report",
    "run": "base nvml processes log config machine measure plan background results interference"
    " report experiment",
    "work": "base nvml processes log config machine measure plan background results interference"
    " report experiment run",
    "commands": "base nvml processes log config machine measure plan background results"
    " interference report experiment run work",
}


def imports(source: str) -> Iterator[str]:
    """Yield every module that a source imports, be it inside a function or for its types."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(folder: str, source: str) -> list[str]:
    """Return what a module of a folder must not import, each as "folder: module"."""
    allowed = {folder, *MAY_IMPORT[folder].split()}
    ours = [name.split(".") for name in imports(source) if name.split(".")[0] == "tandem"]
    return [f"{folder} imports {'.'.join(name)}" for name in ours if name[1] not in allowed]


def test_every_folder_is_in_the_list() -> None:
    assert {path.parent.name for path in LIB.glob("*/__init__.py")} == MAY_IMPORT.keys()


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_stands_above_it(folder: str) -> None:
    for path in (LIB / folder).rglob("*.py"):
        found = forbidden(folder, path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(LIB)}: {'; '.join(found)}"


def test_a_forbidden_import_is_named_with_both() -> None:
    source = "def later():\n    from tandem.results.record import write_record\n"
    assert forbidden("measure", source) == ["measure imports tandem.results.record.write_record"]


def test_only_nvml_knows_pynvml() -> None:
    users = [path for path in LIB.rglob("*.py") if "pynvml" in set(imports(path.read_text()))]
    assert {path.parent.name for path in users} == {"nvml"}
