"""What a recording means: functions from Recording to arrays with named dimensions and units."""

from encephagen.analysis.rates import (
    binned_rate,
    neuron_rate,
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
    "autocorrelation",
    "binned_rate",
    "count_correlation",
    "cv_isi",
    "fano_factor",
    "lvr",
    "neuron_rate",
    "peaks",
    "population_rate",
    "power_spectrum",
    "region_rate",
    "region_response",
    "settled",
    "slope",
    "spike_trains",
    "summary",
    "system_rate",
    "system_response",
    "timescale",
]
