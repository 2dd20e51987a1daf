"""Physical constants of the models, each written once with its unit and its source.

A unit ends a name: ``tau_m_ms``, ``rate_Hz``, ``weight_pA``. The system is closed: ms, mV, pA, pF,
MOhm and Hz, in which pA times MOhm over 1000 is mV.
"""

from dataclasses import field, fields
from typing import Any

MS_PER_S = 1000.0


def param(default: Any, unit: str, source: str) -> Any:
    """Return a dataclass field with its ``unit`` and its ``source`` (or the word "free")."""
    return field(default=default, metadata={"unit": unit, "source": source})


def table(params: type) -> list[tuple[str, Any, str, str]]:
    """Return (name, default, unit, source) of every `param` of a dataclass, in order."""
    return [
        (f.name, f.default, f.metadata["unit"], f.metadata["source"])
        for f in fields(params)
        if "unit" in f.metadata
    ]
