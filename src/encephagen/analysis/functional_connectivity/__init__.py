"""Functional connectivity (FC): which regions rise and fall together, measured or simulated alike.

Every function takes the signal of regions over time as an `xarray.DataArray` with the dimensions
(time_s, region) or (subject, time_s, region), whatever made it: `connectome.datasets.fmri` or
`haemodynamics.bold`. A first dimension of any name is a set of runs: subjects of a study, or seeds
of a simulation. FC is Pearson's r; runs are averaged as Fisher's z = arctanh r.
"""

from encephagen.analysis.functional_connectivity.bands import BAND_HZ, band_power, bandpass
from encephagen.analysis.functional_connectivity.dynamics import STEP_S, WINDOW_S, fcd, fcd_ks
from encephagen.analysis.functional_connectivity.matrix import (
    MIN_VOLUMES,
    aligned,
    fc,
    fc_correlation,
    fisher_mean,
    group_fc,
    matched,
    upper,
)
from encephagen.analysis.functional_connectivity.uncertainty import (
    BLOCK_S,
    LEVEL,
    MIN_BLOCKS,
    N_BOOTSTRAP,
    Doubling,
    Interval,
    doubling,
    interval_over_runs,
    interval_over_time,
    r_by_duration,
    split_half,
)

__all__ = [
    "BAND_HZ",
    "BLOCK_S",
    "LEVEL",
    "MIN_BLOCKS",
    "MIN_VOLUMES",
    "N_BOOTSTRAP",
    "STEP_S",
    "WINDOW_S",
    "Doubling",
    "Interval",
    "aligned",
    "band_power",
    "bandpass",
    "doubling",
    "fc",
    "fc_correlation",
    "fcd",
    "fcd_ks",
    "fisher_mean",
    "group_fc",
    "interval_over_runs",
    "interval_over_time",
    "matched",
    "r_by_duration",
    "split_half",
    "upper",
]
