"""Count the instructions of calls in this process: by the processor's counter, or by valgrind's callgrind.

Whole processes cannot be compared: their counts differ by millions from run to run, which is the work of some digits.
Both counters here count the calls alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_mnist_runtime.machine.machine_code import CLIENT_REQUEST, load_code

PERF_EVENT_OPEN: Final = {"x86_64": 298, "aarch64": 241, "armv7l": 364, "armv6l": 364}
"""Numbers of Linux's system call."""

HARDWARE, INSTRUCTIONS = 0, 1
ATTRIBUTES_BYTES: Final = 112
DISABLED_INHERITED_USER_ONLY: Final = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6
"""Bits of `perf_event_attr`: disabled, inherit, exclude_kernel, exclude_hv."""

ENABLE, DISABLE, RESET = 0x2400, 0x2401, 0x2403
"""PERF_EVENT_IOC_ENABLE, _DISABLE, _RESET."""

PARANOID: Final = Path("/proc/sys/kernel/perf_event_paranoid")

CALLGRIND: Final = ord("C") << 24 | ord("T") << 16
"""Base of callgrind's client requests (callgrind.h)."""
DUMP_STATS, ZERO_STATS, START_INSTRUMENTATION, STOP_INSTRUMENTATION = (CALLGRIND + n for n in (0, 1, 4, 5))

RUNNING_ON_VALGRIND: Final = 0x1001
"""valgrind.h's request: how many valgrinds run this process, one inside the other."""


class NoCounterError(Exception):
    """Instructions cannot be counted; the message says why and what to do."""


class PerfEventCounter:
    """Counts instructions in user space with the processor's counter, through Linux's perf_event_open.

    Raises:
        NoCounterError: The kernel or the machine does not allow it.
    """

    name = "perf_event"

    def __init__(self) -> None:
        number = PERF_EVENT_OPEN.get(platform.machine())
        if platform.system() != "Linux" or number is None:
            raise NoCounterError(f"perf_event_open is not known on {platform.system()} on {platform.machine()}")
        attributes = ctypes.create_string_buffer(ATTRIBUTES_BYTES)
        struct.pack_into("=IIQ", attributes, 0, HARDWARE, ATTRIBUTES_BYTES, INSTRUCTIONS)
        struct.pack_into("=Q", attributes, 40, DISABLED_INHERITED_USER_ONLY)
        self._libc = ctypes.CDLL(None, use_errno=True)
        this_process, any_cpu, no_group, no_flags = 0, -1, -1, 0
        self._descriptor = self._libc.syscall(number, attributes, this_process, any_cpu, no_group, no_flags)
        if self._descriptor < 0:
            raise NoCounterError(explain_perf_error(ctypes.get_errno()))

    def count(self, call: Callable[[], object]) -> int:
        """Instructions of one call."""
        self._control(RESET)
        self._control(ENABLE)
        try:
            call()
        finally:
            self._control(DISABLE)
        (counted,) = struct.unpack("=Q", os.read(self._descriptor, 8))
        return int(counted)

    def close(self) -> None:
        """Release the counter."""
        os.close(self._descriptor)

    def _control(self, request: int) -> None:
        if self._libc.ioctl(self._descriptor, request, 0) < 0:
            raise NoCounterError(f"the counter cannot be controlled ({os.strerror(ctypes.get_errno())})")


def explain_perf_error(number: int) -> str:
    """Say why perf_event_open failed and what to do, by its errno."""
    if number in (errno.EACCES, errno.EPERM):
        try:
            level = PARANOID.read_text("utf-8").strip()
        except OSError:
            level = "unknown"
        return f"no permission for the processor's counter (kernel.perf_event_paranoid is {level}; 2 or less allows it)"
    if number in (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV):
        return "this machine has no counter of instructions, as many virtual machines"
    return f"perf_event_open fails ({os.strerror(number)})"


class CallgrindCounter:
    """Makes callgrind write the instructions of each call into its next file. This process runs in callgrind.

    Raises:
        NoCounterError: This process does not run in valgrind.
        MachineCodeError: As `load_code`.
    """

    name = "callgrind"

    def __init__(self) -> None:
        self._call = load_code(CLIENT_REQUEST, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
        if not self._request(RUNNING_ON_VALGRIND):
            raise NoCounterError("this process does not run in valgrind")

    def count(self, call: Callable[[], object]) -> None:
        """Run the call, and make callgrind write its count."""
        self._request(START_INSTRUMENTATION)
        self._request(ZERO_STATS)
        call()
        self._request(DUMP_STATS)
        self._request(STOP_INSTRUMENTATION)

    def _request(self, request: int) -> int:
        arguments = (ctypes.c_uint64 * 6)(request)
        return int(self._call(arguments, 0))


def read_callgrind_counts(out_file: Path) -> list[int]:
    """Read the counts of `CallgrindCounter` in the order of calls.

    Args:
        out_file: Value of callgrind's option for its file. The counts are in files of this name and `.1`, `.2`, ...

    Raises:
        NoCounterError: A file has no total.
    """
    counts: list[int] = []
    while (path := out_file.with_name(f"{out_file.name}.{len(counts) + 1}")).exists():
        totals = [line for line in path.read_text("utf-8").splitlines() if line.startswith("totals:")]
        try:
            counts.append(int(totals[-1].split()[1]))
        except (IndexError, ValueError):
            raise NoCounterError(f"callgrind's file {path.name} has no total") from None
    return counts
