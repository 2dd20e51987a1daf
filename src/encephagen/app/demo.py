"""`encephagen demo`: a conversation with a brain, in a terminal or through a pipe."""

import cmd
import dataclasses
import difflib
import glob
import inspect
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from encephagen import __version__
from encephagen.app import console, tables
from encephagen.app.choice import Choice
from encephagen.interrupt import gently
from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    from encephagen.recording import Recording
    from encephagen.tasks.walk import Arm

BAD_INPUT = 2
WARM_UP_MS = 300.0
MEMORY_MS = 60_000.0  # of spontaneous activity that status looks back on
LISTEN_MS = 1000.0
TIMESCALE_MS = 2000.0  # the least brain time that a timescale can be measured on
N_TRIALS = 8
MAX_REGIONS = 400  # more cannot be told from chance one by one, with so few trials
MAX_REST_S = 600.0  # all its spikes are held, some 40 bytes each
PLOT_WIDTH = 64
IDENTITY = "choice"  # name of the array, in a saved brain, that says how to build it

SENSES = {"look": "visual", "sound": "auditory", "touch": "somatosensory"}


def demo(choice: Choice, threads: int | None) -> int:
    """Hold a conversation on stdin and stdout, and return the exit status.

    2 if commands came from a pipe and one of them failed, else 0.
    """
    interactive = sys.stdin.isatty()
    conversation = Conversation(choice, threads, interactive)
    conversation.start()
    conversation.cmdloop()
    if conversation.n_failed and not interactive:
        n = conversation.n_failed
        console.complain(f"{n} of {conversation.n_asked} commands failed; see above")
        return BAD_INPUT
    return 0


