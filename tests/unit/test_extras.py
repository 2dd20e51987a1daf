"""Extras: what is missing says how to get it, and what is there loads."""

import sys

import pytest

from encephagen.extras import Extra, Missing

JSON = Extra("tables", "json-tables", "json", "tables")


def test_what_is_there_loads_and_so_does_a_part_of_it():
    assert JSON.load("a table").dumps([1]) == "[1]"
    assert JSON.load("a table", ".decoder").JSONDecoder
    JSON.check("a table")


def test_what_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "json", None)
    word = r"^a table needs json-tables, which is not installed: pip install '.*\[tables\]'$"
    assert JSON.folder() is None
    for asked in (JSON.check, JSON.load):
        with pytest.raises(Missing, match=word):
            asked("a table")


def test_it_is_found_without_being_imported(tmp_path, monkeypatch):
    package = tmp_path / "never_imported"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert Extra("x", "x", "never_imported", "x").folder() == package
