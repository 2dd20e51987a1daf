"""Brains: what there is (populations, projections, ports), not how it runs."""
