"""Call a few bytes of x86-64 machine code: what Python cannot ask of the processor, or of valgrind."""

from __future__ import annotations

import ctypes
import mmap
import platform
from collections.abc import Callable
from typing import Any, Final

CPUID: Final = bytes.fromhex(
    "53"  # push rbx
    "89f8 89f1 4989d0"  # mov eax, edi; mov ecx, esi; mov r8, rdx
    "0fa2"  # cpuid
    "418900 41895804 41894808 4189500c"  # mov [r8], eax; [r8+4], ebx; [r8+8], ecx; [r8+12], edx
    "5b c3"  # pop rbx; ret
)
"""void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t result[4])."""

CLIENT_REQUEST: Final = bytes.fromhex(
    "4889f8 4889f2"  # mov rax, rdi; mov rdx, rsi
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 3, 13, 61 and 51: no change, but valgrind knows it
    "4887db"  # xchg rbx, rbx
    "4889d0 c3"  # mov rax, rdx; ret
)
"""uint64_t request(uint64_t arguments[6], uint64_t otherwise): valgrind.h's client request for System V on x86-64."""

CPUID_BITS: Final = {  # name as in /proc/cpuinfo: leaf, subleaf, register (eax, ebx, ecx, edx), bit
    "avx2": (7, 0, 1, 5),
    "avx512f": (7, 0, 1, 16),
    "avx512_vnni": (7, 0, 2, 11),
    "avx_vnni": (7, 1, 0, 4),
}

_kept: list[mmap.mmap] = []
"""Memory that holds loaded code. It is never freed, because functions point into it."""


class MachineCodeError(Exception):
    """Machine code cannot run here; the message says why."""


def load_code(code: bytes, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Make a function of machine code.

    Args:
        code: One of the constants above.
        result: ctypes type of its result; None for none.
        arguments: ctypes types of its arguments.

    Raises:
        MachineCodeError: This is not Linux on x86-64, or it forbids executable memory.
    """
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise MachineCodeError(f"needs Linux on x86-64, this is {platform.system()} on {platform.machine()}")
    try:
        memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        raise MachineCodeError(f"executable memory is forbidden here ({error.strerror})") from error
    memory.write(code)
    _kept.append(memory)
    return ctypes.CFUNCTYPE(result, *arguments)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))


def read_cpuid_features() -> list[str]:
    """Those of `CPUID_BITS` that the processor, or the program that emulates it, reports to this process.

    Raises:
        MachineCodeError: As `load_code`.
    """
    cpuid = load_code(CPUID, None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
    registers = (ctypes.c_uint32 * 4)()

    def reads(leaf: int, subleaf: int, register: int, bit: int) -> bool:
        cpuid(0, 0, registers)
        if registers[0] < leaf:
            return False
        cpuid(leaf, subleaf, registers)
        return bool(registers[register] >> bit & 1)

    return [name for name, place in CPUID_BITS.items() if reads(*place)]
