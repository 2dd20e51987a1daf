"""Loading the compiled kernel: a module a composition, in the cache folder, imported from there.

In it every function is a module-level name, so Numba finds its compiled code there the next time,
also for a model of the user's own. Its name carries a digest of all that it was made from.
"""

import functools
import hashlib
import importlib.util
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import numba

from encephagen import jit
from encephagen.engine.cpu.source import Composition, source
from encephagen.files import whole


@functools.cache
def load(composition: Composition) -> ModuleType:
    """Return the module for a composition, written if it was not there, or was damaged.

    Where the cache folder cannot be written, it is written to a temporary one, and compiled by each
    process anew. Raises ValueError for a model that cannot be imported by name.
    """
    models = (*(kind.model for kind in composition.kinds), *composition.receptors)
    for model in models:
        if "." in model.__qualname__:
            raise ValueError(
                f"{model.__qualname__} is defined inside a function or a class, and the kernel "
                "imports models by name: define it at the top of its module"
            )
    text = source(composition)
    name = f"kernel_{_digest(text, models)[:20]}"
    try:
        path = _written(jit.cache_folder(), name, text)
    except (OSError, ValueError) as error:
        warnings.warn(
            f"compiled kernels cannot be kept in {jit.cache_folder()} ({_reason(error)}): this "
            "start compiles anew; set ENCEPHAGEN_CACHE to a folder that can be written",
            UserWarning,
            stacklevel=2,
        )
        path = _written(Path(_temporary().name), name, text)
    spec = importlib.util.spec_from_file_location(f"encephagen_cache.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _written(folder: Path, name: str, text: str) -> Path:
    """Return the file of a module in a folder, written unless it is there as it should be."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if path.is_file():
        if path.read_bytes() == text.encode():
            return path
        warnings.warn(f"{path} was damaged: it is written and compiled again", stacklevel=3)
    with whole(path) as part:
        part.write_bytes(text.encode())
    return path


def _digest(text: str, models: tuple[type, ...]) -> str:
    """Return the digest of a module's text and of its models' code; `jit.njit` sees to the rest."""
    made = [text, numba.__version__, *(jit.made_of(model.advance) for model in models)]
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


@functools.cache
def _temporary() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder that is there as long as this process."""
    return tempfile.TemporaryDirectory(prefix="encephagen-")


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
