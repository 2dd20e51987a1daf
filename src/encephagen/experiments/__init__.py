"""Experiments: one study a file in `studies/`, and what runs them.

from encephagen.experiments import study
from encephagen.experiments.runner import Runner

hierarchy = study.find("spiking-hierarchy")
result = hierarchy.run(hierarchy.config(), Runner())
"""
