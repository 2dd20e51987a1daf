"""What happened: spikes, counts and traces with named dimensions, provenance and alarms."""

from encephagen.recording.alarms import Alarm, check
from encephagen.recording.assemble import assemble, concatenate
from encephagen.recording.bins import bin_spikes
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.recording.stretch import Traces

__all__ = [
    "Alarm",
    "Probe",
    "Recording",
    "Traces",
    "assemble",
    "bin_spikes",
    "check",
    "concatenate",
]
