"""The scorecard, on brains that are no brains: a linear network that fires at random."""

import json

import numpy as np
import pytest

from encephagen.analysis.functional_connectivity import fc, fc_correlation, group_fc, upper
from encephagen.analysis.haemodynamics import Haemodynamics
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import fmri, hcp_aal2
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.transform import subset
from encephagen.recording import assemble
from encephagen.validation.baselines import LinearNetwork, stationary_bold
from encephagen.validation.evidence import Empirical, bold_runs
from encephagen.validation.scorecard import (
    Scorecard,
    coarse_timescale_rows,
    high_branch_row,
    scorecard,
    seeds_row,
    spiking_rows,
    timescale_rows,
)
from encephagen.validation.targets import STIMULI, Verdict, judge
from encephagen.working_point.whole import bare_brain, default_recipe

PART = subset(hcp_aal2(), ["occipital", "parietal"])  # 22 regions: quick, and connected
N = PART.n


def recording(minutes, seed=0, *, network=None, connectome=PART, bin_ms=20.0, silent=None):
    """Counts of 40 E and 10 I neurons a region, at 3 Hz times a signal of the given FC."""
    n = round(minutes * 60_000 / bin_ms)
    slow = stationary_bold(
        (network or LinearNetwork(0.9)).fc(connectome), n // 10, 10 * bin_ms / 1e3, seed=seed
    ).values[0]
    slow = np.repeat(slow, 10, axis=0)[:n]
    rate = 3.0 * np.maximum(0.0, 1.0 + 0.2 * slow)
    rng = np.random.default_rng(seed)
    size = np.array([40, 10])
    count = rng.poisson(rate[:, :, None] * size * (bin_ms / 1e3))
    if silent is not None:
        count[:, silent] = 0
    members = connectome.n
    return assemble(
        None,
        None,
        dt_ms=1.0,
        start_step=0,
        n_steps=round(n * bin_ms),
        regions=connectome.regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(members), 50),
        neuron_population=np.tile(np.r_[np.zeros(40), np.ones(10)], members),
        bin_ms=bin_ms,
        count=count,
    )


def spiking(seconds=12, seed=0):
    """Poisson trains at 3 Hz, 40 E and 10 I neurons a region."""
    rng = np.random.default_rng(seed)
    n_neurons, n_steps = 50 * N, seconds * 1000
    steps, neurons = np.nonzero(rng.random((n_steps, n_neurons)) < 3e-3)
    return assemble(
        steps,
        neurons,
        dt_ms=1.0,
        start_step=0,
        n_steps=n_steps,
        regions=PART.regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(N), 50),
        neuron_population=np.tile(np.r_[np.zeros(40), np.ones(10)], N),
    )


@pytest.fixture(scope="module")
def people():
    return fmri("hcp-aal2").sel(region=list(PART.names))


@pytest.fixture(scope="module")
def card(people):
    runs = [recording(12, seed) for seed in (0, 1)]
    reach = judge("visual reach", 66.0, n=12, target=STIMULI["reach"])
    return scorecard(runs, PART, people, spiking=[spiking()], stimuli=[reach])


def test_the_card_holds_everything_that_was_asked_for(card):
    names = [row.name for row in card.rows]
    assert len(set(names)) == len(names)
    for name in (
        "rate_exc_Hz cv_isi count_correlation fc_group_r fc_heldout_r fcd_ks fc_change_if_doubled "
        "log_weight_r linear_r linear_heldout_r ceiling_r linear_fcd_ks timescale_r "
        "fc_mean rate_inh_over_exc"
    ).split():
        assert card[name].verdict is not Verdict.NOT_MEASURED or name == "timescale_r", name
        assert card[name].value is not None or name == "timescale_r", name
    assert card.stimuli == (card["visual reach"],) and card["visual reach"] not in card.rest
    with pytest.raises(ValueError, match="no figure 'fc_r' on this scorecard"):
        card["fc_r"]


