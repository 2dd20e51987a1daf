"""BOLD: what a scanner would see of this activity, by the Balloon-Windkessel model.

Neuronal drive z makes a vasodilatory signal s, which makes blood flow f; the venous balloon fills
to volume v and holds deoxyhaemoglobin q (Friston et al. 2003, their equations 3 and 4):

    ds/dt = z - kappa s - gamma (f - 1)          df/dt = s
    tau dv/dt = f - v^(1/alpha)                  tau dq/dt = f E(f)/rho - v^(1/alpha) q/v
    E(f) = 1 - (1 - rho)^(1/f)
    BOLD = V0 (k1 (1 - q) + k2 (1 - q/v) + k3 (1 - v))

Here z is the activity of a region relative to its own mean, times a gain. At rest f = v = q = 1; a
region that fires twice its mean for long has f = 1 + gain/gamma. Functional connectivity hardly
depends on the gain as long as flow stays positive: small drives pass a linear filter, the same for
all regions (`transfer`).
"""

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.signals import even_step, some, time_series
from encephagen.jit import njit
from encephagen.recording import Recording
from encephagen.units import MS_PER_S, param

if TYPE_CHECKING:
    import xarray as xr

FRISTON = "Friston et al. 2003, doi 10.1016/S1053-8119(03)00202-7"
STEPHAN = "Stephan et al. 2007, doi 10.1016/j.neuroimage.2007.07.040"
BUXTON = "Buxton et al. 1998, doi 10.1002/mrm.1910390602"

TRANSIENT_S = 20.0
"""Left out at the start, while the model forgets that it began at rest: six times the slowest time
constant, 2/kappa (free)."""

MAX_STEP_S = 0.02
"""Longest step of integration: at it the BOLD signal is right to 1e-4 of its range (free)."""

FLOW_FLOOR = 0.02
"""Flow, relative to rest, under which the model has no meaning (free)."""


@dataclass(frozen=True)
class Classical:
    """Weights of the BOLD signal at 1.5 T: k1 = 7 rho, k2 = 2, k3 = 2 rho - 0.2."""

    k1_per_rho: float = param(7.0, "", f"{BUXTON}; {FRISTON}")
    k2: float = param(2.0, "", f"{BUXTON}; {FRISTON}")
    k3_per_rho: float = param(2.0, "", f"{BUXTON}; {FRISTON}")
    k3_offset: float = param(-0.2, "", f"{BUXTON}; {FRISTON}")

    def weights(self, rho: float) -> tuple[float, float, float]:
        """Return k1, k2, k3 for a resting oxygen extraction ``rho``."""
        return self.k1_per_rho * rho, self.k2, self.k3_per_rho * rho + self.k3_offset


@dataclass(frozen=True)
class Revised:
    """Weights of the BOLD signal from its physics: 4.3 theta rho TE, epsilon r rho TE, 1 - epsilon.

    The defaults are those of 1.5 T; theta grows with the field.
    """

    theta_Hz: float = param(40.3, "Hz", STEPHAN + "; frequency offset at 1.5 T")
    r_Hz: float = param(25.0, "Hz", STEPHAN + "; slope of intravascular relaxation")
    epsilon: float = param(1.0, "", STEPHAN + "; intra- over extravascular signal, prior mean")
    echo_time_s: float = param(0.04, "s", STEPHAN)

    def weights(self, rho: float) -> tuple[float, float, float]:
        """Return k1, k2, k3 for a resting oxygen extraction ``rho``."""
        k1 = 4.3 * self.theta_Hz * rho * self.echo_time_s
        return k1, self.epsilon * self.r_Hz * rho * self.echo_time_s, 1.0 - self.epsilon


@dataclass(frozen=True)
class Haemodynamics:
    """Parameters of the Balloon-Windkessel model; one set for all regions.

    Raises ValueError unless all are positive, rho and alpha below 1, and the signal's are finite.
    """

    kappa_Hz: float = param(0.65, "Hz", FRISTON + "; decay of the signal")
    gamma_Hz2: float = param(0.41, "Hz^2", FRISTON + "; feedback by flow")
    tau_s: float = param(0.98, "s", FRISTON + "; transit time")
    alpha: float = param(0.32, "", FRISTON + "; Grubb's exponent")
    rho: float = param(0.34, "", FRISTON + "; resting oxygen extraction")
    V0: float = param(0.02, "", FRISTON + "; resting blood volume fraction")
    gain_Hz2: float = param(0.2, "Hz^2", "free; drive by an activity of twice the mean")
    signal: Classical | Revised = Classical()

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "signal":
                continue
            high = 1.0 if field.name in ("alpha", "rho") else math.inf
            if not (isinstance(value, (int, float)) and 0.0 < value < high):
                raise ValueError(f"{field.name} {value!r}: expected a number between 0 and {high}")
        if not all(map(math.isfinite, self.signal.weights(self.rho))):
            raise ValueError(f"signal {self.signal}: expected finite numbers")


