"""The parts of a brain: what they refuse, how they join, and when they are equal."""

import dataclasses
import math

import numpy as np
import pytest

from encephagen.brain.blocks import Blocks, cells
from encephagen.brain.spec import (
    Between,
    Brain,
    Conduction,
    Poisson,
    Population,
    Port,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.models import ALIF, AMPA, GABA_A, LIF, NMDA
from encephagen.models.receptors import Transmitter

FAST = Transmitter((AMPA(),))
SILENT = Poisson(0.0, 0.0, FAST)


def population(**change):
    return dataclasses.replace(Population("E", 10, LIF(), SILENT, excites=True), **change)


def projection(**change):
    base = Projection("E", "E", Within(0.1), Weight(1.0), Uniform(1.0, 2.0), FAST)
    return dataclasses.replace(base, **change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Poisson(-1.0, 1.0, FAST), "rate_Hz = -1.0"),
        (lambda: Poisson(math.nan, 1.0, FAST), "rate_Hz = nan"),
        (lambda: Poisson(1.0, math.inf, FAST), "weight_pA = inf"),
        (lambda: Poisson(1.0, -3.0, FAST), "inhibition is the receptor's sign"),
        (lambda: population(size=0), "size 0"),
        (lambda: population(size=2.5), "size 2.5"),
        (lambda: population(by_region=(("tau_m", (1.0,)),)), "nearest: tau_m_ms"),
        (lambda: population(by_region=(("zz", (1.0,)),)), "known: tau_m_ms, R_m"),
        (lambda: population(by_region=(("t_ref_ms", (1.0,)),) * 2), "'t_ref_ms' 2 times: give it"),
        (lambda: Within(1.5), r"probability 1.5: must be in \[0, 1\]"),
        (lambda: Within(math.nan), "probability nan"),
        (lambda: Between(-1.0, np.ones((2, 2))), "in_degree = -1.0"),
        (lambda: Between(math.inf, np.ones((2, 2))), "in_degree = inf"),
        (lambda: Between(1.0, -np.ones((2, 2))), "weights between regions"),
        (lambda: Between(1.0, np.full((2, 2), np.nan)), "weights between regions"),
        (lambda: Uniform(0.0, 1.0), "delays from 0.0 to 1.0 ms"),
        (lambda: Uniform(2.0, 1.0), "low to high"),
        (lambda: Uniform(1.0, math.inf), "delays from 1.0 to inf"),
        (lambda: Uniform(math.nan, 1.0), "delays from nan"),
        (lambda: Conduction(np.array([1.0])), r"shape \(1,\)"),
        (lambda: Conduction(np.array([[math.nan]])), "finite"),
        (lambda: Conduction(np.array([[-1.0]])), "0 or more"),
        (lambda: Weight(-1.0), "mean_pA = -1.0.*receptor's sign"),
        (lambda: Weight(math.nan), "mean_pA = nan"),
        (lambda: Weight(1.0, 3.0), r"spread = 3.0: must be in \[0, 2\]"),
        (lambda: Weight(1.0, math.nan), "spread = nan"),
        (lambda: Weight(1.0, 0.0, (1.0, -1.0)), "by_region"),
    ],
)
def test_a_part_refuses_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((population(), population()), ()), "names must differ"),
        (((population(),), (projection(target="I"),)), "no population 'I'"),
        (((population(by_region=(("tau_m_ms", (1.0,)),)),), ()), "tau_m_ms has 1 values for 4"),
        (
            ((population(),), (projection(weight=Weight(1.0, 0.0, (1.0, 2.0))),)),
            "2 weight factors for 4 regions",
        ),
    ],
)
def test_a_brain_refuses_parts_that_do_not_fit(connectome_of, parts, message):
    with pytest.raises(ValueError, match=message):
        Brain(connectome_of(), *parts)


@pytest.mark.parametrize("velocity", [0.0, -1.0, math.nan, math.inf])
def test_conduction_needs_a_velocity(connectome_of, velocity):
    with pytest.raises(ValueError, match="velocity .* must be finite and above 0"):
        Conduction.along(connectome_of(), velocity)


def test_conduction_needs_lengths(connectome_of):
    connectome = dataclasses.replace(connectome_of(), lengths_mm=None)
    with pytest.raises(ValueError, match="no fibre lengths.*give lengths_mm, or say delay=Uniform"):
        Conduction.along(connectome, 6.0)


def test_arrays_of_a_brain_are_its_own_and_read_only(connectome_of):
    weights = np.ones((4, 4))
    rule = Between(1.0, weights)
    weights[0, 0] = 7.0
    assert rule.weights[0, 0] == 1.0
    delay = Conduction.along(connectome_of(), 2.0)
    for array in (rule.weights, delay.delay_ms):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_in_degrees_follow_the_row_sums_and_keep_their_mean():
    rule = Between(30.0, np.array([[0.0, 1.0], [3.0, 0.0]]))
    assert rule.drawn(np.arange(2), np.arange(2))[0].tolist() == [15.0, 45.0]
    none = Between(30.0, np.zeros((2, 2)))
    assert none.drawn(np.arange(2), np.arange(2))[0].tolist() == [0.0, 0.0]


def test_parameters_by_region():
    varied = population(by_region=(("tau_m_ms", (10.0, 20.0)), ("rate_Hz", (5.0, 6.0))))
    neuron, background = varied.cell(1)
    assert (neuron.tau_m_ms, background.rate_Hz) == (20.0, 6.0)
    assert varied.cell(0)[0] == LIF(tau_m_ms=10.0)
    assert population().cell(3) == (LIF(), SILENT)


