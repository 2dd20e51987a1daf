"""The propagation study: numbers of which nothing could be learned are refused before a run."""

import numpy as np
import pytest

from encephagen.experiments import study
from encephagen.experiments.studies.propagation.measures import WORST, worst_of


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"amplitudes_pA": "300,100"}, "expected some, ascending"),
        ({"trials": "3"}, "3 trials and 60 shams; expected at least 6 and 18"),
        ({"rest_ms": "2400"}, "expected no overlap with the pulse and the response"),
        ({"amplitude_pA": "300"}, "nearest: amplitudes_pA"),
    ],
)
def test_a_config_that_cannot_be_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        study.find("propagation").configure(settings)


def test_the_range_of_amplitudes_is_threefold_and_systems_can_be_named():
    config = study.find("propagation").configure({"auditory": "auditory"})
    assert config.amplitudes_pA[-1] == 3 * config.amplitudes_pA[0]
    assert config.auditory == ("auditory",)


def test_the_worst_amplitude_counts_and_takes_its_interval_along():
    def at(reach, rho, peak_Hz):
        figures = dict.fromkeys(
            [key for name, (_, along) in WORST.items() for key in (name, *along)], 0.0
        )
        return {
            **figures,
            "reach": reach,
            "reach_range": [reach - 1, reach + 1],
            "latency_rho": rho,
            "latency_p": rho,
            "source_peak_Hz": peak_Hz,
        }

    found = worst_of([at(50, 0.9, 60.0), at(40, np.nan, 90.0), at(70, 0.2, 120.0)])
    assert (found["reach"], found["reach_range"]) == (40, [39, 41])
    assert np.isnan(found["latency_rho"]) and np.isnan(found["latency_p"])
    assert found["source_peak_Hz"] == 120.0
