"""Compiled code, and the one folder in which it is kept.

`njit` is Numba's, with its on-disk cache in `cache_folder`, sealed: a file that is damaged or half
written is compiled again, with a warning, where Numba alone would raise, or run what is broken. And
what is kept is of all the code that a function reaches (`made_of`), where Numba looks at its file.
"""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numba
import numpy as np
import platformdirs
from numba.core import caching

SEAL_BYTES = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the folder of all caches: ``$ENCEPHAGEN_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("ENCEPHAGEN_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("encephagen"))


def njit(function: Callable | None = None, **options: Any) -> Any:
    """Return a compiled function, found again in `cache_folder` by later processes.

    Takes the options of `numba.njit`. Where the folder cannot be written, the function is compiled
    by each process anew, and a warning says so.
    """
    if function is None:
        return lambda decorated: njit(decorated, **options)
    compiled: Any = numba.njit(**options)(function)
    usual = numba.config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]
    numba.config.CACHE_DIR = str(cache_folder() / "numba")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        locator = caching.UserProvidedCacheLocator
        if locator.from_function(function, function.__code__.co_filename) is None:
            _not_kept()
            return compiled
        compiled.enable_caching()
        kept = compiled._cache
        kept._cache_file = _Sealed(kept.cache_path, kept._impl.filename_base, made_of(function))
    finally:
        numba.config.CACHE_DIR = usual  # pyright: ignore[reportAttributeAccessIssue]
    return compiled


INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of a function that only compiled code calls: it is compiled in two thirds of the time."""


def made_of(function: Callable) -> str:
    """Return the digest of a function's code, and of all that it reaches by name.

    These are functions, compiled or not, and plain values, wherever they are written. What is
    defined below a function that is compiled at once (`njit`) is not seen.
    """
    found: dict[CodeType, list] = {}
    waiting: list[tuple[Any, dict]] = [(function, {})]
    while waiting:
        of, known = waiting.pop()
        of = getattr(of, "py_func", getattr(of, "_defn", of))  # what was compiled; an intrinsic
        code = of if isinstance(of, CodeType) else getattr(of, "__code__", None)
        if code is None or code in found:
            continue
        known = known | getattr(of, "__globals__", {})
        cells = getattr(of, "__closure__", None) or ()
        known |= zip(code.co_freevars, (c.cell_contents for c in cells), strict=False)
        inner = [c for c in code.co_consts if isinstance(c, CodeType)]
        plain = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
        found[code] = parts = [code.co_code.hex(), plain, code.co_names, code.co_varnames]
        waiting += [(each, known) for each in inner]
        for name in (*code.co_names, *code.co_freevars):
            value = known.get(name)
            within = vars(value) if isinstance(value, ModuleType) else {}
            for each in (value, *(within.get(n) for n in code.co_names)):
                if callable(each):
                    parts.append(getattr(each, "_fields", ""))  # of a tuple
                    waiting.append((each, {}))
                elif _is_plain(each):
                    parts.append(f"{name} {each!r}")
    return hashlib.sha256(repr(sorted(found.values(), key=repr)).encode()).hexdigest()


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is not None and isinstance(value, bool | int | float | str | np.generic)


class _Sealed(caching.IndexDataCacheFile):
    """Numba's files of one function, in which a digest precedes what it seals."""

    def _load_index(self) -> dict:
        try:
            return super()._load_index()
        except Exception:  # pickle raises of many types on bytes that are not its own
            _compiled_again(self._index_path)
            return {}

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        seal, data = content[:SEAL_BYTES], content[SEAL_BYTES:]
        if hashlib.sha256(data).digest() != seal:
            _compiled_again(self._data_path(name))
            raise OSError(f"{name} is damaged")  # for Numba: there is no such file
        return caching.pickle.loads(data)

    def _save_data(self, name: str, data: Any) -> None:
        dumped = self._dump(data)
        try:
            with self._open_for_write(self._data_path(name)) as file:
                file.write(hashlib.sha256(dumped).digest() + dumped)
        except OSError:
            _not_kept()

    def _save_index(self, overloads: dict) -> None:
        try:
            super()._save_index(overloads)
        except OSError:
            _not_kept()


def _compiled_again(path: str) -> None:
    _warn_once(f"compiled code in {Path(path).parent} was damaged: it is compiled again")


def _not_kept() -> None:
    _warn_once(
        f"compiled code cannot be kept in {cache_folder()}, so that every start compiles it again: "
        "make the folder writable, or set ENCEPHAGEN_CACHE to one that is"
    )


_said: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, UserWarning, stacklevel=3)
