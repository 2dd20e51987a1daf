"""The house rules of docs/map.md that a machine can hold, and the documented examples."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import types
import zipfile
from pathlib import Path

import pytest

import encephagen
from encephagen.bench.networks import DEFAULT
from encephagen.experiments import study
from encephagen.extras import EXTRAS
from encephagen.report.page import BRAIN_DIGEST, brain_digest_of
from encephagen.report.text import of_brain

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "encephagen"
MODULES = sorted(SOURCE.rglob("*.py"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
LOCKS = sorted(ROOT.glob("*.lock"))
TEXT = {".cff", ".csv", ".ipynb", ".json", ".lock", ".md", ".py", ".svg", ".toml", ".txt", ""}


def tracked():
    """The files git knows, or in an unpacked archive everything that is not hidden or built."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode == 0 and found.stdout:
        return [ROOT / name for name in found.stdout.split("\0") if name and (ROOT / name).exists()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not re.search(r"/(\.|dist/|build/|__pycache__)", str(path))
    ]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def python_blocks(text):
    """Return (first line number, code) of every fenced block whose language is exactly python."""
    blocks, lines, first, fence = [], [], 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if not fence:
            opening = re.match(r"(`{3,}|~{3,})\s*(\S*)", bare)
            if opening:
                fence, language = opening.groups()
                first, lines = number + 1, ([] if language == "python" else None)
        elif bare == fence:
            if lines is not None:
                blocks.append((first, "\n".join(lines)))
            fence = ""
        elif lines is not None:
            lines.append(line)
    return blocks


def test_the_extractor_finds_python_blocks_alone():
    text = "a\n```python\nx = 1\n```\n```bash\nls\n```\n~~~python\ny = x\n~~~\n```\nplain\n```\n"
    assert python_blocks(text) == [(3, "x = 1"), (9, "y = x")]


