"""Describe the machine that a figure was measured on: processor, cores, limits, load and versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.machine.int8_sums import DOT_PRODUCTS
from edge_mnist_runtime.machine.machine_code import MachineCodeError, read_cpuid_features
from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions

INSTRUCTION_SETS: Final = ("avx2", "avx512f", "neon", "asimd", *DOT_PRODUCTS)
"""Processor flags that decide how fast a network runs, as /proc/cpuinfo names them on x86 and ARM."""

ENGINE_PACKAGES: Final = {"onnxruntime": "onnxruntime", "litert": "ai-edge-litert"}
"""The PyPI distribution of each back end."""


def describe_environment(root: Path = Path("/")) -> dict[str, Any]:
    """Describe this machine and the installed versions.

    Args:
        root: The folder that contains /proc and /sys.

    Returns:
        A record for JSON. A value that this system does not give is None.
    """
    cpuinfo = _read(root / "proc/cpuinfo") or ""
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    return {
        "cpu": _cpu_name(cpuinfo),
        "machine": platform.machine(),
        "system": platform.system(),
        "kernel": platform.release(),
        "instruction_sets": read_instruction_sets(cpuinfo),
        "cpu_features": _visible_features(),
        "usable_cores": usable_cores(),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cpu_quota_cores": read_cpu_quota(root),
        "governor": read_governor(root),
        "load_average_1min": load[0] if load else None,
        "versions": installed_versions(DISTRIBUTION, *ENGINE_PACKAGES.values(), "numpy", "pillow"),
    }


def _visible_features() -> list[str] | None:
    """What the processor itself reports; None if it cannot be asked. /proc/cpuinfo differs if it is emulated."""
    try:
        return read_cpuid_features()
    except MachineCodeError:
        return None


def usable_cores() -> int:
    """Number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_instruction_sets(cpuinfo: str) -> list[str] | None:
    """Select those of `INSTRUCTION_SETS` that the text of /proc/cpuinfo names; None if it has no flags at all."""
    fields = _fields(cpuinfo)
    flags = fields.get("flags") or fields.get("Features")
    return [name for name in INSTRUCTION_SETS if name in flags.split()] if flags else None


def read_governor(root: Path = Path("/")) -> str | None:
    """Frequency governors of the cores (`performance`, `powersave`, ...), joined by commas if they differ."""
    places = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return ", ".join(sorted({governor for place in places if (governor := _read(place))})) or None


def read_cpu_quota(root: Path = Path("/")) -> float | None:
    """Limit of processor time for this process's control groups, in cores; None if there is none.

    The result is the lowest limit of this process's group and all groups above it, in both cgroup versions.
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
    """Limit of one control group, in cores."""
    text = _read(group / "cpu.max")  # version 2: "QUOTA PERIOD"; "max PERIOD" means no limit
    if text is None:
        text = f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"  # version 1: -1: no limit
    try:
        quota, period = (int(part) for part in text.split())
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _cpu_name(cpuinfo: str) -> str:
    """The processor's name from Linux on x86 (`model name`) or ARM boards (`Model`), else from Python."""
    fields = _fields(cpuinfo)
    return fields.get("model name") or fields.get("Model") or platform.processor() or platform.machine()


def _fields(cpuinfo: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())}


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
