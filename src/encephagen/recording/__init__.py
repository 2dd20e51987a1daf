"""What happened: spikes, counts and traces with named dimensions, provenance and alarms."""

from encephagen.recording.alarms import Alarm, check
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording, Traces, assemble, bin_spikes, concatenate

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
