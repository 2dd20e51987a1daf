"""A small brain in a file, and a conversation with it."""

import pytest

from encephagen.app import demo
from encephagen.app.choice import Choice, recipe_values
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset

STEMS = ("Calcarine", "Heschl", "Postcentral", "Precentral", "Frontal_Mid_2")


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory):
    """A file with ten regions: visual, auditory, somatosensory, motor and frontal cortex."""
    names = [f"{stem}_{side}" for stem in STEMS for side in "LR"]
    path = tmp_path_factory.mktemp("data") / "small.npz"
    return write_npz(subset(hcp_aal2(), names), path)


@pytest.fixture(scope="session")
def small_choice(small_dataset):
    """The brain of the small dataset."""
    return Choice(dataset=str(small_dataset), recipe=recipe_values(None, []))


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
