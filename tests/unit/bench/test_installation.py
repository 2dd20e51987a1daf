"""The doctor finds what is wrong, says the remedy, and never fails himself."""

import warnings

import pytest

from encephagen.app import doctor
from encephagen.bench import installation


def by_name(findings):
    return {f.what: f for f in findings}


@pytest.fixture(scope="module")
def healthy():
    return list(installation.examine())


def test_a_sound_installation_is_sound(healthy):
    broken = [f for f in healthy if f.state == installation.BROKEN]
    assert not broken, broken
    assert "spikes in 50 ms" in by_name(healthy)["simulation"].detail


def test_what_is_missing_comes_with_a_remedy(healthy):
    assert all(f.remedy for f in healthy if f.state != installation.GOOD)


@pytest.fixture
def no_simulation(monkeypatch):
    checks = tuple((w, c) for w, c in installation._CHECKS if w not in ("simulation", "threads"))
    monkeypatch.setattr(installation, "_CHECKS", checks)


@pytest.mark.usefixtures("no_simulation")
def test_a_cache_that_cannot_be_written_is_found(monkeypatch, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("ENCEPHAGEN_CACHE", str(file / "cache"))
    found = by_name(installation.examine())["kernel cache"]
    assert found.state == installation.MISSING and "every start compiles anew" in found.detail
    assert "ENCEPHAGEN_CACHE" in found.remedy
    assert doctor.doctor(as_json=False) == 0  # one can do without
    shown = capsys.readouterr().out
    assert "missing  kernel cache" in shown and "set ENCEPHAGEN_CACHE" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.usefixtures("no_simulation")
def test_changed_data_is_found(monkeypatch, tmp_path):
    from encephagen.connectome import datasets

    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  hcp-aal2.npz\n")
    (tmp_path / "hcp-aal2.npz").write_bytes(b"something else")
    monkeypatch.setattr(datasets, "DATA", tmp_path)
    found = by_name(installation.examine())["data"]
    assert found.state == installation.BROKEN
    assert "hcp-aal2.npz" in found.detail


@pytest.mark.usefixtures("no_simulation")
def test_what_is_broken_is_the_exit_status(monkeypatch, capsys):
    monkeypatch.setattr(installation, "MEMORY_MIB", 1e9)
    assert doctor.doctor(as_json=False) == 1
    shown = capsys.readouterr().out
    assert "broken   memory" in shown and "1 of" in shown and "checks failed" in shown


@pytest.mark.usefixtures("no_simulation")
def test_a_package_that_does_not_load_is_found(monkeypatch):
    monkeypatch.setattr(installation, "NEEDED", (*installation.NEEDED, "no_such_package"))
    found = by_name(installation.examine())
    assert found["no_such_package"].state == installation.BROKEN
    assert found["no_such_package"].remedy == "pip install no_such_package"


def test_a_check_that_fails_in_its_own_way_is_a_finding(monkeypatch):
    def explode(what):
        raise RuntimeError("boom")

    monkeypatch.setattr(installation, "_CHECKS", (("odd", explode),))
    found = by_name(installation.examine())["odd"]
    assert found.state == installation.BROKEN
    assert "RuntimeError: boom" in found.detail
    assert "ENCEPHAGEN_CACHE" in found.remedy and "install encephagen again" in found.remedy


def test_what_a_check_warns_of_is_a_finding_with_its_remedy(monkeypatch, capsys):
    def warn(what):
        warnings.warn("code cannot be kept: make the folder writable", UserWarning, stacklevel=1)
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)
        return installation.Finding(what, installation.GOOD, "it runs")

    monkeypatch.setattr(installation, "_CHECKS", (("odd", warn),))
    good, told = (f for f in installation.examine() if f.what == "odd")
    assert good.state == installation.GOOD
    assert told == installation.Finding(
        "odd", installation.MISSING, "code cannot be kept", "make the folder writable"
    )
    assert doctor.doctor(as_json=False) == 0
    assert "make the folder writable" in capsys.readouterr().out
