"""File: the data of a recording as netCDF-4, whole or not at all, under a seal."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.files import whole

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "encephagen-recording"
FORMAT_VERSION = 2
SEAL = b"encephagen recording sha256 "
"""Ends a file, before the 32 bytes of the digest of all that precedes the seal."""


def write(data: "xr.Dataset", path: str | os.PathLike) -> Path:
    """Write the data of a recording and return the path.

    Spike times are packed as whole multiples of dt (`scale_factor`), so they come back bit for bit.
    A checksum follows the HDF5 data, which other readers ignore.
    Raises ValueError as `files.check_writable`; OSError if the file cannot be written.
    """
    encoding: dict[str, dict[str, Any]] = {str(n): {"_FillValue": None} for n in data.variables}
    for name, variable in data.variables.items():
        if variable.size and variable.ndim and variable.dtype.kind in "iuf":
            encoding[str(name)].update(zlib=True, complevel=1, shuffle=True)
    if "spike_time_ms" in data:
        packed = {"dtype": "int64", "scale_factor": data.attrs["dt_ms"], "_FillValue": -1}
        encoding["spike_time_ms"].update(packed)
    data = data.assign_attrs(format=FORMAT, format_version=FORMAT_VERSION)
    with whole(Path(path)) as part:
        data.to_netcdf(part, engine="h5netcdf", encoding=encoding)
        _seal(part)
    return Path(path)


def read(path: str | os.PathLike) -> "xr.Dataset":
    """Return the data that `write` wrote.

    Raises ValueError, in one line, if there is no such file, if it is truncated or damaged, or if
    it is not a recording of this project in the format of today.
    """
    source = Path(path)
    if not source.is_file():
        raise ValueError(f"no recording at {source}; check the path")
    _check_seal(source)
    import xarray as xr

    try:
        with xr.open_dataset(
            source, engine="h5netcdf", decode_timedelta=False, decode_times=False
        ) as opened:
            data = opened.load()
        written, version = data.attrs.pop("format"), int(data.attrs.pop("format_version"))
    except Exception as error:  # HDF5 reports a foreign layout by many types
        raise ValueError(
            f"{source} cannot be read: {_one_line(error)}; "
            "use the version of encephagen that wrote it"
        ) from error
    if (written, version) != (FORMAT, FORMAT_VERSION):
        raise ValueError(
            f"{source} has format {version}, this encephagen reads {FORMAT_VERSION}: run the brain "
            "again, or read it with the version of encephagen that wrote it"
        )
    return _plain(data)


def _plain(data: "xr.Dataset") -> "xr.Dataset":
    """Return the dataset as it was made: object names, plain attributes, no encoding."""
    for name in data.variables:
        if data[name].dtype.kind in "UST":
            data[name] = data[name].astype(object)
    data.attrs = {k: v.item() if isinstance(v, np.generic) else v for k, v in data.attrs.items()}
    return data.drop_encoding()


def _seal(path: Path) -> None:
    """Append the digest of the file to it.

    HDF5 alone would notice a cut but not every flipped bit, and on some damage it hangs.
    """
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(SEAL + digest)


def _check_seal(path: Path) -> None:
    """Raise ValueError unless the file ends with the digest of what precedes it."""
    tail = len(SEAL) + hashlib.sha256().digest_size
    body = path.stat().st_size - tail
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(max(0, body))
        seal = file.read(tail)
        if body < 0 or not seal.startswith(SEAL):
            cut = magic == b"\x89HDF\r\n\x1a\n"
            why = "it is cut short or was changed since, or another program wrote it"
            raise ValueError(
                f"{path} is not a whole encephagen recording"
                + (f": {why}" if cut else "; expected a file that Recording.save wrote")
            )
        file.seek(0)
        digest = hashlib.sha256()
        while body > 0:
            chunk = file.read(min(body, 1 << 20))
            digest.update(chunk)
            body -= len(chunk)
        if digest.digest() != seal[len(SEAL) :]:
            raise ValueError(f"{path} is damaged: its checksum does not match; use another copy")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
