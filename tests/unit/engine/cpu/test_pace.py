"""Pace: the faster number of threads is found, and found again when that changes."""

import pytest

from encephagen.engine.cpu import pace


class Machine:
    """A clock, with so many seconds a step for each number of threads."""

    def __init__(self, monkeypatch, one, two, several=2):
        self.cost_s = {1: one, 2: two}
        self.now_s = 100.0
        monkeypatch.setattr(pace.time, "perf_counter", lambda: self.now_s)
        self.pace = pace.Pace(several)

    def run(self, seconds):
        """Run for so long, and return the share of steps under each number of threads."""
        steps = {1: 0, 2: 0}
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            n = self.pace.threads
            took_s = 500 * self.cost_s[n]
            self.now_s += took_s
            steps[n] += 500
            self.pace.measure(500, took_s)
        return {n: s / sum(steps.values()) for n, s in steps.items()}


@pytest.mark.parametrize(("one", "two", "best"), [(2e-5, 1e-5, 2), (2e-5, 2e-4, 1)])
def test_it_settles_on_the_faster(monkeypatch, one, two, best):
    machine = Machine(monkeypatch, one, two)
    assert machine.run(20.0)[best] > 0.97


def test_it_follows_when_the_machine_gets_busy_and_quiet_again(monkeypatch):
    machine = Machine(monkeypatch, 2e-5, 1e-5)
    machine.run(20.0)
    machine.cost_s[2] = 2e-4
    assert machine.run(20.0)[1] > 0.95
    machine.cost_s[2] = 1e-5
    machine.run(35.0)
    assert machine.run(20.0)[2] > 0.95


def test_one_thread_stays_one(monkeypatch):
    machine = Machine(monkeypatch, 1e-5, 1e-5, several=1)
    assert machine.run(3.0)[1] == 1.0


def test_the_first_call_of_a_kernel_does_not_count(monkeypatch):
    """It may compile."""
    machine = Machine(monkeypatch, 2e-5, 1e-5)
    machine.pace.measure(500, 30.0)
    while machine.pace.threads == 1:
        machine.pace.measure(500, 0.01)
    machine.pace.measure(500, 30.0)
    assert machine.run(0.9)[2] > 0.9
