"""Voices without words: in time with their syllables, at their speakers' pitch, from mouths that move with them."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import find_peaks

from otio_v2a_engine.models.mel import SAMPLE_RATE
from otio_v2a_engine.simulate.acting import Act, Event
from otio_v2a_engine.simulate.acts_talk import talk
from otio_v2a_engine.simulate.draw import TRACK_RATE, Actor
from otio_v2a_engine.simulate.vocabulary import VOICES
from otio_v2a_engine.simulate.voice import SPEAKERS, utterance

SECONDS = 4.0
PHRASES = ((0.4, 0.62, 0.83, 1.1), (1.9, 2.1, 2.38, 2.6, 2.8), (3.6,))
SYLLABLES = tuple(Event(time, 0.6 + 0.1 * (k % 4), 0.5) for phrase in PHRASES for k, time in enumerate(phrase))


def say(speaker: str, seed: int = 0) -> npt.NDArray[np.float32]:
    return utterance(
        np.random.default_rng([9, seed]), round(SECONDS * SAMPLE_RATE), speaker=speaker, syllables=SYLLABLES
    )


def rms(samples: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def pitches(samples: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Hz of the strongest autocorrelation of 40 ms frames, 60 to 600 Hz, and its height, over loud frames."""
    length = 1920
    spectrum = np.fft.rfft(samples)  # below 1.2 kHz, where the pitch is plainest
    spectrum[round(1200 / SAMPLE_RATE * len(samples)) :] = 0
    frames = np.fft.irfft(spectrum, len(samples))[: len(samples) // length * length].reshape(-1, length)
    frames = frames[frames.std(1) > 0.5 * samples.std()]
    frames = (frames - frames.mean(1, keepdims=True)) * np.hanning(length)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 4096)) ** 2)[:, :length]
    hann = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(length), 4096)) ** 2)[:length]
    first, last = SAMPLE_RATE // 600, SAMPLE_RATE // 60
    correlation = correlation[:, first:last] / correlation[:, :1] / (hann / hann[0])[first:last]
    # The earliest lag that is nearly as good as the best: not twice the period.
    nearly = correlation > 0.88 * correlation.max(1, keepdims=True)
    peak = nearly.copy()
    peak[:, 1:-1] &= (correlation[:, 1:-1] >= correlation[:, :-2]) & (correlation[:, 1:-1] >= correlation[:, 2:])
    lag = np.where(peak.any(1), peak.argmax(1), correlation.argmax(1))
    return SAMPLE_RATE / (first + lag), correlation.max(1)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_the_same_seed_says_the_same_and_another_seed_something_else(speaker: str) -> None:
    first, again, other = say(speaker), say(speaker), say(speaker, 1)
    assert first.dtype == np.float32
    assert first.shape == (round(SECONDS * SAMPLE_RATE),)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert np.abs(first).max() == pytest.approx(1.0)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_voice_sounds_at_its_syllables_and_is_silent_in_its_pauses(speaker: str) -> None:
    for seed in range(4):
        samples = say(speaker, seed)
        vowels = [samples[int((e.time_s + 0.01) * SAMPLE_RATE) :][: SAMPLE_RATE // 10] for e in SYLLABLES]
        loud = rms(np.concatenate(vowels))
        assert min(map(rms, vowels)) > 0.3 * loud
        for start_s, end_s in ((0.0, 0.27), (1.1 + 0.36, 1.9 - 0.13), (2.8 + 0.36, 3.6 - 0.13)):
            pause = samples[int(start_s * SAMPLE_RATE) : int(end_s * SAMPLE_RATE)]
            assert rms(pause) < 0.01 * loud


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_a_vowel_starts_within_30_ms_of_its_syllable(speaker: str) -> None:
    late = []
    for seed in range(8):
        samples = say(speaker, seed)
        low = np.fft.rfft(samples)  # vowels lie below 4 kHz, hisses mostly above
        low[round(4000 / SAMPLE_RATE * len(samples)) :] = 0
        power = np.convolve(np.fft.irfft(low, len(samples)) ** 2, np.ones(720) / 720, "same")
        for event in SYLLABLES:
            at = round(event.time_s * SAMPLE_RATE)
            level = np.median(power[at + 960 : at + 4800])
            lowest = at - 2400 + int(np.argmin(power[at - 2400 : at + 480]))
            assert power[lowest] < 0.5 * level
            rise = power[lowest] + 0.25 * (level - power[lowest])  # to -6 dB
            late.append((lowest - at + np.argmax(power[lowest : at + 7200] > rise)) / SAMPLE_RATE)
    assert np.mean(np.abs(late) <= 0.03) > 0.93, np.sort(late)[[0, 2, 4, -5, -3, -1]]
    assert abs(float(np.median(late))) < 0.01


@pytest.mark.parametrize(("speaker", "low_hz", "high_hz"), [("man", 80, 180), ("woman", 150, 300), ("child", 220, 400)])
def test_the_pitch_lies_in_the_range_of_its_speaker_and_moves(speaker: str, low_hz: float, high_hz: float) -> None:
    spread = []
    for seed in range(4):
        hz, height = pitches(say(speaker, seed))
        hz = hz[height > 0.7]
        assert len(hz) > 10
        assert np.mean((hz > low_hz) & (hz < high_hz)) > 0.9
        assert low_hz < np.median(hz) < high_hz
        spread.append(np.percentile(hz, 90) / np.percentile(hz, 10))
    assert min(spread) > 1.04


def test_a_whisper_has_no_pitch_and_other_voices_have() -> None:
    heights = {
        speaker: float(np.median(np.concatenate([pitches(say(speaker, k))[1] for k in range(3)])))
        for speaker in SPEAKERS
    }
    whisper = heights.pop("whisper")
    assert whisper < 0.7
    assert min(heights.values()) > 0.85, heights


@pytest.mark.parametrize("speaker", ["man", "woman", "whisper"])
def test_a_vowel_has_formants(speaker: str) -> None:
    counts, firsts = [], []
    for seed in range(6):
        samples = utterance(np.random.default_rng([2, seed]), 24000, speaker=speaker, syllables=[Event(0.2, 1.0, 0.5)])
        vowel = samples[12000:][: 3 * 1920].reshape(-1, 1920) * np.hanning(1920)
        log = 10 * np.log10(np.mean(np.abs(np.fft.rfft(vowel, 4096)) ** 2, 0) + 1e-12)
        cepstrum = np.fft.irfft(log)
        cepstrum[120:-120] = 0  # 2.5 ms: harmonics go, formants stay
        hz = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE)
        band = (hz > 150) & (hz < 4500)
        peaks, _ = find_peaks(np.fft.rfft(cepstrum).real[band], prominence=3)
        counts.append(len(peaks))
        firsts.append(float(hz[band][peaks[0]]))
    assert min(counts) >= 2
    assert all(200 < first < 1200 for first in firsts), firsts


def test_hisses_reach_above_the_vowels() -> None:
    """Some syllables begin with a fricative: high energy just before the vowel, where the vowel has little."""
    bright = []
    for seed in range(6):
        samples = say("man", seed)
        for event in SYLLABLES:
            at = round(event.time_s * SAMPLE_RATE)
            share = [
                np.abs(np.fft.rfft(samples[start : start + 1920]))[160:].sum()
                / np.abs(np.fft.rfft(samples[start : start + 1920])).sum()
                for start in (at - 2160, at + 960)
            ]
            bright.append(share[0] > 0.5 > 2 * share[1])
    assert 0.08 < np.mean(bright) < 0.6


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_any_length_and_any_syllables_work(speaker: str) -> None:
    rng = np.random.default_rng(4)
    assert not utterance(rng, 4800, speaker=speaker, syllables=()).any()
    assert not utterance(rng, 4800, speaker=speaker, syllables=[Event(0.5, 1, 0.5)]).any()
    assert utterance(rng, 0, speaker=speaker, syllables=SYLLABLES).shape == (0,)
    assert utterance(rng, 1, speaker=speaker, syllables=[Event(0.0, 1, 0.5)]).shape == (1,)
    crowded = [Event(t, 0.5, 0.5) for t in (0.0, 0.0, 0.01, 0.06, 9.97, 9.999)]
    for n_samples in (4801, 10 * SAMPLE_RATE):
        samples = utterance(rng, n_samples, speaker=speaker, syllables=crowded)
        assert samples.shape == (n_samples,)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() == pytest.approx(1.0)


def test_a_louder_syllable_is_louder() -> None:
    events = [Event(0.3, 0.25, 0.5), Event(1.3, 1.0, 0.5)]
    for seed in range(5):
        samples = utterance(np.random.default_rng(seed), 2 * SAMPLE_RATE, speaker="woman", syllables=events)
        soft, hard = (rms(samples[int(e.time_s * SAMPLE_RATE) :][:7200]) for e in events)
        assert 2.5 < hard / soft < 6.5


def test_the_vocabulary_knows_every_speaker_and_an_unknown_one_is_refused() -> None:
    assert tuple(kind.name for kind in VOICES) == SPEAKERS
    with pytest.raises(ValueError, match="no speaker 'robot'; one of man, woman"):
        utterance(np.random.default_rng(0), 10, speaker="robot", syllables=())


def people_of(act: Act) -> dict[float, tuple[Actor, list[float]]]:
    """Where each speaker is, to the mouth there (the nearest of the dark openings) and its syllables."""
    mouths = [actor for actor in act.actors if actor.colour == (0.2, 0.05, 0.06)]
    found = {}
    for x in {event.x for event in act.events}:
        mouth = min(mouths, key=lambda actor: abs(float(actor.x.mean()) / (96 / 56) - x))
        found[x] = (mouth, [event.time_s for event in act.events if event.x == x])
    return found


def test_the_same_seed_talks_the_same() -> None:
    first, again = (talk(np.random.default_rng(6), 1200) for _ in range(2))
    assert first.events == again.events
    for one, other in zip(first.actors, again.actors, strict=True):
        assert one.colour == other.colour
        assert one.h.tobytes() == other.h.tobytes()


def test_mouths_open_at_the_syllables_and_stay_shut_in_the_pauses() -> None:
    speakers = []
    for seed in range(30):
        n = 8 * TRACK_RATE
        act = talk(np.random.default_rng([5, seed]), n)
        people = people_of(act)
        speakers.append(len(people))
        for mouth, times in people.values():
            shut, widest = float(mouth.h.min()), float(mouth.h.max())
            assert widest > 4 * shut
            for time, later in zip(times, [*times[1:], 99.0], strict=True):
                tick = round(time * TRACK_RATE)
                if tick < n - 10:
                    assert mouth.h[tick + 10] > mouth.h[tick - 3] + 0.03 * widest  # within 40 ms
                if later - time > 0.5:
                    pause = mouth.h[round((time + 0.3) * TRACK_RATE) : round((later - 0.03) * TRACK_RATE)]
                    assert np.all(pause <= 1.01 * shut)
            before = mouth.h[: round((times[0] - 0.03) * TRACK_RATE)]
            assert np.all(before <= 1.01 * shut)
    assert set(speakers) == {1, 2}


def test_people_talk_in_phrases_of_3_to_6_syllables_a_second() -> None:
    gaps, late, early = [], 0, 0
    for seed in range(40):
        times = np.array([event.time_s for event in talk(np.random.default_rng([8, seed]), 8 * TRACK_RATE).events])
        assert np.all(np.diff(times) > 0)
        assert times[0] >= 0
        assert times[-1] < 8
        gaps.extend(np.diff(times))
        late += times[0] >= 1
        early += times[-1] <= 7
    within, between = [gap for gap in gaps if gap < 0.45], [gap for gap in gaps if gap >= 0.45]
    assert 1 / 6.1 < min(within) < max(within) < 1 / 2.9
    assert min(between) >= 0.6
    assert max(between) <= 1.81
    assert len(within) > 3 * len(between) > 0
    assert 0 < late < 20
    assert 0 < early < 30


@pytest.mark.parametrize("n", [1, 7, 240, 2400])
def test_an_act_of_any_length_is_made(n: int) -> None:
    for seed in range(3):
        act = talk(np.random.default_rng(seed), n)
        assert all(track.shape == (n,) for actor in act.actors for track in (actor.x, actor.h, actor.angle))
        assert all(0 <= event.time_s < n / TRACK_RATE and 0 <= event.x <= 1 for event in act.events)
        assert all(0 < event.strength <= 1 for event in act.events)
