"""Packing: every synapse of a network lies in memory once, however it is packed."""

import dataclasses
import math
from weakref import WeakKeyDictionary

import numpy as np
import psutil
import pytest

from encephagen.brain.spec import Brain, Poisson, Population, Projection, Uniform, Weight, Within
from encephagen.engine.cpu import layout as layout_module
from encephagen.engine.cpu import pack
from encephagen.engine.cpu.layout import TILE, Layout
from encephagen.engine.estimate import estimate
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, Transmitter
from encephagen.network.build import build

FAST = Transmitter((AMPA(),))


def one_population(connectome, rule, delay=None, size=20):
    population = Population("X", size, LIF(), Poisson(0.0, 0.0, FAST), excites=True)
    delay = delay or Uniform(1.0, 1.0)
    projection = Projection("X", "X", rule, Weight(10.0), delay, FAST)
    return build(Brain(connectome, (population,), (projection,)))


@pytest.fixture
def packed_as(monkeypatch):
    """Pack a network by segment (0) or by synapse (inf), apart from networks that are equal."""

    def make(network, shortest):
        monkeypatch.setattr(pack, "SEGMENT_MIN_LENGTH", shortest)
        monkeypatch.setattr(pack, "_packed", WeakKeyDictionary())
        return pack.packed(network)

    return make


def rows_of(network, packed):
    """Return source, target, channel, delay and weight of every synapse, from memory, sorted."""
    layout, s = packed
    row = np.repeat(np.arange(len(s.row_start) - 1), np.diff(s.row_start))
    shard_channel, source = np.divmod(row, network.n_neurons)
    shard, channel = np.divmod(shard_channel, len(network.channels))
    target = layout.lane_neuron[layout.shard_tile[shard] * TILE + (s.packed >> 16)]
    delay = s.delay if s.segment_start is None else np.repeat(s.delay, np.diff(s.segment_start))
    return sorted(zip(source, target, channel, delay, s.packed & 0xFFFF, strict=True))


@pytest.mark.parametrize("shortest", [0.0, math.inf], ids=["by segment", "by synapse"])
def test_memory_holds_what_the_network_draws(brain_of, patchy, packed_as, shortest):
    names = ("source", "target", "channel", "delay_steps", "weight")
    for brain in (brain_of(), patchy):
        network = build(brain, seed=1)
        edges = network.edges()
        packed = packed_as(network, shortest)
        assert packed.synapses.segmented == (shortest == 0.0)
        assert rows_of(network, packed) == sorted(zip(*(edges[n] for n in names), strict=True))
        arrays = [a for a in vars(packed.synapses).values() if a is not None]
        assert not any(a.flags.writeable for a in arrays)


def test_sessions_of_equal_networks_share_memory(brain_of):
    one, same = build(brain_of(), seed=1), build(brain_of(), seed=1)
    assert pack.packed(one) is pack.packed(same)
    assert pack.packed(build(brain_of(), seed=2)) is not pack.packed(one)


def test_long_rows_choose_segments_and_short_rows_do_not(connectome_of):
    connectome = connectome_of()
    long_rows = one_population(connectome, Within(0.9), size=60)
    assert pack.packed(long_rows).synapses.segmented
    short_rows = one_population(connectome, Within(0.1), Uniform(1, 9))
    assert not pack.packed(short_rows).synapses.segmented


def test_every_neuron_has_a_lane_of_its_own(patchy):
    blocks = build(patchy).blocks
    lanes = Layout.of(blocks).lane
    assert len(set(lanes.tolist())) == blocks.n_neurons
    assert (np.diff(lanes) > 0).all()


@pytest.mark.parametrize("n_regions", [2, 3, 5, 7, 8])
def test_no_shard_outgrows_its_addresses(connectome_of, monkeypatch, n_regions):
    """Two regions of 160 lanes do not fit 300: regions must not be rounded into one shard."""
    monkeypatch.setattr(layout_module, "SHARD_LANES", 300)
    network = one_population(connectome_of(n_regions), Within(0.05), size=150)
    layout = Layout.of(network.blocks)
    assert (np.diff(layout.shard_tile) * TILE).max() <= 300
    assert layout.shard_first[-1] == network.n_neurons


def test_a_region_larger_than_a_shard_is_refused(connectome_of):
    network = one_population(connectome_of(), Within(0.0), size=70_000)
    with pytest.raises(ValueError, match="70,000 neurons in a region: at most 65,536 are possible"):
        pack.packed(network)


def test_a_network_that_exceeds_memory_is_refused_before_it_is_built(brain_of, monkeypatch):
    brain = brain_of(local=0.9)
    large = tuple(dataclasses.replace(p, size=30_000_000) for p in brain.populations)
    with pytest.raises(ValueError, match=r"needs .* GiB, and .* GiB are free: lower neurons.*NEST"):
        pack.packed(build(dataclasses.replace(brain, populations=large)))
    need = estimate(brain).memory_bytes
    free = type("Memory", (), {"available": int(need / 0.9) - 100})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(ValueError, match="needs"):
        pack.packed(build(brain))
