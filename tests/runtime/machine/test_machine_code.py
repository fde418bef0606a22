"""Machine code that asks the processor for its features."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edge_mnist_runtime.machine import machine_code
from edge_mnist_runtime.machine.environment import read_instruction_sets
from edge_mnist_runtime.machine.machine_code import CPUID_BITS, MachineCodeError, read_cpuid_features

IS_LINUX_ON_X86 = (platform.system(), platform.machine()) == ("Linux", "x86_64")


@pytest.mark.skipif(not IS_LINUX_ON_X86, reason="the machine code is for Linux on x86-64")
def test_features_are_those_of_the_kernel() -> None:
    of_kernel = read_instruction_sets(Path("/proc/cpuinfo").read_text("utf-8")) or []
    assert set(read_cpuid_features()) == set(of_kernel) & set(CPUID_BITS)


def test_other_machines_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code.platform, "machine", lambda: "riscv64")
    with pytest.raises(MachineCodeError, match="riscv64"):
        read_cpuid_features()
