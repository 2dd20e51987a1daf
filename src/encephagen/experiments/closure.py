"""Closure: all that a run's result can depend on, so that kept runs are done again when it changes.

Of the function's own file: the definitions that it reaches by name. Of the package: every module
that these import, wherever in the file, all that those import in turn, and the data in the folders
of these modules. And the versions of `PACKAGES`. So a change of a picture, of a verdict or of
another study does nothing again, and a change of the kernel does everything again.
"""

import __future__

import ast
import dis
import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import encephagen
from encephagen.digest import digest

PACKAGES = ("numpy", "scipy", "numba", "netneurotools", "xarray", "tvb-data")
"""Packages whose version may change what a run returns."""

ROOT = Path(encephagen.__file__).parent
DATA = (".toml", ".npz", ".csv", ".json")
NAME = "encephagen"
LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
AS_TEXT = __future__.annotations.compiler_flag

Imports = dict[str, tuple[str, ...]]
"""What each name that an import binds may be: modules, by their full names."""


class Reach(NamedTuple):
    """What a function reaches: text of its own, and the modules of the package it imports.

    text   definitions in its file, and files beside it that these import
    files  path and text of those files, its own first; none where there is none (a notebook)
    """

    text: str
    modules: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


def code_digest(function: Callable[..., Any]) -> str:
    """Return the SHA-256 of all code and data that a function's result can depend on."""
    found = reach(function)
    return digest(found.text, package_digest(found.modules))


@functools.cache
def package_digest(modules: tuple[str, ...]) -> str:
    """Return the SHA-256 of modules of the package, all they import, their data, and `PACKAGES`."""
    every = closure(modules)
    folders = {_file(module).parent for module in every} - {ROOT}
    files = [_file(module) for module in every]
    files += sorted(f for f in _data() if any(folder in f.parents for folder in folders))
    return digest([(f.relative_to(ROOT).as_posix(), _read(f)[0]) for f in files], versions())


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of `PACKAGES`, of those that are installed."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def closure(modules: tuple[str, ...]) -> list[str]:
    """Return modules of the package and all they import, with the packages that hold them."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        holder = module.rpartition(".")[0]
        waiting += [*_imported(module), *([holder] if holder not in ("", NAME) else [])]
    return sorted(found)


def reach(function: Callable[..., Any]) -> Reach:
    """Return what a function reaches. Without a file of its own (a notebook), all of the package.

    A script that runs is `__main__`; its name in a key is that of its file, see `name_of`.
    """
    module = sys.modules.get(function.__module__)
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        text = ""
        with suppress(OSError, TypeError):
            text = inspect.getsource(function)
        return Reach(text, tuple(_modules()), ())
    package = getattr(module, "__package__", None) or ""
    return _reach(Path(file), package, function.__qualname__.split(".")[0])


def name_of(function: Callable[..., Any]) -> str:
    """Return the full name of a function, in a script that runs that of its file's."""
    module = function.__module__
    if module == "__main__":
        module = Path(getattr(sys.modules[module], "__file__", None) or module).stem
    return f"{module}.{function.__qualname__}"


@functools.cache
def _reach(file: Path, package: str, name: str) -> Reach:
    places = _Places(ast.parse(_read(file)[1]), package)
    reached: list[ast.stmt] = []
    modules: list[str] = []
    waiting = [name, *places.always]
    modules += places.imports.get("*", ())
    while waiting:
        for node in places.defined.get(waiting.pop(), ()):
            if node in reached:
                continue
            reached.append(node)
            names = _uses(node)
            waiting += names
            modules += [m for n in names for m in places.imports.get(n, ())]
            modules += [m for each in _imports(node, package).values() for m in each]
    text = [ast.unparse(node) for node in sorted(reached, key=lambda node: node.lineno)]
    files = [file]
    for module in modules:  # which grows by what files beside this one import
        for beside in _beside(file.parent, module):
            if beside not in files:
                files.append(beside)
                text.append(_read(beside)[1])
                found = _imports(ast.parse(text[-1]), package)
                modules += [m for each in found.values() for m in each]
    ours = {module for module in modules if module in _modules()}
    read = tuple((str(each), _read(each)[1]) for each in files)
    return Reach("\n".join(text), tuple(sorted(ours)), read)


