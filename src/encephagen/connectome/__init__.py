"""Connectomes: regions, weights [target, source], fibre lengths; and where to get them."""

from encephagen.connectome.connectome import Connectome, Region

__all__ = ["Connectome", "Region"]
