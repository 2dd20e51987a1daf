"""Compiled kernels: where they are kept, and one module for each composition."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from encephagen import jit
from encephagen.brain.spec import Brain, Poisson, Population
from encephagen.brain.spread import Normal
from encephagen.engine import tables
from encephagen.engine.cpu.load import load
from encephagen.engine.cpu.source import compose
from encephagen.models import AMPA, LIF
from encephagen.models.receptors import Transmitter
from encephagen.network.build import build


def composition_of(network, real="float32"):
    blocks = tables.blocks(network)
    thresholds = tables.thresholds(np.array([b.background_per_step for b in blocks]))
    return compose(blocks, network.receptors, thresholds.shape[1], real)


def test_brains_of_the_same_parts_share_a_kernel(brain_of):
    """Weights, sizes, delays and time constants are data; models and receptors are code."""
    one, _ = composition_of(build(brain_of()))
    same, _ = composition_of(build(brain_of(local=2.0, t_ref_ms=1.0), seed=5))
    assert one == same and load(one) is load(same)
    other, _ = composition_of(build(brain_of(background_Hz=0.0)))
    assert one != other and load(one) is not load(other)
    assert composition_of(build(brain_of()), "float64")[0] != one


def test_blocks_of_one_model_are_of_one_kind_where_the_same_differs(all_models):
    brain = all_models.brain
    populations = tuple(
        dataclasses.replace(p, spread=(("tau_m_ms", Normal(2.0)),) if p.excites else None)
        for p in brain.populations
    )
    composition, kinds = composition_of(
        build(dataclasses.replace(brain, populations=populations), seed=1)
    )
    alike = [(type(p.neuron), p.spread is None) for p in populations]
    made = [(kind.model, not kind.varied) for kind in composition.kinds]
    assert made == list(dict.fromkeys(alike))
    assert kinds.tolist() == [made.index(kind) for kind in alike] * len(all_models.regions)


def test_a_cache_that_cannot_be_written_is_said_and_done_without(brain_of, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ENCEPHAGEN_CACHE", str(tmp_path / "file" / "cache"))
    composition, _ = composition_of(build(brain_of(background_Hz=0.0)), "float64")
    load.cache_clear()
    monkeypatch.setattr(jit, "_said", set())
    with pytest.warns(UserWarning, match="cannot be kept in .*set ENCEPHAGEN_CACHE"):
        module = load(composition)
    load.cache_clear()
    assert module.run_serial is not None


def test_a_damaged_module_is_written_again(brain_of, tmp_path, monkeypatch):
    monkeypatch.setenv("ENCEPHAGEN_CACHE", str(tmp_path))
    composition, _ = composition_of(build(brain_of()))
    load.cache_clear()
    path = Path(load(composition).__file__)
    text = path.read_text()
    for damaged in (b"", text.encode()[: len(text) // 2], b"\xff\xfe"):
        path.write_bytes(damaged)
        load.cache_clear()
        with pytest.warns(UserWarning, match="was damaged: it is written and compiled again"):
            load(composition)
        assert path.read_text() == text
    load.cache_clear()


def test_a_model_that_cannot_be_imported_is_said_in_one_line(connectome_of):
    class Local(LIF):
        pass

    fast = Transmitter((AMPA(),))
    brain = Brain(
        connectome_of(), (Population("X", 5, Local(), Poisson(0.0, 0.0, fast), excites=True),), ()
    )
    with pytest.raises(ValueError, match=r"Local is defined inside a function.*top of its module"):
        load(composition_of(build(brain))[0])


def test_the_cache_folder_is_chosen_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCEPHAGEN_CACHE", str(tmp_path))
    assert jit.cache_folder() == tmp_path
    monkeypatch.delenv("ENCEPHAGEN_CACHE")
    assert jit.cache_folder().name == "encephagen"


def test_equal_blocks_are_one_object_and_seeds_make_states(brain_of):
    network = build(brain_of())
    blocks = tables.blocks(network)
    # four tau_m of E, and I has that of the first
    assert len(blocks) == 8 and len({id(b) for b in blocks}) == 4
    one, same, other = (tables.initial_states(network, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], one[2]), "every region has a stream of its own"
