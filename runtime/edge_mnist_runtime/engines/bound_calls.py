"""Single images through onnxruntime in buffers that are bound to the session once.

A network of this size is done in 11 us, and `InferenceSession.run` takes 3 more around it: the wrapper in Python checks
at each call what cannot change, and names and arrays are looked up anew. Bound buffers, and the wrapper's own inner
objects, halve that; copying 784 bytes in and 40 out is included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import onnxruntime

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.contract import TensorSpec

DEVICE: Final = ("cpu", 0)
"""Where the buffers lie, in onnxruntime's words."""


class BoundCalls:
    """Runs a session on one image at a time. Safe to call from many threads at once.

    Args:
        session: A session on the processor.
        image: Its input, uint8; the shape's batch axis is taken as 1.
        probabilities: Its output, float32, likewise.
    """

    def __init__(self, session: onnxruntime.InferenceSession, image: TensorSpec, probabilities: TensorSpec) -> None:
        self._session, self._image, self._probabilities = session, image, probabilities
        self.shape = (1, *image.shape[1:])
        # As many as were ever in use at once. Taking from a list's end and adding to it are atomic.
        self._idle: list[_Bound] = []

    def run(self, image: bytes) -> bytes:
        """Probabilities, K float32, of an image, uint8, of this `shape`."""
        try:
            bound = self._idle.pop()
        except IndexError:
            bound = self._bind()
        pixels, run, arguments, probabilities = bound
        pixels[:] = image
        run(*arguments)
        copy = probabilities.tobytes()
        self._idle.append(bound)
        return copy

    def _bind(self) -> _Bound:
        """Buffers of their own, for one caller at a time."""
        binding = self._session.io_binding()
        image, probabilities = _make_buffer(self._image), _make_buffer(self._probabilities)
        binding.bind_input(self._image.name, *_place(image))
        binding.bind_output(self._probabilities.name, *_place(probabilities))
        return image.reshape(-1).data, *_find_run(self._session, binding), probabilities.reshape(-1).data


_Bound: TypeAlias = "tuple[memoryview, Callable[..., object], tuple[Any, ...], memoryview]"
"""Buffer of the image, what runs the session on bound buffers, its arguments, and buffer of the probabilities."""


def _make_buffer(spec: TensorSpec) -> npt.NDArray[Any]:
    return np.zeros((1, *map(int, spec.shape[1:])), spec.dtype)


def _place(buffer: npt.NDArray[Any]) -> tuple[Any, ...]:
    """Where and what a buffer is, as onnxruntime wants to be told."""
    return *DEVICE, buffer.dtype.type, buffer.shape, buffer.ctypes.data


def _find_run(
    session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding
) -> tuple[Callable[..., object], tuple[Any, ...]]:
    """The inner objects that onnxruntime's wrappers delegate to; the wrappers where a version has no such parts.

    These are private, and stay because they save 2 of 21.5 us a call of `nano`, and 3 of 35 of `edge` (processor time,
    on a busy machine).
    """
    run = getattr(getattr(session, "_sess", None), "run_with_iobinding", None)
    bound = getattr(binding, "_iobinding", None)
    if run is None or bound is None:
        return session.run_with_iobinding, (binding,)
    return run, (bound, onnxruntime.RunOptions())
