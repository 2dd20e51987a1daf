"""Spectrum: power of the excitatory rate, with slope, peaks and shot noise; and of BOLD."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis import peaks, power_spectrum, settled, slope
from encephagen.analysis.functional_connectivity import BAND_HZ
from encephagen.analysis.rates import chosen
from encephagen.analysis.spectra import SLOPE_RANGE_HZ
from encephagen.figures import style
from encephagen.recording import Recording

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGHEST_HZ = 200.0
STEP = 1.08


def spectrum(recording: Recording) -> "Figure":
    """Return the power spectrum of the excitatory rate of the network.

    Raises ValueError if the recording is too short for one, or silent.
    """
    with style.styled(4.2, 3.2) as figure:
        draw(figure.subplots(), recording)
        return figure


def spectra(
    recording: Recording, simulated: "xr.DataArray | None", measured: "xr.DataArray"
) -> "Figure":
    """Return the spectrum of the rate, and that of BOLD beside fMRI (frequency_Hz, region).

    simulated: None where a brain ran too briefly for BOLD; see `draw_bold`.
    """
    with style.styled(7.2, 3.0) as figure:
        left, right = figure.subplots(1, 2)
        draw_if_long(left, recording)
        left.set_title("Spectrum of the rate")
        draw_bold(right, simulated, measured)
        return figure


def draw_if_long(axes: "Axes", recording: Recording):
    """Draw the spectrum into ``axes``, or why there is none."""
    if settled(recording).duration_ms < 1000.0:
        axes.set_title("Power spectrum")
        style.say(axes, "recorded for less than 1 s")
    elif not settled(recording).data["count"].values[:, :, chosen(recording.data)].any():
        axes.set_title("Power spectrum")
        style.say(axes, "no spikes of neurons that excite")
    else:
        power = power_spectrum(settled(recording))
        if (power["power"].values > 0).any():
            _draw(axes, power)
        else:
            axes.set_title("Power spectrum")
            style.say(axes, "a rate that never changes")


def draw(axes: "Axes", recording: Recording):
    """Draw the spectrum into ``axes``; ValueError for a rate that never changes."""
    power = power_spectrum(settled(recording))
    if not (power["power"].values > 0).any():
        raise ValueError(
            "the rate of the neurons that excite never changes, or is 0: there is no spectrum"
        )
    _draw(axes, power)


def _draw(axes: "Axes", power: "xr.Dataset"):
    frequency = power["frequency_Hz"].values
    shown = frequency <= HIGHEST_HZ
    values = power["power"].values
    axes.loglog(frequency[shown], values[shown], color=style.EXCITATORY, alpha=0.25, linewidth=0.5)
    x, mean, error = _smooth(frequency[shown], values[shown], power.attrs["relative_error"])
    band = (mean * np.exp(-error), mean * np.exp(error))
    axes.fill_between(x, *band, color=style.EXCITATORY, alpha=0.2, linewidth=0)
    axes.loglog(x, mean, color=style.EXCITATORY, label="excitatory rate")
    axes.axhline(
        power["shot_noise"].item(),
        color=style.NEUTRAL,
        linewidth=0.8,
        linestyle=(0, (1, 1.5)),
        label="independent Poisson",
    )
    if _has_slope(power):
        line = slope(power)
        x = np.array([line.attrs["low_Hz"], line.attrs["high_Hz"]])
        label = f"slope {line['slope'].item():.2f} ± {line['slope_se'].item():.2f}"
        axes.loglog(
            x,
            10.0 ** line["offset"].item() * x ** line["slope"].item(),
            color="black",
            linewidth=0.8,
            linestyle="--",
            label=label,
        )
        found = peaks(power)
        for peak_Hz in found["frequency_Hz"].values[:3]:
            axes.annotate(
                f"{peak_Hz:.0f} Hz",
                (peak_Hz, values[np.argmin(np.abs(frequency - peak_Hz))]),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7.0,
                arrowprops={"arrowstyle": "-", "linewidth": 0.5},
            )
    axes.set_xlim(frequency[0], min(HIGHEST_HZ, frequency[-1]))
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("power (Hz²/Hz)")
    axes.set_title("Power spectrum")
    axes.legend(loc="best", handlelength=1.6)


def draw_bold(axes: "Axes", simulated: "xr.DataArray | None", measured: "xr.DataArray"):
    """Draw spectra of BOLD and fMRI (frequency_Hz, region): share of variance per Hz.

    Lines are medians over regions, bands run from the 10th to the 90th percentile; the frequencies
    that FC dynamics keep are shaded.
    """
    sets = [("fMRI", measured, style.MEASURED)]
    if simulated is not None:
        sets.append(("simulated BOLD", simulated, style.SIMULATED))
    axes.axvspan(*BAND_HZ, color="0.93", zorder=0)
    for name, power, colour in sets:
        values = power.transpose("frequency_Hz", "region").values
        frequency = power["frequency_Hz"].values
        low, middle, high = np.percentile(values, [10.0, 50.0, 90.0], axis=1)
        axes.fill_between(frequency, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(frequency, middle, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    frequency = measured["frequency_Hz"].values
    axes.set_xlim(frequency[0], frequency[-1])
    least = min(float(np.percentile(power.values, 10.0)) for _, power, _ in sets)
    axes.set_ylim(max(least, 1e-2), 3.0 * axes.get_ylim()[1])
    axes.text(
        np.sqrt(np.prod(BAND_HZ)),
        0.98,
        "{:g} to {:g} Hz".format(*BAND_HZ),
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="top",
        fontsize=7.0,
        color=style.NEUTRAL,
    )
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("share of variance (1/Hz)")
    axes.set_title("Spectrum of BOLD")
    axes.legend(loc="lower left")


def _smooth(
    frequency: np.ndarray, power: np.ndarray, relative_error: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequency, mean power and its relative error in steps of `STEP` in frequency."""
    step = np.floor(np.log(frequency / frequency[0]) / np.log(STEP) + 1e-9).astype(int)
    _, group = np.unique(step, return_inverse=True)
    n = np.bincount(group)
    return (
        np.bincount(group, weights=frequency) / n,
        np.bincount(group, weights=power) / n,
        # A Hann window spreads a tone over one and a half frequencies.
        relative_error / np.sqrt(np.maximum(1.0, n / 1.5)),
    )


def _has_slope(power: "xr.Dataset") -> bool:
    low, high = SLOPE_RANGE_HZ
    frequency = power["frequency_Hz"].values
    inside = (frequency >= low) & (frequency <= high) & (power["power"].values > 0)
    return bool(inside.sum() >= 8)
