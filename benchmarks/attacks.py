"""Pre-echo, mel error, convergence and seconds of the vocoder of `small`, by rounds and momentum of its refinement.

Struck kinds drawn by `simulate` from a seed; each stem goes through the vocoder, or through codec and vocoder with
`--coded`, and is refined with and without its attacks.

    python benchmarks/attacks.py --sounds shared/media/sounds --seed 31 --each 3
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.attacks import find_attacks
from otio_v2a_engine.models.codec import SAMPLES_PER_TOKEN, PcaCodec
from otio_v2a_engine.models.mel import SAMPLE_RATE, log_mel
from otio_v2a_engine.models.refine import refine
from otio_v2a_engine.models.vocoder import NOISE_CHANNELS, Vocoder
from otio_v2a_engine.simulate.bank import Bank
from otio_v2a_engine.simulate.scene import make_scene
from otio_v2a_engine.training import checkpoint
from otio_v2a_engine.training.onsets import pre_echo_db
from otio_v2a_engine.weights import read_weights

KINDS = ("steps_hard", "steps_wood", "metal", "wood", "stone", "plastic", "rubber", "snare", "drum", "door", "click")
KINDS += ("clap", "gunshot", "bell")
SETTINGS = ((8, 0.0, False), (12, 0.8, False), (8, 0.8, True), (12, 0.6, True), (12, 0.8, True), (16, 0.8, True))


def convergence(true: np.ndarray, made: np.ndarray) -> float:
    """Spectral convergence of two sounds, of 2048 samples every 512."""
    window = torch.hann_window(2048)
    one, other = (
        torch.stft(torch.from_numpy(sound), 2048, 512, window=window, return_complex=True).abs()
        for sound in (true, made)
    )
    return float((one - other).norm() / one.norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=Path, help="folder of recordings; without it only synthesis")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--each", type=int, default=1, help="scenes of 6 s of every kind")
    parser.add_argument("--coded", action="store_true", help="through the codec too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    weights, bank = read_weights("small"), Bank(options.sounds)
    codec = PcaCodec(**weights.part("codec"))
    vocoder = Vocoder(**weights.note["config"]["vocoder"]).eval()
    vocoder.load_state_dict(weights.part("vocoder"))
    scenes = []
    for i, kind in enumerate(KINDS):
        for k in range(options.each):
            scene = make_scene(checkpoint.rng_for(options.seed, i, k), bank=bank, seconds=6.0, only=(kind,))
            sound = scene.stems[Role.FX]
            sound = sound[: len(sound) // SAMPLES_PER_TOKEN * SAMPLES_PER_TOKEN]
            mel = torch.from_numpy(log_mel(sound))
            if options.coded:
                mel = codec.decode(codec.encode(mel[None]))[0]
            noise = torch.randn(1, len(mel), NOISE_CHANNELS, generator=torch.Generator().manual_seed(0))
            scenes.append((sound, [event.sample for event in scene.events], mel, vocoder(mel[None], noise)[0]))
    total_s = sum(len(sound) for sound, *_ in scenes) / SAMPLE_RATE
    true = np.array([pre_echo_db(sound, [at]) for sound, events, *_ in scenes for at in events])
    print(f"true: pre-echo quartiles {np.nanquantile(true, [0.25, 0.5, 0.75]).round(1)} dB, {total_s:.0f} s of sound")
    for rounds, momentum, is_held in SETTINGS:
        echoes, errors, convergences, spent_s = [], [], [], 0.0
        for sound, events, mel, raw in scenes:
            begun = time.process_time()
            attacks = find_attacks(mel.numpy()) if is_held else ()
            made = refine(raw, mel, rounds=rounds, momentum=momentum, attacks=attacks).numpy()
            spent_s += time.process_time() - begun
            echoes += [pre_echo_db(made, [at]) for at in events]
            wanted = log_mel(sound)
            errors.append(20 * float(np.abs(log_mel(made) - wanted)[wanted > -3.5].mean()))
            convergences.append(convergence(sound, made))
        quartiles = np.nanquantile(echoes, [0.25, 0.5, 0.75]).round(1)
        print(
            f"{rounds} rounds, momentum {momentum}, attacks {'held' if is_held else 'not held'}: pre-echo {quartiles}, "
            f"mel {np.mean(errors):.2f} dB, convergence {np.mean(convergences):.3f}, "
            f"{10 * spent_s / total_s:.2f} s for 10 s"
        )


if __name__ == "__main__":
    main()
