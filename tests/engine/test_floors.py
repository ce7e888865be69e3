"""The floors hold: who may import whom, what stays out of the light processes, one list of source roots."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "diffusers", "transformers", "safetensors", "scipy")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((REPO / "pyproject.toml").read_text())


def roots_of(pyproject: dict[str, Any]) -> list[str]:
    return list(pyproject["tool"]["pytest"]["ini_options"]["pythonpath"])


def modules_below(package: Path) -> list[str]:
    names = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def imported_by(modules: list[str], roots: list[str]) -> set[str]:
    """Top-level packages in a fresh Python after importing these modules."""
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    path = os.pathsep.join(str(REPO / root) for root in roots)
    done = subprocess.run(
        [sys.executable, "-c", program, *modules],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_import_contract_holds() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([script, "--no-cache"], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_of_the_timeline_layer_imports_a_heavy_package(pyproject: dict[str, Any]) -> None:
    # Files that run inside a host program (Blender) cannot be imported here.
    modules = [name for name in modules_below(REPO / "otio_v2a") if ".blender" not in name and "__main__" not in name]
    assert "otio_v2a.cli" in modules or "otio_v2a.spans" in modules
    assert not imported_by(modules, roots_of(pyproject)) & {*HEAVY, "av", "PySide6"}


def test_floor_0_and_the_idle_worker_import_nothing_heavy(pyproject: dict[str, Any]) -> None:
    modules = [
        f"otio_v2a_engine.{name}"
        for name in (
            "contract",
            "wire",
            "registry",
            "lengths",
            "specs",
            "worker",
            "weight_folders",
            "checkpoint_folders",
        )
    ]
    assert not imported_by(modules, roots_of(pyproject)) & {*HEAVY, "av", "soundfile", "opentimelineio", "otio_v2a"}


def test_the_test_for_heavy_packages_can_fail(pyproject: dict[str, Any]) -> None:
    assert "scipy" in imported_by(["scipy"], roots_of(pyproject))


def test_every_tool_knows_the_same_source_roots(pyproject: dict[str, Any]) -> None:
    tool = pyproject["tool"]
    roots = roots_of(pyproject)
    assert roots == [".", "engine", "ui", "plugin"]
    assert tool["mypy"]["mypy_path"] == roots
    assert tool["pyright"]["extraPaths"] == roots
    assert tool["ruff"]["src"] == roots
    assert tool["hatch"]["build"]["dev-mode-dirs"] == roots


def test_every_package_is_built_checked_and_ruled(pyproject: dict[str, Any]) -> None:
    tool = pyproject["tool"]
    packages = tool["mypy"]["packages"]
    assert tool["importlinter"]["root_packages"] == packages
    built = tool["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [Path(path).name for path in built] == packages
    roots = roots_of(pyproject)
    assert [str(Path(path).parent) for path in built] == roots
