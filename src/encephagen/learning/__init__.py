"""Procedures over sessions: calibration, schedules, tests with frozen weights."""
