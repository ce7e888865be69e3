"""Owns what this machine can render on: processors and their memory. A program that prints a JSON line for each.

    python -m otio_v2a_engine.devices

Floor 1: it asks torch. Renders nothing and reserves no memory of a GPU beyond what asking takes.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["devices", "main", "multiplies_in_bf16"]


def devices() -> Iterator[dict[str, Any]]:
    """Each device: `name` as the command line takes it, `title`, `total_bytes` and `free_bytes` (None: unknown)."""
    import torch

    total, free = _memory()
    yield {
        "name": "cpu",
        "title": f"{_processor()}, {os.cpu_count() or 1} cores",
        "total_bytes": total,
        "free_bytes": free,
    }
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            yield {
                "name": "cuda",
                "title": torch.cuda.get_device_name(number),
                "total_bytes": int(total),
                "free_bytes": int(free),
            }
    if torch.backends.mps.is_available():
        total = int(torch.mps.recommended_max_memory())
        used = int(torch.mps.driver_allocated_memory())
        yield {"name": "mps", "title": "Apple GPU", "total_bytes": total, "free_bytes": max(total - used, 0)}


def multiplies_in_bf16(device: str) -> bool:
    """Whether a device multiplies bfloat16 matrices faster than float32; False where torch cannot tell."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch says so since 2.9
    known = torch.cpu.get_capabilities() if device == "cpu" and hasattr(torch.cpu, "get_capabilities") else {}
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"


def _memory() -> tuple[int | None, int | None]:
    """Bytes of main memory and how much of it is free for programs."""
    try:
        with open("/proc/meminfo", encoding="ascii", errors="replace") as file:
            found = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in file if len(line.split()) > 1}
        return found["MemTotal"], found["MemAvailable"]
    except (OSError, KeyError, ValueError):
        pass
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    return None, None


def main() -> int:
    """Print the devices."""
    for device in devices():
        sys.stdout.write(json.dumps(device) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
