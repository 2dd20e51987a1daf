"""Ctrl-C waits for a safe moment, once."""

import signal

import pytest

from encephagen.interrupt import Latch, gently


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
