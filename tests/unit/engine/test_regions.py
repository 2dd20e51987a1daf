"""The compiled simulation of regions: equal to the plain one, what it takes and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from encephagen.analysis.functional_connectivity import fc
from encephagen.analysis.haemodynamics import bold
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.engine.regions import (
    OrnsteinUhlenbeck,
    RegionNetwork,
    RegionRun,
    Stimulus,
    White,
    simulate_regions,
)
from encephagen.engine.regions.noise import normals
from encephagen.engine.regions.run import CHUNK_STEPS
from encephagen.engine.regions.vector import GROUP, exp
from encephagen.engine.regions.wires import LONGEST_SPAN, SPANS, Layout
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
@pytest.mark.parametrize("velocity", [1.0, 6.0, 60.0, math.inf])
def test_it_is_the_plain_integration(velocity, noise, network):
    """Different regions, delays, noise, a stimulus, feedforward inhibition, all at once.

    The slower the fibres, the longer are the spans of steps that the kernel goes at once: delays of
    40 to 300 steps, of 7 to 50, of one to 5, of one.
    """
    models = tuple(WilsonCowan(drive_E=0.5 + 0.05 * i, tau_E_ms=2.0 + i) for i in range(4))
    brain = network(model=models, coupling=0.8, onto_I=0.4, velocity_mm_per_ms=velocity)
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
        random=normals(5, 0, n_steps, 4),
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
    brain, long_ms = network(), 0.1 * (CHUNK_STEPS + 702)
    run = simulate_regions(brain, long_ms, noise=OU)
    shorter = simulate_regions(brain, 150.0, noise=OU)
    np.testing.assert_array_equal(run["E"].values[:1500], shorter["E"].values)
    binned = simulate_regions(brain, long_ms, noise=OU, bin_ms=0.7)
    means = run["I"].values[: 7 * (2702 // 7)].reshape(-1, 7, 4).mean(axis=1)
    np.testing.assert_allclose(binned["I"].values, means, rtol=1e-12)
    assert binned.time_ms.values[1] == pytest.approx(0.7)


def test_seeds_make_the_noise_and_nothing_else_does(network):
    a, b, c = (simulate_regions(network(), 20.0, noise=OU, noise_seed=s) for s in (1, 1, 2))
    assert a.equals(b) and not a.equals(c)
    quiet = [simulate_regions(network(), 20.0, noise_seed=s) for s in (1, 2)]
    assert quiet[0].equals(quiet[1])


def test_the_noise_is_normal_and_a_function_of_seed_step_and_region():
    from scipy import stats

    draws = normals(3, 0, 20_000, 20)
    flat = draws.ravel()
    assert stats.kstest(flat, "norm").pvalue > 0.01
    assert abs(stats.kurtosis(flat)) < 5 * math.sqrt(24 / flat.size)
    assert 4.5 < np.abs(flat).max() < 6.8
    series = draws.reshape(20_000, 40)  # E and I of each region
    series = np.hstack([series[1:], series[:-1]])
    across = np.corrcoef(series.T)[np.triu_indices(80, 1)]
    assert np.abs(across).max() < 5.5 / math.sqrt(20_000)
    np.testing.assert_array_equal(normals(3, 700, 5, 20), draws[700:705])
    np.testing.assert_array_equal(normals(3, 0, 9, 6), draws[:9, :, :6])
    assert not np.any(normals(4, 0, 9, 20) == draws[:9])


def test_the_exponential_is_that_of_the_library():
    x = np.concatenate([np.linspace(-700.0, 700.0, 20_001), np.linspace(-1.0, 1.0, 20_001)])
    found = np.array([exp(v) for v in x])
    np.testing.assert_allclose(found, np.exp(x), rtol=3e-13)
    near = np.abs(x) <= 1.0
    np.testing.assert_allclose(found[near], np.exp(x[near]), rtol=1e-14)
    single = np.array([exp(np.float32(v)) for v in x[np.abs(x) < 80.0]], np.float64)
    expected = np.exp(x[np.abs(x) < 80.0].astype(np.float32).astype(float))
    np.testing.assert_allclose(single, expected, rtol=1e-5)
    assert math.isnan(exp(math.nan)) and exp(1e9) == exp(700.0) and exp(-1e9) == exp(-700.0)


# ---- many sets at once --------------------------------------------------------------------------


def sets_of(connectome):
    """Networks that differ in all that a set of parameters may."""
    return [
        RegionNetwork(connectome, WilsonCowan(drive_E=0.5), coupling=0.3),
        RegionNetwork(connectome, WilsonCowan(drive_E=0.6, tau_E_ms=4.0), coupling=0.9, onto_I=0.3),
        RegionNetwork(
            connectome,
            tuple(WilsonCowan(drive_E=0.4 + 0.05 * i, drive_I=0.1) for i in range(connectome.n)),
            coupling=0.0,
        ),
    ]


@pytest.mark.parametrize("noise", [None, OU, White(0.003, 0.001)], ids=["none", "OU", "white"])
def test_each_set_of_a_call_is_as_it_is_alone(noise, connectome):
    """To the bit, with one noise seed for all or one a set, and its own start."""
    networks = sets_of(connectome)
    stimuli = [Stimulus("visual", 3.0, 9.0, 0.5)]
    start = np.array([[0.05], [0.1], [0.02]]) * np.ones(4), np.full(4, 0.03)
    for seeds in (7, (7, 8, 7)):
        together = simulate_regions(
            networks, 60.0, noise=noise, noise_seed=seeds, stimuli=stimuli, initial=start
        )
        assert together["E"].dims == ("set", "time_ms", "region")
        for k, network in enumerate(networks):
            alone = simulate_regions(
                network,
                60.0,
                noise=noise,
                noise_seed=seeds if isinstance(seeds, int) else seeds[k],
                stimuli=stimuli,
                initial=(start[0][k], start[1]),
            )
            np.testing.assert_array_equal(together["E"].values[k], alone["E"].values)
            np.testing.assert_array_equal(together["I"].values[k], alone["I"].values)
            assert together["network"].values[k] == alone.attrs["network"] == network.digest()


def test_float32_agrees_with_float64():
    """Over a second of a driven human connectome, to some hundredth of a percent."""
    network = RegionNetwork(hcp_aal2(), WilsonCowan(drive_E=0.3), coupling=0.02)
    fine, coarse = (
        simulate_regions(network, 1000.0, noise=OU, bin_ms=1.0, real=real)
        for real in (np.float64, np.float32)
    )
    assert coarse["E"].dtype == np.float32
    off = np.abs(coarse["E"].values - fine["E"].values).max()
    assert 0 < off < 1e-4 * np.ptp(fine["E"].values)


def test_networks_of_one_call_share_their_connectome(connectome, network):
    with pytest.raises(ValueError, match="their connectomes differ, run them one by one"):
        other = RegionNetwork(subset(connectome, ["B", "A", "C", "D"]))
        simulate_regions([network(), other], 1.0)
    with pytest.raises(ValueError, match="velocities 6 and 7 mm/ms"):
        simulate_regions([network(), network(velocity_mm_per_ms=7.0)], 1.0)
    with pytest.raises(ValueError, match="2 noise seeds for 3 networks"):
        simulate_regions(sets_of(connectome), 1.0, noise=OU, noise_seed=(1, 2))
    with pytest.raises(ValueError, match="no network: give one"):
        simulate_regions([], 1.0)
    with pytest.raises(ValueError, match=r"initial of shapes .* expected E and I, finite"):
        simulate_regions(network(), 1.0, initial=(np.zeros(3), np.zeros(4)))


def test_each_connection_stands_once_in_groups_that_are_full_but_the_last():
    connectome = hcp_aal2()
    network = RegionNetwork(connectome, WilsonCowan(), coupling=2.0)
    steps = network.delay_steps(0.1)
    layout = Layout(network, np.array([2.0]), 0.1, np.float64)
    found, groups = np.zeros((80, 80)), 0
    for span, wires in zip(SPANS, layout.classes, strict=True):
        target = np.repeat(wires.target // LONGEST_SPAN, GROUP)
        source = -((wires.back - 1) // layout.room)
        delay = wires.back + source * layout.room
        used = wires.weight[0] > 0
        assert (delay[used] >= span).all()
        np.testing.assert_array_equal(delay, steps[target, source])
        np.add.at(found, (target, source), wires.weight[0])
        groups += wires.target.size
    np.testing.assert_array_equal(found, 2.0 * connectome.weights)
    assert groups == (-(-(connectome.weights > 0).sum(axis=1) // GROUP)).sum()


# ---- a run --------------------------------------------------------------------------------------


@pytest.mark.parametrize("velocity", [1.0, 6.0, math.inf])
@pytest.mark.parametrize("real", [np.float64, np.float32])
@pytest.mark.parametrize("noise", [OU, White(0.003, 0.001)], ids=["coloured", "white"])
def test_a_run_does_not_depend_on_how_time_is_cut_into_calls(noise, real, velocity, network):
    brain = network(coupling=0.8, velocity_mm_per_ms=velocity)
    n_steps = CHUNK_STEPS + 131
    drive = stream(1, "drive").normal(0.0, 0.2, (n_steps, 4))
    runs = [RegionRun(brain, noise=noise, real=real) for _ in range(2)]
    whole = runs[0].advance(n_steps, drive)
    parts, done = [], 0
    for steps in (1, 7, 8, 40, 3, 1, 500, 33, n_steps - 593):
        parts.append(runs[1].advance(steps, drive[done : done + steps]))
        done += steps
    assert done == n_steps == runs[1].step
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("noise", [None, OU, White(0.003, 0.001)], ids=["none", "OU", "white"])
def test_a_run_goes_on_from_a_kept_state_to_the_bit(noise, connectome):
    def start():
        return RegionRun(sets_of(connectome), noise=noise, noise_seed=(1, 2, 1))

    run = start()
    run.advance(333)
    step, kept = run.step, run.state()
    ahead = run.advance(400)
    for other in (run, start()):
        other.restore(step, kept)
        assert other.step == 333
        np.testing.assert_array_equal(other.advance(400), ahead)
    with pytest.raises(ValueError, match="no state of 'tiny': past differs"):
        run.restore(0, {**kept, "past": kept["past"][..., 1:]})


def test_a_silenced_region_is_silent_and_what_it_had_sent_arrives(network):
    """A has sent for long; B hears of its silence a delay later, and of its return."""
    brain = network(coupling=0.8)
    delay = brain.delay_steps(0.1)
    run, intact = RegionRun(brain), RegionRun(brain)
    for r in (run, intact):
        r.advance(1000)
    none = np.zeros((4, 4), bool)
    assert run.lesion(np.array([True, False, False, False]), none) == 0
    hurt, whole = run.advance(600)[0], intact.advance(600)[0]
    assert not hurt[:, :, 0].any()
    differs = np.flatnonzero(hurt[:, 0, 1] != whole[:, 0, 1])
    assert differs[0] == min(delay[1, 0], delay[2, 0] + delay[1, 2], delay[3, 0] + delay[1, 3])
    run.lesion(np.zeros(4, bool), none)
    healed, whole = run.advance(5000)[0, -1, 0], intact.advance(5000)[0, -1, 0]
    np.testing.assert_allclose(healed, whole, rtol=1e-5)


def test_a_cut_is_the_network_without_those_connections_and_heals(connectome):
    """What is under way is lost too: B, cut from all, goes on as a region on its own."""
    brain = RegionNetwork(connectome, WilsonCowan(drive_E=0.6), coupling=0.8)
    run = RegionRun(brain)
    run.advance(1000)
    before = run.activity[0, :, 1]
    cut = np.zeros((4, 4), bool)
    cut[1] = True
    assert run.lesion(np.zeros(4, bool), cut) == 3
    alone = RegionRun(replace(brain, coupling=0.0), initial=tuple(np.tile(before, (4, 1)).T))
    np.testing.assert_array_equal(run.advance(400)[0, :, :, 1], alone.advance(400)[0, :, :, 1])
    step, kept = run.step, run.state()
    assert run.lesion(np.zeros(4, bool), np.zeros((4, 4), bool)) == 0
    healed = run.advance(300)
    never = RegionRun(brain)
    never.restore(step, kept)
    np.testing.assert_array_equal(healed, never.advance(300))


def test_a_steady_drive_is_that_of_the_model(network):
    drive = np.array([0.1, 0.0, 0.3, 0.0])
    run = RegionRun(network())
    found = run.advance(300, drive)
    models = tuple(WilsonCowan(drive_E=0.6 + d) for d in drive)
    expected = RegionRun(network(model=models)).advance(300)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    after = RegionRun(network())  # the drive is gone with the call
    after.restore(run.step, run.state())
    np.testing.assert_array_equal(run.advance(300), after.advance(300))


def test_a_drive_that_fails_leaves_nothing_behind(network):
    run, same = (RegionRun(network(), noise=White(0.01, 0.01)) for _ in range(2))
    with pytest.raises(ValueError):
        run.advance(300, np.ones((200, 4)))
    np.testing.assert_array_equal(run.advance(300), same.advance(300))


def test_a_stimulus_may_change_over_its_time(network):
    brain = network(model=WilsonCowan(), velocity_mm_per_ms=math.inf)
    two = [Stimulus("visual", 1.0, 2.0, 0.5), Stimulus("visual", 2.0, 3.0, -0.5)]
    one = [Stimulus("visual", 1.0, 3.0, (0.5, -0.5))]
    runs = [simulate_regions(brain, 10.0, stimuli=s) for s in (two, one)]
    np.testing.assert_array_equal(runs[0]["E"].values, runs[1]["E"].values)
    assert np.ptp(runs[0]["E"].values[:, 0]) > 1e-3


def test_analysis_reads_it_as_it_reads_a_recording(connectome):
    brain = RegionNetwork(
        connectome, WilsonCowan(tau_E_ms=20.0, tau_I_ms=10.0, drive_E=0.3), coupling=2.0
    )
    run = simulate_regions(
        brain, 300_000.0, noise=OrnsteinUhlenbeck(0.2, 100.0), dt_ms=1.0, bin_ms=20.0
    )
    signal = bold(run["E"], 1.0)
    assert signal.sizes == {"time_s": 281, "region": 4}
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
    with pytest.raises(ValueError, match="is no whole number of bins"):
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
