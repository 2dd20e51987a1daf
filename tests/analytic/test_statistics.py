"""Inference over nulls against what it promises: level, coverage and power."""

from statistics import NormalDist

import numpy as np
import pytest

from encephagen.analysis.statistics import (
    ALPHA,
    POWER,
    cliffs_delta,
    compare,
    detectable_delta,
    equivalence_p,
    joint_family,
    null_p,
    t_interval,
)
from encephagen.rng import stream

NORMAL = NormalDist()
SHAPES = {
    "normal": lambda g, size: g.normal(size=size),
    "skewed": lambda g, size: g.exponential(size=size),
    "heavy": lambda g, size: g.standard_t(3, size=size),
}


def within(found, expected, n):
    """Whether a frequency in n trials is the expected one, up to 3.5 standard errors."""
    return abs(found - expected) < 3.5 * np.sqrt(expected * (1 - expected) / n)


def shift_of(delta, seed_spread):
    return NORMAL.inv_cdf((1 + delta) / 2) * np.hypot(1.0, seed_spread)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_instance_among_instances_is_found_as_often_as_alpha(shape):
    generator = stream(1, "level", shape)
    values = SHAPES[shape](generator, (4000, 40))
    p = np.array([null_p(v[0], v[1:]) for v in values])
    for alpha in (0.05, 0.2, 0.5):
        assert within(np.mean(p <= alpha), alpha, len(p))


def test_noise_of_the_seeds_makes_it_conservative_and_seeds_are_not_instances():
    """Half the variance is the instance's, half the seed's; Mann and Whitney's test fails here."""
    from scipy.stats import mannwhitneyu

    generator = stream(2, "level with seeds")
    found, taken_for_instances = [], []
    for _ in range(1000):
        instance, noise = generator.normal(size=21), generator.normal(size=(30,))
        real, nulls = instance[0] + noise[:10], instance[1:] + noise[10:]
        found.append(null_p(float(np.median(real)), nulls) <= ALPHA)
        taken_for_instances.append(mannwhitneyu(real, nulls).pvalue <= ALPHA)
    assert np.mean(found) < ALPHA
    assert np.mean(taken_for_instances) > 4 * ALPHA


@pytest.mark.parametrize("seed_spread", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("d", [0.0, 1.0, 2.0, 2.5])
def test_the_interval_of_delta_covers_where_a_bootstrap_does_not(d, seed_spread):
    generator = stream(3, "coverage", str(d), str(seed_spread))
    truth = 2 * NORMAL.cdf(d / np.hypot(1, seed_spread)) - 1
    held, held_by_bootstrap = [], []
    for _ in range(300):
        real, nulls = d + seed_spread * generator.normal(size=10), generator.normal(size=20)
        delta = cliffs_delta(real, nulls)
        held.append(delta.low <= truth <= delta.high)
        sign = np.sign(real[:, None] - nulls)
        a = generator.multinomial(10, np.full(10, 0.1), 200) / 10
        b = generator.multinomial(20, np.full(20, 0.05), 200) / 20
        low, high = np.quantile(((a @ sign) * b).sum(axis=1), [0.025, 0.975])
        held_by_bootstrap.append(low <= truth <= high)
    assert np.mean(held) > 0.89  # 0.92, less 2 standard errors
    if truth > 0.94:
        assert np.mean(held_by_bootstrap) < 0.75


def test_the_interval_of_the_difference_covers():
    generator = stream(4, "coverage of the difference")
    held = []
    for seed in range(300):
        real, nulls = 1.0 + 0.5 * generator.normal(size=10), generator.normal(size=20)
        found = compare(real, nulls, seed=seed)
        held.append(found.low <= 1.0 <= found.high)
    assert 0.9 < np.mean(held) < 0.99


def test_equivalence_is_claimed_at_the_margin_as_seldom_as_alpha():
    generator = stream(5, "equivalence")
    margin, wrong, right = 0.474, [], []
    d = shift_of(margin, 0.5)
    for _ in range(1000):
        real, nulls = 0.5 * generator.normal(size=10), generator.normal(size=40)
        wrong.append(equivalence_p(cliffs_delta(d + real, nulls), margin) <= ALPHA)
        right.append(equivalence_p(cliffs_delta(real, nulls), margin) <= ALPHA)
    assert np.mean(wrong) < 1.5 * ALPHA
    assert np.mean(right) > 0.6


@pytest.mark.parametrize(
    ("m", "n", "r"), [(10, 20, 0.5), (10, 99, 0.5), (1, 39, 0.0), (3, 40, 1.0)]
)
def test_the_detectable_effect_is_found_with_the_stated_power(m, n, r):
    generator = stream(6, "power", m, n)
    d = shift_of(detectable_delta(m, n, seed_spread=r), r)
    real, nulls = d + r * generator.normal(size=(1500, m)), generator.normal(size=(1500, n))
    found = [null_p(float(np.median(a)), b) <= ALPHA for a, b in zip(real, nulls, strict=True)]
    assert np.mean(found) == pytest.approx(POWER, abs=0.04)


def test_a_joint_family_errs_as_seldom_as_alpha_and_finds_what_it_says():
    """Five measures, correlated, of 20 nulls; in half the runs the first has a true effect."""
    generator = stream(7, "joint family")
    mixing = 0.6 * np.eye(5) + 0.4 / np.sqrt(5)
    d = shift_of(detectable_delta(1, 20, seed_spread=0.0, n_measures=5), 0.0)
    wrong, right = [], []
    for run in range(400):
        values = generator.normal(size=(21, 5)) @ mixing / np.linalg.norm(mixing, axis=0)
        values[0, 0] += d * (run % 2)
        names = [str(i) for i in range(5)]
        found = joint_family(
            {k: compare(values[:1, i], values[1:, i]) for i, k in enumerate(names)}
        )
        below = [found[k].p <= ALPHA for k in names]
        (right if run % 2 else wrong).append(below[0] if run % 2 else any(below))
    assert np.mean(wrong) < ALPHA + 3 * np.sqrt(ALPHA / len(wrong))
    assert np.mean(right) > POWER - 0.1  # correlated measures are fewer: more is found


def test_the_interval_of_a_mean_holds_it_as_often_as_it_says():
    from scipy.stats import ttest_1samp

    x = stream(7, "t interval").normal(1.0, 2.0, size=(2000, 6))
    intervals = [t_interval(one) for one in x]
    held = np.mean([low <= 1.0 <= high for low, high in intervals])
    assert within(held, 0.95, len(x))
    known = ttest_1samp(x[0], 0.0).confidence_interval(0.95)
    assert intervals[0] == pytest.approx((known.low, known.high))
    assert t_interval(x[0, :1]) is None
