"""Compiled code: kept in one folder, found again, and compiled again where it is damaged."""

import os
import subprocess
import sys

import pytest

from encephagen.jit import made_of

MODULE = """
from encephagen.jit import njit

@njit
def twice(x):
    return 2 * x
"""
USE = """
import sys, warnings
warnings.simplefilter("always")
sys.path.insert(0, sys.argv[1])
from compiled_here import twice
print(twice(21), sum(twice.stats.cache_hits.values()))
"""


@pytest.fixture
def use(tmp_path):
    """Call a compiled function in a process of its own; return its answer, cache hits, stderr."""
    (tmp_path / "compiled_here.py").write_text(MODULE)

    def call(cache):
        done = subprocess.run(
            [sys.executable, "-c", USE, str(tmp_path)],
            capture_output=True,
            text=True,
            env={**os.environ, "ENCEPHAGEN_CACHE": str(cache)},
        )
        assert done.returncode == 0, done.stderr
        answer, hits = map(int, done.stdout.split())
        return answer, hits, done.stderr

    return call


def test_code_is_kept_in_the_chosen_folder_and_found_again(use, tmp_path):
    cache = tmp_path / "cache"
    assert use(cache) == (42, 0, "")
    assert {p.suffix for p in cache.rglob("*") if p.is_file()} == {".nbi", ".nbc"}
    assert not list((tmp_path / "__pycache__").glob("*.nb*"))
    assert use(cache) == (42, 1, "")


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:-90] + bytes(90), lambda b: b"none"],
    ids=["emptied", "cut short", "changed", "foreign"],
)
def test_damaged_code_is_compiled_again_with_a_line(use, tmp_path, suffix, damage):
    cache = tmp_path / "cache"
    use(cache)
    (path,) = cache.rglob(f"*{suffix}")
    path.write_bytes(damage(path.read_bytes()))
    answer, hits, said = use(cache)
    assert (answer, hits) == (42, 0)
    assert "was damaged: it is compiled again" in said and "Traceback" not in said
    assert use(cache) == (42, 1, "")


def test_a_folder_that_cannot_be_written_is_said(use, tmp_path):
    (tmp_path / "file").write_text("in the way")
    answer, hits, said = use(tmp_path / "file" / "cache")
    assert (answer, hits) == (42, 0)
    assert "compiled code cannot be kept in" in said and "set ENCEPHAGEN_CACHE" in said


def test_code_is_known_by_all_that_it_reaches():
    """Numba would look at the file of the function alone."""
    text = """
from types import SimpleNamespace
LEAK, PAIR = 0.5, (1, 2)
def helper(x):
    return x + 1
def run(x):
    return [LEAK * helper(y) * PAIR[0] for y in x]
"""

    def made(of=text):
        names = {}
        exec(compile(of, "<prompt>", "exec"), names)
        return made_of(names["run"])

    assert made() == made() == made(text.replace("<prompt>", "a file") + "\nlater = 1")
    for old, new in (
        ("LEAK, PAIR = 0.5", "LEAK, PAIR = 0.7"),
        ("x + 1", "x + 2"),
        ("(1, 2)", "(3, 2)"),
    ):
        assert made(text.replace(old, new)) != made(), old
