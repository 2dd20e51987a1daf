"""Players: a movie within a page, with a slider, that needs no other file."""

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from encephagen.figures.propagation import FRAMES_PER_S, frames

if TYPE_CHECKING:
    import xarray as xr


def player(evoked_Hz: "xr.DataArray", *, title: str = "") -> str:
    """Return HTML that plays the evoked rate (time_ms, region) on the cortex.

    Several fit on one page; without scripts the frame of the largest response is shown. Raises
    ValueError as `figures.propagation.filmstrip` does.
    """
    times, pictures = [], []
    for time_ms, image in frames(evoked_Hz, title):
        file = io.BytesIO()
        image.save(file, format="PNG", optimize=True)
        times.append(time_ms)
        pictures.append("data:image/png;base64," + base64.b64encode(file.getvalue()).decode())
    after = evoked_Hz.mean("region").sel(time_ms=times, method="nearest")
    shown = int(np.argmax(after.values))
    return _PLAYER.format(
        picture=pictures[shown],
        alt=html.escape(title) or "evoked rate on the cortex after a pulse",
        last=len(times) - 1,
        shown=shown,
        listed=",".join(f'"{p}"' for p in pictures),
        pause_ms=round(1000 / FRAMES_PER_S),
    )


_PLAYER = """<figure class="movie"><img src="{picture}" alt="{alt}" style="max-width:100%">
<div><button type="button">play</button>
<input type="range" min="0" max="{last}" value="{shown}" aria-label="time"></div>
<script>(function (movie) {{
  var frames = [{listed}], timer = null, image = movie.querySelector("img"),
    button = movie.querySelector("button"), slider = movie.querySelector("input");
  function show() {{ image.src = frames[slider.value]; }}
  function pause() {{ clearInterval(timer); timer = null; button.textContent = "play"; }}
  slider.oninput = function () {{ pause(); show(); }};
  button.onclick = function () {{
    if (timer) {{ pause(); return; }}
    button.textContent = "pause";
    timer = setInterval(function () {{
      slider.value = (Number(slider.value) + 1) % frames.length; show();
    }}, {pause_ms});
  }};
}})(document.currentScript.parentNode);</script></figure>"""
