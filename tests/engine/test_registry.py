"""Engines are found by entry point; a broken one names its owner and hurts nobody else."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from otio_v2a_engine import registry
from otio_v2a_engine.contract import EngineError, EngineSpec
from otio_v2a_engine.fake import FakeEngine
from otio_v2a_engine.specs import BUILT_IN, FAKE

GROUP = registry.ENTRY_POINT_GROUP


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make these entry points the installed ones; `third_party` holds objects for them."""

    def these(*points: tuple[str, str], **objects: object) -> None:
        module = ModuleType("third_party")
        vars(module).update(objects)
        monkeypatch.setitem(sys.modules, "third_party", module)
        found = [EntryPoint(name, value, GROUP) for name, value in points]
        monkeypatch.setattr(registry, "entry_points", lambda *, group: [p for p in found if p.group == group])

    return these


def spec_named(name: str) -> EngineSpec:
    return replace(FAKE, info=replace(FAKE.info, name=name))


def test_the_engines_that_ship_are_installed() -> None:
    assert {spec.info.name: spec for spec in BUILT_IN}.items() <= registry.specs().items()
    assert registry.DEFAULT_ENGINE in registry.specs()


def test_a_checkout_without_entry_points_has_the_engines_that_ship(install: Callable[..., None]) -> None:
    install()
    assert list(registry.specs()) == sorted(spec.info.name for spec in BUILT_IN)
    assert registry.find("fake") is FAKE


def test_a_third_party_engine_is_listed_by_name(install: Callable[..., None]) -> None:
    install(("zeta", "third_party:Z"), ("alpha", "third_party:A"), Z=spec_named("zeta"), A=spec_named("alpha"))
    assert list(registry.specs()) == ["alpha", "zeta"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("third_party:missing", "cannot be listed"),
        ("no_such_package:SPEC", "cannot be listed"),
        ("third_party:NUMBER", "is not an EngineSpec"),
        ("third_party:OTHER", "named 'other'"),
    ],
)
def test_a_broken_engine_is_named_and_the_others_still_work(
    install: Callable[..., None], value: str, words: str
) -> None:
    install(
        ("broken", value), ("good", "third_party:GOOD"), GOOD=spec_named("good"), NUMBER=7, OTHER=spec_named("other")
    )
    with pytest.raises(EngineError, match=words) as caught:
        registry.specs()
    assert "'broken'" in str(caught.value)
    with pytest.raises(EngineError, match=words):
        registry.find("broken")
    assert registry.find("good").info.name == "good"


def test_two_engines_of_one_name_are_refused(install: Callable[..., None]) -> None:
    other = replace(FAKE, factory="third_party:Other")
    install(("fake", "otio_v2a_engine.specs:FAKE"), ("fake", "third_party:OTHER"), OTHER=other)
    with pytest.raises(EngineError, match="installed twice"):
        registry.specs()


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    with pytest.raises(EngineError, match=r"there is no engine 'big'; installed: .*fake"):
        registry.find("big")


def test_load_makes_the_engine() -> None:
    assert isinstance(registry.load("fake"), FakeEngine)


def test_load_refuses_an_undeclared_device() -> None:
    with pytest.raises(EngineError, match="fake runs on cpu, not cuda"):
        registry.load("fake", device="cuda")


@pytest.mark.parametrize("factory", ["no_such_package:Engine", "third_party:Missing"])
def test_an_engine_that_cannot_be_imported_is_named(install: Callable[..., None], factory: str) -> None:
    install(("third", "third_party:SPEC"), SPEC=replace(spec_named("third"), factory=factory))
    with pytest.raises(EngineError, match="engine third cannot be imported"):
        registry.load("third")


def test_packages_are_listed_again_when_a_folder_of_them_has_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def listed(*, group: str) -> list[EntryPoint]:
        asked.append(group)
        return []

    monkeypatch.setattr(registry, "entry_points", listed)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    os.utime(tmp_path, ns=(0, 0))
    registry.specs()
    registry.find("fake")
    assert asked == [GROUP]

    os.utime(tmp_path, ns=(0, 10**9))
    registry.specs()
    assert asked == [GROUP, GROUP]
