"""The conversation: every command, every error in one line, and a brain that survives a file."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encephagen.app import demo, lab


@pytest.fixture
def conversation(small_choice, capsys):
    """A conversation that has begun, with a brain that settled."""
    made = demo.Conversation(small_choice, 1, interactive=False)
    made.start()
    return made


def test_the_documented_conversation(talk):
    status, out, err = talk(
        "status",
        "look",
        "sound",
        "touch",
        "walk",
        "rest 2",
        "lesion Calcarine_L",
        "look",
        "heal",
        "show",
        "quit",
    )
    assert status == 0
    assert "error:" not in out + err
    assert max(map(len, out.splitlines())) <= 80
    answers = dict(re.findall(r"^> (.+)\n((?:(?!> ).*\n)*)", out, flags=re.MULTILINE))
    for name, system in lab.SENSES.items():
        if name != "look":
            assert re.search(rf"^{system} .* \*$", answers[name], flags=re.MULTILINE)
            assert re.search(rf"beyond chance: .*{system}", answers[name])
    walked = " ".join(answers["walk"].split())
    assert re.search(r"gait: [\d.]+ Hz over \d cycles, left-right phase 0\.[45]\d", walked)
    assert "without motor cortex: no torque" in walked
    assert "healed: silenced Calcarine_L" in answers["heal"]
    # The last look was at a brain without its left calcarine cortex.
    assert "alarm: silent: Calcarine_L" in answers["look"]
    assert "left, lateral" in answers["show"] and "Precentral_L" in answers["show"]
    for name in ("status", "look", "walk", "rest 2", "show"):
        assert re.search(r"brain time [\d.]+ s; this answer .* x real time", answers[name])


def test_a_lesion_without_a_side_is_on_both(talk):
    _, out, _ = talk("lesion calcarine", "heal")
    assert "silenced Calcarine_L, Calcarine_R; heal undoes it" in out
    assert "healed: silenced calcarine" in out


def test_any_regions_can_be_stimulated(talk):
    status, out, _ = talk(
        "stimulate Precentral_L, heschl 600 pA 100 ms", "stimulate motor", "stimulate visual 90ms"
    )
    assert status == 0
    first, second, third = re.split(r"^> stimulate .*\n", out, flags=re.MULTILINE)[1:]
    assert "8 pulses of 600 pA, 100 ms, into Precentral_L, heschl" in first
    assert re.search(r"^auditory .* \*$", first, flags=re.MULTILINE)
    assert re.search(r"^motor .* \*$", first, flags=re.MULTILINE)
    assert "8 pulses, 150 ms, into motor" in second
    assert re.search(r"^motor .* \*$", second, flags=re.MULTILINE)
    assert "8 pulses, 90 ms, into visual" in third


def test_one_lesion_is_healed_without_the_others(talk):
    status, out, _ = talk(
        "lesion Calcarine",
        "lesion Heschl_L, Precentral_L",
        "heal Calcarine",
        "rest 0.5",
        "status",
        "heal all",
    )
    assert status == 0
    assert "healed: silenced Calcarine; still there: silenced Heschl_L, Precentral_L\n" in out
    assert "lesions: silenced Heschl_L, Precentral_L\n" in out
    assert out.count("working point: theory for it\n") == 2  # at the start, and in status
    assert "alarm: silent: Heschl_L" in out and "alarm: silent: Calcarine" not in out


def test_brain_time_is_what_was_asked_for(talk):
    _, out, _ = talk("rest 0.5", "rest 1")
    times = [float(t) for t in re.findall(r"brain time ([\d.]+) s;", out)]
    assert times == pytest.approx([0.8, 1.8])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dance", "no command 'dance'"),
        ("loook", "did you mean look?"),
        ("s", "did you mean sound or stimulate or status or show or save?"),
        ("rest", "rest N"),
        ("rest -1", "give from"),
        ("rest soon", "not a number"),
        ("lesion", "lesion what?"),
        ("lesion Calcarin_L", "nearest: Calcarine_L"),
        ("lesion Calcarine_L, Hesch", "'Hesch' is no region"),
        ("heal Calcarine", "no lesion within 'Calcarine'; lesions: none"),
        ("heal nowhere", "is no region"),
        ("stimulate", "stimulate what?"),
        ("stimulate 400 pA", "stimulate what?"),
        ("stimulate Calcarine_L lots pA", "'lots' is not a number; give a number of pA"),
        ("stimulate Calcarine_L 1 pA 2 pA", "pA is said twice"),
        ("stimulate Calcarine_L -5 ms", "pulse duration_ms is -5.0"),
        ("stimulate smell", "'smell' is no region"),
        ("look up", "takes no argument"),
        ("save", "give the name of a file"),
        ("save nowhere/x", "does not exist"),
        ("load nothing.snap", "no snapshot at"),
        ("plot x.txt", "a picture is one of"),
        ("plot x.png", "nothing was recorded yet"),
        ("help dance", "no command 'dance'"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_and_the_conversation_goes_on(talk, line, message):
    status, out, err = talk(line, "help look")
    assert status == demo.BAD_INPUT
    (told,) = re.findall(r"^error: .*", out, flags=re.MULTILINE)
    assert message in told
    assert "show the eyes something" in out
    assert err == "error: 1 of 2 commands failed; see above\n"


def test_commands_may_be_shortened_and_lines_left_empty(talk):
    status, out, _ = talk("", "# a remark", "hel", "? rest", "QUIT")
    assert status == 0
    assert "you can say" in out and "rest N: let N seconds" in out


def test_a_saved_brain_goes_on_to_the_bit(talk, tmp_path, small_choice):
    file = tmp_path / "brain.snap"
    _, out, _ = talk("lesion auditory", "rest 0.3", f"save {file}", "rest 0.4")
    again = talk(f"load {file}", "rest 0.4")[1]
    assert "silenced auditory" in again
    rates = re.compile(r"^(\w+ +\d+ +[\d.]+ ±.*)$", flags=re.MULTILINE)
    assert rates.findall(again) == rates.findall(out)[-5:]


def test_load_builds_the_brain_that_was_saved(talk, tmp_path, small_choice):
    import dataclasses

    other = dataclasses.replace(small_choice, wiring_seed=5, noise_seed=6)
    file = tmp_path / "other.snap"
    talk("rest 0.2", f"save {file}", choice=other)
    status, out, _ = talk(f"load {file}", "rest 0.1")
    assert status == 0
    assert "wiring seed 5, noise seed 6, at 0.50 s" in out
    assert "brain time 0.60 s" in out


def test_a_foreign_or_damaged_file_leaves_the_brain_as_it_is(conversation, tmp_path, capsys):
    file = tmp_path / "brain.snap"
    conversation.onecmd(f"save {file}")
    whole = file.read_bytes()
    session = conversation.lab.session
    for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04 nonsense", b"text"):
        file.write_bytes(damaged)
        conversation.onecmd(f"load {file}")
        assert re.search(r"^error: .*snap", capsys.readouterr().out, flags=re.MULTILINE)
        assert conversation.lab.session is session
    file.write_bytes(whole)
    conversation.onecmd(f"load {file}")
    assert conversation.lab.session is not session
    assert conversation.lab.session.step == session.step


def test_a_snapshot_of_a_session_alone_is_known_by_its_digest(conversation, tmp_path, capsys):
    import dataclasses

    file = tmp_path / "plain.snap"
    conversation.lab.session.snapshot().save(file)
    conversation.onecmd(f"load {file}")
    assert "loaded hcp-aal2" in capsys.readouterr().out
    dataclasses.replace(conversation.lab.session.snapshot(), network="0" * 64).save(file)
    conversation.onecmd(f"load {file}")
    assert "is of another brain (000000000000" in capsys.readouterr().out


def test_plot_draws_the_last_recording(conversation, tmp_path, capsys):
    file = tmp_path / "seen.png"
    conversation.onecmd("rest 0.5")
    conversation.onecmd(f"plot {file}")
    assert file.read_bytes().startswith(b"\x89PNG")
    assert [f.name for f in tmp_path.iterdir()] == ["seen.png"]


def test_status_remembers_undisturbed_activity_alone(conversation, capsys):
    conversation.onecmd("rest 1.5")
    conversation.onecmd("status")
    assert "rates over 2.50 s" in capsys.readouterr().out
    conversation.onecmd("lesion frontal")
    conversation.onecmd("status")
    assert "rates over 1.00 s" in capsys.readouterr().out
    conversation.onecmd("look")
    capsys.readouterr()
    conversation.onecmd("status")
    assert "rates over 1.00 s" in capsys.readouterr().out


def test_completion_knows_commands_regions_and_files(conversation, tmp_path):
    assert conversation.completenames("st") == ["stimulate ", "status "]
    complete = conversation.complete_lesion
    assert complete("calc", "lesion calc", 7, 11) == ["Calcarine_L", "Calcarine_R"]
    assert "left" in complete("", "lesion ", 7, 7)
    assert complete("Hes", "heal Calcarine_L, Hes", 18, 21) == ["Heschl_L", "Heschl_R"]
    assert complete("lo", "lesion frontal lo", 15, 17) == ["lobe"]
    assert complete("v", "stimulate v", 10, 11) == ["visual", "V1"]
    assert not complete("V2", "lesion V2", 7, 9)  # no region here is in it
    (tmp_path / "brain.snap").touch()
    start = str(tmp_path / "br")
    assert conversation.complete_load(start, f"load {start}", 5, 5 + len(start)) == [
        str(tmp_path / "brain.snap")
    ]


def test_ctrl_c_stops_a_command_and_the_brain_goes_on(small_choice, capsys):
    import signal

    made = demo.Conversation(small_choice, 1, interactive=True)
    made.start()

    def press(draw):
        def record(*given, **named):
            signal.raise_signal(signal.SIGINT)
            return draw(*given, **named)

        return record

    usual = made.lab.session.record
    made.lab.session.record = press(usual)
    made.onecmd("rest 300")
    assert "ended early, after 0.05 s" in capsys.readouterr().out
    made.onecmd("look")
    assert "interrupted; brain time is" in capsys.readouterr().out
    assert not made.lab.session.poisson_Hz.any()
    made.lab.session.record = usual
    made.onecmd("rest 0.1")
    assert "ended early" not in capsys.readouterr().out


WORDS = st.sampled_from(
    ["help", "lesion", "heal", "load", "rest", "save", "plot", "?", "!", "EOF", "#", "lesion L"]
)
ARGUMENTS = st.one_of(
    st.text(st.characters(exclude_characters="/\\~", exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["Calcarine_L", "left", "visual", "0.01", "1e-4", "1e400", "/", ".", "~"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(WORDS, ARGUMENTS), min_size=1, max_size=4))
def test_no_input_ends_in_a_traceback(shared, tmp_path, monkeypatch, lines):
    monkeypatch.chdir(tmp_path)
    for word, argument in lines:
        shared.onecmd(f"{word} {argument}".replace("\n", " "))
    shared.onecmd("heal")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(max_size=30))
def test_no_line_ends_in_a_traceback(shared, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    shared.onecmd(line)


@pytest.fixture(scope="module")
def shared(small_choice):
    """One conversation for many lines."""
    made = demo.Conversation(small_choice, 1, interactive=False)
    made.start()
    return made
