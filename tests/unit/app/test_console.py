"""Errors in one line, and a word where something takes long."""

import errno
import time

import pytest

from encephagen.app import console


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
        (MemoryError(), "out of memory: ask for less, or close other programs"),
        (OSError(errno.ENOSPC, "No space left on device", "x.nc"), "x.nc: No space left on device"),
        (
            FileExistsError(errno.EEXIST, "File exists", "/dev/x"),
            "/dev/x is no folder; give another name",
        ),
    ],
)
def test_an_error_is_one_line(error, text):
    assert console.one_line(error) == text


def test_complaints_go_to_stderr_and_are_not_markup(capsys):
    console.complain("[red]not markup[/] " + "long " * 40)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: [red]not markup[/] long")
    assert captured.err.count("\n") == 1


def test_patience_speaks_only_when_it_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(console, "PATIENCE_S", 0.05)
    with console.patience("working ..."):
        pass
    assert capsys.readouterr().err == ""
    with console.patience("working ..."):
        time.sleep(0.2)
    assert capsys.readouterr().err == "working ...\n"


def test_no_bar_where_stderr_is_no_terminal(capsys):
    with console.bar("running") as progress:
        for i in range(100):
            progress(float(i), 100.0)
            time.sleep(0.01)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_bar_shows_in_a_terminal_what_takes_long(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "BAR_AFTER_S", 0.0)
    monkeypatch.setattr(console, "TEDIOUS_S", 0.0)
    with console.bar("running") as progress:
        progress(500.0, 2000.0)
        time.sleep(0.2)
    assert "0.5 of 2.0 s of brain time" in capsys.readouterr().err