def _beside(folder: Path, module: str) -> list[Path]:
    """Return the files in a folder that an import of a module runs; none for one of the package."""
    parts = module.split(".")
    if parts[0] == NAME:
        return []
    places = [folder.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    files = [f for p in places for f in (p.with_name(f"{p.name}.py"), p / "__init__.py")]
    return [f for f in files if f.is_file()]


class _Places:
    """What a file defines and imports at its top, by name.

    ``always`` names what runs whatever is asked for: statements that define nothing.
    """

    def __init__(self, tree: ast.Module, package: str) -> None:
        self.imports: Imports = {}
        self.defined: dict[str, list[ast.stmt]] = {}
        self.always: list[str] = []
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, modules in _imports(node, package).items():
                    self.imports[name] = (*self.imports.get(name, ()), *modules)
            elif not _runs_nothing(node):
                names = _defines(node)
                if not names:
                    self.always += (names := [f"<statement {len(self.always)}>"])
                for name in names:
                    self.defined.setdefault(name, []).append(node)


def _runs_nothing(node: ast.stmt) -> bool:
    """Return whether a statement is a text, or a block for type checkers or scripts alone."""
    if isinstance(node, ast.If):
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        return bool(names & {"TYPE_CHECKING", "__name__"}) and not node.orelse
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defines(node: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a file defines, or changes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return []


def _uses(node: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a file takes from there, but as types."""
    found: set[str] = set()
    waiting = [compile(ast.Module([node], []), "", "exec", AS_TEXT, dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]
        loads = (i for i in dis.get_instructions(code) if i.opname in LOADS)
        found |= {i.argval for i in loads}
    return found


def _imports(node: ast.AST, package: str) -> Imports:
    """Return the names that imports within a node bind, each with the modules it may be of."""
    found: Imports = {}
    for n in ast.walk(node):
        if isinstance(n, ast.Import):
            for alias in n.names:
                name = alias.asname or alias.name.split(".")[0]
                found[name] = (*found.get(name, ()), alias.name)
        elif isinstance(n, ast.ImportFrom):
            above = package.split(".")
            above = above[: len(above) + 1 - n.level] if n.level else []
            home = ".".join([*above, n.module or ""]).strip(".")
            for alias in n.names:
                full = f"{home}.{alias.name}".strip(".")
                name = alias.asname or alias.name
                if full in _modules() or not home:
                    may_be = (full,)
                else:  # a name of a module, or a file of one's own in a folder
                    may_be = (home,) if home in _modules() else (home, full)
                found[name] = (*found.get(name, ()), *may_be)
    return found


# ---- the package --------------------------------------------------------------------------------


@functools.cache
def _imported(module: str) -> tuple[str, ...]:
    """Return the modules of the package that one of them imports, at its top or anywhere in it."""
    file = _file(module)
    tree = ast.parse(_read(file)[1])
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    if file.name != "__init__.py":  # which names for type checkers what it loads when asked for it
        tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and _runs_nothing(n))]
    found = {m for each in _imports(tree, package).values() for m in each if m in _modules()}
    calls = (n.func for n in ast.walk(tree) if isinstance(n, ast.Call))
    # Not in the root's own files: `encephagen` loads what it is asked for by name, its ground floor
    # (`extras`) nothing of ours.
    if package != NAME and "import_module" in {ast.unparse(f).rpartition(".")[2] for f in calls}:
        found |= {m for m in _modules() if m.startswith(f"{package}.")}  # by a name it makes up
    return tuple(sorted(found - {module}))


@functools.cache
def _modules() -> dict[str, Path]:
    """Return the file of every module of the package."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@functools.cache
def _data() -> list[Path]:
    return [file for file in ROOT.rglob("*") if file.suffix in DATA]


def _file(module: str) -> Path:
    return _modules()[module]


@functools.cache
def _read(file: Path) -> tuple[str, str]:
    """Return digest and text (of code) of a file, read once a process, as modules are."""
    content = file.read_bytes()
    text = content.decode() if file.suffix == ".py" else ""
    return hashlib.sha256(content).hexdigest(), text


def read_everything() -> None:
    """Read the whole package now, as workers do when they start: what changes later is other."""
    for file in (*_modules().values(), *_data()):
        _read(file)
