"""Ctrl-C waits for a safe moment, once."""

import signal

import pytest

from encephagen.interrupt import Latch, counted, gently


def test_the_first_is_noted_and_raised_where_it_is_safe():
    with gently() as check:
        check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()


def test_the_second_is_raised_at_once():
    with gently():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_usual_handler_comes_back():
    usual = signal.getsignal(signal.SIGINT)
    with gently():
        assert signal.getsignal(signal.SIGINT) is not usual
    assert signal.getsignal(signal.SIGINT) is usual


def test_where_it_is_ignored_it_stays_ignored():
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with gently() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, usual)


def test_a_shut_latch_holds_it_back_to_the_end_and_an_open_one_does_not():
    latch, usual, done = Latch(), signal.getsignal(signal.SIGINT), []
    latch.place()
    with pytest.raises(KeyboardInterrupt), latch:
        signal.raise_signal(signal.SIGINT)
        done.append("what was within")
    assert done
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with latch:  # nothing is left of the first
        pass
    latch.remove()
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_latch_leaves_alone_who_came_after_it():
    latch, usual = Latch(), signal.getsignal(signal.SIGINT)
    latch.place()
    with gently() as check:
        latch.remove()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    latch.remove()
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_latch_comes_back_where_its_handler_was_taken_away():
    """As Jupyter does before each cell."""
    latch, usual, done = Latch(), signal.getsignal(signal.SIGINT), []
    latch.place()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), latch:
            signal.raise_signal(signal.SIGINT)
            done.append("what was within")
    with gently() as check, latch:  # and not before whoever calls it
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    latch.remove()
    assert done == ["what was within"] * 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, usual)


def test_ctrl_c_that_ended_in_an_error_is_still_ctrl_c():
    with pytest.raises(KeyboardInterrupt), counted():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("a recording that is too short") from None
