"""What is expected of a run before it begins: the mean rate of theory, and the memory it takes."""

import psutil

from encephagen.engine.estimate import estimate
from encephagen.engine.guard import RUNAWAY_HZ
from encephagen.network.network import Network
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import FOUND

SPIKE_BYTES = 85  # all spikes are held; at the peak, while they are summarised; measured
USUAL_HZ = 5.0  # of neurons that theory knows no rate of (free)


def expected_rate_Hz(network: Network) -> float:
    """Return the mean rate over neurons that is expected, or the usual one where none is known.

    With a working point that was found for the brain, populations with a target are at it.
    """
    try:
        field = MeanField.of(network.brain)
        if network.brain.working_point in FOUND:
            rate_Hz = field.at_targets()
        else:
            rate_Hz = field.fixed_point()
            if not field.residual_Hz(rate_Hz) <= 1.0:  # it has not settled, or is not a number
                return USUAL_HZ
    except ValueError:
        return USUAL_HZ
    return float(rate_Hz @ field.size / field.size.sum())


def check_memory(network: Network, seconds: float) -> None:
    """Raise ValueError before a run whose spikes, at the rate expected, memory would not hold."""
    if not estimate(network.brain, dt_ms=network.dt_ms).fits:
        return  # the engine refuses the network itself
    free = psutil.virtual_memory().available
    if RUNAWAY_HZ * network.n_neurons * seconds * SPIKE_BYTES < free:
        return
    rate_Hz = expected_rate_Hz(network)
    needed = rate_Hz * network.n_neurons * seconds * SPIKE_BYTES
    if needed > 0.9 * free:
        raise ValueError(
            f"--seconds {seconds:g}: the spikes of {network.n_neurons:,} neurons at about "
            f"{rate_Hz:.1f} Hz need {needed / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are "
            "free; give fewer seconds, or record and save in parts with `Session.record`"
        )
