"""The laboratory: what can be done with a brain, as functions that return what came of it.

Each verb takes a `Lab`. Nothing here reads a line or prints one: the demo does, and a script or
another front end calls the same verbs. ``progress(done_ms, total_ms)`` is called on the way, and
what it raises ends the verb: the brain is then wherever it had come to.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encephagen.app import console, picture
from encephagen.files import check_writable
from encephagen.units import MS_PER_S
from encephagen.working_point.choice import Choice

if TYPE_CHECKING:
    import xarray as xr

    from encephagen.engine.lesions import Lesion
    from encephagen.engine.session import Session
    from encephagen.network.network import Network
    from encephagen.recording import Recording
    from encephagen.tasks.stimulus import Stimulus
    from encephagen.tasks.walk import Walk

WARM_UP_MS = 300.0
CHUNK_MS = 50.0  # of warming up, between looks at progress and Ctrl-C
LISTEN_MS = 1000.0
MEMORY_MS = 60_000.0  # of spontaneous activity that status looks back on
TIMESCALE_MS = 2000.0  # the least brain time that a timescale can be measured on
TRACE_MS = 50.0
MAX_REST_S = 600.0  # all its spikes are held, some 40 bytes each
N_TRIALS = 8
MAX_REGIONS = 400  # more cannot be told from chance one by one, with so few trials
IDENTITY = "choice"  # name of the array, in a saved brain, that says how to build it

SENSES = {"look": "visual", "sound": "auditory", "touch": "somatosensory"}
"""The port that each sense reaches."""

Progress = Callable[[float, float], None]
Selector = str | tuple[str, ...]


@dataclass
class Lab:
    """A brain that runs, and what is remembered of it.

    last: the last recording; quiet: undisturbed activity up to now, if there is any
    """

    choice: Choice
    network: "Network"
    session: "Session"
    threads: int | None = None
    last: "Recording | None" = None
    quiet: "Recording | None" = None


@dataclass(frozen=True, eq=False)
class Heard:
    """What was listened to.

    now: the stretch that ran; recording: with the undisturbed activity just before it
    rate: of each system and kind, as `analysis.kind_rate` gives it, over ``recording``
    """

    now: "Recording"
    recording: "Recording"
    rate: "xr.Dataset"


@dataclass(frozen=True)
class Timescale:
    """The median timescale of the regions of a system in which one stands out of the noise."""

    tau_ms: float
    n_fitted: int
    n_regions: int


@dataclass(frozen=True, eq=False)
class Status(Heard):
    """How the brain is: also timescales by system, and the excitatory rate (Hz) over time."""

    timescales: dict[str, Timescale]
    trace_Hz: np.ndarray
    lesions: "tuple[Lesion, ...]"


@dataclass(frozen=True, eq=False)
class Response:
    """What pulses did, against chance: to each system, and to each region.

    As `analysis.system_response` and `analysis.region_response` give it; regions is None where
    there are too many to be told from chance one by one.
    """

    pulse: "Stimulus"
    recording: "Recording"
    systems: "xr.Dataset"
    regions: "xr.Dataset | None"


@dataclass(frozen=True, eq=False)
class Activity:
    """The excitatory rate (region,) of each region (Hz), nan where nothing excites."""

    rate_Hz: np.ndarray
    duration_ms: float
    now: "Recording"


def begin(
    choice: Choice, network: "Network", threads: int | None, progress: Progress | None = None
) -> Lab:
    """Return a laboratory whose brain has settled."""
    session = choice.session(network, threads)
    steps, chunk = (max(1, round(ms / network.dt_ms)) for ms in (WARM_UP_MS, CHUNK_MS))
    for done in range(0, steps, chunk):
        session.advance(min(chunk, steps - done))
        if progress is not None:
            progress(min(done + chunk, steps) * network.dt_ms, WARM_UP_MS)
    return Lab(choice, network, session, threads)


def rest(lab: Lab, seconds: float, progress: Progress | None = None) -> Heard:
    """Let brain time pass. Raises ValueError for less than a step, or over ten minutes."""
    least_s = lab.network.dt_ms / MS_PER_S
    if not least_s <= seconds <= MAX_REST_S:
        raise ValueError(f"rest {seconds:g}: give from {least_s:g} to {MAX_REST_S:g} seconds")
    from encephagen.analysis import kind_rate

    now = _record(lab, seconds * MS_PER_S, progress)
    return Heard(now, _remembered(lab, now), kind_rate(now))


def status(lab: Lab, progress: Progress | None = None) -> Status:
    """Listen for a second; what was undisturbed just before counts too, up to a minute."""
    from encephagen.analysis import binned_rate, kind_rate, pool
    from encephagen.analysis.rates import chosen

    now = _record(lab, LISTEN_MS, progress)
    heard = _remembered(lab, now)
    size = heard.data["region_size"].values[:, chosen(heard.data)].sum(axis=1)
    trace_Hz = np.nan_to_num(pool(binned_rate(heard, TRACE_MS)).values) @ size / max(size.sum(), 1)
    return Status(now, heard, kind_rate(heard), _timescales(heard), trace_Hz, lab.session.lesions)


def show(lab: Lab, progress: Progress | None = None) -> Activity:
    """Listen as `status` does, and return the excitatory rate of each region."""
    from encephagen.analysis import pool, region_rate

    now = _record(lab, LISTEN_MS, progress)
    heard = _remembered(lab, now)
    rate_Hz = pool(region_rate(heard)).values
    return Activity(rate_Hz, heard.duration_ms, now)


def stimulate(
    lab: Lab, pulse: "Stimulus", *, n_trials: int = N_TRIALS, progress: Progress | None = None
) -> Response:
    """Present a pulse ``n_trials`` times and test what it changed against chance.

    Raises ValueError for what the brain has not, and for too few trials to tell.
    """
    from encephagen.analysis import region_response, system_response
    from encephagen.tasks.stimulus import present

    lab.quiet = None
    trials = present(lab.session, pulse, n_trials=n_trials, progress=progress)
    lab.last = trials.recording
    few = len(lab.network.regions) <= MAX_REGIONS
    return Response(
        pulse,
        trials.recording,
        system_response(trials.recording, trials.pulses_ms),
        region_response(trials.recording, trials.pulses_ms) if few else None,
    )


def walk(lab: Lab, progress: Progress | None = None) -> "Walk":
    """Walk, with the controls; see `encephagen.tasks.walk`."""
    from encephagen.tasks.walk import walk as tasked

    lab.quiet = None
    return tasked(lab.session, progress=progress)


def lesion(lab: Lab, where: Selector) -> tuple[str, ...]:
    """Silence regions (any selector of `Connectome.indices`), and return their names.

    Their neurons live on, but send no spikes until `heal`. Raises ValueError for what is no region.
    """
    connectome = lab.network.brain.connectome
    silenced = tuple(connectome.names[i] for i in connectome.indices(where))
    lab.session.silence(where)
    return silenced


def heal(lab: Lab, where: Selector | None = None) -> tuple["Lesion", ...]:
    """Heal the lesions that lie within ``where``, or all, and return them.

    Raises ValueError where no lesion lies there.
    """
    from encephagen.engine.lesions import masks, words

    session, brain = lab.session, lab.network.brain
    connectome, blocks = brain.connectome, lab.network.blocks
    if where is None:
        healed = session.lesions
        session.heal()
        return healed
    here = np.zeros(connectome.n, bool)
    here[connectome.indices(where)] = True
    healed = []
    for lesion in session.lesions:
        silent, cut = masks([lesion], brain)
        reached = np.flatnonzero(cut.any(axis=0) | cut.any(axis=1))
        if here[reached].all() and here[blocks.region[silent]].all():
            healed.append(lesion)
    if not healed:
        present = "; ".join(map(str, session.lesions)) or "none"
        raise ValueError(f"no lesion within {words(where)!r}; lesions: {present}")
    for lesion in healed:
        session.heal(lesion)
    return tuple(healed)


def save(lab: Lab, file: Path) -> int:
    """Write the brain as it is now, with how to build it, and return the size of the file."""
    check_writable(file)
    text = json.dumps(lab.choice.to_dict()).encode()
    snapshot = lab.session.snapshot()
    arrays = snapshot.arrays | {IDENTITY: np.frombuffer(text, np.uint8)}
    dataclasses.replace(snapshot, arrays=arrays).save(file)
    return file.stat().st_size


def load(lab: Lab, file: Path) -> Lab:
    """Return a laboratory with a saved brain, built anew where it is not this one's.

    Raises ValueError for a file that is no saved brain, or damaged; ``lab`` is as it was.
    """
    from encephagen.engine.session import Session
    from encephagen.engine.snapshot import Snapshot

    snapshot = Snapshot.load(file)
    arrays = dict(snapshot.arrays)
    choice, network = lab.choice, lab.network
    if IDENTITY in arrays:
        try:
            choice = Choice.from_dict(json.loads(arrays.pop(IDENTITY).tobytes()))
        except ValueError as error:
            raise ValueError(f"{file}: {error}; give a file that save wrote") from error
    if snapshot.network != network.digest():
        network = choice.network() if choice != lab.choice else network
        if snapshot.network != network.digest():
            raise ValueError(
                f"{file} is of another brain ({str(snapshot.network)[:12]}, this one is "
                f"{network.digest()[:12]}), and does not say how to build it: save it again "
                "from a demo of this version"
            )
    try:
        session = Session(
            network,
            noise_seed=snapshot.noise_seed,
            initial_seed=snapshot.initial_seed,
            threads=lab.threads,
        )
        session.restore(dataclasses.replace(snapshot, arrays=arrays))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is damaged: {console.one_line(error)}") from error
    return Lab(choice, network, session, lab.threads)


def plot(lab: Lab, file: Path) -> "Recording":
    """Draw the last recording into a file, and return it.

    Raises ValueError if nothing was recorded yet, or for a file that can be no picture.
    """
    picture.check_picture(file)
    if lab.last is None:
        raise ValueError("nothing was recorded yet: say status, look or rest 5 first")
    picture.save_overview(lab.last, file)
    return lab.last


def _record(lab: Lab, duration_ms: float, progress: Progress | None) -> "Recording":
    """Record a stretch; Ctrl-C ends it early, and what there was is returned."""
    recording = lab.session.record(duration_ms, progress=progress)
    if recording.interrupted and recording.n_steps == 0:
        raise KeyboardInterrupt
    return recording


def _remembered(lab: Lab, now: "Recording") -> "Recording":
    """Return undisturbed activity with what was heard just before, and keep both."""
    from encephagen.recording import concatenate

    heard, before, lab.last = now, lab.quiet, now
    if before is not None and before.provenance["lesions"] == now.provenance["lesions"]:
        heard = concatenate([before, now])
        if heard.duration_ms > MEMORY_MS:
            heard = heard.window(heard.stop_ms - MEMORY_MS, heard.stop_ms)
    lab.quiet = heard
    return heard


def _timescales(recording: "Recording") -> dict[str, Timescale]:
    """Return the timescale of each system that shows one."""
    from encephagen.analysis import timescale

    if recording.duration_ms < TIMESCALE_MS:
        return {}
    tau_ms = timescale(recording)["tau_ms"].values
    system = recording.data["system"].values
    found = {}
    for name in dict.fromkeys(system.tolist()):
        own = tau_ms[system == name]
        fitted = own[np.isfinite(own)]
        if fitted.size:
            found[name] = Timescale(float(np.median(fitted)), fitted.size, own.size)
    return found
