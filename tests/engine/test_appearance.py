"""A model that a user brings reads the picture: where it looks, what it finds likeliest, and what that changes."""

import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoImageProcessor,
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
)

from otio_v2a_engine import appearance
from otio_v2a_engine.appearance import Appearance, look_times, shares
from otio_v2a_engine.conditioning import SentenceEncoder
from otio_v2a_engine.contract import (
    EngineWarning,
    Picture,
    PromptSpec,
    RenderRequest,
    Role,
    Sampling,
    UnsupportedRequest,
    WeightsError,
)
from otio_v2a_engine.joint_space import JointSpace
from otio_v2a_engine.models.timbre import TIMBRE
from otio_v2a_engine.pipelines.small import SmallEngine
from otio_v2a_engine.reach import Reach
from otio_v2a_engine.simulate import vocabulary
from otio_v2a_engine.timbres import Asked

RATE = 48000
SIDE = 16
KINDS = ("clip", "siglip", "siglip2")
RED, BLUE = (200, 30, 30), (30, 30, 200)
END, START, PAD, UNKNOWN = "<|endoftext|>", "<|startoftext|>", "<pad>", "<unk>"
NO_TEXT = torch.zeros(384)
CAPTIONS = {caption: kind.known_as for kind in vocabulary.KINDS.values() for caption in kind.known_as}


def _vocabulary(suffix: str) -> dict[str, int]:
    letters = [*ascii_lowercase, "-"]
    words = [PAD, UNKNOWN, *letters, *(letter + suffix for letter in letters if suffix), START, END]
    return {word: number for number, word in enumerate(words)}


def _save_tokenizer(folder: Path, kind: str) -> int:
    """A vocabulary of single letters, in the files that releases of the kind have; returns its size."""
    told = {"pad_token": PAD, "unk_token": UNKNOWN, "bos_token": START, "eos_token": END}
    if kind == "clip":
        vocabulary = _vocabulary("</w>")
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        told = {"tokenizer_class": "CLIPTokenizer", "pad_token": END, "unk_token": END}
    else:
        vocabulary = _vocabulary("")
        tokenizer = Tokenizer(models.BPE(vocabulary, merges=[], unk_token=UNKNOWN))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {END}", special_tokens=[(END, vocabulary[END])]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
        told["tokenizer_class"] = "SiglipTokenizer" if kind == "siglip" else "GemmaTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return len(vocabulary)


def _save_model(folder: Path, kind: str) -> Path:
    """A random model of a few thousand numbers, with tokenizer and image processor, as a release lies on a disk."""
    folder.mkdir()
    n_words = _save_tokenizer(folder, kind)
    both = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **both,
        "vocab_size": n_words,
        "max_position_embeddings": 72,
        "pad_token_id": 0,
        "bos_token_id": n_words - 2,
        "eos_token_id": n_words - 1,
    }
    vision = {**both, "patch_size": 8}
    vision |= {"num_patches": 4} if kind == "siglip2" else {"image_size": SIDE}
    sizes = {"height": SIDE, "width": SIDE}
    prepared = {
        "clip": {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": SIDE}, "crop_size": sizes},
        "siglip": {"image_processor_type": "SiglipImageProcessor", "size": sizes},
        "siglip2": {"image_processor_type": "Siglip2ImageProcessor", "max_num_patches": 4, "patch_size": 8},
    }[kind]
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    torch.manual_seed(4)
    if kind == "clip":
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12))
    elif kind == "siglip":
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    else:
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # as initialised, all sentences would be nearly one
    with torch.no_grad():
        model.logit_scale.fill_(np.log(100.0))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: _save_model(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach(SentenceEncoder())


Film = Callable[[Sequence[tuple[int, int, int]]], Picture]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, make_movie: Callable[..., Path]) -> Film:
    root = tmp_path_factory.mktemp("films")

    def make(colours: Sequence[tuple[int, int, int]]) -> Picture:
        """Two seconds of each colour, in a wide picture."""
        path = root / f"{len(list(root.iterdir()))}.mp4"
        frames = [np.full((72, 128, 3), colour, np.uint8) for colour in colours for _ in range(20)]
        make_movie(path, frames, rate=Fraction(10))
        return Picture(str(path), cuts_s=tuple(Fraction(2 * number) for number in range(1, len(colours))))

    return make