def test_rest_and_stimuli_are_counted_apart(card):
    document = card.as_dict()
    assert document["stimuli"] == {"judged": 1, "in_range": 1, "missed": [], "passed": True}
    rest = document["rest"]
    assert rest["judged"] == sum(row.target is not None for row in card.rest)
    assert (
        rest["in_range"] == rest["judged"] - len(rest["missed"]) and "timescale_p" in rest["missed"]
    )
    assert [row["group"] for row in document["rows"]] == ["rest"] * len(card.rest) + ["stimuli"]
    again = Scorecard.from_rows(json.loads(json.dumps(document["rows"])))
    assert again.as_dict() == document and len(again.stimuli) == 1
    assert Scorecard(card.rest).as_dict()["stimuli"] is None


def test_a_linear_network_shows_no_advantage_over_itself(card):
    """In spikes it is as near to people as it is without: nothing to pass by."""
    gain = card["fc_group_over_linear_r"]
    assert gain.value == pytest.approx(card["fc_group_r"].value - card["linear_r"].value)
    both = card["fc_group_r"]
    assert (gain.low, gain.high) == pytest.approx(
        (both.low - card["linear_r"].value, both.high - card["linear_r"].value)
    )
    assert gain.verdict is not Verdict.PASS and card["fc_over_linear_r"].verdict is not Verdict.PASS
    ks = card["fcd_over_linear_ks"]
    assert ks.value == pytest.approx(card["fcd_ks"].value - card["linear_fcd_ks"].value)
    assert ks.low < 0 < ks.high and ks.verdict is Verdict.UNDECIDED
    assert card["fc_group_r"].verdict is card["fcd_ks"].verdict is Verdict.REPORTED


def test_mean_connectivity_lies_among_the_subjects_or_not(card, people):
    row, own = card["fc_mean"], upper_means(people)
    assert (row.target.low, row.target.high) == pytest.approx((min(own), max(own)))
    assert row.verdict is (Verdict.PASS if min(own) <= row.value <= max(own) else Verdict.FAIL)
    alone = scorecard([recording(8)], PART, people.isel(subject=[0]))["fc_mean"]
    assert alone.target is None and alone.verdict is Verdict.REPORTED


def upper_means(people):
    return [float(upper(fc(subject)).mean()) for subject in people]


def test_a_linear_network_in_spikes_reaches_the_linear_baseline(card):
    assert card["fc_group_r"].value == pytest.approx(card["linear_r"].value, abs=0.06)
    assert card["fc_heldout_r"].value == pytest.approx(card["linear_heldout_r"].value, abs=0.06)
    row = card["fc_group_r"]
    assert row.low < row.value < row.high and row.n == 2
    assert card["fc_change_if_doubled"].verdict is Verdict.PASS
    assert card["ceiling_r"].value > card["linear_heldout_r"].value > card["log_weight_r"].value


def test_poisson_trains_have_poisson_statistics(card):
    assert card["rate_exc_Hz"].value == pytest.approx(3.0, abs=0.1)
    assert card["rate_inh_over_exc"].value == pytest.approx(1.0, abs=0.05)
    assert card["rate_inh_over_exc"].verdict is Verdict.FAIL
    assert card["cv_isi"].value == pytest.approx(1.0, abs=0.1)
    assert card["lvr"].value == pytest.approx(1.0, abs=0.15)
    assert abs(card["count_correlation"].value) < 0.02


def test_it_is_fit_for_json_and_the_same_again(card, people):
    text = json.dumps(card.as_dict(), allow_nan=False)
    assert json.loads(text)["values"]["ceiling_r"] == card["ceiling_r"].value
    assert json.loads(text)["passed"] is False  # timescale_p needs maps
    runs = [recording(12, seed) for seed in (0, 1)]
    again = scorecard(runs, PART, people, spiking=[spiking()])
    assert again.rows == card.rest


