"""Ctrl-C waits for a safe moment, once."""

import signal

import pytest

from encephagen.interrupt import gently


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
