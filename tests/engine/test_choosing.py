"""Events that sound and that do not: forbidden, not asked for, seen faintly; and drafts that are on time."""

import pytest
import torch

from otio_v2a_engine.models.choosing import believed, left_out, on_time

KINDS = 8
DOG, GLASS, STEPS = torch.eye(KINDS)[:3, None]
NOTHING = torch.zeros(0, KINDS)


def _events(*likeliest: int) -> torch.Tensor:
    return torch.stack([9.0 * torch.eye(KINDS)[kind] for kind in likeliest])


def test_of_two_sounds_the_forbidden_one_goes_and_the_other_stays() -> None:
    assert left_out(_events(0, 1, 0), asked=GLASS, forbidden=DOG, is_all=False).tolist() == [True, False, True]


def test_what_is_asked_for_and_forbidden_is_forbidden() -> None:
    assert left_out(_events(0, 1), asked=torch.cat([GLASS, DOG]), forbidden=DOG, is_all=True).tolist() == [True, False]


def test_without_a_prompt_only_what_clearly_is_the_forbidden_goes() -> None:
    unsure = torch.zeros(1, KINDS)
    events = torch.cat([_events(0, 1), unsure])
    assert left_out(events, asked=NOTHING, forbidden=DOG, is_all=False).tolist() == [True, False, False]


def test_each_of_several_forbidden_sounds_goes() -> None:
    found = left_out(_events(0, 1, 2), asked=STEPS, forbidden=torch.cat([DOG, GLASS]), is_all=False)
    assert found.tolist() == [True, True, False]


def test_words_about_nothing_known_forbid_nothing() -> None:
    assert left_out(_events(0, 1), asked=GLASS, forbidden=NOTHING, is_all=False).tolist() == [False, False]
    assert left_out(torch.zeros(0, KINDS), asked=GLASS, forbidden=DOG, is_all=True).tolist() == []


def test_beside_what_is_asked_for_what_is_not_stays_silent_unless_the_prompt_is_only_partly_known() -> None:
    unsure = torch.zeros(1, KINDS)
    events = torch.cat([_events(0, 1), unsure])
    assert left_out(events, asked=DOG, forbidden=NOTHING, is_all=True).tolist() == [False, True, False]
    assert left_out(events, asked=DOG, forbidden=NOTHING, is_all=False).tolist() == [False, False, False]


def test_where_nothing_looks_like_what_is_asked_for_the_prompt_is_believed() -> None:
    assert left_out(_events(1, 2), asked=DOG, forbidden=NOTHING, is_all=True).tolist() == [False, False]


def test_a_faint_event_is_believed_where_it_looks_like_what_is_asked_for() -> None:
    faint = torch.tensor([0.45, 0.45, 0.9])
    assert believed(faint, _events(0, 1, 1), asked=DOG).tolist() == [True, False, True]
    assert believed(faint, _events(0, 1, 1), asked=torch.cat([DOG, GLASS])).tolist() == [True, True, True]


def test_where_nothing_looks_like_what_is_asked_for_only_confidence_counts() -> None:
    confidences = torch.tensor([0.45, 0.7])
    assert believed(confidences, _events(1, 1), asked=DOG).tolist() == [False, True]
    assert believed(torch.zeros(0), torch.zeros(0, KINDS), asked=DOG).tolist() == []


def _hits(*starts: int, n: int = 200) -> torch.Tensor:
    """A log-mel of hits that die away."""
    mel = torch.full((n, 96), -4.0)
    for start in starts:
        fading = -1.0 - 0.1 * torch.arange(min(25, n - start))
        mel[start : start + len(fading)] = torch.maximum(mel[start : start + len(fading)], fading[:, None])
    return mel


def test_a_sound_is_on_time_when_it_begins_at_all_instants_and_nowhere_else() -> None:
    sounds = [_hits(40, 90), _hits(40), _hits(40, 90, 150), _hits(60, 110), torch.full((200, 96), -4.0)]
    whole, half, more, late, none = on_time(torch.stack(sounds), (40, 90)).tolist()
    assert whole > 0.95
    assert half == pytest.approx(2 / 3, abs=0.05)
    assert more == pytest.approx(0.8, abs=0.05)
    assert late < 0.05
    assert none == 0.0


def test_a_few_frames_do_not_make_a_sound_late() -> None:
    sounds = torch.stack([_hits(40 + offset, 90 + offset) for offset in (-2, 0, 2)])
    assert (on_time(sounds, (40, 90)) > 0.9).all()