def bold(
    activity: "Recording | xr.DataArray",
    tr_s: float,
    *,
    model: Haemodynamics | None = None,
    transient_s: float = TRANSIENT_S,
) -> "xr.DataArray":
    """Return the BOLD signal (time_s, region) of an activity, as a fraction of the resting signal.

    activity: a Recording, whose neurons that excite drive, and all those of nuclei that are not
        cortex (BOLD is nan where a region has neither), or
        an array with a dimension ``region`` and one of time (time_s or time_ms: left edges of
        equal bins), not negative, in any unit.
    tr_s: time between volumes; it need not be a multiple of the bins. The first volume is taken
        ``transient_s`` after the start; the coordinate time_s is the activity's.

    The drive is gain (x / mean - 1), with the mean of each region over time; it is constant in a
    bin. Volumes are instants, interpolated between steps of integration.

    Raises ValueError for a region that is silent throughout, for an activity that is shorter than
    the transient and one volume, and for a drive so strong that flow would vanish.
    """
    import xarray as xr

    model = model or Haemodynamics()
    values, bin_s, start_s, regions = _activity(activity)
    known = np.flatnonzero(~np.isnan(values[0]))
    if not known.size:
        raise ValueError("no region has neurons that excite: there is no BOLD to compute")
    names = [regions[i] for i in known]
    if len(names) < len(regions):
        values = values[:, known]
    mean = values.mean(axis=0)
    silent = [name for name, m in zip(names, mean, strict=True) if not m > 0]
    if silent:
        raise ValueError(
            f"{some(silent)} of {len(regions)} regions never active: BOLD is relative to a "
            "region's mean activity; record for longer or raise its drive"
        )
    drive = model.gain_Hz2 * (values / mean - 1.0)
    signal, lowest = respond(drive, bin_s, tr_s, model=model, transient_s=transient_s)
    if lowest.min() <= FLOW_FLOOR:
        worst = names[int(lowest.argmin())]
        raise ValueError(
            f"blood flow in {worst} would fall to {max(0.0, lowest.min()):.2g} of its rest: its "
            f"activity bursts; lower gain_Hz2 ({model.gain_Hz2:g}) of Haemodynamics"
        )
    time_s = start_s + transient_s + tr_s * np.arange(signal.shape[0])
    found = np.full((len(signal), len(regions)), np.nan)
    found[:, known] = signal
    return xr.DataArray(
        found,
        {"time_s": ("time_s", time_s, {"units": "s"}), "region": list(regions)},
        ("time_s", "region"),
        "bold",
        {"units": "1", "tr_s": float(tr_s)},
    )


def respond(
    drive: np.ndarray,
    bin_s: float,
    tr_s: float,
    *,
    model: Haemodynamics | None = None,
    transient_s: float = TRANSIENT_S,
) -> tuple[np.ndarray, np.ndarray]:
    """Return BOLD (volume, region), from rest, and the lowest flow (region) on the way.

    drive (bin, region): z of the equations, in Hz^2, constant in each bin of ``bin_s``; bins that
        are shorter than `MAX_STEP_S` are averaged, longer ones divided. Heun's method, float64.
    BOLD is nan from where flow falls to `FLOW_FLOOR`. Raises ValueError if the drive is not finite
    or shorter than the transient and one volume.
    """
    model = model or Haemodynamics()
    drive = np.ascontiguousarray(drive, dtype=np.float64)
    for name, value in (("bin_s", bin_s), ("tr_s", tr_s)):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: expected a positive time in s")
    if not (math.isfinite(transient_s) and transient_s >= 0):
        raise ValueError(f"transient_s is {transient_s}: expected a time in s, 0 or more")
    if not np.isfinite(drive).all():
        raise ValueError("the drive is not finite everywhere; check the activity")
    averaged = max(1, math.floor(MAX_STEP_S / bin_s * (1.0 + 1e-9)))
    n_whole = drive.shape[0] // averaged
    if averaged > 1:
        whole = drive[: n_whole * averaged]
        drive = whole.reshape(n_whole, averaged, drive.shape[1]).mean(axis=1)
    bin_s = bin_s * averaged
    divided = max(1, math.ceil(bin_s / MAX_STEP_S * (1.0 - 1e-9)))
    step_s = bin_s / divided
    duration_s = n_whole * bin_s
    n_volumes = math.floor((duration_s - transient_s) / tr_s * (1.0 + 1e-12)) + 1
    if n_volumes < 1:
        raise ValueError(
            f"{duration_s:g} s of activity are too short for BOLD: {transient_s:g} s of transient "
            f"come first; record at least {transient_s + tr_s:g} s"
        )
    at = (transient_s + tr_s * np.arange(n_volumes)) / step_s
    index = np.minimum(np.floor(at + 1e-9).astype(np.int64), n_whole * divided - 1)
    constants = (
        model.kappa_Hz,
        model.gamma_Hz2,
        model.tau_s,
        1.0 / model.alpha,
        model.rho,
        *(model.V0 * k for k in model.signal.weights(model.rho)),
    )
    out = np.full((n_volumes, drive.shape[1]), np.nan)
    lowest = _integrate(drive, divided, step_s, constants, index, at - index, out, FLOW_FLOOR)
    return out, lowest


