"""Compiled code, and the one folder in which it is kept.

`njit` is Numba's, with its on-disk cache in `cache_folder`, sealed: a file that is damaged or half
written is compiled again, with a warning, where Numba alone would raise, or run what is broken.
"""

import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
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
        kept._cache_file = _Sealed(
            kept.cache_path, kept._impl.filename_base, kept._impl.locator.get_source_stamp()
        )
    finally:
        numba.config.CACHE_DIR = usual  # pyright: ignore[reportAttributeAccessIssue]
    return compiled


INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of a function that only compiled code calls: it is compiled in two thirds of the time."""


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
