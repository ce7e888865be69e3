"""A prompt far from what the engine learned is told so, with what comes nearest; embeddings are kept on disk."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from torch import Tensor

from otio_v2a_engine import reach
from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.reach import Reach, phrases
from otio_v2a_engine.simulate.vocabulary import EFFECTS


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


def test_phrases_are_the_sounds_that_a_prompt_names() -> None:
    assert phrases("the sound of rain, boots in mud and a dog.") == ["rain", "boots in mud", "a dog"]
    assert phrases("  ") == []


@pytest.mark.parametrize(
    "text", ["boots on a wooden floor", "a gunshot echoes", "a ball bounces on the ground", "a cow moos", "an owl", ""]
)
def test_a_known_sound_in_other_words_is_no_surprise(encoder: SentenceEncoder, text: str) -> None:
    assert Reach(encoder).warnings(PromptSpec(text=text)) == ()


@pytest.mark.parametrize("text", ["an opera aria", "a cash register", "footsteps on gravel, a theremin solo"])
def test_a_far_phrase_is_named_with_three_that_are_nearest(encoder: SentenceEncoder, text: str) -> None:
    (words,) = Reach(encoder).warnings(PromptSpec(text=text))
    assert words.startswith(f'"{text.split(", ")[-1]}" is far from')
    assert words.count('"') == 8


def test_a_voice_among_the_effects_is_far_and_the_role_that_makes_it_is_named(encoder: SentenceEncoder) -> None:
    reach = Reach(encoder)
    (words,) = reach.warnings(PromptSpec(text="a woman speaks"))
    assert words.endswith("the role DX makes it")
    (words,) = reach.warnings(PromptSpec(text="a slow waltz on the piano"))
    assert words.endswith("the role MUS makes it")
    assert reach.warnings(PromptSpec(text="a woman speaks", role=Role.DX)) == ()
    assert reach.warnings(PromptSpec(text="tense strings", role=Role.MUS)) == ()
    (words,) = reach.warnings(PromptSpec(text="glass breaks", role=Role.MUS))
    assert "has learned for MUS" in words


def test_nearest_names_differ_in_kind_and_belong_to_the_role(encoder: SentenceEncoder) -> None:
    names = [name for name, _ in Reach(encoder).nearest("waves at the beach", Role.AMB)]
    assert names[0] == "ocean waves on a beach"
    assert len(set(names)) == 3


def test_a_text_is_about_the_kinds_it_names_and_far_words_are_about_none(encoder: SentenceEncoder) -> None:
    names = [kind.name for kind in EFFECTS]
    shares = Reach(encoder).kinds("a barking dog and boots on gravel, an opera aria", names=names)
    assert shares.sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert [names[int(row.argmax())] for row in shares] == ["dog", "steps_gravel"]
    assert Reach(encoder).kinds("an opera aria", names=names).shape == (0, len(names))


class _Counting(SentenceEncoder):
    """Knows how many sentences it was asked for."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.__dict__.update(encoder.__dict__)
        self.asked = 0

    def embed(self, sentences: Sequence[str]) -> Tensor:
        self.asked += len(sentences)
        return super().embed(sentences)


def test_embeddings_are_computed_once_and_kept(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_captions", lambda role: ("rain", "wind") if role is Role.AMB else ("door shutting",))
    counts = []
    for _ in range(2):
        counting = _Counting(encoder)
        Reach(counting, shipped=tmp_path / "none", cache=tmp_path).nearest("rain", Role.AMB)
        counts.append(counting.asked)
    assert counts == [6, 1]  # one caption of each of the other three roles
    monkeypatch.setattr(
        reach, "_captions", lambda role: ("crickets at night",) if role is Role.AMB else ("door shutting",)
    )
    assert (
        Reach(encoder, shipped=tmp_path / "none", cache=tmp_path).nearest("rain", Role.AMB)[0][0] == "crickets at night"
    )


def test_a_damaged_file_is_computed_anew(
    encoder: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_captions", lambda role: ("rain", "wind") if role is Role.AMB else ("door shutting",))
    damaged = tmp_path / "captions.safetensors"
    damaged.write_bytes(b"not a file of tensors")
    near = Reach(encoder, shipped=damaged, cache=tmp_path / "cache").nearest("it rains", Role.AMB)
    assert near[0][0] == "rain"