# ---- the source ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_app_prints(path):
    if "app" in path.relative_to(SOURCE).parts:
        return
    calls = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    printing = [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not printing, f"{name_of(path)} prints in lines {printing}: return it, app/ prints"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_public_has_a_docstring(path):
    tree = parse(path)
    bare = [] if ast.get_docstring(tree) else ["the module"]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if not isinstance(node, kinds) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            bare.append(node.name)
        if isinstance(node, ast.ClassDef):
            bare += [
                f"{node.name}.{method.name}"
                for method in node.body
                if isinstance(method, kinds)
                and not method.name.startswith("_")
                and not overloads(method)
                and not ast.get_docstring(method)
            ]
    assert not bare, f"{name_of(path)}: no docstring on {', '.join(bare)}"


def overloads(function):
    """Whether this only adds to a documented definition: a setter, an overload, an override."""
    marks = {ast.unparse(mark).split(".")[-1] for mark in getattr(function, "decorator_list", ())}
    return bool(marks & {"setter", "deleter", "overload", "override"})


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_randomness_comes_from_named_streams(path):
    if path.name == "rng.py":
        return
    found = re.findall(
        r"default_rng|RandomState|random\.seed|^\s*(?:import|from) random\b",
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert not found, f"{name_of(path)} makes its own randomness: use encephagen.rng.stream"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_compiled_code_is_kept_in_one_folder(path):
    """Numba's own cache lies beside the sources and trusts what it finds: see `jit.njit`."""
    cached = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "cache"
    ]
    assert not cached, f"{name_of(path)}, lines {cached}: use encephagen.jit.njit"


def test_no_drawer_of_odds_and_ends():
    odd = [p for p in MODULES if p.stem in {"utils", "util", "helpers", "common", "misc"}]
    assert not odd, f"name files for what they hold: {[name_of(p) for p in odd]}"


def test_unit_tests_mirror_the_source():
    folders = {p.name for p in (ROOT / "tests" / "unit").iterdir() if p.is_dir()} - {"__pycache__"}
    strangers = {f for f in folders if not (SOURCE / f).is_dir()}
    assert not strangers, f"tests/unit has no counterpart in src/encephagen for {strangers}"


# ---- the shape of the house ---------------------------------------------------------------------


def module_of(path):
    name = path.relative_to(SOURCE.parent).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def imports():
    """Every import of one file of the package by another: (importer, imported), types included."""
    known = {module_of(path) for path in MODULES}
    found = set()
    for path in MODULES:
        for node in ast.walk(parse(path)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in known else node.module for name in whole]
            found |= {(module_of(path), name) for name in names if name in known}
    root = SOURCE.name  # it names what it loads when first used, and holds the version
    return {(a, b) for a, b in found if root not in (a, b) and a != b}


def test_no_two_files_import_each_other_in_a_circle():
    after = {}
    for importer, imported in imports():
        after.setdefault(importer, set()).add(imported)
    reached = {}

    def reach(module):
        if module not in reached:
            reached[module] = set()
            todo = list(after.get(module, ()))
            while todo:
                if (found := todo.pop()) not in reached[module]:
                    reached[module].add(found)
                    todo += after.get(found, ())
        return reached[module]

    circles = sorted(module for module in list(after) if module in reach(module))
    assert not circles, f"these import each other in a circle: {circles}"


def test_layers_hold_for_types_too():
    """import-linter leaves out what is imported for types alone; here it counts."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (contract,) = linter["importlinter"]["contracts"]
    floor = {}
    for height, layer in enumerate(contract["layers"]):
        floor |= dict.fromkeys((name.strip("() ") for name in layer.split("|")), height)
    strangers = {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in MODULES}
    assert strangers - {"__init__"} == set(floor)
    wrong = []
    for importer, imported in sorted(imports()):
        a, b = importer.split(".")[1], imported.split(".")[1]
        if a != b and floor[a] >= floor[b] and contract["layers"][-1].find(a) < 0:
            wrong.append(f"{importer} -> {imported}")
    assert not wrong, wrong


LETTER = re.compile(
    r"""startswith\(\(?["'][A-Z]["']|\[:?[01]:?1?\]\s*[!=]=\s*["'][A-Z]["']"""
    r"""|[!=]=\s*["'][EI]["']|\bin\s*[({\[]\s*["'][EI]["']"""
)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_letter_of_a_name_decides_what_a_population_does(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [f"{n}: {line.strip()}" for n, line in enumerate(lines, 1) if LETTER.search(line)]
    assert not found, f"{name_of(path)}: ask `excites` of the population: {found}"


def test_the_detector_of_letters_detects():
    for line in ('name.startswith("I")', "name[0] == 'I'", 'name == "E"', "p in ('E', 'X')"):
        assert LETTER.search(line), line
    for line in ('name.startswith("Inf")', 'sel(population="E")', 'd["I"]', 'x == "Either"'):
        assert not LETTER.search(line), line


def n_lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_can_be_read_at_one_sitting():
    kernel = SOURCE / "engine" / "cpu" / "kernel.py"  # one straight run of loops
    long = {name_of(p): n_lines(p) for p in MODULES if n_lines(p) > 500 and p != kernel}
    assert not long, f"over 500 lines: {long}; a file holds one thing"


def test_the_app_is_thin():
    total = sum(n_lines(p) for p in MODULES if "app" in p.relative_to(SOURCE).parts[:1])
    assert total < 3500, f"app/ has {total} lines: it talks, and what it says is made below it"


# ---- the package --------------------------------------------------------------------------------


def test_every_public_name_of_the_root_loads():
    for name in encephagen.__all__:
        assert getattr(encephagen, name) is not None
        assert name in dir(encephagen)
    assert set(encephagen.__all__) == {*encephagen._HOME, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'brane'"):
        encephagen.brane  # noqa: B018


def test_type_checkers_see_the_names_that_load():
    names = {}
    for node in ast.walk(parse(SOURCE / "__init__.py")):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("encephagen."):
            home = node.module.removeprefix("encephagen.")
            names |= {alias.name: home for alias in node.names}
    assert names == encephagen._HOME


def test_importing_the_package_does_nothing():
    code = "import sys, encephagen; print('numpy' in sys.modules, 'numba' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False False\n"
    assert found.stderr == ""


def test_one_version():
    version = encephagen.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_wheel_carries_every_file_of_the_package(tmp_path):
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    carried = set(zipfile.ZipFile(built).namelist())
    wanted = {p.relative_to(ROOT / "src").as_posix() for p in tracked() if SOURCE in p.parents}
    assert wanted <= carried, f"missing from the wheel: {sorted(wanted - carried)}"
    assert not [name for name in carried if name.startswith("tests/")]


@pytest.mark.parametrize("path", LOCKS, ids=name_of)
def test_requirements_are_pinned_and_name_no_place(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    unpinned = [line for line in pins if not re.match(r"[A-Za-z0-9._\[\]-]+==\S+", line)]
    assert not unpinned, f"{path.name}: {unpinned}; renew it with make lock"
    places = [line for line in lines if re.search(r"://|file:|\s/|@ ", line)]
    assert not places, f"{path.name} names a place: {places}"


def test_the_lock_covers_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = project["dependencies"] + extras["fit"] + extras["nulls"]  # so all commands work
    asked = {re.match(r"[\w.-]+", text)[0].lower() for text in texts}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {name.lower() for name in re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE)}
    assert asked <= pinned, f"not in requirements.lock: {asked - pinned}; renew it with make lock"


def test_every_package_that_we_import_is_one_we_ask_for():
    """One that another package happens to bring would be missing the day it no longer does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + sum(project["optional-dependencies"].values(), [])
    known = {re.match(r"[\w.-]+", text)[0].lower().replace("-", "_") for text in asked}
    imported_as = {"pillow": "PIL", "nest_simulator": "nest"}
    known |= {imported_as[name] for name in known & imported_as.keys()}
    known |= {"encephagen", "__future__"} | sys.stdlib_module_names
    strangers = set()
    for path in MODULES:
        for node in ast.walk(parse(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            roots = {name.split(".")[0] for name in names}
            strangers |= {f"{root} in {name_of(path)}" for root in roots - known}
    assert not strangers, f"not in pyproject.toml: {sorted(strangers)}"


def test_what_only_some_commands_need_is_an_extra_that_is_loaded_through_its_word():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["optional-dependencies"]
    asked = {name: re.match(r"[\w.-]+", texts[0])[0] for name, texts in declared.items()}
    assert {e.name: e.package for e in EXTRAS}.items() <= asked.items()
    inside_nest = {"nest_worker.py", "run_in_nest.py"}  # they run where NEST is, by themselves
    direct = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(e.module for e in EXTRAS)})\b", re.M)
    found = {p.name for p in MODULES if direct.search(p.read_text(encoding="utf-8"))}
    assert found <= inside_nest, "load it through encephagen.extras, which says how to get it"


@pytest.mark.parametrize(
    "words",
    ["--help", "info", "simulate --seconds 0.05", "demo"],
)
def test_everyday_commands_import_no_extra_and_no_cluster(words):
    code = (
        "import sys; from encephagen.app.cli import main\n"
        f"sys.argv = ['encephagen', *{words.split()}]\n"
        "try: main()\n"
        "finally: print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    quit_at_once = {"input": "quit\n"} if words == "demo" else {}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, **quit_at_once
    )
    loaded = set(ast.literal_eval(ran.stderr.splitlines()[-1]))
    heavy = {e.module for e in EXTRAS} | {"distributed", "sklearn", "nilearn"}
    assert ran.returncode == 0 and "typer" in loaded
    assert not loaded & heavy


# ---- the repository -----------------------------------------------------------------------------


def test_files_stay_small():
    large = {name_of(p): p.stat().st_size for p in tracked() if p.stat().st_size > 10_000_000}
    assert not large, f"over 10 MB: {large}"


def test_nothing_names_a_place_on_one_machine():
    place = re.compile(r"(?<![\w.])/(?:home|Users|root)/\w|[A-Z]:\\Users")
    named = []
    for path in tracked():
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            named += [f"{name_of(path)}: {hit[0]}" for hit in place.finditer(text)]
    assert not named, named


# ---- the documents ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_documented_examples_run(path, tmp_path, monkeypatch):
    """The python blocks of one document run in order, in one namespace and an empty folder."""
    blocks = python_blocks(path.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    # A module that can be imported: the compiled kernel imports the models that it is made of.
    module = types.ModuleType(f"example_{path.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for first, code in blocks:
        # Empty lines before it, so that an error names the line of the document.
        exec(compile("\n" * (first - 1) + code, str(path), "exec"), module.__dict__)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not broken, f"{name_of(path)}: {broken}"


UNKNOWN_BRAIN = {
    *(
        f"docs/experiments/{name}.json"
        for name in (
            "fc-tuning", "propagation", "rhythm", "spiking-hierarchy", "structure-vs-null",
            "timescale-gradient",
        )
    ),
}  # fmt: skip
"""Kept before results carried the digest of their brain. This list may only shrink: what is made
again carries it, and is taken off."""

NO_BRAIN = {
    "docs/experiments/region-hierarchy.json",  # of rate units
    "docs/experiments/through-the-wall.png",  # of many recipes
}
KEPT = [
    path
    for path in sorted((ROOT / "docs").rglob("*"))
    if path.suffix in {".json", ".png"} and name_of(path) not in NO_BRAIN
]


@pytest.fixture(scope="module")
def shipped():
    return encephagen.whole_brain(encephagen.hcp_aal2()).digest()


def expected(path, shipped):
    """Return the digest of the brain that a kept picture or result must be of.

    A study says which brain is its own, and the benchmark too; all others are of the shipped one.
    """
    name = path.stem
    if name == "bench":
        return DEFAULT.brain(encephagen.hcp_aal2()).digest()
    module = study.find(name).module if name in study.names() else None
    return module.brain_digest(module.Config()) if hasattr(module, "brain_digest") else shipped


def brain_of(path):
    """Return the digest of the brain that a kept picture or result is of, None if it has none."""
    if path.suffix == ".png":
        return brain_digest_of(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    return {**document.get("provenance", {}), **document}.get(BRAIN_DIGEST)


@pytest.mark.parametrize("path", KEPT, ids=name_of)
def test_pictures_and_figures_are_of_the_shipped_brain(path, shipped):
    digest = brain_of(path)
    if name_of(path) in UNKNOWN_BRAIN:
        assert digest is None, f"{name_of(path)} carries its brain now: take it off UNKNOWN_BRAIN"
    else:
        assert digest == expected(path, shipped), (
            f"{name_of(path)} is of another brain: make it again (make docs)"
        )
    page = path.with_suffix(".md")
    if path.suffix == ".json" and page.exists():
        assert of_brain(digest) in page.read_text(encoding="utf-8"), "its page says of which brain"


def test_the_readme_counts_what_the_validation_counts():
    kept = json.loads((ROOT / "docs" / "validation.json").read_text(encoding="utf-8"))["rest"]
    said = f"At rest {kept['in_range']} of {kept['judged']} figures lie in their ranges"
    assert said in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_the_readme_has_the_speed_that_the_bench_measured():
    kept = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))
    one, batch = kept["regions_neurolib_ratio"], kept["regions_batch_ratio"]
    said = f"beside neurolib ({one:.1f} times as fast; {batch:.1f} with 32 sets of parameters"
    assert said in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_what_is_known_to_be_unknown_is_there():
    assert UNKNOWN_BRAIN <= {name_of(path) for path in KEPT}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebooks_run(path, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()


def test_the_command_line_reference_is_what_the_help_says():
    reference = ROOT / "docs" / "cli.md"
    if not reference.exists():
        pytest.skip("docs/cli.md is not made yet: make docs")
    made = subprocess.run(
        [sys.executable, "-m", "typer", "encephagen.app.cli", "utils", "docs"]
        + ["--name", "encephagen", "--title", "The command line"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert reference.read_text(encoding="utf-8").strip() == made.stdout.strip(), "renew: make docs"