def test_held_out_subjects_are_those_asked_for(people):
    run = [recording(8)]
    label = people["subject"].values[2]
    one = scorecard(run, PART, people, heldout=[label])
    all_of_them = scorecard(run, PART, people)
    assert one["fc_heldout_r"].n == 1 and all_of_them["fc_heldout_r"].n == 7
    assert one["linear_heldout_r"].n == 1 and one["ceiling_r"].low is None
    assert one["fc_group_r"] == all_of_them["fc_group_r"]
    each = [row for row in all_of_them.rows if row.name.startswith("fc_subject_")]
    labels = people["subject"].values.tolist()
    assert [row.name for row in each] == [f"fc_subject_{s}_r" for s in labels]
    mean = np.mean([row.value for row in each])
    assert mean == pytest.approx(all_of_them["fc_heldout_r"].value)
    gain = all_of_them["fc_over_linear_r"]
    assert gain.value == pytest.approx(mean - all_of_them["linear_heldout_r"].value) and gain.n == 7
    assert gain.low < gain.value < gain.high and "linear network" in each[0].note
    fitted = scorecard(run, PART, people, heldout=[label], fitted_on=[str(label), "another"])
    assert "NOT held out: the recipe was fitted on 1 of these 1" in fitted["fc_heldout_r"].note
    assert "NOT held out" in fitted["fc_over_linear_r"].note
    everyone = scorecard(run, PART, people, heldout=people["subject"].values)
    assert everyone["linear_heldout_r"].verdict is Verdict.NOT_MEASURED
    with pytest.raises(ValueError, match="held-out subject 99: expected some of"):
        scorecard(run, PART, people, heldout=[99])


def test_a_short_or_silent_run_says_why(people):
    short = scorecard([recording(0.3)], PART, people)
    for name in ("fc_group_r", "fc_heldout_r", "fcd_ks"):
        assert short[name].verdict is Verdict.NOT_MEASURED
        assert "too short for BOLD" in short[name].note
    assert short["ceiling_r"].value is not None
    for name in ("fc_over_linear_r", f"fc_subject_{people['subject'].values[0]}_r"):
        assert short[name].verdict is Verdict.NOT_MEASURED, name
    few = scorecard([recording(0.4)], PART, people)  # some volumes after the transient, not ten
    assert "too few" in few["fc_group_r"].note and "too few" in few["fc_over_linear_r"].note
    brief = scorecard([recording(2)], PART, people)
    assert brief["fc_group_r"].value is not None and brief["fc_group_r"].low is None
    assert "two of them in a run" in brief["fcd_ks"].note
    silent = scorecard([recording(8, silent=3)], PART, people)
    assert PART.names[3] in silent["fc_group_r"].note and not silent.passed


def test_the_fmri_decides_which_regions_are_compared(people):
    fewer = people.isel(region=slice(0, N, 2))
    run = [recording(8)]
    assert scorecard(run, PART, fewer)["fc_group_r"].value is not None
    whole = fmri("hcp-aal2")
    with pytest.raises(ValueError, match="parcellations differ: 58 of 80 regions"):
        scorecard(run, PART, whole)
    with pytest.raises(ValueError, match="parcellations differ"):
        scorecard(run, hcp_aal2(), whole)


def test_missing_fmri_and_recordings_are_errors(people):
    run = [recording(8)]
    label = people["subject"].values[1]
    for value in (np.nan, 0.0):
        lost = people.copy()
        lost[1] = value
        with pytest.raises(ValueError, match=f"subject {label} has no fMRI"):
            scorecard(run, PART, lost)
    with pytest.raises(ValueError, match="at least one recording"):
        scorecard([], PART, people)
    with pytest.raises(ValueError, match="expected subject, time_s, region"):
        scorecard(run, PART, people.isel(subject=0))
    single = scorecard(run, PART, people.isel(subject=[0]))
    assert single["ceiling_r"].verdict is Verdict.NOT_MEASURED
    assert single["fc_group_r"].value is not None


