"""A conversation with a small brain."""

import pytest

from encephagen.app import demo


@pytest.fixture
def talk(small_choice, capsys, monkeypatch):
    """A function that says lines to a new conversation and returns what it answered."""

    def conversation(*lines, choice=small_choice):
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
        capsys.readouterr()
        status = demo.demo(choice, 1)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return conversation
