"""`encephagen demo`: a conversation with a brain, in a terminal or through a pipe.

It reads commands, calls the verbs of `encephagen.app.lab`, and prints what they return.
"""

import glob
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen import __version__
from encephagen.app import console, lab, tables
from encephagen.app.talk import Talk
from encephagen.connectome.atlas import atlas_of
from encephagen.interrupt import gently
from encephagen.units import MS_PER_S
from encephagen.working_point.choice import Choice

if TYPE_CHECKING:
    from encephagen.engine.lesions import Lesion
    from encephagen.recording import Recording

BAD_INPUT = 2
PLOT_WIDTH = 64
TRACE_WIDTH = 40
PIPE_HEIGHT = 24


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


class Conversation(Talk):
    """A conversation with a brain."""

    def __init__(self, choice: Choice, threads: int | None, interactive: bool):
        from encephagen.jit import cache_folder

        super().__init__(interactive, cache_folder() / "demo_history")
        self.choice, self.threads = choice, threads
        self.unicode = not self.out.options.ascii_only

    def interrupted(self) -> str:
        """Return where Ctrl-C left the brain."""
        return f"interrupted; brain time is {_seconds(self.lab.session.time_ms)}"

    def start(self) -> None:
        """Build the brain and let it settle."""
        with console.patience("building the brain ..."):
            network = self.choice.network()
        with console.patience():
            self.choice.prepare(network, self.threads)
        with self._progress("waking up") as progress:
            self.lab = lab.begin(self.choice, network, self.threads, progress)
        self.say(
            f"encephagen {__version__}: {network.n_neurons:,} neurons, {network.n_synapses:,} "
            f"synapses, {len(network.regions)} regions of {network.brain.connectome.name}",
            style="bold",
        )
        self._working_point()
        if self.interactive:
            self.say("help lists what you can say; quit, or Ctrl-D, ends it", style="dim")

    # -- stimulation -----------------------------------------------------------------------------

    def do_look(self) -> None:
        """show the eyes something: pulses into visual cortex

        Eight pulses of 150 ms. Rates of the excitatory neurons of each system are shown before,
        during and after, ± one standard error over pulses, and the change with the standard error
        that chance alone gives it. Chance is measured: as many stretches without a pulse, of the
        same recording. p is that of a permutation test, corrected for the number of systems.
        """
        self._sense("look")

    def do_sound(self) -> None:
        """let the ears hear something: pulses into auditory cortex

        As look does for the eyes.
        """
        self._sense("sound")

    def do_touch(self) -> None:
        """touch the skin: pulses into somatosensory cortex

        As look does for the eyes.
        """
        self._sense("touch")

    def do_stimulate(self, argument: str = "") -> None:
        """WHERE [N pA] [N ms]: pulses into any regions

        As in: stimulate V1, or stimulate Calcarine_L, Heschl_R 400 pA 200 ms. What lesion takes is
        taken here. Without pA spikes arrive as those that look sends; with pA a current flows into
        every excitatory neuron. Eight pulses, answered as look is.
        """
        from encephagen.tasks.stimulus import Pulse, Step

        regions, amount = _stimulus(argument)
        duration = {"duration_ms": amount["ms"]} if "ms" in amount else {}
        if "pA" in amount:
            self._stimulate(", ".join(regions), Step(regions, amount["pA"], **duration))
        else:
            self._stimulate(", ".join(regions), Pulse(regions, **duration))

    def _sense(self, name: str) -> None:
        from encephagen.tasks.stimulus import Pulse

        port = lab.SENSES[name]
        self._stimulate(f"{port} cortex", Pulse(port))

    def _stimulate(self, into: str, pulse: Any) -> None:
        with self._clock() as clock, self._progress("stimulating") as progress:
            found = lab.stimulate(self.lab, pulse, progress=progress)
        systems, regions = found.systems, found.regions
        with_pA = f" of {pulse.current_pA:g} pA" if hasattr(pulse, "current_pA") else ""
        what = f"{systems.attrs['n_trials']} pulses{with_pA}, {pulse.duration_ms:g} ms, into {into}"
        self.out.print(tables.response(what, systems))
        order = tables.in_order(systems["system"].values.tolist())
        reached = [name for i, name in order if systems["responded"].values[i]]
        counted = (
            ""
            if regions is None
            else f"; {int(regions['responded'].sum())} of {regions.sizes['region']} regions"
        )
        self.say(f"beyond chance: {', '.join(reached) or 'no system'}{counted}", style="bold")
        self.say(
            f"excitatory rates in Hz, ± standard error over {systems.attrs['n_trials']} pulses; "
            f"chance: that of a change without a pulse, from {systems.attrs['n_sham']} stretches; "
            f"p: permutation test of the two, corrected for {systems.sizes['system']} systems; "
            f"* under {systems.attrs['alpha']:g}",
            style="dim",
        )
        self._alarms(found.recording)
        self._clocked(clock)

    def do_walk(self) -> None:
        """let motor cortex drive a spinal pattern generator

        The command is extra input to motor cortex, whose rate sets the drive of the spine on the
        other side of the body. Shown are the torques of the four joints, and beside the walk its
        controls: no command, motor cortex silenced, and the spine alone under constant drive. The
        controls start from the same state and leave no trace in the brain.
        """
        with self._clock() as clock, self._progress("walk") as progress:
            walked = lab.walk(self.lab, progress)
        for row in tables.torques(walked.commanded, PLOT_WIDTH, self.unicode):
            self.out.print(row)
        self.out.print(tables.walks("the walk and its controls", walked))
        self.say(f"gait: {walked.commanded.gait}", style="bold")
        self.say(tables.contributions(walked))
        controls = "the controls, as long again each, leave no trace"
        self._clocked(clock, note=controls, simulated_ms=3 * clock.brain_ms)

    # -- how it is -------------------------------------------------------------------------------

    def do_status(self) -> None:
        """how the brain is: rates, timescales, alarms, lesions

        Listens for a second of brain time, and counts in what it heard just before (of rest, show
        or status), up to a minute. ± is a standard error. The timescale of a system is the median
        of those of its regions in which one stands out of the noise (so many of so many).
        """
        from encephagen.figures import lines

        with self._clock() as clock, self._progress("listening") as progress:
            found = lab.status(self.lab, progress)
        self._ended_early(found.now)
        heard = _seconds(found.recording.duration_ms)
        self.out.print(tables.rates(f"rates over {heard}", found.rate, found.timescales or None))
        self._nuclei(found.recording)
        low, high = float(found.trace_Hz.min()), float(found.trace_Hz.max())
        spark = lines.sparkline(
            found.trace_Hz, low=low, high=high, width=TRACE_WIDTH, unicode=self.unicode
        )
        self.say(f"excitatory rate, {low:.1f} to {high:.1f} Hz: {spark}")
        if not found.timescales:
            self.say(f"no timescale shows in {heard}: say rest 20, then status, and it hears more")
        self._alarms(found.recording)
        self.say(f"lesions: {_lesions(found.lesions) or 'none'}")
        self._working_point()
        self._clocked(clock)

    def do_show(self) -> None:
        """the brain as a picture: each region in the colour of its rate

        Listens as status does. Seen are both hemispheres from the side and from the middle; the
        figures beside them are the excitatory rates of the most and the least active regions.
        """
        from encephagen.figures import brain_map

        with self._clock() as clock, self._progress("listening") as progress:
            seen = lab.show(self.lab, progress)
        self._ended_early(seen.now)
        self.out.print(f"excitatory rate over {_seconds(seen.duration_ms)}", style="bold")
        for row in brain_map.picture(
            self.lab.network.regions,
            seen.rate_Hz,
            width=self.out.width,
            height=(self.out.height if self.interactive else PIPE_HEIGHT) - 4,
            colour=self.out.color_system is not None,
            unicode=self.unicode,
        ):
            self.out.print(row, no_wrap=True, crop=True)
        self._clocked(clock)

    def do_rest(self, argument: str = "") -> None:
        """N: let N seconds of brain time pass"""
        seconds = _number(argument, "rest N", "seconds of brain time, as in rest 2")
        with self._clock() as clock, self._progress("resting") as progress:
            found = lab.rest(self.lab, seconds, progress)
        self._ended_early(found.now)
        self.out.print(tables.rates(f"rates over {_seconds(clock.brain_ms)}", found.rate))
        self._nuclei(found.recording)
        self._alarms(found.now)
        self._clocked(clock)

    def _nuclei(self, recording: "Recording") -> None:
        """Print the rates of nuclei that are not cortex, where the brain has some."""
        from encephagen.analysis.rates import nucleus_rate

        if found := nucleus_rate(recording):
            self.out.print(tables.nuclei(found))

    # -- lesions ---------------------------------------------------------------------------------

    def do_lesion(self, argument: str = "") -> None:
        """WHERE: silence a region, a system, a lobe or a side

        As in: lesion Calcarine_L, lesion Calcarine (on both sides), lesion visual, lesion frontal
        lobe, lesion left, or several with commas between. Tab completes names. The neurons live
        on, but send no spikes, until heal.
        """
        if not argument:
            raise ValueError("lesion what? Give a region, a system, a lobe or a side; Tab lists")
        silenced = lab.lesion(self.lab, _where(argument))
        more = f" and {len(silenced) - 6} more" if len(silenced) > 6 else ""
        self.say(f"silenced {', '.join(silenced[:6])}{more}; heal undoes it")
        self._brain_time()

    def do_heal(self, argument: str = "") -> None:
        """[WHERE]: heal the lesions there, or all

        As in: heal Calcarine. A lesion is healed as a whole: one of the visual system stays where
        only a part of that is named.
        """
        every = argument.strip().lower() in ("", "all")
        healed = lab.heal(self.lab, None if every else _where(argument))
        left = self.lab.session.lesions
        still = f"; still there: {_lesions(left)}" if left else ""
        self.say(f"healed: {_lesions(healed)}{still}" if healed else "there is no lesion to heal")
        self._brain_time()

    # -- files -----------------------------------------------------------------------------------

    def do_save(self, argument: str = "") -> None:
        """FILE: keep this brain, as it is now

        Its state, its seeds and how to build it; load goes on from there, to the bit.
        """
        file = _path(argument, "save FILE")
        size_MB = lab.save(self.lab, file) / 1e6
        at = _seconds(self.lab.session.time_ms)
        self.say(f"saved the brain at {at} to {file} ({size_MB:.1f} MB)")

    def do_load(self, argument: str = "") -> None:
        """FILE: go on with a brain that was saved

        Another dataset, recipe or seed than this conversation's is built first.
        """
        file = _path(argument, "load FILE")
        started = time.perf_counter()
        with console.patience("building the saved brain ..."):
            self.lab = lab.load(self.lab, file)
        session, network = self.lab.session, self.lab.network
        lesions = f", {_lesions(session.lesions)}" if session.lesions else ""
        self.say(
            f"loaded {network.brain.connectome.name}, wiring seed {network.seed}, noise seed "
            f"{session.noise_seed}, at {_seconds(session.time_ms)}{lesions}"
        )
        self.say(f"in {time.perf_counter() - started:.2f} s", style="dim")

    def do_plot(self, argument: str = "") -> None:
        """FILE: draw the last recording as .png, .pdf or .svg"""
        file = _path(argument, "plot FILE")
        with console.patience("drawing ..."):
            drawn = lab.plot(self.lab, file)
        self.say(f"drew {_seconds(drawn.duration_ms)} from {_seconds(drawn.start_ms)} in {file}")

    # -- completion ------------------------------------------------------------------------------

    def complete_lesion(self, text: str, line: str, start: int, end: int) -> list[str]:
        """Return regions, systems, lobes, areas, structures and sides that begin so.

        Names may hold spaces.
        """
        regions = self.lab.network.regions
        known = [r.name for r in regions]
        known += sorted({r.system for r in regions} | {f"{r.lobe} lobe" for r in regions})
        known += sorted({r.structure for r in regions} - {*known})
        atlas = atlas_of(known[: len(regions)])
        if atlas is not None:
            known += [a for a in atlas.sites if any(atlas.is_site(a, r.name) for r in regions)]
        known += ["left", "right"]
        said = line[:start].lstrip().partition(" ")[2].rpartition(",")[2].lstrip()
        whole = (said + text).casefold()
        return [n[len(said) :] for n in known if n.casefold().startswith(whole)]

    complete_stimulate = complete_heal = complete_lesion

    def _complete_file(self, text: str, *ignored: Any) -> list[str]:
        found = glob.glob(glob.escape(os.path.expanduser(text)) + "*")
        return [f + os.sep if os.path.isdir(f) else f for f in sorted(found)]

    complete_save = complete_load = complete_plot = _complete_file

    # -- talking ---------------------------------------------------------------------------------

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
        started, start_ms = time.perf_counter(), self.lab.session.time_ms
        yield clock
        clock.wall_s = time.perf_counter() - started
        clock.brain_ms = self.lab.session.time_ms - start_ms

    def _clocked(self, clock: "_Clock", note: str = "", simulated_ms: float = 0.0) -> None:
        speed = tables.speed(simulated_ms or clock.brain_ms, clock.wall_s)
        at = _seconds(self.lab.session.time_ms)
        self.say(f"brain time {at}; this answer {speed}{note and f' ({note})'}", style="dim")

    def _working_point(self) -> None:
        self.say(f"working point: {self.lab.network.brain.working_point}", style="dim")

    def _brain_time(self) -> None:
        self.say(f"brain time {_seconds(self.lab.session.time_ms)}", style="dim")

    def _ended_early(self, now: "Recording") -> None:
        if now.interrupted:
            self.say(f"ended early, after {_seconds(now.duration_ms)}", style="yellow")

    def _alarms(self, recording: "Recording") -> None:
        tables.print_alarms(self.out, recording.alarms)