def graded(seed=0, minutes=4, *, slope=-1.0, mean_ms=40.0):
    """Regions whose rate forgets the faster the more myelin they have."""
    rng = np.random.default_rng(seed)
    ratio = np.array([region.t1w_t2w for region in PART.regions])
    rank = (ratio - ratio.min()) / np.ptp(ratio)
    tau_ms = mean_ms * np.exp(slope * (rank - 0.5))
    n, decay = round(minutes * 6000), np.exp(-10.0 / tau_ms)
    x = np.zeros((n, N))
    noise = rng.standard_normal((n, N)) * np.sqrt(1 - decay**2)
    for i in range(1, n):
        x[i] = decay * x[i - 1] + noise[i]
    count = rng.poisson(np.maximum(0.0, 20.0 * (1.0 + 0.5 * x)))
    return assemble(
        None,
        None,
        dt_ms=1.0,
        start_step=0,
        n_steps=10 * n,
        regions=PART.regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(N), 50),
        neuron_population=np.tile(np.r_[np.zeros(40), np.ones(10)], N),
        count=np.stack([count, count // 4], axis=2),
    )


def test_timescales_along_myelin_against_surrogate_maps():
    rng = np.random.default_rng(0)
    ratio = np.array([region.t1w_t2w for region in PART.regions])
    maps = np.array([rng.permutation(ratio) for _ in range(199)])
    r, p, _ = timescale_rows([graded(0), graded(1)], PART, maps)
    assert r.value < -0.9 and r.verdict is Verdict.PASS and r.n == N
    assert p.value == pytest.approx(1 / 200) and p.verdict is Verdict.PASS
    r, p, _ = timescale_rows([graded(slope=1.0)], PART, maps)
    assert r.value > 0.9 and r.verdict is Verdict.FAIL
    assert (
        p.value == 1.0
        and p.verdict is Verdict.FAIL
        and "0.005 for a relation of the wrong" in p.note
    )
    r, p, _ = timescale_rows([graded(slope=0.0)], PART, maps)
    assert abs(r.value) < 0.6 and p.value > 0.01
    r, p, _ = timescale_rows([graded()], PART)
    assert p.verdict is Verdict.NOT_MEASURED and "surrogate maps" in p.note
    with pytest.raises(ValueError, match=r"surrogate maps have shape .*199, 10.* \(maps, 22\)"):
        timescale_rows([graded()], PART, maps[:, :10])
    with pytest.raises(ValueError, match="not finite"):
        timescale_rows([graded()], PART, maps * np.nan)


def test_association_over_sensory_in_fine_and_coarse_bins():
    """Timescales fall from e^0.5 to e^-0.5 of 40 ms with myelin, or of 160 ms: e^0.75 or so."""
    *_, ratio = timescale_rows([graded(0), graded(1)], PART)
    assert ratio.name == "timescale_ratio" and ratio.value == pytest.approx(np.exp(0.75), rel=0.3)
    slow = [graded(k, 12, mean_ms=160.0) for k in (0, 1)]
    rows = {row.name: row for row in coarse_timescale_rows(slow, PART)}
    assert rows["timescale_50_r"].value < -0.8 and rows["timescale_50_regions"].value > 0.9
    assert rows["timescale_50_sensory_ms"].value == pytest.approx(110.0, rel=0.25)
    assert rows["timescale_50_association_ms"].value == pytest.approx(230.0, rel=0.3)
    assert all("too short" in row.note for row in coarse_timescale_rows([recording(0.02)], PART))


def test_a_seed_is_as_far_from_the_mean_as_it_is():
    assert seeds_row([recording(1)]).verdict is Verdict.NOT_MEASURED
    assert seeds_row([recording(1), recording(1)]).value == pytest.approx(0.0)


def test_theory_tells_a_brain_that_can_ignite():
    at_rest = high_branch_row(bare_brain(hcp_aal2(), default_recipe()))
    assert at_rest.verdict is Verdict.PASS and at_rest.value == pytest.approx(1.0, abs=0.2)
    strong = default_recipe().replace(weight_ee_pA=60.0, weight_ie_pA=50.0)
    ignites = high_branch_row(bare_brain(hcp_aal2(), strong))
    assert ignites.verdict is Verdict.FAIL and ignites.value > 10
    assert high_branch_row(None).verdict is Verdict.NOT_MEASURED


def test_surrogates_are_those_of_the_spatial_null():
    ratio = np.array([region.t1w_t2w for region in PART.regions])
    maps, _ = spatial_null(ratio, PART, 99)
    r, p, _ = timescale_rows([graded()], PART, maps)
    assert p.value == pytest.approx(1 / 100) and p.n == 99


def test_alarms_fail_the_card(people):
    loud = recording(8)
    assert not loud.alarms and scorecard([loud], PART, people)["alarms"].verdict is Verdict.PASS
    silent = recording(8, silent=3)
    row = scorecard([silent], PART, people)["alarms"]
    assert row.verdict is Verdict.FAIL and PART.names[3] in row.note


def test_timescales_need_memory_and_myelin():
    noise = recording(2, bin_ms=10.0)
    bare = Connectome(
        "bare", tuple(type(r)(r.name, r.hemisphere) for r in PART.regions), PART.weights
    )
    assert "regions have a timescale" in timescale_rows([graded()], bare)[0].note
    assert isinstance(Scorecard(timescale_rows([noise], PART)), Scorecard)
    short = timescale_rows([recording(0.02)], PART)
    assert all("too short for lags" in row.note for row in short)


def nuclei(minutes=8, seed=0):
    """Populations by other names: relay cells, which excite, live in the last two regions alone,
    where there are neither pyramidal cells nor basket cells."""
    plain = recording(minutes, seed)
    count = plain.data["count"].values
    cortex, n = np.arange(N - 2), N - 2
    members = [(40, "pyramidal", cortex), (10, "basket", cortex), (30, "relay", [N - 2, N - 1])]
    region = np.concatenate([np.repeat(where, size) for size, _, where in members])
    population = np.concatenate(
        [np.full(size * len(w), i) for i, (size, _, w) in enumerate(members)]
    )
    spikes = np.zeros((len(count), N, 3), int)
    spikes[:, :n, :2], spikes[:, n:, 2] = count[:, :n], 2 * count[:, n:, 0]
    return assemble(
        None,
        None,
        dt_ms=1.0,
        start_step=0,
        n_steps=plain.n_steps,
        regions=PART.regions,
        populations=[name for _, name, _ in members],
        excites=(True, False, True),
        neuron_region=region,
        neuron_population=population,
        bin_ms=plain.bin_ms,
        count=spikes,
    )


def test_a_population_is_judged_where_it_lives_and_by_what_it_does(people):
    """No name is E or I: rates are those of all that excite, FC is that of all regions."""
    run = nuclei()
    rows = {row.name: row.value for row in spiking_rows([run])}
    total = run.data["count"].sum("time_ms").values / (run.duration_ms / 1e3)
    exciting = total[:, [0, 2]].sum() / (40 * (N - 2) + 30 * 2)
    inhibiting = total[:, 1].sum() / (10 * (N - 2))
    assert rows["rate_exc_Hz"] == pytest.approx(exciting, rel=0.01)
    assert rows["rate_inh_over_exc"] == pytest.approx(inhibiting / exciting, rel=0.01)
    relay = total[N - 2 :, 2].max() / 30
    assert rows["rate_region_max_Hz"] == pytest.approx(relay, rel=0.01) and relay > 7.0
    data = Empirical.of(people, PART, None)
    r = [
        fc_correlation(group_fc(bold_runs([x], data, Haemodynamics())), data.group)
        for x in (run, recording(8))
    ]
    assert r[0] == pytest.approx(r[1], abs=0.05)
