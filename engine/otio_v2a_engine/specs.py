"""The engines that ship with the package, as listed (floor 0: imports nothing heavy)."""

from fractions import Fraction

from otio_v2a_engine.contract import EngineInfo, EngineSpec, Role

__all__ = ["BUILT_IN", "COMPOSER", "FAKE", "LEFT_TO", "SMALL", "SURE", "VTA_LDM"]

SURE = 0.55
"""Confidence from which `small` lets an instant sound by itself; F1 on scenes that nothing else was measured on is flat
from 0.5 to 0.6."""

FAKE = EngineSpec(
    info=EngineInfo(
        name="fake",
        version="1",
        summary="Deterministic test signal that follows the picture's brightness; for tests, never the default.",
        sample_rates=(48000, 44100, 16000),
        channels=(2, 1),
        max_window_s=Fraction(8),
        roles=(Role.FX, Role.AMB, Role.MUS, Role.DX),
        takes_text=True,
        takes_negative_text=True,
        takes_transcript=True,
        weights_licence="",
        weights_note="",
        devices=("cpu",),
        default_steps=4,
        cost_factor=0.05,
    ),
    factory="otio_v2a_engine.fake:FakeEngine",
)

SMALL = EngineSpec(
    info=EngineInfo(
        name="small",
        version="13",
        summary="Bundled latent diffusion model, trained by this project; no download, faster than real time on a CPU.",
        sample_rates=(48000,),
        channels=(2, 1),
        max_window_s=Fraction(10),
        roles=(Role.FX, Role.AMB, Role.DX),
        takes_text=True,
        takes_negative_text=True,
        takes_transcript=False,
        weights_licence="Apache-2.0",
        weights_note="Trained by this project; the sounds it learned from are credited beside the weights.",
        devices=("cpu", "cuda", "mps"),
        default_steps=12,
        cost_factor=0.2,
        options=("drafts", "guidance-text", "appearance", "appearance-weight", "weights"),
        takes_events=True,
        folder_options=("appearance",),
        weights_options=("weights",),
    ),
    factory="otio_v2a_engine.pipelines.small:SmallEngine",
)

COMPOSER = EngineSpec(
    info=EngineInfo(
        name="composer",
        version="2",
        summary="Composes music and plays it to length, its beats on the cuts if they can be; no network, no weights.",
        sample_rates=(48000,),
        channels=(2, 1),
        max_window_s=Fraction(180),
        roles=(Role.MUS,),
        takes_text=True,
        takes_negative_text=True,
        takes_transcript=False,
        weights_licence="",
        weights_note="",
        devices=("cpu", "cuda", "mps"),
        default_steps=1,
        cost_factor=0.03,
    ),
    factory="otio_v2a_engine.pipelines.composer:ComposerEngine",
)

VTA_LDM = EngineSpec(
    info=EngineInfo(
        name="vta-ldm",
        version="1",
        summary="VTA-LDM (arXiv 2407.07464): the published latent diffusion from picture to sound; bring its weights.",
        sample_rates=(16000, 48000, 44100),
        channels=(1, 2),
        max_window_s=Fraction(256, 25),
        roles=(Role.FX,),
        takes_text=True,
        takes_negative_text=True,
        takes_transcript=False,
        weights_licence="set by the weights' authors (see: otio-v2a weights list)",
        weights_note="Bring the authors' files; otio-v2a weights convert vta-ldm makes them ready.",
        devices=("cpu", "cuda", "mps"),
        default_steps=25,
        cost_factor=17.0,
        weights_name="vta-ldm",
        options=(
            "paper-compatible",
            "sampler",
            "guidance-text",
            "rescale",
            "dtype",
            "channels-last",
            "compile",
        ),
    ),
    factory="otio_v2a_engine.pipelines.vta_ldm:VtaLdmEngine",
)

BUILT_IN = (COMPOSER, FAKE, SMALL, VTA_LDM)

LEFT_TO = {("small", Role.MUS): "composer"}
"""Engine and role to the engine that makes this role instead: a network of this size has no ear for harmony."""
