"""The searches of `encephagen.experiments.fit`: what is free, theory, spikes."""