def ask(picture: Picture, *options: str, text: str = "", role: Role = Role.FX, seconds: int = 2) -> RenderRequest:
    return RenderRequest(
        picture, PromptSpec(text=text, role=role), n_samples=seconds * RATE, sampling=Sampling(options=options)
    )


def told(eye: Appearance, request: RenderRequest, prompt: torch.Tensor = NO_TEXT) -> tuple[torch.Tensor, str]:
    """The vector, and the words that the user hears."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = eye.read(request, prompt)
    assert seen is not None
    (words,) = (str(warning.message) for warning in caught if issubclass(warning.category, EngineWarning))
    return seen.vector, words


# Where it looks


@pytest.mark.parametrize(
    ("cuts", "seconds", "expected"),
    [
        ([], "1/48000", ["1/96000"]),
        ([], "3", ["1/2", "3/2", "5/2"]),
        ([], "10", [f"{5 * number}/8" for number in range(1, 16, 2)]),
        (["1", "4"], "4", ["1/2", "3/2", "5/2", "7/2"]),
        (["1/10"], "2", ["1/20", "21/20"]),
    ],
)
def test_it_looks_once_a_second_but_at_most_eight_times_and_never_at_a_cut(cuts, seconds, expected) -> None:
    looks = look_times([Fraction(cut) for cut in cuts], Fraction(seconds))
    assert [time for time, _ in looks] == [Fraction(time) for time in expected]
    assert sum(lasting for _, lasting in looks) == Fraction(seconds)


def test_of_many_shots_the_eight_longest_are_looked_at() -> None:
    cuts = [Fraction(number) for number in range(1, 9)]
    looks = look_times([*cuts, Fraction(17, 2)], Fraction(10))
    assert len(looks) == 8
    assert [lasting for _, lasting in looks] == [Fraction(1)] * 7 + [Fraction(3, 2)]


# What it finds likeliest


def test_a_kind_with_many_captions_is_no_likelier_and_long_shots_count_more() -> None:
    captions = torch.eye(4)[[0, 0, 0, 1]]
    pictures = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    kinds = ["door", "door", "door", "dog"]
    first = shares(pictures[:1], captions, kinds=kinds, lasting=torch.ones(1), scale=100)
    assert first.tolist() == pytest.approx([1 / 6] * 3 + [1 / 2])
    both = shares(pictures, captions, kinds=kinds, lasting=torch.tensor([3.0, 1.0]), scale=100)
    assert both[3] == pytest.approx(0.75 * 0.5 + 0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_each_family_reads_a_picture_and_says_so_the_same_every_time(kind, folders, reach, film, tmp_path) -> None:
    request = ask(film([RED]), f"appearance={folders[kind]}")
    vector, words = told(Appearance(reach, cache=tmp_path), request)
    again, _ = told(Appearance(reach, cache=tmp_path / "other"), request)
    assert vector.norm() == pytest.approx(1)
    assert torch.equal(vector, again)
    name = {"clip": "CLIP", "siglip": "SigLIP", "siglip2": "SigLIP 2"}[kind]
    assert words.startswith(f"the picture looks to {name} ({kind}, ")
    assert words.count("%") == 3


def test_captions_are_embedded_once_for_a_model(folders, reach, film, tmp_path, monkeypatch) -> None:
    asked = []
    plain = JointSpace.sentences

    def counting(space: JointSpace, sentences: Sequence[str], **more: Callable[[], None]) -> torch.Tensor:
        asked.append(len(sentences))
        return plain(space, sentences, **more)

    monkeypatch.setattr(JointSpace, "sentences", counting)
    request = ask(film([RED]), f"appearance={folders['clip']}")
    first, _ = told(Appearance(reach, cache=tmp_path), request)
    assert asked == [2 * len(reach.known(Role.FX)[0])]
    second, _ = told(Appearance(reach, cache=tmp_path), request)
    assert len(asked) == 1
    assert torch.equal(first, second)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"damaged")
    told(Appearance(reach, cache=tmp_path), request)
    told(Appearance(reach, cache=tmp_path), ask(film([RED]), f"appearance={folders['siglip']}"))
    assert len(asked) == 3


def test_a_cancel_is_heard_while_captions_are_embedded(folders, reach, film, tmp_path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Appearance(reach, cache=tmp_path).read(
            ask(film([RED]), f"appearance={folders['clip']}"), NO_TEXT, on_batch=stop
        )
    assert list(tmp_path.iterdir()) == []


# A model whose projection puts a red picture on one caption and a blue one on another


def _change(folder: Path, changes: dict[str, torch.Tensor]) -> None:
    tensors = load_file(folder / "model.safetensors") | {name: value.contiguous() for name, value in changes.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _tell_sentences_apart(folder: Path) -> None:
    """Spread the vectors of the captions: a random tower puts them all in nearly one direction."""
    model, tokenizer = CLIPModel.from_pretrained(folder).eval(), CLIPTokenizer.from_pretrained(folder)
    with torch.no_grad():
        tokens = tokenizer([f"a photo of {caption}" for caption in CAPTIONS], padding=True, return_tensors="pt")
        pooled = model.text_model(**tokens).pooler_output
    centre = pooled.mean(0)
    _, spread, axes = torch.linalg.svd(pooled - centre, full_matrices=False)
    bias = "text_model.final_layer_norm.bias"
    _change(folder, {bias: model.state_dict()[bias] - centre, "text_projection.weight": axes[:12] / spread[:12, None]})


@pytest.fixture(scope="module")
def taught(folders: dict[str, Path], film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught") / "clip"
    shutil.copytree(folders["clip"], folder)
    _tell_sentences_apart(folder)
    space = JointSpace(folder)
    captions = ["dog barking", "car engine"]
    asked = space.sentences([template.format(caption) for template in appearance._TEMPLATES for caption in captions])
    wanted = torch.nn.functional.normalize(asked.view(-1, 2, asked.shape[1]).mean(0), dim=1)
    frames = [appearance._look(film([colour]), Fraction(2), side=SIDE)[0][0] for colour in (RED, BLUE)]
    pixels = AutoImageProcessor.from_pretrained(folder)(images=frames, return_tensors="pt").pixel_values
    with torch.no_grad():
        seen = CLIPModel.from_pretrained(folder).eval().vision_model(pixel_values=pixels).pooler_output
    _change(folder, {"visual_projection.weight": wanted.T @ torch.linalg.pinv(seen.T)})
    return folder


def test_the_picture_chooses_the_caption_that_its_model_knows_it_by(taught, reach, film, tmp_path) -> None:
    eye = Appearance(reach, cache=tmp_path)
    captions, embeddings = reach.known(Role.FX)
    for colours, caption in (([RED], "dog barking"), ([BLUE], "car engine")):
        vector, words = told(eye, ask(film(colours), f"appearance={taught}"))
        assert words.partition(" like ")[2].startswith(f'"{caption}" ')
        assert captions[int((embeddings @ vector).argmax())] in CAPTIONS[caption]
    _, words = told(eye, ask(film([RED, BLUE, BLUE]), f"appearance={taught}", seconds=6))
    assert words.index("car engine") < words.index("dog barking")


def test_an_ambience_is_read_among_the_captions_of_ambiences(taught, reach, film, tmp_path) -> None:
    _, words = told(Appearance(reach, cache=tmp_path), ask(film([RED]), f"appearance={taught}", role=Role.AMB))
    named = words.split('"')[1::2]
    assert set(named) <= set(reach.known(Role.AMB)[0])


def test_its_words_are_those_that_a_user_would_type(taught, reach, film, tmp_path) -> None:
    eye = Appearance(reach, cache=tmp_path)
    with pytest.warns(EngineWarning, match=r'like "car engine" \d+%, "dog barking" \d+%'):
        seen = eye.read(ask(film([RED, BLUE, BLUE]), f"appearance={taught}", seconds=6), NO_TEXT)
    assert seen is not None
    assert seen.words == "car engine, dog barking"


def test_a_prompt_stands_as_it_is_unless_the_picture_is_given_a_weight(taught, reach, film, tmp_path) -> None:
    eye = Appearance(reach, cache=tmp_path)
    prompt = reach.known(Role.FX)[1][0]
    picture, option = film([RED]), f"appearance={taught}"
    assert eye.read(ask(picture, text="rain"), prompt) is None
    assert eye.read(ask(picture, option, text="rain"), prompt) is None
    picture_alone, _ = told(eye, ask(picture, option))
    vector, words = told(eye, ask(picture, option, "appearance-weight=0.25", text="rain"), prompt)
    assert torch.allclose(vector, torch.nn.functional.normalize(0.75 * prompt + 0.25 * picture_alone, dim=0), atol=1e-6)
    assert words.endswith("; counted with 0.25 beside the prompt")
    # Without a prompt there is nothing to weigh it against.
    assert torch.equal(told(eye, ask(picture, option, "appearance-weight=0.25"))[0], picture_alone)


# What is refused


def test_a_weight_without_a_model_or_out_of_range_is_refused(folders, reach, film) -> None:
    eye = Appearance(reach)
    with pytest.raises(UnsupportedRequest, match="appearance-weight needs option appearance=FOLDER"):
        eye.read(ask(film([RED]), "appearance-weight=0.5"), NO_TEXT)
    with pytest.raises(UnsupportedRequest, match="appearance-weight is a number from 0 to 1, not '2'"):
        eye.read(ask(film([RED]), f"appearance={folders['clip']}", "appearance-weight=2"), NO_TEXT)


def _without_a_tower(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("text_model.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def _of_another_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))


def _with_a_vocabulary_of_another_model(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text())
    shifted = {word: number + 5 for word, number in vocabulary.items()}
    (folder / "vocab.json").write_text(json.dumps(shifted))


def _remove(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return remove


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no tensors"), "the model in .* cannot be read"),
        (_without_a_tower, r"is not whole \(text_model.*both towers"),
        (_of_another_type, "model of type 'bert'; .* CLIP, SigLIP or SigLIP 2"),
        (_remove("preprocessor_config.json"), r"image processor \(preprocessor_config.json\) in .*download"),
        (_remove("vocab.json", "merges.txt", "tokenizer_config.json"), "the tokenizer in .*download"),
        (_with_a_vocabulary_of_another_model, "the tokenizer in .* is another model's"),
        (lambda folder: (folder / "vocab.json").write_text("["), "the tokenizer in .*download"),
    ],
)
def test_an_unfit_folder_is_refused_by_name_with_what_to_do(spoil, message, folders, reach, film, tmp_path) -> None:
    folder = tmp_path / "spoilt"
    shutil.copytree(folders["clip"], folder)
    spoil(folder)
    with pytest.raises(WeightsError, match=message) as caught:
        Appearance(reach, cache=tmp_path).read(ask(film([RED]), f"appearance={folder}"), NO_TEXT)
    assert str(folder) in str(caught.value)


def test_a_model_that_was_replaced_is_read_anew(folders, taught, reach, film, tmp_path) -> None:
    folder = tmp_path / "model"
    eye = Appearance(reach, cache=tmp_path / "cache")
    found = []
    for source in (folders["clip"], taught):
        shutil.copytree(source, folder, dirs_exist_ok=True)
        found.append(told(eye, ask(film([RED]), f"appearance={folder}"))[1])
    assert found[0] != found[1]


# What it changes in the sound


@pytest.mark.slow
def test_without_a_prompt_the_sound_is_that_of_the_caption_that_the_picture_looks_like(
    taught, film, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = SmallEngine("cpu")

    def sound(*options: str, text: str = "", colour: tuple[int, int, int] = RED) -> np.ndarray:
        request = ask(film([colour]), *options, text=text)
        request = replace(request, channels=1, sampling=replace(request.sampling, steps=4))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EngineWarning)
            return engine.render(request, on_progress=lambda _: None, cancelled=lambda: False).samples[0]

    option = f"appearance={taught}"
    red = sound(option)
    assert np.array_equal(red, sound(option))
    assert not np.array_equal(red, sound())
    asked = []

    def one_for_all(wanted: Asked, _: torch.Generator) -> torch.Tensor:
        asked.append(wanted.text)
        return torch.zeros(1, TIMBRE)

    # The timbre is drawn for the caption, too; with one and the same timbre the sounds are next to the same.
    monkeypatch.setattr(engine._timbres, "draw", one_for_all)
    red = sound(option)
    likeness = {text: float(np.corrcoef(red, sound(text=text))[0, 1]) for text in ("dog barking", "car engine")}
    assert "dog" in asked[0]
    assert likeness["dog barking"] > 0.9
    assert likeness["dog barking"] > likeness["car engine"] + 0.02
    blue = sound(option, colour=BLUE)
    assert np.corrcoef(blue, sound(text="car engine", colour=BLUE))[0, 1] > 0.9
    # With a prompt the picture does not count, unless it is given a weight.
    assert np.array_equal(sound(option, text="car engine"), sound(text="car engine"))
    assert not np.array_equal(sound(option, "appearance-weight=0.5", text="car engine"), sound(text="car engine"))
