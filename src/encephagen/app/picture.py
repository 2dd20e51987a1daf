"""A recording as a picture in a file."""

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encephagen.recording import Recording

FORMATS = (".png", ".pdf", ".svg")


def save_overview(recording: "Recording", file: Path) -> None:
    """Draw the overview of a recording into a file, whole or not at all.

    Raises ValueError for a suffix that is no format of pictures or a folder that is not there.
    """
    check_picture(file)
    from encephagen.figures import overview

    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        figure = overview(recording)
        figure.savefig(part, format=file.suffix.lower().lstrip("."), dpi=150)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def check_picture(file: Path) -> None:
    """Raise ValueError if no picture could be written to ``file``."""
    if file.suffix.lower() not in FORMATS:
        raise ValueError(f"{file}: a picture is one of {', '.join(FORMATS)}; give such a name")
    if file.is_dir():
        raise ValueError(f"{file} is a folder; give the name of a file")
    if not file.parent.is_dir():
        raise ValueError(f"folder {file.parent} does not exist; create it first")
