"""The verbs return what came of them, and print nothing."""

import numpy as np
import pytest

from encephagen.app import lab
from encephagen.engine.lesions import Silenced
from encephagen.tasks.stimulus import Pulse, Step


@pytest.fixture(scope="module")
def network(small_choice):
    return small_choice.network()


@pytest.fixture
def made(small_choice, network):
    """A laboratory whose brain has settled."""
    return lab.begin(small_choice, network, 1)


@pytest.fixture(autouse=True)
def silent(capsys):
    """Whatever a verb does, it prints nothing."""
    yield
    assert capsys.readouterr() == ("", "")


def regions(made, where):
    return made.network.brain.connectome.indices(where)


def test_a_brain_begins_settled(small_choice, network):
    seen = []
    begun = lab.begin(small_choice, network, 1, lambda done, total: seen.append((done, total)))
    assert begun.session.time_ms == pytest.approx(lab.WARM_UP_MS)
    assert seen[-1] == pytest.approx((lab.WARM_UP_MS, lab.WARM_UP_MS))
    assert begun.last is begun.quiet is None


def test_rest_returns_the_rates_of_what_was_heard(made):
    found = lab.rest(made, 0.5)
    assert made.session.time_ms == pytest.approx(800.0)
    assert found.now is made.last
    visual = found.rate.sel(system="visual", kind="excitatory")["rate_Hz"].item()
    at = regions(made, "visual")
    n_spikes = found.now.data["count"].values[:, at, 0].sum()
    assert visual == pytest.approx(
        n_spikes / found.now.data["region_size"].values[at, 0].sum() / 0.5
    )
    for seconds in (0.0, -1.0, 601.0, float("nan")):
        with pytest.raises(ValueError, match="give from 0.0001 to 600 seconds"):
            lab.rest(made, seconds)


def test_status_counts_in_what_was_undisturbed_just_before(made):
    lab.rest(made, 1.5)
    found = lab.status(made)
    assert found.now.duration_ms == pytest.approx(1000.0)
    assert found.recording.duration_ms == pytest.approx(2500.0)
    assert found.timescales.keys() <= set(found.rate["system"].values.tolist())
    rate = found.recording.data["count"].values[:, :, 0].sum() / 2.5
    size = found.recording.data["region_size"].values[:, 0].sum()
    assert found.trace_Hz.mean() == pytest.approx(rate / size, rel=1e-6)
    assert len(found.trace_Hz) == 50
    lab.lesion(made, "frontal")
    assert lab.status(made).recording.duration_ms == pytest.approx(1000.0)
    assert lab.status(made).lesions == (Silenced("frontal"),)


def test_show_has_the_rate_of_each_region(made):
    lab.lesion(made, "Calcarine_L")
    found = lab.show(made)
    assert found.rate_Hz.shape == (10,)
    (silenced,) = regions(made, "Calcarine_L")
    assert found.rate_Hz[silenced] == 0 < np.delete(found.rate_Hz, silenced).min()


@pytest.mark.parametrize("pulse", [Pulse(("Heschl",)), Step(("Heschl_L", "Heschl_R"), 500.0)])
def test_what_is_stimulated_responds(made, pulse):
    found = lab.stimulate(made, pulse)
    assert found.pulse is pulse and made.quiet is None
    assert found.systems.sel(system="auditory")["responded"]
    change_Hz = found.regions["change_Hz"].values
    assert set(np.argsort(change_Hz)[-2:]) == set(regions(made, "Heschl").tolist())
    assert not made.session.poisson_Hz.any() and not made.session.current_pA.any()


def test_a_lesion_is_healed_alone_or_with_all_others(made):
    assert lab.lesion(made, "Calcarine") == ("Calcarine_L", "Calcarine_R")
    assert lab.lesion(made, ("Heschl_L", "motor")) == ("Heschl_L", "Precentral_L", "Precentral_R")
    with pytest.raises(
        ValueError, match="no lesion within 'Heschl_L'; lesions: silenced Calcarine"
    ):
        lab.heal(made, "Heschl_L")  # a part of one
    assert lab.heal(made, ("Calcarine", "frontal")) == (Silenced("Calcarine"),)
    rate_Hz = lab.show(made).rate_Hz
    assert rate_Hz[regions(made, "Calcarine")].min() > 0
    assert rate_Hz[regions(made, ["Heschl_L", "motor"])].max() == 0
    assert lab.heal(made) == (Silenced(("Heschl_L", "motor")),)
    assert made.session.lesions == () and lab.heal(made) == ()
    cut = made.session.cut("Heschl", "motor")
    with pytest.raises(ValueError, match="lesions: cut Heschl -> motor"):
        lab.heal(made, "motor")
    assert lab.heal(made, ("motor", "auditory")) == (cut,)


def test_a_saved_brain_is_another_laboratory(made, tmp_path):
    lab.lesion(made, "visual")
    assert lab.save(made, tmp_path / "brain") == (tmp_path / "brain").stat().st_size
    loaded = lab.load(made, tmp_path / "brain")
    assert loaded.network is made.network and loaded.session is not made.session
    assert loaded.session.lesions == (Silenced("visual"),)
    assert lab.rest(loaded, 0.3).now.spike_digest() == lab.rest(made, 0.3).now.spike_digest()


def test_a_file_that_is_no_regular_one_is_not_replaced(made, tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ValueError, match="is no regular file"):
        lab.save(made, tmp_path / "pipe")
    lab.rest(made, 0.3)
    (tmp_path / "pipe.png").symlink_to(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no regular file"):
        lab.plot(made, tmp_path / "pipe.png")
    assert (tmp_path / "pipe").is_fifo()
    lab.save(made, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").is_file()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["link", "pipe", "pipe.png", "real"]


def test_ctrl_c_in_a_verb_leaves_a_brain_that_goes_on(made):
    def stop(done_ms, total_ms):
        raise KeyboardInterrupt

    early = lab.rest(made, 10.0, stop).now
    assert early.interrupted and early.duration_ms == pytest.approx(50.0)
    with pytest.raises(KeyboardInterrupt):
        lab.stimulate(made, Pulse("visual"), progress=stop)
    assert not made.session.poisson_Hz.any()
    assert not lab.rest(made, 0.1).now.interrupted
