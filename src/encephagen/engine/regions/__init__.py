"""Regions: a brain of one Wilson-Cowan unit a region, and its fast simulation.

    u_i(t) = coupling sum_j W_ij E_j(t - length_ij / velocity)      W the connectome's weights

joins the drive of E in region i, and ``onto_I`` times u_i that of I. A spiking brain of the same
connectome costs a hundred times as much; this one is its surrogate. `working_point` places it.

`network.py` says what there is, `noise.py` and `wires.py` lay out what the kernel reads,
`kernel.py` takes the steps, and `run.py` holds a network while it runs.
"""

from encephagen.engine.regions.network import RegionNetwork, Stimulus
from encephagen.engine.regions.noise import OrnsteinUhlenbeck, White
from encephagen.engine.regions.run import RegionRun, simulate_regions

__all__ = [
    "OrnsteinUhlenbeck",
    "RegionNetwork",
    "RegionRun",
    "Stimulus",
    "White",
    "simulate_regions",
]
