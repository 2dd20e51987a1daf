"""Models of cells, receptors and plasticity: pure scalar mathematics, one a file.

`ALL` names every model; a new one adds its line and the contract tests take it from there.
"""

from encephagen.models.alif import ALIF
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, GABA_A, NMDA

ALL = {"lif": LIF, "alif": ALIF, "ampa": AMPA, "nmda": NMDA, "gaba_a": GABA_A}
