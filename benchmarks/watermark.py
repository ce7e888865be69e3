"""How much the watermark survives, how loud it is, how often it is seen where there is none, and how fast it is.

Repeat with real sounds (never part of the repository):

    OTIO_V2A_MEDIA=/path/to/media python benchmarks/watermark.py            # everything, about ten minutes on 2 cores
    python benchmarks/watermark.py --only attacks speed

The 16 hosts are 10 s each, mono, 48 kHz, peak 0.7: ambience, impacts, bells, footsteps, music, speech. Each is marked
with a key and an id of its own, attacked, and detected with its key. "Detected" and "id read" are shares of the 16.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr
from scipy import signal

from otio_v2a.watermark import detect as detecting
from otio_v2a.watermark import grid
from otio_v2a.watermark.detect import FILM_SPEEDS, detect, localise, speed_grid
from otio_v2a.watermark.embed import Strength, Watermarker
from otio_v2a.watermark.evidence import Evidence
from otio_v2a.watermark.keys import ProjectKey

RATE = 48000
LENGTH = 10 * RATE
Sound = np.ndarray
Attack = Callable[[Sound], Sound]

_SINGLE_HOSTS = {
    "rain": ("sounds/blanket/rain.ogg", 5),
    "city": ("sounds/blanket/city.ogg", 0),
    "birds": ("sounds/max-samples/birds1.flac", 0),
    "fireplace": ("sounds/blanket/fireplace.ogg", 0),
    "wind": ("sounds/mod-sounds/wind.ogg", 0),
    "explosion": ("sounds/mod-sounds/explosion_distant_01.ogg", 0),
    "church bells": ("sounds/mod-sounds/church_bells_02.ogg", 0),
    "arcade music": ("sounds/max-samples/arcade_music.flac", 0),
    "guitar": ("sounds/max-samples/guitar.flac", 0),
    "speech": ("footage/his_girl_friday_speech_640x480.mp4", 0),
    "song": ("sounds/mod-sounds/mermaid_song_01.ogg", 0),
}
_STRUCK_HOSTS = {
    "drums": (("sounds/muldjordkit/Tom2_*", "sounds/muldjordkit/Kdrum*"), 0.7),
    "metal": (("sounds/oga-cc0-sfx/metal_*",), 0.9),
    "doorbell": (("sounds/mod-sounds/doorbell_0*",), 2.2),
    "steps, hard": (("sounds/mod-sounds/node_step_hard*",), 0.55),
    "steps, sand": (("sounds/mod-sounds/node_step_sand*",), 0.6),
}


def load(path: Path) -> Sound:
    """Mono sound at 48 kHz of any file."""
    parts = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in [*container.decode(audio=0), None]:
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def fitted(sound: Sound, *, first: int = 0) -> Sound:
    """10 s at peak 0.7; a shorter sound is repeated."""
    sound = np.resize(sound[first:], LENGTH)
    return (0.7 * sound / np.abs(sound).max()).astype(np.float32)


def struck(paths: list[Path], *, gap_s: float, seed: int) -> Sound:
    """Single sounds one after the other, over silence, as a Foley track."""
    rng = np.random.default_rng(seed)
    out = np.zeros(2 * LENGTH, np.float32)
    at, sounds = 4800, [load(path) for path in paths]
    while at < LENGTH:
        sound = sounds[int(rng.integers(len(sounds)))][:LENGTH]
        out[at : at + len(sound)] += sound * np.float32(rng.uniform(0.5, 1))
        at += int(RATE * gap_s * rng.uniform(0.8, 1.2))
    return fitted(out[:LENGTH])


def hosts(media: Path) -> dict[str, Sound]:
    """The 16 hosts by name."""
    found = {name: fitted(load(media / path), first=s * RATE) for name, (path, s) in _SINGLE_HOSTS.items()}
    for seed, (name, (patterns, gap_s)) in enumerate(_STRUCK_HOSTS.items()):
        paths = sorted(path for pattern in patterns for path in media.glob(pattern))
        found[name] = struck(paths, gap_s=gap_s, seed=seed)
    return found


def key_of(index: int) -> ProjectKey:
    return ProjectKey(bytes([index % 256, index // 256]) * 16)


def marked(sound: Sound, *, index: int, strength: Strength = Strength.STANDARD) -> Sound:
    marker = Watermarker(key_of(index), index * 7919 + 1, channels=1, strength=strength)
    return np.concatenate(list(marker.process([sound[None]])), axis=1)[0]


def through(codec: str, *, container: str, bit_rate: int) -> Attack:
    """Encode and decode, as a file."""

    def attack(sound: Sound) -> Sound:
        file = io.BytesIO()
        with av.open(file, "w", format=container) as out:
            stream = out.add_stream(codec, rate=RATE)
            stream.bit_rate, stream.layout = bit_rate, "mono"
            resampler = av.AudioResampler(
                stream.codec_context.format.name, "mono", RATE, frame_size=stream.codec_context.frame_size or 1024
            )
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
        file.seek(0)
        parts = []
        with av.open(file) as back:
            resampler = av.AudioResampler("flt", "mono", RATE)
            for frame in [*back.decode(audio=0), None]:
                parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        return np.concatenate(parts).astype(np.float32)

    return attack


def under(other: Sound, *, decibels: float) -> Attack:
    """Mixed under another sound that is this much stronger (RMS over the 10 s)."""

    def attack(sound: Sound) -> Sound:
        gain = np.sqrt(np.mean(sound**2) / np.mean(other**2)) * 10 ** (decibels / 20)
        mix = sound + gain * other
        return (0.9 * mix / np.abs(mix).max()).astype(np.float32)

    return attack


def equalised(sound: Sound) -> Sound:
    """+6 dB below 400 Hz, -6 dB at 2 kHz, +6 dB over 6 kHz."""
    taps = signal.firwin2(1023, [0, 200, 400, 1500, 2500, 6000, 24000], [2, 2, 1, 0.5, 0.5, 2, 2], fs=RATE)
    out = signal.fftconvolve(sound, taps, "same")
    return (0.7 * out / np.abs(out).max()).astype(np.float32)


def reverberated(sound: Sound) -> Sound:
    """A diffuse room of 0.5 s, direct sound as strong as the room."""
    n = int(0.6 * RATE)
    room = np.random.default_rng(2).normal(0, 1, n) * 10 ** (-3 * np.arange(n) / RATE / 0.5)
    room *= 1 / np.sqrt(np.sum(room**2))
    room[0] += 1
    out = signal.fftconvolve(sound, room)[: len(sound)]
    return (0.7 * out / np.abs(out).max()).astype(np.float32)


def played(speed: float) -> Attack:
    return lambda sound: soxr.resample(sound, RATE * speed, RATE).astype(np.float32)


def attacks(media: Path, found: dict[str, Sound]) -> dict[str, tuple[Attack, tuple[float, ...]]]:
    """Attack and speeds to search, by name."""
    cinematic = fitted(load(media / "sounds/max-samples/cinematic.flac"))
    plain: dict[str, Attack] = {
        "none": lambda sound: sound,
        "MP3 128k": through("libmp3lame", container="mp3", bit_rate=128_000),
        "MP3 64k": through("libmp3lame", container="mp3", bit_rate=64_000),
        "AAC 128k": through("aac", container="adts", bit_rate=128_000),
        "Opus 64k": through("libopus", container="ogg", bit_rate=64_000),
        "44.1 kHz": lambda sound: soxr.resample(soxr.resample(sound, RATE, 44100), 44100, RATE),
        "-12 dB, 16 bit": lambda sound: np.round(sound * 10 ** (-12 / 20) * 32767) / 32768,
        "EQ": equalised,
        "reverb 0.5 s": reverberated,
        "6 dB under guitar": under(found["guitar"], decibels=6),
        "6 dB under film music": under(cinematic, decibels=6),
        "6 dB under arcade music": under(found["arcade music"], decibels=6),
        "12 dB under guitar": under(found["guitar"], decibels=12),
        "12 dB under film music": under(cinematic, decibels=12),
        "12 dB under arcade music": under(found["arcade music"], decibels=12),
        "12 dB under speech": under(found["speech"], decibels=12),
        "crop 5 s": lambda sound: sound[100_000:340_000],
        "crop 2 s": lambda sound: sound[133_333:229_333],
    }
    out = {name: (attack, (1.0,)) for name, attack in plain.items()}
    out["speed 25/24"] = (played(25 / 24), FILM_SPEEDS)
    out["speed 1.01, fine search"] = (played(1.01), speed_grid())
    return out


def measure_attacks(media: Path, strength: Strength) -> None:
    found = hosts(media)
    sounds = [marked(sound, index=i, strength=strength) for i, sound in enumerate(found.values())]
    ratios = [
        10 * np.log10(np.sum(host**2) / np.sum((sound - host) ** 2))
        for host, sound in zip(found.values(), sounds, strict=True)
    ]
    print(f"\n{strength.name}: SNR mean {np.mean(ratios):.1f} dB, {min(ratios):.1f} to {max(ratios):.1f}")
    print("| attack | detected % | id read % | wrong ids | lowest score |\n|---|---|---|---|---|")
    for name, (attack, speeds) in attacks(media, found).items():
        results = [detect(attack(sound), RATE, [key_of(i)], speeds=speeds) for i, sound in enumerate(sounds)]
        seen = [one for one in results if one is not None]
        right = [one is not None and one.generation_id == i * 7919 + 1 for i, one in enumerate(results)]
        wrong = sum(one.generation_id is not None for one in seen) - sum(right)
        lowest = min(one.score for one in seen) if len(seen) == len(results) else 0.0
        row = f"{100 * len(seen) / len(results):.0f} | {100 * np.mean(right):.0f} | {wrong} | {lowest or '':.4}"
        print(f"| {name} | {row} |", flush=True)


def measure_lengths(media: Path) -> None:
    print("\n| length | detected % | id read % |\n|---|---|---|")
    sounds = [marked(sound, index=i) for i, sound in enumerate(hosts(media).values())]
    for length_s in (0.5, 1, 1.5, 2, 3, 4, 6, 8):
        cuts = [(i, sound[RATE : RATE + int(length_s * RATE)]) for i, sound in enumerate(sounds)]
        results = [(i, detect(sound, RATE, [key_of(i)], speeds=(1.0,))) for i, sound in cuts]
        seen = np.mean([one is not None for _, one in results])
        read = np.mean([one is not None and one.generation_id == i * 7919 + 1 for i, one in results])
        print(f"| {length_s} s | {100 * seen:.0f} | {100 * read:.0f} |", flush=True)


def measure_stems(media: Path) -> None:
    sounds = list(hosts(media).values())
    rng = np.random.default_rng(5)
    n_pairs, n_found, n_first, n_both, n_wrong = 40, 0, 0, 0, 0
    for _ in range(n_pairs):
        a, b = rng.choice(len(sounds), 2, replace=False)
        ids = {int(one) for one in rng.integers(0, 2**48, 2)}
        mix = np.zeros(LENGTH)
        for sound, one in zip((sounds[a], sounds[b]), ids, strict=True):
            stem = np.concatenate(list(Watermarker(key_of(0), one, channels=1).process([sound[None]])), axis=1)[0]
            mix += stem / np.sqrt(np.mean(stem**2))
        results = localise((mix / np.abs(mix).max()).astype(np.float32), RATE, [key_of(0)], speeds=(1.0,))
        read = {one.generation_id for one in results} & ids
        n_found += min(len(results), 2)
        n_first += len(read) >= 1
        n_both += len(read) == 2
        n_wrong += len([one for one in results if one.generation_id not in ids | {None}]) + max(0, len(results) - 2)
    print(
        f"\nTwo stems of one key, equally loud, {n_pairs} pairs: {n_found} of {2 * n_pairs} marks found, an id in "
        f"{n_first}, both ids in {n_both}; wrong ids or extra marks: {n_wrong}"
    )


def measure_places(media: Path) -> None:
    codec = through("aac", container="adts", bit_rate=192_000)
    found = hosts(media)
    beds = [load(media / path) for path in ("sounds/blanket/waves.ogg", "sounds/blanket/summer-night.ogg")]
    print("\n| level in a 60 s mix, through AAC 192k | detected of 8 | IoU where detected |\n|---|---|---|")
    for decibels in (0, -6, -12):
        shares, n_found = [], 0
        for i, name in enumerate(
            ("rain", "city", "fireplace", "guitar", "song", "drums", "steps, sand", "church bells")
        ):
            bed = np.resize(beds[i % 2], 60 * RATE)
            stem = marked(found[name], index=i)
            gain = np.sqrt(np.mean(bed**2) / np.mean(stem**2)) * 10 ** (decibels / 20)
            mix = bed.astype(np.float32).copy()
            mix[22 * RATE : 32 * RATE] += np.float32(gain) * stem
            mix = codec(0.9 * mix / np.abs(mix).max())
            one = detect(mix, RATE, [key_of(i)], speeds=(1.0,))
            if one is None:
                continue
            n_found += 1
            overlap = sum(max(0.0, min(end, 32) - max(begin, 22)) for begin, end in one.spans)
            covered = sum(end - begin for begin, end in one.spans)
            shares.append(overlap / (10 + covered - overlap))
        print(f"| {decibels} dB | {n_found} | {np.mean(shares) if shares else 0:.2f} |", flush=True)


def unmarked(media: Path) -> Iterator[Sound]:
    """Every sound under the media root in pieces of 30 s, short ones joined."""
    held = np.zeros(0, np.float32)
    for path in sorted((media / "sounds").rglob("*")):
        if path.suffix not in {".ogg", ".flac", ".mp3", ".wav"}:
            continue
        try:
            held = np.concatenate([held, load(path)])
        except (av.FFmpegError, IndexError):
            continue
        while len(held) >= 30 * RATE:
            yield held[: 30 * RATE]
            held = held[30 * RATE :]


def measure_false_alarms(media: Path, *, n_keys: int = 16) -> None:
    keys = [key_of(1000 + i) for i in range(n_keys)]
    best = []
    for sound in unmarked(media):
        tiles = Evidence(sound[None]).at(1.0)
        best.append([detecting._scores(tiles, grid.pattern_of(key).sync, n_speeds=1).max() for key in keys])
    scores = np.array(best)
    n_alarms = int((scores >= detecting.DETECTED).sum())
    print(
        f"\nUnmarked: {30 * len(scores)} s x {n_keys} keys, each 384 alignments x 5 band parts x 11 stretches: "
        f"{n_alarms} false alarms, highest score {scores.max():.2f}, mean {scores.mean():.2f}"
    )


def measure_speed(media: Path) -> None:
    sound = np.resize(hosts(media)["rain"], 60 * RATE)

    def times(work: Callable[[], object]) -> float:
        work()
        spent = []
        for _ in range(3):
            # Processor time, so that other work on the machine counts little.
            start = time.process_time()
            work()
            spent.append(time.process_time() - start)
        return 60 / min(spent)

    mark = marked(sound, index=1)
    print("\n60 s mono, seconds of sound per second of one core, best of 3:")
    print(f"- embed {times(lambda: marked(sound, index=1)):.0f}")
    print(f"- detect and localise, marked {times(lambda: localise(mark, RATE, [key_of(1)])):.0f}")
    print(f"- detect, unmarked, as it was {times(lambda: detect(sound, RATE, [key_of(1)], speeds=(1.0,))):.0f}")
    print(f"- detect, unmarked, 7 film speeds {times(lambda: detect(sound, RATE, [key_of(1)])):.0f}")
    print(f"- detect, unmarked, 97 speeds {times(lambda: detect(sound, RATE, [key_of(1)], speeds=speed_grid())):.1f}")


def main() -> None:
    parts = {
        "attacks": lambda media: measure_attacks(media, Strength.STANDARD),
        "strengths": lambda media: [measure_attacks(media, one) for one in (Strength.SUBTLE, Strength.ROBUST)],
        "lengths": measure_lengths,
        "stems": measure_stems,
        "places": measure_places,
        "alarms": measure_false_alarms,
        "speed": measure_speed,
    }
    default = Path(os.environ.get("OTIO_V2A_MEDIA", Path(__file__).resolve().parents[2] / "shared" / "media"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, default=default, help="folder with sounds/ and footage/")
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    options = parser.parse_args()
    for name in options.only:
        parts[name](options.media)


if __name__ == "__main__":
    main()
