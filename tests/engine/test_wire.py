"""Messages survive the wire; nothing else does."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otio_v2a_engine import wire
from otio_v2a_engine.bleed_note import Bleed
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, Sampling, VisualEvent

fractions = st.fractions(min_value=-(10**6), max_value=10**6)
positive = st.fractions(min_value=0, max_value=10**6)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
pictures = st.builds(
    Picture,
    path=words.map(lambda text: "/" + text.replace("\0", "")),
    start_s=fractions,
    speed=fractions,
    first_s=positive,
    last_s=st.none() | positive.map(lambda t: t + 10**6),
    cuts_s=st.lists(positive, unique=True, max_size=5).map(lambda cuts: tuple(sorted(cuts))),
    sequence_rate=st.none() | st.just(Fraction(24000, 1001)),
    sequence_first=st.integers(0, 10**6),
)
prompts = st.builds(PromptSpec, words, words, st.sampled_from(Role), words)
requests = st.builds(
    RenderRequest,
    picture=pictures,
    prompt=prompts,
    n_samples=st.integers(1, 10**9),
    channels=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**63 - 1),
    sampling=st.builds(Sampling, st.none() | st.integers(1, 1000), st.none() | st.floats(0, 50)),
)
commands = st.one_of(
    st.builds(wire.Render, words, words, words, requests, words),
    st.builds(wire.FindShots, words, pictures, positive),
    st.builds(wire.MeasureFit, words, words, st.integers(0, 2**40), st.integers(1, 2**40), prompts),
    st.builds(wire.FindEvents, words, words, words, pictures, positive, st.floats(0, 1), st.lists(words).map(tuple)),
    st.builds(wire.Cancel, words),
    st.just(wire.Quit()),
)
numbers = st.floats(0, 1e6)
counts = st.integers(0, 10**12)
seen = st.builds(VisualEvent, fractions, st.floats(0, 1))
events = st.one_of(
    st.builds(wire.Ready, counts),
    st.builds(wire.Advanced, words, counts, counts, words),
    st.builds(wire.Finished, words, words, counts, counts, counts, words, numbers, numbers, st.lists(words).map(tuple)),
    st.builds(wire.ShotsFound, words, st.lists(fractions).map(tuple)),
    st.builds(
        wire.FitMeasured,
        words,
        st.none() | st.floats(0, 1),
        st.none() | st.builds(Bleed, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1)),
    ),
    st.builds(wire.EventsFound, words, st.lists(seen, max_size=5).map(tuple)),
    st.builds(wire.Failed, words, words, words),
)


@settings(max_examples=60, deadline=None)
@given(commands)
def test_commands_survive_the_wire(command: wire.Command) -> None:
    line = wire.encode(command)
    assert "\n" not in line
    assert line.isascii()
    assert wire.decode_command(line) == command


@settings(max_examples=60, deadline=None)
@given(events)
def test_events_survive_the_wire(event: wire.Event) -> None:
    assert wire.decode_event(wire.encode(event)) == event


def _render_line(**changes: Any) -> str:
    request = RenderRequest(picture=Picture("/a.mov"), prompt=PromptSpec(), n_samples=100)
    data = json.loads(wire.encode(wire.Render("r1", "fake", "cpu", request, "/out.wav")))
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = data
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return json.dumps(data)


def test_the_line_that_the_others_are_made_from_is_valid() -> None:
    assert isinstance(wire.decode_command(_render_line()), wire.Render)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        '"Quit"',
        '{"type": []}',
        '{"type": "Finished"}',
        '{"type": "Quit", "now": true}',
        '{"type": "Cancel"}',
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"type": "Cancel", "id": ' + "9" * 10_000 + "}",
        _render_line(request=7),
        _render_line(request__n_samples=True),
        _render_line(request__n_samples=1.5),
        _render_line(request__n_samples="100"),
        _render_line(request__n_samples=10**30),
        _render_line(request__channels=99),
        _render_line(request__sampling__guidance=float("nan")),
        _render_line(request__sampling__guidance=float("inf")),
        _render_line(request__sampling__guidance="3"),
        _render_line(request__prompt__role="NOISE"),
        _render_line(request__prompt__text=None),
        _render_line(request__prompt=["text"]),
        _render_line(request__picture__start_s="1/0"),
        _render_line(request__picture__start_s="1e999999999"),
        _render_line(request__picture__start_s="nan"),
        _render_line(request__picture__start_s=1),
        _render_line(request__picture__start_s="9" * 10_000),
        _render_line(request__picture__cuts_s="12"),
        _render_line(request__picture__cuts_s={"1": 2}),
        _render_line(request__picture__path="/a\0b"),
        _render_line(request__picture__unknown=1),
    ],
)
def test_what_is_no_command_raises_wire_error_in_few_words(line: str) -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.decode_command(line)
    assert len(str(caught.value)) < 500


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_a_command_or_a_wire_error(data: Any) -> None:
    with pytest.raises(wire.WireError):
        wire.decode_command(json.dumps(data))


def test_commands_are_not_events() -> None:
    with pytest.raises(wire.WireError):
        wire.decode_event(wire.encode(wire.Quit()))


def test_canonical_json_has_one_spelling_per_value() -> None:
    first = wire.canonical_json({"b": Fraction(2, 4), "a": (Role.FX, "é")})
    assert first == wire.canonical_json({"a": [Role.FX, "é"], "b": Fraction(1, 2)})
    assert first == '{"a":["FX","é"],"b":"1/2"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.canonical_json(float("nan"))
