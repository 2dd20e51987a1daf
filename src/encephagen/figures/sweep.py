"""A sweep: rate over one number that was changed, with its spread over seeds, or a map over two."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.figures import style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OK = "ok"


def sweep(data: "xr.Dataset") -> "Figure":
    """Return the picture of what `encephagen.experiments.sweep.swept` gave.

    Brains that were not measured, as they ran away or cannot be, are crosses.
    """
    names = [str(name) for name in data["working_point"].dims]
    with style.styled(3.6, 2.6) as figure:
        axes = figure.subplots()
        if len(names) == 1:
            _line(axes, data, names[0])
        else:
            _map(axes, data, *names)
        axes.set_title(f"Working point: {data.attrs['asked']}")
    return figure


def _line(axes: "Axes", data: "xr.Dataset", name: str):
    """Draw the rate of each seed, and the mean over seeds, along a number."""
    x, rate_Hz = data[name].values, data["rate_exc_Hz"].transpose(name, "seed").values
    known = np.isfinite(rate_Hz).any(axis=1)
    for of_seed in rate_Hz.T:
        axes.plot(x, of_seed, ".", color=style.NEUTRAL, markersize=4)
    mean_Hz = [np.nanmean(of_point) for of_point in rate_Hz[known]]
    axes.plot(x[known], mean_Hz, color=style.SIMULATED, label="mean over seeds")
    if data.attrs["target_Hz"] > 0:
        axes.axhline(data.attrs["target_Hz"], color="0.7", ls="--", lw=0.7, label="target")
    lost = (data["outcome"].transpose(name, "seed").values != OK).any(axis=1)
    if lost.any():
        top = axes.get_xaxis_transform()
        axes.plot(x[lost], np.full(lost.sum(), 0.97), "x", color=style.EXCITATORY, transform=top,
                  label="ran away, or cannot be")  # fmt: skip
    axes.set(xlabel=name, ylabel="excitatory rate (Hz)")
    axes.set_ylim(bottom=0)
    axes.legend()


def _map(axes: "Axes", data: "xr.Dataset", first: str, second: str):
    """Draw the mean rate over seeds by two numbers."""
    ordered = data.transpose(second, first, ...)
    rate_Hz = ordered["rate_exc_Hz"].mean("seed").values
    drawn = axes.imshow(rate_Hz, origin="lower", aspect="auto")
    axes.figure.colorbar(drawn, ax=axes, label="excitatory rate (Hz)")  # type: ignore[union-attr]
    for axis, name in ((axes.xaxis, first), (axes.yaxis, second)):
        values = data[name].values
        axis.set_ticks(range(values.size), [f"{value:g}" for value in values])
        axis.set_label_text(name)
    rows, columns = np.nonzero((ordered["outcome"].values != OK).any(axis=-1))
    axes.plot(columns, rows, "x", color=style.EXCITATORY)
