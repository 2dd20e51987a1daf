"""A player shows a movie, frame by frame, and needs nothing but the page that it is on."""

import base64
import io
import re

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from encephagen.connectome.datasets import hcp_aal2
from encephagen.report.player import player

REGIONS = hcp_aal2().regions


@pytest.fixture(scope="module")
def evoked_Hz():
    """Frontal cortex answers after 60 ms."""
    time_ms = np.arange(30.0, 90.0, 10.0)
    frontal = np.array([region.lobe == "frontal" for region in REGIONS])
    rate_Hz = 8.0 * ((time_ms[:, None] >= 60.0) & frontal)
    names = [region.name for region in REGIONS]
    return xr.DataArray(rate_Hz, {"time_ms": time_ms, "region": names}, ("time_ms", "region"))


def pixels(frame):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(frame))).convert("RGB"), int)


def test_it_moves_and_needs_nothing_else(evoked_Hz):
    """Six frames: frontal cortex lights up in the last three, of which one is shown at first."""
    html = player(evoked_Hz, title="<Visual> pulse")
    assert "http" not in html.replace("data:image", "") and html.count("<script>") == 1
    assert 'alt="&lt;Visual&gt; pulse"' in html
    frames = re.findall(r'"data:image/png;base64,([^"]+)"', html)
    assert len(frames) == 1 + 6  # the first is what is shown without scripts
    shown, first, last = (pixels(frames[i]) for i in (0, 1, -1))
    assert first.shape == last.shape and (np.abs(first - last).max(axis=2) > 30).mean() > 0.02
    assert (np.abs(shown - first).max(axis=2) > 30).mean() > 0.02
