"""What a recording means: functions from Recording to arrays with named dimensions and units."""

from encephagen.analysis.functional_connectivity import (
    band_power,
    bandpass,
    fc,
    fc_correlation,
    fcd,
    fcd_ks,
    fisher_mean,
    group_fc,
    interval_over_runs,
    interval_over_time,
    r_by_duration,
    split_half,
)
from encephagen.analysis.haemodynamics import Haemodynamics, bold
from encephagen.analysis.rates import (
    binned_rate,
    kind_rate,
    neuron_rate,
    pool,
    population_rate,
    region_rate,
    system_rate,
)
from encephagen.analysis.response import region_response, system_response
from encephagen.analysis.spectra import peaks, power_spectrum, slope
from encephagen.analysis.spikes import (
    count_correlation,
    cv_isi,
    fano_factor,
    lvr,
    spike_trains,
)
from encephagen.analysis.summary import settled, summary
from encephagen.analysis.timescales import autocorrelation, timescale

__all__ = [
    "Haemodynamics",
    "autocorrelation",
    "band_power",
    "bandpass",
    "binned_rate",
    "bold",
    "count_correlation",
    "cv_isi",
    "fano_factor",
    "fc",
    "fc_correlation",
    "fcd",
    "fcd_ks",
    "fisher_mean",
    "group_fc",
    "interval_over_runs",
    "interval_over_time",
    "kind_rate",
    "lvr",
    "neuron_rate",
    "peaks",
    "pool",
    "population_rate",
    "power_spectrum",
    "r_by_duration",
    "region_rate",
    "region_response",
    "settled",
    "slope",
    "spike_trains",
    "split_half",
    "summary",
    "system_rate",
    "system_response",
    "timescale",
]
