"""Engines: from a network to spikes."""
