"""A recording as a picture in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from encephagen.files import check_writable, whole

if TYPE_CHECKING:
    from encephagen.recording import Recording

FORMATS = (".png", ".pdf", ".svg")


def save_overview(recording: "Recording", file: Path) -> None:
    """Draw the overview of a recording into a file, whole or not at all.

    Raises ValueError as `check_picture`.
    """
    check_picture(file)
    from encephagen.figures import overview

    figure = overview(recording)
    with whole(file) as part:
        figure.savefig(part, format=file.suffix.lower().lstrip("."), dpi=150)


def check_picture(file: Path) -> None:
    """Raise ValueError if no picture could be written to ``file``."""
    if file.suffix.lower() not in FORMATS:
        raise ValueError(f"{file}: a picture is one of {', '.join(FORMATS)}; give such a name")
    check_writable(file)
