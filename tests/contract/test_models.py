"""Contract: one battery for every model that `encephagen.models.ALL` names."""

import dataclasses
import math

import numba
import numpy as np
import pytest

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.models import ALL
from encephagen.models.lif import LIF
from encephagen.models.model import AbstractNeuron, AbstractReceptor
from encephagen.rng import stream
from encephagen.units import table

NEURONS = {name: m for name, m in ALL.items() if issubclass(m, AbstractNeuron)}
RECEPTORS = {name: m for name, m in ALL.items() if issubclass(m, AbstractReceptor)}
STEPS_MS = (0.01, 0.1, 0.5, 1.0)


def each(models):
    return pytest.mark.parametrize("model", list(models.values()), ids=list(models))


def constants_of(model, dt_ms):
    if issubclass(model, AbstractReceptor):
        return model().constants(LIF(), dt_ms)
    return model().constants(dt_ms)


def as_float32(values):
    """The same named tuple in float32, as a kernel has it."""
    return type(values)(*map(np.float32, values))


def test_every_model_is_a_neuron_or_a_receptor():
    assert {**NEURONS, **RECEPTORS} == ALL


@each(ALL)
def test_parameters_are_frozen_and_carry_unit_and_source(model):
    fields = dataclasses.fields(model)
    rows = table(model)
    assert len(rows) == len(fields)
    assert all(source for _, _, _, source in rows)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model(), fields[0].name, 1.0)


@each(ALL)
@pytest.mark.parametrize("dt_ms", STEPS_MS)
def test_constants_are_finite_floats(model, dt_ms):
    constants = constants_of(model, dt_ms)
    assert isinstance(constants, model.Constants)
    assert all(type(value) is float and math.isfinite(value) for value in constants)


@each(ALL)
def test_each_parameter_matters(model):
    """A parameter that changes neither constants nor initial states is a dead one."""
    for f in dataclasses.fields(model):
        value = getattr(model(), f.name)
        if issubclass(model, AbstractReceptor):
            other = dataclasses.replace(model(), **{f.name: -value if f.name == "sign" else 3.3})
            assert other.constants(LIF(), 0.1) != model().constants(LIF(), 0.1), f.name
            continue
        # E_L, V_th and V_reset count from each other; R enters through the drive
        other = dataclasses.replace(model(), **{f.name: value + 1.5})
        if f.name != "R_m_MOhm":
            assert other.constants(0.1) != model().constants(0.1), f.name


@each(ALL)
def test_positive_parameters_refuse_what_is_not(model):
    names = [name for name, _, unit, _ in table(model) if name.startswith("tau_")]
    assert names
    for name in names:
        for bad in (0.0, -1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"{model.__name__}.{name} = "):
                model(**{name: bad})


@each(NEURONS)
def test_initial_states_are_finite_and_follow_the_seed(model):
    states = model().initial(stream(1, "a"), 50)
    assert states.shape == (len(model.State._fields), 50)
    assert np.isfinite(states).all()
    assert np.array_equal(states, model().initial(stream(1, "a"), 50))
    assert not np.array_equal(states, model().initial(stream(2, "a"), 50))


@each(NEURONS)
def test_a_neuron_stays_finite_and_spikes_under_drive(model):
    constants, rng = model().constants(0.1), stream(0, "drive")
    state = model.State(*model().initial(rng, 1)[:, 0].tolist())
    n_spikes = 0
    for drive_mV in rng.normal(0.5, 2.0, 5000).tolist():
        state, spiked = model.advance(state, drive_mV, constants)
        assert type(state) is model.State and type(spiked) is bool
        assert all(type(value) is float and math.isfinite(value) for value in state)
        n_spikes += spiked
    assert n_spikes > 50


@each(NEURONS)
def test_a_neuron_rests_without_drive(model):
    constants = model().constants(0.1)
    state = model.State(*[0.0] * len(model.State._fields))
    for _ in range(1000):
        state, spiked = model.advance(state, 0.0, constants)
        assert not spiked
    assert state == model.State(*[0.0] * len(model.State._fields))


@each(RECEPTORS)
def test_a_receptor_decays_and_drives_by_its_sign(model):
    constants = constants_of(model, 0.1)
    current_pA, drive_mV = model.advance(0.0, 100.0, constants)
    assert (current_pA, drive_mV) == (100.0, 0.0), "a jump acts from the next step on"
    later_pA, drive_mV = model.advance(current_pA, 0.0, constants)
    assert 0 < later_pA < current_pA
    assert math.copysign(1.0, drive_mV) == model().sign
    steps = 0
    while later_pA:
        later_pA, _ = model.advance(later_pA, 0.0, constants)
        steps += 1
    assert steps < 60 * model().tau_syn_ms / 0.1, "ends at zero, never at a subnormal number"


@each(ALL)
def test_float32_stays_float32(model):
    """One literal in `advance` would widen the whole kernel to float64."""
    constants = as_float32(constants_of(model, 0.1))
    one, compiled = np.float32(1.0), numba.njit(model.advance)
    if issubclass(model, AbstractReceptor):
        compiled(one, one, constants)
        wanted = (numba.float32, numba.float32)
    else:
        compiled(model.State(*[one] * len(model.State._fields)), one, constants)
        wanted = (numba.float32,) * len(model.State._fields)
    returned = compiled.overloads[compiled.signatures[0]].signature.return_type
    types = returned.types[0].types if issubclass(model, AbstractNeuron) else returned.types
    assert tuple(types) == wanted
    if issubclass(model, AbstractNeuron):
        assert returned.types[1] == numba.boolean


def test_float32_agrees_with_float64_in_its_statistics(all_models):
    """The same noise, other rounding: rates differ by no more than two halves of one run do."""
    halves = {}
    for real in ("float32", "float64"):
        session = Session(all_models, noise_seed=5, engine=cpu(1, real))
        session.record(200.0)
        halves[real] = []
        for _ in range(8):
            session.record(250.0)
            halves[real].append(session.region_rate_Hz().ravel())
    first, second = (np.array(halves[real]) for real in ("float32", "float64"))
    difference = first.mean(axis=0) - second.mean(axis=0)
    standard_error = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 8)
    assert (first.mean(axis=0) > 1).all()
    assert np.abs(difference / standard_error).max() < 4, (difference, standard_error)
