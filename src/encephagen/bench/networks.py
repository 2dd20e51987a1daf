"""The networks that are timed.

`default` is the brain of `healthy_cortex`, whose cells are all LIF, as NEST has them: in the brain
that `encephagen demo` runs some adapt (ALIF). The others are one recipe at several sizes: what a
neuron receives in all, from its own region and from afar, is the same at any number of synapses,
because their weights shrink as their number grows. Mean-field theory then gives all sizes the same
rates, and so it is (about 5 Hz, asynchronous and irregular, also without correlated input), so that
sizes differ in size and in nothing else. NMDA is left out, which makes every neuron NEST's plain
`iaf_psc_exp`.
"""

from dataclasses import dataclass

from encephagen.brain.recipe import Cortex, Recipe, shipped_recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.working_point.whole import whole_brain

LOCAL = 20.0  # synapses from the own region, and from others, for which the weights below are meant
DISTANT = 60.0
BY_SIZE = Recipe(
    Cortex(
        nmda_fraction=0.0,
        weight_ee_pA=14.0,
        weight_ei_pA=14.0,
        weight_ie_pA=250.0,
        weight_ii_pA=117.0,
        long_weight_pA=13.0,
        feedforward_inhibition=1.1,
        strength_exponent=1.0,
        background_rate_Hz=400.0,
        background_weight_pA=200.0,
    ),
    name="the same input at any size",
)


@dataclass(frozen=True)
class Size:
    """A number of neurons a region, and of synapses a neuron; `healthy_cortex` where both are 0.

    ``brain_ms`` is the stretch of brain time that is timed, ``repeats`` times: short and many, so
    that some fall between what other programs do. ``nest_ms`` and ``nest_repeats`` are the same for
    NEST, and over ``rate_ms`` our mean rate is counted.
    """

    name: str
    neurons_per_region: int = 0
    in_degree: float = 0.0
    brain_ms: float = 100.0
    repeats: int = 40
    nest_ms: float = 100.0
    nest_repeats: int = 5
    rate_ms: float = 1000.0

    @property
    def recipe(self) -> Recipe:
        """The recipe of this size."""
        if not self.neurons_per_region:
            return shipped_recipe("healthy_cortex")
        usual = BY_SIZE.cortex
        local = usual.local_probability * self.neurons_per_region
        distant = self.in_degree - local
        weaker, weaker_afar = LOCAL / local, DISTANT / distant
        return BY_SIZE.replace(
            neurons_per_region=self.neurons_per_region,
            long_in_degree=distant,
            long_weight_pA=usual.long_weight_pA * weaker_afar,
            weight_ee_pA=usual.weight_ee_pA * weaker,
            weight_ei_pA=usual.weight_ei_pA * weaker,
            weight_ie_pA=usual.weight_ie_pA * weaker,
            weight_ii_pA=usual.weight_ii_pA * weaker,
        )

    def brain(self, connectome: Connectome) -> Brain:
        """Return the brain of this size on a connectome."""
        return whole_brain(connectome, self.recipe)


DEFAULT = Size("default")
SIZES = (
    Size("1e6", 200, 80.0),
    Size("1e7", 200, 1000.0, brain_ms=50.0),
    Size(
        "1e8", 1250, 1000.0, brain_ms=20.0, repeats=15, nest_ms=20.0, nest_repeats=6, rate_ms=200.0
    ),
)
_SHORT = dict(brain_ms=50.0, repeats=3, nest_ms=20.0, nest_repeats=2, rate_ms=200.0)
QUICK_DEFAULT = Size("default", 20, 10.0, **_SHORT)  # type: ignore[arg-type]
QUICK_SIZES = (Size("1e5", 20, 60.0, **_SHORT),)  # type: ignore[arg-type]
