"""Pictures of recordings; each function returns a matplotlib Figure and draws on no screen.

`lines` and `brain_map` draw with signs, for a terminal, and return what another may print.
"""

from encephagen.figures.neurons import neurons
from encephagen.figures.overview import overview
from encephagen.figures.raster import raster
from encephagen.figures.rates import rates
from encephagen.figures.spectrum import spectrum
from encephagen.figures.surface import activity, surface

__all__ = ["activity", "neurons", "overview", "raster", "rates", "spectrum", "surface"]
