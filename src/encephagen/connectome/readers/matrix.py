"""One text file with a matrix of weights, labels in its first row and column; no lengths.

MRtrix writes its matrices without labels: put such a file into a folder, see `folder`.
"""

from pathlib import Path

from encephagen.connectome.readers.content import Content
from encephagen.connectome.readers.text import SUFFIXES, labelled_matrix

FORM = "a .csv, .tsv or .txt of labelled weights"


def accepts(path: Path) -> bool:
    """Tell whether this reader is for the path."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def read(path: Path) -> Content:
    """Return the weights of a text file with labels. Raises ValueError for anything wrong."""
    labels, weights = labelled_matrix(path)
    if labels is None:
        raise ValueError(
            f"{path}: has no labels; label its first row and column, or put it, as weights.csv, "
            "into a folder with regions.csv"
        )
    return Content(path, labels, weights)