@dataclass
class _Clock:
    """How long an answer took, in the brain and outside."""

    brain_ms: float = 0.0
    wall_s: float = 0.0


def _where(text: str) -> lab.Selector:
    """Return one selector, or several that commas part."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    return parts[0] if len(parts) == 1 else parts


def _stimulus(text: str) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the regions of "WHERE [N pA] [N ms]", and its amounts by unit."""
    usage = "stimulate WHERE [N pA] [N ms]"
    amounts: dict[str, float] = {}
    words = text.split()
    while len(words) > 1 and (found := re.fullmatch(r"(.*?)(pA|ms)", words[-1], re.IGNORECASE)):
        unit = "pA" if found[2].lower() == "pa" else "ms"
        number = found[1] or words[-2]
        if unit in amounts:
            raise ValueError(f"{usage}: {unit} is said twice; say it once")
        amounts[unit] = _number(number, usage, f"a number of {unit}, as in 200 {unit}")
        words = words[: -1 if found[1] else -2]
    where = _where(" ".join(words))
    if not where:
        raise ValueError(f"{usage}: stimulate what? Give a region, a system, a lobe or a side")
    return (where if isinstance(where, tuple) else (where,)), amounts


def _lesions(lesions: "tuple[Lesion, ...]") -> str:
    return "; ".join(map(str, lesions))


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