def test_fragments_join(connectome_of):
    connectome = connectome_of()
    port = Port("visual", ("A",), "E")
    joined = Brain(connectome, (population(),), (projection(),), recipe="one") + Brain(
        connectome, (), (), (port,)
    )
    assert (joined.ports, joined.recipe) == ((port,), "one")
    other = dataclasses.replace(connectome, weights=connectome.weights * 2)
    with pytest.raises(ValueError, match="build both on one connectome"):
        joined + Brain(other, (), ())


def test_receptors_are_in_order_of_appearance(connectome_of):
    glutamate, gaba = Transmitter((AMPA(), NMDA()), (0.5, 0.5)), Transmitter((GABA_A(),))
    brain = Brain(
        connectome_of(),
        (population(), population(name="I", excites=False)),
        (projection(source="I", transmitter=gaba), projection(transmitter=glutamate)),
    )
    assert brain.receptors == (AMPA(), GABA_A(), NMDA())


def test_every_change_of_a_brain_changes_its_digest(connectome_of):
    connectome = connectome_of()
    between = Between(2.0, connectome.weights)

    def brain(populations=None, projections=None, ports=(), of=connectome):
        return Brain(of, populations or (population(),), projections or (projection(),), ports)

    others = [
        brain(of=dataclasses.replace(connectome, weights=connectome.weights * 2)),
        brain((population(size=11),)),
        brain((population(neuron=ALIF()),)),
        brain((population(neuron=LIF(tau_m_ms=21.0)),)),
        brain((population(background=Poisson(1.0, 0.0, FAST)),)),
        brain((population(by_region=(("tau_m_ms", (1.0, 2.0, 3.0, 4.0)),)),)),
        brain(projections=(projection(rule=Within(0.2)),)),
        brain(projections=(projection(rule=between),)),
        brain(projections=(projection(rule=Between(2.0, connectome.weights.T)),)),
        brain(projections=(projection(weight=Weight(1.0, 0.1)),)),
        brain(projections=(projection(delay=Uniform(1.0, 2.1)),)),
        brain(projections=(projection(delay=Conduction.along(connectome, 2.0)),)),
        brain(projections=(projection(transmitter=Transmitter((AMPA(3.0),))),)),
        brain(projections=(projection(transmitter=Transmitter((NMDA(2.0),))),)),
        brain(projections=(projection(), projection())),
        brain(ports=(Port("visual", ("A",), "E"),)),
    ]
    digests = {b.digest() for b in (brain(), *others)}
    assert len(digests) == len(others) + 1
    assert brain() == brain() and hash(brain()) == hash(brain())
    assert brain() != others[0] and brain() != "brain"


def test_a_number_of_numpy_is_that_number(connectome_of):
    plain, numpy = (
        Brain(connectome_of(), (population(by_region=(("tau_m_ms", values),)),), ())
        for values in ((10.0, 20.0, 30.0, 40.0), tuple(np.linspace(10, 40, 4)))
    )
    assert plain == numpy


def test_rules_of_other_weights_or_delays_are_not_equal():
    assert Between(1.0, np.ones((2, 2))) != Between(1.0, np.zeros((2, 2)))
    assert Conduction(np.ones((2, 2))) != Conduction(np.zeros((2, 2)))


def test_the_name_of_a_brain_is_not_what_it_is(connectome_of):
    a = Brain(connectome_of(), (population(),), (), recipe="a")
    assert a == dataclasses.replace(a, recipe="b")


def test_who_excites_is_checked_against_the_transmitter(connectome_of):
    gaba = Transmitter((GABA_A(),))
    with pytest.raises(ValueError, match="population 'E' excites, and its transmitter opens"):
        Brain(connectome_of(), (population(),), (projection(transmitter=gaba),))
    inhibits = population(excites=False)
    Brain(connectome_of(), (inhibits,), (projection(transmitter=gaba),))
    with pytest.raises(ValueError, match="population 'E' inhibits, and its transmitter opens"):
        Brain(connectome_of(), (inhibits,), (projection(),))


def test_a_population_may_live_in_some_regions_only(patchy):
    assert patchy.regions_of("E").tolist() == [0, 1, 2, 3]
    assert patchy.regions_of("relay").tolist() == patchy.regions_of("gate").tolist() == [1, 3]
    blocks = Blocks.of(patchy)
    assert blocks.region.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3]
    assert blocks.population.tolist() == [0, 1, 0, 1, 2, 3, 0, 1, 0, 1, 2, 3]
    assert blocks.region_size.tolist() == [[24, 9, 0, 0], [24, 9, 19, 7]] * 2
    assert blocks.first_in(2).tolist() == [-1, 66, -1, 158]
    neurons = [neuron for neuron, _ in cells(patchy)]
    assert [n.tau_m_ms for n in neurons][4::6] == [12.0, 18.0], "one value a region where it lives"
    with pytest.raises(ValueError, match="tau_m_ms has 2 values for 4 regions"):
        everywhere = dataclasses.replace(patchy.populations[2], where=None)
        Brain(patchy.connectome, (everywhere,), ())
    with pytest.raises(ValueError, match="'nowhere' is not in 'tiny'"):
        Brain(patchy.connectome, (population(where=("nowhere",)),), ())


def test_a_rule_between_regions_counts_those_where_both_ends_live():
    rule = Between(10.0, np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [2.0, 2.0, 0.0]]))
    in_degree, weights = rule.drawn(np.array([0, 1]), np.array([2]))
    assert weights.tolist() == [[0, 0, 3.0], [0, 0, 1.0], [0, 0, 0]]
    assert in_degree.tolist() == [15.0, 5.0, 0.0], "10 on average over the regions of the target"