def transfer(frequency_Hz: Any, model: Haemodynamics | None = None) -> np.ndarray:
    """Return the complex BOLD response to a small drive exp(2 pi i f t), per Hz^2 of drive.

    The equations linearised about rest; its squared modulus filters the spectrum of the activity.
    """
    model = model or Haemodynamics()
    k1, k2, k3 = model.signal.weights(model.rho)
    iw = 2j * np.pi * np.asarray(frequency_Hz, dtype=float)
    kept = 1.0 - model.rho
    extraction = 1.0 + kept * math.log(kept) / model.rho  # d(f E(f)/rho)/df at rest
    flow = 1.0 / (iw**2 + model.kappa_Hz * iw + model.gamma_Hz2)
    volume = flow / (model.tau_s * iw + 1.0 / model.alpha)
    deoxy = (extraction * flow - (1.0 / model.alpha - 1.0) * volume) / (model.tau_s * iw + 1.0)
    return -model.V0 * ((k1 + k2) * deoxy + (k3 - k2) * volume)


def _activity(
    activity: "Recording | xr.DataArray",
) -> tuple[np.ndarray, float, float, tuple[str, ...]]:
    """Return values (time, region), the width of a bin and the start in s, and the regions.

    Values are nan throughout in regions of a Recording where no such neuron lives.
    """
    if isinstance(activity, Recording):
        n = activity.n_steps // round(activity.bin_ms / activity.dt_ms)  # whole bins
        if not n:
            raise ValueError(
                f"recording of {activity.duration_ms:g} ms holds no whole bin; record for longer"
            )
        chosen = np.flatnonzero(activity.excites | activity.nuclei)
        count = activity.data["count"].values[:n]
        if len(chosen) == 1:  # no copy of all that was counted
            spikes = count[:, :, chosen[0]].astype(np.float64)
        else:
            spikes = count[:, :, chosen].sum(axis=2, dtype=np.float64)
        size = activity.data["region_size"].values[:, chosen].sum(axis=1)
        spikes[:, size == 0] = np.nan
        return (
            spikes,  # the number of neurons divides out
            activity.bin_ms / MS_PER_S,
            activity.start_ms / MS_PER_S,
            activity.regions,
        )
    values, time_s, regions = time_series(activity)
    step_s = even_step(time_s)
    if (values < 0).any():
        raise ValueError(
            f"activity goes down to {values.min():g}: expected rates or counts, 0 or more; for a "
            "signed drive use respond"
        )
    return values, step_s, float(time_s[0]), regions


@njit
def _slopes(s, f, v, q, z, kappa, gamma, tau, power, rho, log_kept):
    """Return the right-hand sides of the four equations."""
    outflow = v**power
    extraction = 1.0 - math.exp(log_kept / f)
    ds = z - kappa * s - gamma * (f - 1.0)
    dv = (f - outflow) / tau
    dq = (f * extraction / rho - outflow * q / v) / tau
    return ds, s, dv, dq


@njit
def _integrate(drive, divided, step_s, constants, index, fraction, out, floor):
    """Fill out (volume, region); return the lowest flow (region)."""
    kappa, gamma, tau, power, rho, k1, k2, k3 = constants
    log_kept = math.log(1.0 - rho)
    n_bins, n_regions = drive.shape
    lowest = np.ones(n_regions)
    for r in range(n_regions):
        s, f, v, q = 0.0, 1.0, 1.0, 1.0
        before, volume, step = 0.0, 0, 0
        for b in range(n_bins):
            z = drive[b, r]
            for _ in range(divided):
                s1, f1, v1, q1 = _slopes(s, f, v, q, z, kappa, gamma, tau, power, rho, log_kept)
                guess = f + step_s * f1
                if guess > floor:
                    s2, f2, v2, q2 = _slopes(
                        s + step_s * s1,
                        guess,
                        v + step_s * v1,
                        q + step_s * q1,
                        z,
                        kappa,
                        gamma,
                        tau,
                        power,
                        rho,
                        log_kept,
                    )
                    s += 0.5 * step_s * (s1 + s2)
                    f += 0.5 * step_s * (f1 + f2)
                    v += 0.5 * step_s * (v1 + v2)
                    q += 0.5 * step_s * (q1 + q2)
                lowest[r] = min(lowest[r], f, guess)
                if lowest[r] <= floor:
                    break
                now = k1 * (1.0 - q) + k2 * (1.0 - q / v) + k3 * (1.0 - v)
                while volume < index.size and index[volume] == step:
                    out[volume, r] = before + fraction[volume] * (now - before)
                    volume += 1
                before = now
                step += 1
            if lowest[r] <= floor:
                break
    return lowest
