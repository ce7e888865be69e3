"""Simulated music: in tune, in time, levelled, called what it is, and the same for the same seed."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.instruments import DRUMS, TUNED, drum, player
from otio_v2a_engine.simulate.music import STYLES, piece
from otio_v2a_engine.simulate.score import MOODS, Score
from otio_v2a_engine.simulate.styles import compose
from otio_v2a_engine.simulate.vocabulary import MUSIC

NO_BANK = Bank(None)
MELODIC = tuple(style for style in STYLES if style != "beat")
FIVE_SECONDS = 5 * SAMPLE_RATE


def score_of(seed: int, style: str, *, seconds: float = 5.0) -> Score:
    """The score that `piece` plays for that seed."""
    return compose(np.random.default_rng(seed), seconds, style)


def cents_off_grid(hz: npt.NDArray[np.float64], *, shift: float = 0.0) -> npt.NDArray[np.float64]:
    """How far frequencies lie from the nearest tempered semitone (the grid shifted by so many cents)."""
    cents = 1200 * np.log2(hz / 440.0) - shift
    return np.abs((cents + 50) % 100 - 50)


def spectral_peaks(samples: npt.NDArray[np.float32], low_hz: float, high_hz: float) -> tuple[npt.NDArray, npt.NDArray]:
    """Frequencies and powers of the local maxima of the spectrum, down to 40 dB below the highest."""
    size = 1 << 19
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)) ** 2
    inner = power[1:-1]
    tops = np.flatnonzero((inner > power[:-2]) & (inner >= power[2:])) + 1
    hz = tops * (SAMPLE_RATE / size)
    kept = (hz > low_hz) & (hz < high_hz)
    kept &= power[tops] > 1e-4 * power[tops][kept].max()
    return hz[kept], power[tops][kept]


@pytest.mark.parametrize("style", STYLES)
def test_a_cue_is_levelled_and_the_same_for_the_same_seed(style: str) -> None:
    samples, caption = piece(np.random.default_rng(11), FIVE_SECONDS, style=style, bank=NO_BANK)
    again, caption_again = piece(np.random.default_rng(11), FIVE_SECONDS, style=style, bank=NO_BANK)
    other, _ = piece(np.random.default_rng(12), FIVE_SECONDS, style=style, bank=NO_BANK)
    assert samples.tobytes() == again.tobytes()
    assert caption == caption_again
    assert samples.tobytes() != other.tobytes()
    for each in (samples, other):
        assert each.shape == (FIVE_SECONDS,)
        assert each.dtype == np.float32
        assert np.isfinite(each).all()
        assert np.sqrt(np.mean(each.astype(np.float64) ** 2)) == pytest.approx(0.1, rel=0.1)
        assert np.abs(each).max() < 0.95
        assert abs(each.mean()) < 1e-3


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("n_samples", [1, 7, 960, 24001])
def test_a_cue_of_any_length_sounds(style: str, n_samples: int) -> None:
    samples, caption = piece(np.random.default_rng(n_samples), n_samples, style=style, bank=NO_BANK)
    assert samples.shape == (n_samples,)
    assert np.sqrt(np.mean(samples.astype(np.float64) ** 2)) == pytest.approx(0.1, rel=0.1)
    assert caption


def test_a_cue_of_ten_seconds_is_not_silent_for_long() -> None:
    for style in ("beat", "strings", "music_box", "band"):
        samples, _ = piece(np.random.default_rng(3), 10 * SAMPLE_RATE, style=style, bank=NO_BANK)
        seconds = np.abs(samples.reshape(10, SAMPLE_RATE)).max(1)
        assert np.count_nonzero(seconds < 1e-4) <= 2, style


@pytest.mark.parametrize("name", TUNED)
def test_an_instrument_plays_the_pitch_it_is_asked_for(name: str) -> None:
    play = player(name, np.random.default_rng(5))
    for pitch in (57, 69):
        wanted = 440 * 2 ** ((pitch - 69) / 12)
        note = play(pitch, 1.5, 0.8)
        hz, power = spectral_peaks(note[: 2 * SAMPLE_RATE], 0.94 * wanted, 1.06 * wanted)
        cents = 1200 * np.log2(np.sum(hz * power) / np.sum(power) / wanted)
        assert abs(cents) < 12, (name, pitch)


@pytest.mark.parametrize("name", TUNED)
def test_a_note_starts_and_ends_without_a_click_and_does_not_alias(name: str) -> None:
    play = player(name, np.random.default_rng(6))
    for pitch in (40, 64, 100):
        note = play(pitch, 0.4, 1.0)
        assert abs(note[0]) < 0.02
        assert abs(note[-1]) < 0.02
        power = np.abs(np.fft.rfft(note)) ** 2
        first_above = int(17500 * len(note) / SAMPLE_RATE)
        assert power[first_above:].sum() < 1e-4 * power.sum(), (name, pitch)
    assert play(64, 0.4, 1.0) is play(64, 0.4, 1.0)


def test_a_stronger_brass_note_is_brighter() -> None:
    play = player("brass", np.random.default_rng(2))

    def centroid(note: npt.NDArray[np.float32]) -> float:
        power = np.abs(np.fft.rfft(note, SAMPLE_RATE)) ** 2
        return float(np.sum(np.arange(len(power)) * power) / power.sum())

    assert centroid(play(60, 0.8, 1.0)) > 1.1 * centroid(play(60, 0.8, 0.2))


@pytest.mark.parametrize("style", ["organ", "piano", "winds"])
def test_sustained_music_lies_on_the_tempered_scale(style: str) -> None:
    on, between = [], []
    for seed in (1, 2, 3):
        samples, _ = piece(np.random.default_rng(seed), FIVE_SECONDS, style=style, bank=NO_BANK)
        hz, power = spectral_peaks(samples, 100, 900)
        loudness = power**0.5
        on.append(np.sum(loudness * (cents_off_grid(hz) < 25)) / loudness.sum())
        between.append(np.sum(loudness * (cents_off_grid(hz, shift=50) < 25)) / loudness.sum())
    assert np.mean(on) > 0.75
    assert np.mean(between) < 0.2


def test_an_organ_cue_sounds_the_pitch_classes_of_its_score() -> None:
    for seed in (21, 22, 23):
        score = score_of(seed, "organ")
        samples, _ = piece(np.random.default_rng(seed), FIVE_SECONDS, style="organ", bank=NO_BANK)
        hz, power = spectral_peaks(samples, 60, 400)
        loudest = hz[np.argsort(power)[-4:]]
        classes = {round(69 + 12 * float(np.log2(each / 440))) % 12 for each in loudest}
        assert classes <= {note.pitch % 12 for note in score.notes}, seed


def test_a_beat_keeps_the_tempo_of_its_score() -> None:
    for seed in (31, 32, 33, 34):
        score = score_of(seed, "beat", seconds=8)
        samples, _ = piece(np.random.default_rng(seed), 8 * SAMPLE_RATE, style="beat", bank=NO_BANK)
        mel = log_mel(samples)
        flux = np.maximum(np.diff(mel, axis=0), 0).mean(1)
        top = flux > np.maximum(0.35 * flux.max(), np.median(flux) * 3)
        top[1:-1] &= (flux[1:-1] >= flux[:-2]) & (flux[1:-1] > flux[2:])
        # Half a window before the frame's centre the stroke first counts.
        onsets_s = (np.flatnonzero(top[1:-1]) + 2) * 0.01
        assert len(onsets_s) >= 8, seed

        def agreement(bpm: float, *, onsets_s: npt.NDArray[np.float64] = onsets_s) -> float:
            """1 where all onsets lie at one phase of the sixteenth note."""
            return float(abs(np.mean(np.exp(2j * np.pi * onsets_s * bpm / 15))))

        assert agreement(score.bpm) > 0.85, seed
        assert agreement(score.bpm) > 2 * agreement(score.bpm * 1.03), seed


@pytest.mark.parametrize("style", MELODIC)
def test_every_note_belongs_to_its_key_or_chord_and_none_moves_under_the_held_end(style: str) -> None:
    held = 0
    for seed in range(12):
        score = score_of(seed, style, seconds=8)
        tuned = [note for note in score.notes if note.voice not in DRUMS]
        assert tuned
        for note in tuned:
            bar = int(note.beat // score.per_bar)
            assert note.pitch % 12 in {*score.scale, *score.chords[bar], score.tonic}, (seed, note)
            assert 24 <= note.pitch <= 110
            assert 0 < note.strength <= 1.2
        if score.held is not None:
            held += 1
            assert max(note.beat for note in score.notes) == score.held * score.per_bar
    assert held <= 8


def test_moods_shape_tempo_and_mode_and_clips_cut_into_bars() -> None:
    at_bar, moods, metres = 0, set(), set()
    for seed in range(120):
        score = score_of(seed, STYLES[seed % len(STYLES)])
        mood = MOODS[score.mood]
        assert mood.slowest_bpm <= score.bpm <= mood.fastest_bpm
        assert 50 <= score.bpm <= 160
        assert score.mode in mood.modes
        at_bar += score.first_beat == 0
        moods.add(score.mood)
        metres.add(score.per_bar)
    assert 40 <= at_bar <= 80
    assert moods == set(MOODS)
    assert metres == {3, 4}


def test_the_voices_of_chords_move_less_than_their_roots() -> None:
    moves, roots = [], []
    for seed in range(40):
        score = score_of(seed, "synth", seconds=12)
        chords: dict[float, list[int]] = {}
        for note in score.notes:
            if note.voice == "pad":
                chords.setdefault(note.beat, []).append(note.pitch)
        for (beat, before), (next_beat, after) in pairwise(chords.items()):
            if len(before) == len(after):
                moves.append(np.abs(np.subtract(sorted(before), sorted(after))).mean())
                step = (
                    score.chords[int(next_beat // score.per_bar)][0] - score.chords[int(beat // score.per_bar)][0]
                ) % 12
                roots.append(min(step, 12 - step))
    assert len(moves) > 40
    assert np.mean(moves) < 0.7 * np.mean(roots)


def test_a_caption_tells_the_truth_about_mood_pace_and_instrument() -> None:
    mood_of = {word: name for name, mood in MOODS.items() for word in mood.words}
    assert len(mood_of) == sum(len(mood.words) for mood in MOODS.values())
    captions, moody, plain = set(), 0, 0
    for seed in range(60):
        style = STYLES[seed % len(STYLES)]
        score = score_of(seed, style, seconds=2)
        _, caption = piece(np.random.default_rng(seed), 4800, style=style, bank=NO_BANK)
        words = caption.replace(",", "").split()
        captions.add(caption)
        moods = {mood_of[word] for word in words if word in mood_of}
        assert moods <= {score.mood}, caption
        moody += bool(moods)
        leads = [lead.removeprefix("an ").removeprefix("a ").removesuffix("music") for lead in score.lead]
        named = any(lead in caption for lead in leads)
        plain += not named
        assert named or caption.endswith("music"), caption
        assert "slow" not in words or score.bpm < 75
        assert "fast" not in words or score.bpm > 125
        assert "waltz" not in words or score.per_bar == 3
        assert "key" not in words or score.mode in words
    assert len(captions) > 40
    assert moody > 20
    assert plain < 20


def test_the_vocabulary_knows_every_style() -> None:
    assert tuple(kind.name for kind in MUSIC) == STYLES


def test_recorded_drums_are_played_where_the_bank_has_them(tmp_path: Path) -> None:
    (tmp_path / "muldjordkit").mkdir()
    t = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    rows = ["file\tsource\tlicence\tdescription"]
    for number, name in enumerate(("Kdrum", "Snare", "Hihat")):
        tone = np.sin(2 * np.pi * 1000 * (number + 1) * t) * np.exp(-20 * t)
        soundfile.write(tmp_path / "muldjordkit" / f"{name}1.wav", tone, SAMPLE_RATE)
        rows.append(f"muldjordkit/{name}1.wav\tkit\tCC0\tlabel={name}")
    (tmp_path / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    bank = Bank(tmp_path)
    recorded = 0
    for seed in range(60):
        stroke = drum("snare", np.random.default_rng(seed), bank)
        power = np.abs(np.fft.rfft(stroke, SAMPLE_RATE)) ** 2
        recorded += power[1950:2050].sum() > 0.9 * power.sum()
    assert 30 <= recorded <= 50
    with_bank, _ = piece(np.random.default_rng(8), SAMPLE_RATE, style="beat", bank=bank)
    without, _ = piece(np.random.default_rng(8), SAMPLE_RATE, style="beat", bank=NO_BANK)
    assert with_bank.tobytes() != without.tobytes()
