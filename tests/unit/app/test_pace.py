"""Pace: the faster number of threads is found, and found again when that changes."""

from types import SimpleNamespace

import pytest

from encephagen.app import pace


class Machine:
    """A session and a clock, with so many seconds a step for each number of threads."""

    def __init__(self, monkeypatch, **cost_s):
        self.session = SimpleNamespace(threads=2, step=0, network=SimpleNamespace(dt_ms=0.1))
        self.cost_s = {1: cost_s["one"], 2: cost_s["two"]}
        self.now_s = 100.0
        monkeypatch.setattr(pace.time, "perf_counter", lambda: self.now_s)
        self.pace = pace.Pace(self.session)

    def run(self, seconds):
        """Run for so long, and return the share of steps under each number of threads."""
        steps = {1: 0, 2: 0}
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 500 * self.cost_s[self.session.threads]
            self.session.step += 500
            steps[self.session.threads] += 500
            self.pace.tick()
        return {n: s / sum(steps.values()) for n, s in steps.items()}


@pytest.mark.parametrize(("one", "two", "best"), [(2e-5, 1e-5, 2), (2e-5, 2e-4, 1)])
def test_it_settles_on_the_faster(monkeypatch, one, two, best):
    machine = Machine(monkeypatch, one=one, two=two)
    assert machine.run(20.0)[best] > 0.98


def test_it_follows_when_the_machine_gets_busy_and_quiet_again(monkeypatch):
    machine = Machine(monkeypatch, one=2e-5, two=1e-5)
    machine.run(20.0)
    machine.cost_s[2] = 2e-4
    assert machine.run(20.0)[1] > 0.95
    machine.cost_s[2] = 1e-5
    machine.run(35.0)
    assert machine.run(20.0)[2] > 0.95


def test_a_session_of_one_thread_is_left_alone(monkeypatch):
    machine = Machine(monkeypatch, one=1e-5, two=1e-5)
    machine.session.threads = 1
    machine.pace = pace.Pace(machine.session)
    assert machine.run(3.0)[1] == 1.0


def test_a_step_back_in_time_is_no_measurement(monkeypatch):
    machine = Machine(monkeypatch, one=2e-5, two=1e-5)
    machine.run(1.0)
    machine.session.step = 0
    machine.pace.tick()
    assert machine.run(5.0)[2] > 0.9
