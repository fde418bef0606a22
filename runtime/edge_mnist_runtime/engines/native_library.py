"""Run a model that `edge-mnist export` compiled as a shared library.

A library is code. Load only one whose hash a manifest proves.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from edge_mnist_runtime.contract import ModelContract, TensorSpec, check_schema
from edge_mnist_runtime.engines import DEFAULT_OPTIONS, check_signature
from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import ContractError, CorruptModelError, UsageError
from edge_mnist_runtime.machine.native_target import host_targets, read_target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

DESCRIPTION_SCHEMA_VERSION: Final = 1

BATCH_IMAGES: Final = 1024
"""Maximum number of images in one call: it takes no memory but that of its result."""

_loaded: dict[bytes, ctypes.CDLL] = {}
"""Libraries of this process by their content: the system keeps each one that was ever loaded."""

_Call: TypeAlias = "tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]"
"""What one call at a time uses: memory to work in, and the probabilities."""


class NativeLibrary:
    """An `Engine` over a compiled library. It can be shared by threads, forked and pickled.

    Calls release Python's lock, and threads do not wait for each other: each call has memory of its own.

    Args:
        library: The whole file. The caller has proved its hash.
        origin: Its name or path, for error messages.
        options: Must be the default ones: a library uses one thread.

    Raises:
        UsageError: An option is not the default.
        CorruptModelError: The file is no such library, is for another processor, or gives other answers for its golden
            digits than those recorded in it.
        ContractError: It was made for another preprocessing.
    """

    format = "lib"
    backend = "native"
    batch_images = BATCH_IMAGES

    def __init__(self, library: bytes, *, origin: str, options: EngineOptions = DEFAULT_OPTIONS) -> None:
        self._recipe = library, origin, options
        self.origin = origin
        for name in [*(["threads"] if options.threads != 1 else []), *options.beyond_threads()]:
            raise UsageError(f"{name}: a compiled library has no such option, and uses one thread; omit it")
        _require_own_processor(library, origin)
        self.size_bytes = len(library)
        loaded = _load(library, origin)
        try:
            text = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(loaded, "edge_mnist_description")))
            about: dict[str, Any] = json.loads(text)
            check_schema(
                about["schema_version"], (DESCRIPTION_SCHEMA_VERSION,), origin=f"{origin}: library", error=ContractError
            )
            self.contract = contract = ModelContract.from_json(about["contract"], origin=origin)
            self._arena_bytes, self._version = int(about["arena_bytes"]), str(about["version"])
            scales = contract.input_scale, contract.input_zero_point
            self.inputs = (TensorSpec(about["input_name"], "uint8", (1, *contract.image_shape), *scales),)
            shape = (1, len(contract.labels))
            self.outputs = (TensorSpec(about["output_name"], "uint8", shape, float(about["output_scale"]), 0),)
            # Parameters: memory, number of images, their bytes, float32 to write.
            self._run = getattr(loaded, f"{contract.name}_probabilities")
            self._run.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p]
            self._run.restype = None
            instructions = getattr(loaded, f"{contract.name}_instructions")
            instructions.restype = ctypes.c_char_p
            self_test = getattr(loaded, f"{contract.name}_self_test")
        except (AttributeError, ValueError, KeyError, TypeError) as error:
            raise CorruptModelError(f"{origin}: no library that edge-mnist export made ({error})") from error
        check_signature(contract, self.inputs, self.outputs, origin)
        self._instructions = instructions().decode()
        self._image_bytes = math.prod(contract.image_shape)
        self._idle: list[_Call] = []
        wrong = self_test(
            ctypes.create_string_buffer(self._arena_bytes), ctypes.create_string_buffer(self._image_bytes)
        )
        if wrong:
            raise CorruptModelError(
                f"{origin}: gives wrong scores for {wrong} of its golden vectors on this processor; do not use it here"
            )

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the library."""
        import hashlib  # loads OpenSSL (3 MB), and a single image does not need it

        return hashlib.sha256(self._recipe[0]).hexdigest()

    def info(self) -> EngineInfo:
        """What runs: the version is that of edge-mnist that made the library, with the instructions that it uses."""
        version = f"{self._version} ({self._instructions})"
        return EngineInfo(self.backend, version, None, 1, spin=False, low_memory=False, exact_sums=None)

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C), in one call."""
        import numpy as np  # not needed for single images: it takes most of a cold start

        if images.dtype != np.uint8 or images.shape[1:] != self.contract.image_shape:
            raise ValueError(f"images are {images.dtype} of {images.shape}")
        images = np.ascontiguousarray(images)
        probabilities = np.empty((len(images), len(self.contract.labels)), np.float32)
        arena = ctypes.create_string_buffer(self._arena_bytes)
        self._run(arena, len(images), images.ctypes.data, probabilities.ctypes.data)
        return probabilities

    def run_bytes(self, image: bytes) -> bytes:
        """Run one image: H * W * C bytes of uint8 in, K values of float32 out, as bytes."""
        if len(image) != self._image_bytes:
            raise ValueError(f"{len(image)} bytes are no image of {self._image_bytes}")
        try:
            call = self._idle.pop()  # taking from a list's end and adding to it are atomic
        except IndexError:
            call = self._make_call()
        arena, probabilities = call
        self._run(arena, 1, image, probabilities)
        copy = probabilities.raw
        self._idle.append(call)
        return copy

    def _make_call(self) -> _Call:
        return ctypes.create_string_buffer(self._arena_bytes), ctypes.create_string_buffer(
            4 * len(self.contract.labels)
        )

    def __reduce__(self) -> tuple[Callable[..., NativeLibrary], tuple[Any, ...]]:
        return _restore, self._recipe


def _restore(library: bytes, origin: str, options: EngineOptions) -> NativeLibrary:
    return NativeLibrary(library, origin=origin, options=options)


def _require_own_processor(library: bytes, origin: str) -> None:
    found, here = read_target(library), host_targets()
    if found is None:
        raise CorruptModelError(f"{origin}: not a shared library of a known machine; export the bundle again")
    if found not in [name.removesuffix("-musl").replace("armv7", "arm").replace("armv6", "arm") for name in here]:
        raise CorruptModelError(
            f"{origin}: compiled for {found}; this machine is {here[0] if here else 'none of the known kinds'}; "
            "export it with `targets` of this machine"
        )


def _load(library: bytes, origin: str) -> ctypes.CDLL:
    """Load the very bytes that were proved, not a file that may have changed since."""
    if library in _loaded:
        return _loaded[library]
    try:
        if hasattr(os, "memfd_create"):
            try:
                return _loaded.setdefault(library, _load_from_memory(library))
            except OSError:  # a system may forbid code in memory files, or lack /proc
                pass
        import tempfile  # takes 5 ms, and is seldom needed

        with tempfile.TemporaryDirectory(prefix="edge-mnist-", ignore_cleanup_errors=True) as folder:
            path = os.path.join(folder, "edge-mnist.so")  # noqa: PTH118
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(library)
            return _loaded.setdefault(library, ctypes.CDLL(path))
    except OSError as error:
        raise CorruptModelError(f"{origin}: cannot be loaded ({error})") from error


def _load_from_memory(library: bytes) -> ctypes.CDLL:
    # The descriptor stays open, because the system takes two libraries with the same path for one.
    descriptor = os.memfd_create("edge-mnist")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(library)
        return ctypes.CDLL(f"/proc/self/fd/{descriptor}")
    except OSError:
        os.close(descriptor)
        raise