class Conversation(cmd.Cmd):
    """Reads commands, tells the brain, and shows what it does.

    Each ``do_`` method is a command; the first line of its docstring is its entry in the help.
    """

    prompt = "encephagen> "

    def __init__(self, choice: Choice, threads: int | None, interactive: bool):
        super().__init__()
        self.interactive = interactive
        self.use_rawinput = interactive
        if not interactive:
            self.prompt = ""
        self.choice, self.threads = choice, threads
        self.out = console.out()
        self.unicode = not self.out.options.ascii_only
        self.last: Recording | None = None
        self.quiet: Recording | None = None  # spontaneous activity up to now
        self.n_asked = self.n_failed = 0

    # -- the conversation ------------------------------------------------------------------------

    def start(self) -> None:
        """Build the brain and let it settle."""
        with console.patience("building the brain ..."):
            self.network = self.choice.network()
        with console.patience():
            self.choice.prepare(self.network, self.threads)
        self.session = self.choice.session(self.network, self.threads)
        self._run("waking up", WARM_UP_MS)
        n, s, r = self.network.n_neurons, self.network.n_synapses, len(self.network.regions)
        self._say(
            f"encephagen {__version__}: {n:,} neurons, {s:,} synapses, {r} regions of "
            f"{self.network.brain.connectome.name}",
            style="bold",
        )
        if self.interactive:
            self._say("help lists what you can say; quit, or Ctrl-D, ends it", style="dim")

    def preloop(self) -> None:
        """Set up line editing, history and completion."""
        if not self.interactive:
            return
        readline = _readline()
        if readline is None:
            return
        # The hyphen and the like are parts of names.
        readline.set_completer_delims(" \t\n")
        try:
            readline.read_history_file(_history())
        except OSError:
            pass

    def postloop(self) -> None:
        """Keep the history for the next conversation."""
        readline = _readline() if self.interactive else None
        if readline is not None:
            try:
                readline.set_history_length(500)
                readline.write_history_file(_history())
            except OSError:
                pass

    def cmdloop(self, intro: Any = None) -> None:
        """Read and answer commands until the end; Ctrl-C at the prompt clears the line."""
        while True:
            try:
                super().cmdloop()
                return
            except KeyboardInterrupt:
                if not self.interactive:
                    raise
                self._say("\nCtrl-D or quit ends the conversation", style="dim")

    def onecmd(self, line: str) -> bool:
        """Answer one command; whatever is wrong with it is told in one line."""
        if line == "EOF":
            if self.interactive:
                self.out.print()
            return True
        line = line.strip()
        if not line or line.startswith("#"):
            return False
        if not self.interactive:
            self._say(f"\n> {line}", style="bold cyan")
        self.n_asked += 1
        try:
            return bool(self._answer(line))
        except BrokenPipeError:
            raise
        except (ValueError, OSError, ImportError, MemoryError, OverflowError) as error:
            self.n_failed += 1
            told = f"error: {console.one_line(error)}"
            self._say(told, style="red", one_line=not self.interactive)
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            self._say(f"interrupted; brain time is {_seconds(self.session.time_ms)}")
        return False

    def _answer(self, line: str) -> bool | None:
        if line.startswith("?"):
            line = "help " + line[1:]
        name, _, argument = line.partition(" ")
        known = self.names()
        if name.lower() not in known:
            begun = [k for k in known if k.startswith(name.lower())]
            if len(begun) != 1:
                near = begun or difflib.get_close_matches(name.lower(), known, 2, 0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else "help lists all"
                raise ValueError(f"no command {name!r}: {hint}")
            name = begun[0]
        method = getattr(self, f"do_{name.lower()}")
        argument = argument.strip()
        if argument and "argument" not in inspect.signature(method).parameters:
            raise ValueError(f"{name} takes no argument, got {argument!r}")
        return method(argument) if "argument" in inspect.signature(method).parameters else method()

    @classmethod
    def names(cls) -> list[str]:
        """Return the commands, in the order of the help."""
        return [n.removeprefix("do_") for n in vars(cls) if n.startswith("do_")]

    def _say(self, text: str, style: str | None = None, one_line: bool = False) -> None:
        # A long word is a path: broken over two lines it could not be copied.
        whole = one_line or max(map(len, text.split()), default=0) > self.out.width // 2
        self.out.print(Text(text, style=style or ""), soft_wrap=whole)

    # -- stimulation -----------------------------------------------------------------------------

    def do_look(self) -> None:
        """show the eyes something: pulses into visual cortex

        Eight pulses of 150 ms. Rates of the excitatory neurons of each system are shown before,
        during and after, ± one standard error over pulses, and the change with the standard error
        that chance alone gives it. Chance is measured: as many stretches without a pulse, of the
        same recording. p is that of a permutation test, corrected for the number of systems.
        """
        self._stimulate("look")

    def do_sound(self) -> None:
        """let the ears hear something: pulses into auditory cortex

        As look does for the eyes.
        """
        self._stimulate("sound")

    def do_touch(self) -> None:
        """touch the skin: pulses into somatosensory cortex

        As look does for the eyes.
        """
        self._stimulate("touch")

    def _stimulate(self, name: str) -> None:
        from encephagen.analysis import region_response, system_response
        from encephagen.tasks.stimulus import Pulse, present

        pulse = Pulse(SENSES[name])
        self.quiet = None
        with self._clock() as clock:
            with self._progress(name) as progress:
                trials = present(self.session, pulse, n_trials=N_TRIALS, progress=progress)
            self.last = trials.recording
            found = system_response(trials.recording, trials.pulses_ms)
            n_regions = len(self.network.regions)
            reached = ""
            if n_regions <= MAX_REGIONS:
                regions = region_response(trials.recording, trials.pulses_ms)
                reached = f"; {int(regions['responded'].sum())} of {n_regions} regions"
        self.out.print(
            tables.response(
                f"{name}: {N_TRIALS} pulses of {pulse.duration_ms:g} ms into {pulse.port} cortex, "
                "E rates in Hz",
                found,
            )
        )
        systems = tables.in_order(found["system"].values.tolist())
        names = [name for i, name in systems if found["responded"].values[i]]
        self._say(f"beyond chance: {', '.join(names) or 'no system'}{reached}", style="bold")
        self._say(
            f"± standard error over {found.attrs['n_trials']} pulses; chance: that of a change "
            f"without a pulse, from {found.attrs['n_sham']} stretches; p: permutation test of the "
            f"two, corrected for {found.sizes['system']} systems; * under {found.attrs['alpha']:g}",
            style="dim",
        )
        self._alarms(trials.recording)
        self._clocked(clock)

    def do_walk(self) -> None:
        """let motor cortex drive a spinal pattern generator

        The command is extra input to motor cortex, whose rate sets the drive of the spine on the
        other side of the body. Shown are the torques of the four joints, and beside the walk its
        controls: no command, motor cortex silenced, and the spine alone under constant drive. The
        controls start from the same state and leave no trace in the brain.
        """
        from encephagen.tasks.walk import walk

        self.quiet = None
        with self._clock() as clock, self._progress("walk") as progress:
            walked = walk(self.session, progress=progress)
        arm = walked.commanded
        self._torques(arm)
        self.out.print(tables.walks("the walk and its controls", walked))
        self._say(f"gait: {arm.gait}", style="bold")
        self._say(_contributions(walked))
        controls = "the controls, as long again each, leave no trace"
        self._clocked(clock, note=controls, simulated_ms=3 * clock.brain_ms)

    def _torques(self, arm: "Arm") -> None:
        from encephagen.app import plots
        from encephagen.tasks.walk import JOINTS

        top = float(np.abs(arm.torque).max()) or 1.0
        seconds = (arm.time_ms[-1] - arm.time_ms[0]) / MS_PER_S
        self._say(
            f"joint torques over {seconds:.1f} s (flexion up, ±{top:.1f}; the spine's own unit)",
            style="bold",
        )
        colours = ("cyan", "yellow", "cyan", "yellow")
        for j, joint in enumerate(JOINTS):
            rows = plots.line(
                arm.torque[:, j],
                low=-top,
                high=top,
                width=PLOT_WIDTH,
                height=2,
                unicode=self.unicode,
            )
            for i, row in enumerate(rows):
                self.out.print(Text.assemble(f"{joint if i == 0 else '':11s} ", (row, colours[j])))
        drive = arm.drive.mean(axis=1)
        spark = plots.sparkline(
            drive, low=0.0, high=float(drive.max()), width=PLOT_WIDTH, unicode=self.unicode
        )
        self.out.print(Text.assemble(f"{'drive':11s} ", (spark, "green")))

    # -- how it is -------------------------------------------------------------------------------

    def do_status(self) -> None:
        """how the brain is: rates, timescales, alarms, lesions

        Listens for a second of brain time, and counts in what it heard just before (of rest or
        status), up to a minute. ± is a standard error. The timescale of a system is the median of
        those of its regions in which one stands out of the noise (so many of so many).
        """
        from encephagen.analysis import binned_rate, system_rate
        from encephagen.app import plots

        with self._clock() as clock:
            recording = self._remember(self._record("listening", LISTEN_MS))
            rate = system_rate(recording)
            words = self._timescales(recording)
        self.out.print(
            tables.rates(f"rates over {_seconds(recording.duration_ms)}", rate, words or None)
        )
        size = recording.data["region_size"].values[:, 0]
        over_time = binned_rate(recording, 50.0).isel(population=0).values @ size / size.sum()
        low, high = float(over_time.min()), float(over_time.max())
        spark = plots.sparkline(over_time, low=low, high=high, width=40, unicode=self.unicode)
        self._say(f"excitatory rate, {low:.1f} to {high:.1f} Hz: {spark}")
        if not words:
            self._say(
                f"no timescale shows in {_seconds(recording.duration_ms)}: say rest 20, then "
                "status, and it hears more"
            )
        self._alarms(recording)
        self._say(f"lesions: {', '.join(map(str, self.session.lesions)) or 'none'}")
        self._clocked(clock)

    def _timescales(self, recording: "Recording") -> dict[str, str]:
        """Return the median timescale of each system's regions, as far as they show one."""
        from encephagen.analysis import timescale

        if recording.duration_ms < TIMESCALE_MS:
            return {}
        tau_ms = timescale(recording)["tau_ms"].values
        system, words = recording.data["system"].values, {}
        for name in dict.fromkeys(system.tolist()):
            own = tau_ms[system == name]
            fitted = own[np.isfinite(own)]
            if fitted.size:
                words[name] = f"{np.median(fitted):.0f} ({fitted.size} of {own.size})"
        return words

    def do_rest(self, argument: str = "") -> None:
        """N: let N seconds of brain time pass"""
        seconds = _number(argument, "rest N", "seconds of brain time, as in rest 2")
        if not self.network.dt_ms / MS_PER_S <= seconds <= MAX_REST_S:
            raise ValueError(
                f"rest {argument}: give from {self.network.dt_ms / MS_PER_S:g} to "
                f"{MAX_REST_S:g} seconds"
            )
        from encephagen.analysis import system_rate

        with self._clock() as clock:
            recording = self._record("resting", seconds * MS_PER_S)
            self._remember(recording)
        self.out.print(
            tables.rates(f"rates over {_seconds(clock.brain_ms)}", system_rate(recording))
        )
        self._alarms(recording)
        self._clocked(clock)

    def do_lesion(self, argument: str = "") -> None:
        """REGION: silence a region, a system, a lobe or a side

        As in: lesion Calcarine_L, lesion Calcarine (on both sides), lesion visual, lesion frontal
        lobe, lesion left. Tab completes names. The neurons live on, but send no spikes, until
        restore.
        """
        if not argument:
            raise ValueError("lesion what? Give a region, a system, a lobe or a side; Tab lists")
        connectome = self.network.brain.connectome
        hit = connectome.indices(argument)
        self.session.silence(argument)
        names = [connectome.names[i] for i in hit]
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        self._say(f"silenced {shown}; restore heals")
        self._brain_time()

    def do_restore(self) -> None:
        """heal all lesions"""
        lesions = self.session.lesions
        self.session.heal()
        self._say(
            f"healed: {', '.join(map(str, lesions))}" if lesions else "there is no lesion to heal"
        )
        self._brain_time()

    # -- files -----------------------------------------------------------------------------------

    def do_save(self, argument: str = "") -> None:
        """FILE: keep this brain, as it is now

        Its state, its seeds and how to build it; load goes on from there, to the bit.
        """
        file = _path(argument, "save FILE")
        from encephagen.app.simulation import check_file

        check_file(file)
        text = json.dumps(self.choice.to_dict()).encode()
        snapshot = self.session.snapshot()
        arrays = snapshot.arrays | {IDENTITY: np.frombuffer(text, np.uint8)}
        dataclasses.replace(snapshot, arrays=arrays).save(file)
        size_MB = file.stat().st_size / 1e6
        self._say(
            f"saved the brain at {_seconds(self.session.time_ms)} to {file} ({size_MB:.1f} MB)"
        )

    def do_load(self, argument: str = "") -> None:
        """FILE: go on with a brain that was saved

        Another dataset, recipe or seed than this conversation's is built first.
        """
        file = _path(argument, "load FILE")
        with self._clock() as clock:
            choice, network, session = self._restored(file)
        # Only a brain that is whole takes the place of the present one.
        self.choice, self.network, self.session = choice, network, session
        self.last = self.quiet = None
        lesions = f", {', '.join(map(str, session.lesions))}" if session.lesions else ""
        self._say(
            f"loaded {network.brain.connectome.name}, wiring seed {network.seed}, noise seed "
            f"{session.noise_seed}, at {_seconds(session.time_ms)}{lesions}"
        )
        self._say(f"in {clock.wall_s:.2f} s", style="dim")

    def _restored(self, file: Path):
        from encephagen.engine.session import Session
        from encephagen.engine.snapshot import Snapshot

        snapshot = Snapshot.load(file)
        arrays = dict(snapshot.arrays)
        choice, network = self.choice, self.network
        if IDENTITY in arrays:
            try:
                choice = Choice.from_dict(json.loads(arrays.pop(IDENTITY).tobytes()))
            except ValueError as error:
                raise ValueError(f"{file}: {error}; give a file that save wrote") from error
        if snapshot.network != network.digest():
            if choice != self.choice:
                with console.patience("building the saved brain ..."):
                    network = choice.network()
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
                threads=self.threads,
            )
            session.restore(dataclasses.replace(snapshot, arrays=arrays))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{file} is damaged: {console.one_line(error)}") from error
        return choice, network, session

    def do_plot(self, argument: str = "") -> None:
        """FILE: draw the last recording as .png, .pdf or .svg"""
        from encephagen.app import picture

        file = _path(argument, "plot FILE")
        picture.check_picture(file)
        if self.last is None:
            raise ValueError("nothing was recorded yet: say status, look or rest 5 first")
        with console.patience("drawing ..."):
            picture.save_overview(self.last, file)
        self._say(
            f"drew {_seconds(self.last.duration_ms)} from {_seconds(self.last.start_ms)} in {file}"
        )

    # -- words -----------------------------------------------------------------------------------

    def do_help(self, argument: str = "") -> None:
        """[COMMAND]: what you can say"""
        if argument:
            name = argument.lower()
            if name not in self.names():
                near = difflib.get_close_matches(name, self.names(), 1)
                hint = f"did you mean {near[0]}?" if near else "help lists all"
                raise ValueError(f"no command {argument!r}: {hint}")
            text = inspect.getdoc(getattr(self, f"do_{name}")) or ""
            first, _, rest = text.partition("\n")
            self._say(": ".join(_usage(name, first)), style="bold")
            if rest.strip():
                self._say(" ".join(rest.split()))
            return
        made = tables.table("you can say", "<", "<")
        made.show_header = False
        for name in self.names():
            first = (inspect.getdoc(getattr(self, f"do_{name}")) or "").partition("\n")[0]
            made.add_row(*_usage(name, first))
        made.columns[1].no_wrap = False
        self.out.print(made)
        self._say(
            "times are brain time; Ctrl-C stops a command, Tab completes; commands can be piped "
            "in, an error then makes the exit status 2",
            style="dim",
        )

    def do_quit(self) -> bool:
        """end the conversation"""
        return True

    # -- completion ------------------------------------------------------------------------------

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Return the commands that begin so."""
        return [f"{n} " for n in self.names() if n.startswith(text.lower())]

    def complete_help(self, text: str, *ignored: Any) -> list[str]:
        """Return the commands that begin so."""
        return [n for n in self.names() if n.startswith(text.lower())]

    def complete_lesion(self, text: str, line: str, start: int, end: int) -> list[str]:
        """Return regions, systems, lobes and sides that begin so; names may hold spaces."""
        regions = self.network.regions
        names = [r.name for r in regions]
        names += sorted({r.system for r in regions} | {f"{r.lobe} lobe" for r in regions})
        names += ["left", "right"]
        said = line[:start].lstrip().partition(" ")[2].lstrip()
        whole = (said + text).casefold()
        return [n[len(said) :] for n in names if n.casefold().startswith(whole)]

    def _complete_file(self, text: str, *ignored: Any) -> list[str]:
        found = glob.glob(glob.escape(os.path.expanduser(text)) + "*")
        return [f + os.sep if os.path.isdir(f) else f for f in sorted(found)]

    complete_save = complete_load = complete_plot = _complete_file

    # -- running ---------------------------------------------------------------------------------

    def _record(self, what: str, duration_ms: float) -> "Recording":
        """Record a stretch; Ctrl-C ends it early, and what there was is returned."""
        with self._progress(what) as progress:
            recording = self.session.record(duration_ms, progress=progress)
        if recording.interrupted and recording.n_steps == 0:
            raise KeyboardInterrupt
        if recording.interrupted:
            self._say(f"ended early, after {_seconds(recording.duration_ms)}", style="yellow")
        return recording

    def _remember(self, heard: "Recording") -> "Recording":
        """Return undisturbed activity with what was heard just before, and keep both."""
        from encephagen.recording import concatenate

        self.last = heard
        before = self.quiet
        if before is not None and before.provenance["lesions"] == heard.provenance["lesions"]:
            heard = concatenate([before, heard])
            if heard.duration_ms > MEMORY_MS:
                heard = heard.window(heard.stop_ms - MEMORY_MS, heard.stop_ms)
        self.quiet = heard
        return heard

    def _run(self, what: str, duration_ms: float) -> None:
        """Let time pass without recording it."""
        from encephagen.engine.session import CHUNK_MS

        steps = max(1, round(duration_ms / self.network.dt_ms))
        chunk = max(1, round(CHUNK_MS / self.network.dt_ms))
        with self._progress(what) as progress:
            for done in range(0, steps, chunk):
                self.session.advance(min(chunk, steps - done))
                progress(min(done + chunk, steps) * self.network.dt_ms, duration_ms)

    @contextmanager
    def _progress(self, what: str) -> Iterator[Callable[[float, float], None]]:
        with console.bar(what) as draw, gently() as check:

            def progress(done_ms: float, total_ms: float) -> None:
                draw(done_ms, total_ms)
                check()

            yield progress

    @contextmanager
    def _clock(self) -> Iterator["_Clock"]:
        clock = _Clock()
        started, start_ms = time.perf_counter(), self.session.time_ms
        yield clock
        clock.wall_s = time.perf_counter() - started
        clock.brain_ms = self.session.time_ms - start_ms

    def _clocked(self, clock: "_Clock", note: str = "", simulated_ms: float = 0.0) -> None:
        speed = tables.speed(simulated_ms or clock.brain_ms, clock.wall_s)
        self._say(
            f"brain time {_seconds(self.session.time_ms)}; this answer {speed}"
            + (f" ({note})" if note else ""),
            style="dim",
        )

    def _brain_time(self) -> None:
        self._say(f"brain time {_seconds(self.session.time_ms)}", style="dim")

    def _alarms(self, recording: "Recording") -> None:
        tables.print_alarms(self.out, recording.alarms)


@dataclasses.dataclass
class _Clock:
    """How long an answer took, in the brain and outside."""

    brain_ms: float = 0.0
    wall_s: float = 0.0


def _contributions(walked: Any) -> str:
    """Return what the controls say about who does what."""
    brain, spine, rest = walked.commanded.gait, walked.spine.gait, walked.uncommanded.gait
    parts = []
    if brain.rhythmic and spine.rhythmic:
        parts.append(
            f"rhythm: the spine's own ({spine.frequency_Hz:.2f} Hz under constant drive, "
            f"{brain.frequency_Hz:.2f} Hz under the brain's)"
        )
    elif spine.rhythmic:
        parts.append("rhythm: the spine has one under constant drive, but not under the brain's")
    else:
        parts.append("rhythm: none, for the drive is too low")
    if rest.amplitude > 0:
        times = brain.amplitude / rest.amplitude
        parts.append(f"strength: the command makes torques {times:.1f} times as large")
    silenced = walked.silenced.gait
    how = "no torque" if silenced.amplitude < 1e-3 else f"torques of {silenced.amplitude:.2f}"
    parts.append(f"without motor cortex: {how}")
    return "; ".join(parts)


def _usage(name: str, first: str) -> tuple[str, str]:
    """Return a command with its argument, and what it does, from the first line of its help."""
    argument, colon, what = first.partition(": ")
    if colon and argument.isupper() and " " not in argument:
        return f"{name} {argument}", what
    if colon and argument.startswith("["):
        return f"{name} {argument}", what
    return name, first


def _seconds(ms: float) -> str:
    return f"{ms / MS_PER_S:.2f} s"


def _number(text: str, usage: str, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{usage}: {text!r} is not a number; give {expected}")
    return value


def _path(text: str, usage: str) -> Path:
    if not text:
        raise ValueError(f"{usage}: give the name of a file")
    if "\0" in text:
        raise ValueError(f"{usage}: a name of a file cannot hold a null character")
    return Path(os.path.expanduser(text))


def _readline() -> Any:
    """Return the module of line editing, or None where Python has none (Windows)."""
    try:
        import readline
    except ImportError:
        return None
    return readline


def _history() -> Path:
    from encephagen.jit import cache_folder

    return cache_folder() / "demo_history"
