"""encephagen: a laboratory for spiking brains built from a human connectome.

    import encephagen as en

    brain = en.whole_brain(en.hcp_aal2())
    network = en.build(brain, seed=0)
    recording = en.simulate(network, duration_ms=1000.0)

The names below are loaded when first used, so that ``import encephagen`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encephagen.connectome.connectome import Connectome
    from encephagen.connectome.datasets import gw_aal2, hcp_aal2, load, tvb
    from encephagen.engine.estimate import estimate
    from encephagen.engine.session import Session, simulate
    from encephagen.network.build import build
    from encephagen.recording.probe import Probe
    from encephagen.recording.recording import Recording
    from encephagen.working_point.whole import whole_brain

__version__ = "0.1.0"

_HOME = {
    "Connectome": "connectome.connectome",
    "Probe": "recording.probe",
    "Recording": "recording.recording",
    "Session": "engine.session",
    "build": "network.build",
    "estimate": "engine.estimate",
    "gw_aal2": "connectome.datasets",
    "hcp_aal2": "connectome.datasets",
    "load": "connectome.datasets",
    "simulate": "engine.session",
    "tvb": "connectome.datasets",
    "whole_brain": "working_point.whole",
}

__all__ = [
    "Connectome",
    "Probe",
    "Recording",
    "Session",
    "__version__",
    "build",
    "estimate",
    "gw_aal2",
    "hcp_aal2",
    "load",
    "simulate",
    "tvb",
    "whole_brain",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'encephagen' has no attribute {name!r}")
    value = getattr(import_module(f"encephagen.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
