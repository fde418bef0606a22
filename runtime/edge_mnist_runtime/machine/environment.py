"""The machine that a figure was measured on: processor, cores, limits, load and versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.machine.int8_sums import DOT_PRODUCTS
from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions

INSTRUCTION_SETS: Final = ("avx2", "avx512f", "neon", "asimd", *DOT_PRODUCTS)
"""The processor's flags that decide how fast a network runs, as /proc/cpuinfo names them on x86 and ARM."""

ENGINE_PACKAGES: Final = {"onnxruntime": "onnxruntime", "litert": "ai-edge-litert"}
"""The distribution behind each back end."""


def describe_environment(root: Path = Path("/")) -> dict[str, Any]:
    """The machine and the versions that a figure was measured with.

    Args:
        root: Where /proc and /sys are looked for.

    Returns:
        For JSON. What this system does not say is None.
    """
    cpuinfo = _read(root / "proc/cpuinfo") or ""
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu_name(cpuinfo),
        "machine": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "instruction_sets": read_instruction_sets(cpuinfo),
        "usable_cores": usable_cores(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cpu_quota_cores": read_cpu_quota(root),
        "governor": read_governor(root),
        "load_average_1min": load[0] if load else None,
        "versions": installed_versions(DISTRIBUTION, *ENGINE_PACKAGES.values(), "numpy", "pillow"),
    }


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_instruction_sets(cpuinfo: str) -> list[str] | None:
    """Those of `INSTRUCTION_SETS` that the text of /proc/cpuinfo names; None where it names none of any kind."""
    fields = _fields(cpuinfo)
    flags = fields.get("flags") or fields.get("Features")
    return [name for name in INSTRUCTION_SETS if name in flags.split()] if flags else None


def read_governor(root: Path = Path("/")) -> str | None:
    """What sets the clock of the processors (`performance`, `powersave`, ...), all of them, where they differ."""
    places = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return ", ".join(sorted({governor for place in places if (governor := _read(place))})) or None


def read_cpu_quota(root: Path = Path("/")) -> float | None:
    """Processor time that the control groups of this process may take, in cores; None where they set no limit.

    Both versions of control groups are read, and every group above this process's own: the least one holds.
    """
    limits = []
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup"
        if controllers:
            mount = mount / "cpu" if (mount / "cpu").exists() else mount / controllers
        group = mount / path.strip("/")
        for folder in (group, *group.parents):
            if limit := _quota_of(folder):
                limits.append(limit)
            if folder == mount:
                break
    return min(limits, default=None)


def _quota_of(group: Path) -> float | None:
    """The limit of one control group, in cores."""
    text = _read(group / "cpu.max")  # version 2: "QUOTA PERIOD", "max PERIOD" for none
    if text is None:
        text = f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"  # version 1: -1 for none
    try:
        quota, period = (int(part) for part in text.split())
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _cpu_name(cpuinfo: str) -> str:
    """The processor's name as Linux has it on x86 (`model name`) or ARM boards (`Model`), else Python's."""
    fields = _fields(cpuinfo)
    return fields.get("model name") or fields.get("Model") or platform.processor() or platform.machine()


def _fields(cpuinfo: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())}


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
