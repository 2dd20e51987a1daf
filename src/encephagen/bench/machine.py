"""This machine, and the packages that are installed on it."""

import os
import platform
import re
from importlib import metadata
from typing import Any

NAME = "encephagen"


def requirements() -> tuple[str, ...]:
    """Return the packages that this one asks for, the optional ones last."""
    try:
        asked = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:  # run from its source alone
        return ()
    return tuple(
        dict.fromkeys(
            re.split(r"[^\w.-]", line, maxsplit=1)[0]
            for line in sorted(asked, key=lambda line: "extra ==" in line)
        )
    )


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Return the version of each installed package, or None."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, Any]:
    """Return what this computer is, as far as a simulation cares."""
    import psutil

    from encephagen.jit import cache_folder

    memory = psutil.virtual_memory()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_GiB": round(memory.total / 2**30, 1),
        "memory_free_GiB": round(memory.available / 2**30, 1),
        "python": platform.python_version(),
        "kernel_cache": str(cache_folder()),
    }
