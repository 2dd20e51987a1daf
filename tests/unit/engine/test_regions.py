"""The compiled simulation of regions: equal to the plain one, what it takes and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from encephagen.analysis.functional_connectivity import fc
from encephagen.analysis.haemodynamics import bold
from encephagen.connectome.transform import subset
from encephagen.engine.regions import (
    CHUNK_STEPS,
    OrnsteinUhlenbeck,
    RegionNetwork,
    Stimulus,
    White,
    simulate_regions,
)
from encephagen.models.wilson_cowan import WilsonCowan, slopes
from encephagen.rng import stream
from encephagen.working_point.regions import fixed_point, linearised, placed

OU = OrnsteinUhlenbeck(0.1, tau_ms=20.0, sd_I=0.05)


@pytest.fixture(name="connectome")
def four_regions(connectome_of):
    return connectome_of()


@pytest.fixture(name="network")
def tiny_network(connectome):
    def make(**changes):
        return RegionNetwork(connectome, **{"model": WilsonCowan(drive_E=0.6), **changes})

    return make


def plain(network, n_steps, dt_ms, *, noise, random, drive, first, E, I):  # noqa: E741
    """Stochastic Heun as one would write it down: E and I (step, region), all of the past kept."""
    weights = network.coupling * network.connectome.weights
    delay = np.maximum(np.rint(network.delays_ms / dt_ms), 1).astype(int)
    constants = [m.constants() for m in network.models]
    n, past, out = len(weights), [np.array(E)], []

    def coupled(step, i):
        return sum(weights[i, j] * past[max(0, step - delay[i, j])][j] for j in range(n))

    E, I, x = np.array(E), np.array(I), first.copy()  # noqa: E741
    for k in range(n_steps):
        y = np.array([[noise.decay], [noise.decay]]) * x
        y += np.array([[noise.drive_E], [noise.drive_I]]) * random[k]
        added = np.array([[noise.white_E], [noise.white_I]]) * random[k]
        new_E, new_I = np.empty(n), np.empty(n)
        for i, (m, c) in enumerate(zip(network.models, constants, strict=True)):
            u, v = coupled(k, i), coupled(k + 1, i)
            onto, push = network.onto_I, m.drive_E + drive[k, i]
            a = slopes(E[i], I[i], push + u + x[0, i], m.drive_I + onto * u + x[1, i], c)
            guess = E[i] + dt_ms * a[0] + added[0, i], I[i] + dt_ms * a[1] + added[1, i]
            b = slopes(*guess, push + v + y[0, i], m.drive_I + onto * v + y[1, i], c)
            new_E[i] = E[i] + dt_ms * (a[0] + b[0]) / 2 + added[0, i]
            new_I[i] = I[i] + dt_ms * (a[1] + b[1]) / 2 + added[1, i]
        E, I, x = new_E, new_I, y  # noqa: E741
        past.append(E)
        out.append((E, I))
    return np.array(out)


@pytest.mark.parametrize("noise", [OU, White(0.003, 0.001)], ids=["coloured", "white"])
def test_it_is_the_plain_integration(noise, network):
    """Different regions, delays, noise, a stimulus, feedforward inhibition, all at once."""
    models = tuple(WilsonCowan(drive_E=0.5 + 0.05 * i, tau_E_ms=2.0 + i) for i in range(4))
    brain = network(model=models, coupling=0.8, onto_I=0.4)
    start = np.array([0.05, 0.1, 0.02, 0.0]), np.array([0.02, 0.03, 0.1, 0.0])
    n_steps, dt_ms = 250, 0.2
    drive = np.zeros((n_steps, 4))
    drive[50:100, 2] = 0.7
    first = np.zeros((2, 4))
    if noise is OU:
        first = np.array([[OU.sd_E], [OU.sd_I]])
        first = first * stream(5, "initial noise of regions").standard_normal((2, 4))
    expected = plain(
        brain,
        n_steps,
        dt_ms,
        noise=noise.per_step(dt_ms),
        random=stream(5, "noise of regions").standard_normal((n_steps, 2, 4)),
        drive=drive,
        first=first,
        E=start[0],
        I=start[1],
    )
    found = simulate_regions(
        brain,
        n_steps * dt_ms,
        noise=noise,
        stimuli=[Stimulus("C", 10.0, 20.0, 0.7)],
        initial=start,
        noise_seed=5,
        dt_ms=dt_ms,
    )
    np.testing.assert_allclose(found["E"].values, expected[:, 0], rtol=1e-11)
    np.testing.assert_allclose(found["I"].values, expected[:, 1], rtol=1e-11)


def test_a_run_begins_like_a_shorter_one_and_bins_are_means(network):
    brain, long_ms = network(), 0.1 * (CHUNK_STEPS + 700)
    run = simulate_regions(brain, long_ms, noise=OU)
    shorter = simulate_regions(brain, 150.0, noise=OU)
    np.testing.assert_array_equal(run["E"].values[:1500], shorter["E"].values)
    binned = simulate_regions(brain, long_ms, noise=OU, bin_ms=0.7)
    means = run["I"].values[: 7 * (2700 // 7)].reshape(-1, 7, 4).mean(axis=1)
    np.testing.assert_allclose(binned["I"].values, means, rtol=1e-12)
    assert binned.time_ms.values[1] == pytest.approx(0.7)


def test_seeds_make_the_noise_and_nothing_else_does(network):
    a, b, c = (simulate_regions(network(), 20.0, noise=OU, noise_seed=s) for s in (1, 1, 2))
    assert a.equals(b) and not a.equals(c)
    quiet = [simulate_regions(network(), 20.0, noise_seed=s) for s in (1, 2)]
    assert quiet[0].equals(quiet[1])


def test_a_stimulus_may_change_over_its_time(network):
    brain = network(model=WilsonCowan(), velocity_mm_per_ms=math.inf)
    two = [Stimulus("visual", 1.0, 2.0, 0.5), Stimulus("visual", 2.0, 3.0, -0.5)]
    one = [Stimulus("visual", 1.0, 3.0, (0.5, -0.5))]
    runs = [simulate_regions(brain, 10.0, stimuli=s) for s in (two, one)]
    np.testing.assert_array_equal(runs[0]["E"].values, runs[1]["E"].values)
    assert np.ptp(runs[0]["E"].values[:, 0]) > 1e-3


def test_analysis_reads_it_as_it_reads_a_recording(connectome):
    brain = RegionNetwork(
        connectome, WilsonCowan(tau_E_ms=20.0, tau_I_ms=10.0, drive_E=0.3), coupling=0.6
    )
    run = simulate_regions(
        brain, 60_000.0, noise=OrnsteinUhlenbeck(0.2, 100.0), dt_ms=1.0, bin_ms=20.0
    )
    signal = bold(run["E"], 1.0)
    assert signal.sizes == {"time_s": 41, "region": 4}
    matrix = fc(signal)
    assert matrix.values[np.triu_indices(4, 1)].mean() > 0.1
    assert run.attrs["connectome"] == connectome.digest()


def test_what_a_network_is_made_of_is_in_its_digest(network, connectome):
    one = network()
    assert one.digest() == network().digest()
    others = [
        network(coupling=1.1),
        network(onto_I=0.1),
        network(velocity_mm_per_ms=7.0),
        one.driven(0.5),
        RegionNetwork(subset(connectome, ["B", "A", "C", "D"]), one.model),
    ]
    assert len({one.digest(), *(o.digest() for o in others)}) == 1 + len(others)


def test_one_model_or_one_a_region(network):
    model = WilsonCowan(drive_E=0.6)
    same = simulate_regions(network(model=(model,) * 4), 5.0)
    assert same.equals(simulate_regions(network(model=model), 5.0).assign_attrs(same.attrs))
    with pytest.raises(ValueError, match="3 models for 4 regions"):
        network(model=(model,) * 3)


def test_what_cannot_be_simulated_is_refused(network, connectome):
    lost = replace(connectome, lengths_mm=None)
    with pytest.raises(ValueError, match="has no fibre lengths.*math.inf"):
        RegionNetwork(lost)
    simulate_regions(RegionNetwork(lost, velocity_mm_per_ms=math.inf), 1.0)
    with pytest.raises(ValueError, match="under half a step of 5 ms"):
        simulate_regions(network(velocity_mm_per_ms=20.0), 50.0, dt_ms=5.0)
    with pytest.raises(ValueError, match="whole number of steps"):
        simulate_regions(network(), 10.05)
    with pytest.raises(ValueError, match="holds no bin"):
        simulate_regions(network(), 10.0, bin_ms=20.0)
    with pytest.raises(ValueError, match="no region, system"):
        simulate_regions(network(), 10.0, stimuli=[Stimulus("Z", 0.0, 5.0, 1.0)])
    with pytest.raises(ValueError, match="stimulus from 5"):
        Stimulus("A", 5.0, 5.0, 1.0)
    with pytest.raises(ValueError, match="positive tau_ms"):
        OrnsteinUhlenbeck(0.1, 0.0)
    with pytest.raises(ValueError, match="coupling -1"):
        network(coupling=-1.0)
    with pytest.raises(ValueError, match="not finite at .* lower dt_ms"):
        simulate_regions(network(velocity_mm_per_ms=0.1), 50_000.0, dt_ms=50.0)
    with pytest.raises(ValueError, match=r"WilsonCowan.w_EI = -1.0: must be finite and 0 or more"):
        WilsonCowan(w_EI=-1.0)


def test_working_points_that_cannot_be_are_refused(network, connectome):
    with pytest.raises(ValueError, match="expected below 0"):
        placed(network(), mean_E=0.05, leading_per_ms=0.0)
    with pytest.raises(ValueError, match="without coupling the leading eigenvalue"):
        placed(network(), mean_E=0.09, leading_per_ms=-0.1)
    with pytest.raises(ValueError, match="no drive gives"):
        placed(network(), mean_E=0.9, leading_per_ms=-0.01)
    with pytest.raises(ValueError, match="beyond all numbers"):
        fixed_point(network(model=WilsonCowan(drive_E=-1e4)))
    alone = replace(connectome, weights=np.zeros((4, 4)))
    with pytest.raises(ValueError, match="has no loops"):
        placed(RegionNetwork(alone), mean_E=0.05, leading_per_ms=-0.01)


def test_the_oscillation_of_a_strongly_driven_unit_has_an_unstable_fixed_point(network):
    strong = network(model=WilsonCowan(drive_E=1.0), coupling=0.0)
    assert linearised(strong).leading_per_ms.real > 0
    E, _ = fixed_point(strong)
    late = simulate_regions(strong, 500.0)["E"].values[-1000:]
    assert np.ptp(late) > 0.1 and late.min() < E[0] < late.max()


def test_a_step_tells_every_delay_from_none(network):
    for velocity, step_ms in ((6.0, 1.0), (20.0, 0.5), (math.inf, 0.1)):
        brain = network(velocity_mm_per_ms=velocity)
        assert brain.step_ms == step_ms
        present = brain.delays_ms[brain.connectome.weights > 0]
        assert math.isinf(velocity) or np.rint(present / step_ms).min() >= 1
