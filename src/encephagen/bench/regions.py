"""Rate regions beside neurolib's Wilson-Cowan: one network, and many sets of parameters at once.

Both run the same connectome with delays and noise, at the same step, on one thread, and take turns.
neurolib takes Euler steps and we take Heun's, with twice the slopes a step.
"""

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.regions import OrnsteinUhlenbeck, RegionNetwork, simulate_regions
from encephagen.models.wilson_cowan import WilsonCowan
from encephagen.units import MS_PER_S

DT_MS, BIN_MS, VELOCITY_MM_PER_MS = 0.1, 1.0, 6.0
DRIVE, COUPLING, NOISE = 0.6, 0.1, OrnsteinUhlenbeck(0.05, tau_ms=20.0, sd_I=0.05)
SETS, SECONDS, REPEATS = 32, 2.0, 7
"""Sets of parameters in one call; activity of each run; turns."""
MISSING = "neurolib is not installed: pip install --no-deps -r requirements-against.txt"


def measure(quick: bool = False) -> dict[str, Any]:
    """Return how many times as fast as neurolib rate regions are, by CPU time.

    "regions_neurolib_ratio": of one network, in float64. "regions_batch_ratio": of SETS couplings
    in one call, in float32 and with one noise for all; "regions_own_noise_ratio": each with its
    own, as neurolib's runs would have. neurolib computes in float64 and returns every step; we
    return means over BIN_MS. All are of the least times, and None, with "regions_reason", where
    there is no neurolib. "regions_realtime_factor": of one network.
    "regions_us_per_step": {"neurolib", "one", "batch", "own_noise"}, each {"best", "median"}, of
    one set.
    """
    connectome = hcp_aal2()
    seconds, repeats = (0.2, 2) if quick else (SECONDS, REPEATS)
    duration_ms = seconds * MS_PER_S
    one = RegionNetwork(connectome, WilsonCowan(drive_E=DRIVE), coupling=COUPLING)
    couplings = np.linspace(0.0, 2.0 * COUPLING, SETS)
    batch = [RegionNetwork(connectome, one.model, coupling=float(c)) for c in couplings]
    options = {"noise": NOISE, "dt_ms": DT_MS, "bin_ms": BIN_MS}
    work: dict[str, Callable[[], Any]] = {
        "one": lambda: simulate_regions(one, duration_ms, **options),
        "batch": lambda: simulate_regions(batch, duration_ms, real=np.float32, **options),
        "own_noise": lambda: simulate_regions(
            batch, duration_ms, real=np.float32, noise_seed=range(SETS), **options
        ),
    }
    reason = None if find_spec("neurolib") else MISSING
    if reason is None:
        work["neurolib"] = lambda: _neurolib(connectome, duration_ms)
    n_steps = duration_ms / DT_MS
    runs = {"one": 1, "batch": SETS, "own_noise": SETS, "neurolib": 1}
    took_us: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(1 + repeats):  # the first compiles
        for name, do in work.items():
            start = time.process_time()
            do()
            if turn:
                cost = 1e6 * (time.process_time() - start) / (n_steps * runs[name])
                took_us[name].append(cost)
    best = {name: min(costs) for name, costs in took_us.items()}
    known = "neurolib" in best
    return {
        "regions_neurolib_ratio": best["neurolib"] / best["one"] if known else None,
        "regions_batch_ratio": best["neurolib"] / best["batch"] if known else None,
        "regions_own_noise_ratio": best["neurolib"] / best["own_noise"] if known else None,
        "regions_realtime_factor": 1e3 * DT_MS / best["one"],
        "regions_us_per_step": {
            name: {"best": best[name], "median": statistics.median(costs)}
            for name, costs in took_us.items()
        },
        "regions_reason": reason,
    }


def _neurolib(connectome: Connectome, duration_ms: float) -> Any:
    # No extra of ours: neurolib asks for many packages that its model does not need.
    defaults = import_module("neurolib.models.wc.loadDefaultParams")
    model = import_module("neurolib.models.wc.timeIntegration")
    assert connectome.lengths_mm is not None
    params = defaults.loadDefaultParams(
        connectome.weights.copy(), connectome.lengths_mm.copy(), seed=0
    )
    params.update(dt=DT_MS, duration=duration_ms, signalV=VELOCITY_MM_PER_MS, K_gl=COUPLING)
    params.update(exc_ext=DRIVE, tau_ou=NOISE.tau_ms)
    params.update(sigma_ou=NOISE.sd_E * (2.0 / NOISE.tau_ms) ** 0.5)
    return model.timeIntegration(params)
