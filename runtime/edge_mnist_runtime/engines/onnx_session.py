"""Run ONNX models in onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
import onnxruntime

from edge_mnist_runtime.contract import METADATA_KEY, ModelContract, TensorSpec
from edge_mnist_runtime.engines import BATCH_IMAGES, DEFAULT_OPTIONS, LOW_MEMORY_BATCH_IMAGES, check_signature, to_input
from edge_mnist_runtime.engines.bound_calls import BoundCalls
from edge_mnist_runtime.engines.fork import leak, survive_fork
from edge_mnist_runtime.engines.onnx_settings import BACKEND, PROCESSOR, describe_session, open_session
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import CorruptModelError, EdgeMnistError, UsageError, first_line
from edge_mnist_runtime.tensor import UINT8

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.engines.info import EngineInfo
    from edge_mnist_runtime.tensor import Pixels

DTYPES: Final = {
    **{
        f"tensor({name})": name
        for name in ("bool", "float16", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
    },
    "tensor(float)": "float32",
    "tensor(double)": "float64",
}
"""NumPy's dtype name for each onnxruntime type."""

Recipe: TypeAlias = "tuple[bytes, str, EngineOptions, str | None, bool]"
"""The arguments of `open_session`, kept to open the session again."""


class OnnxSession:
    """An `Engine` over one onnxruntime session. It can be shared by threads, forked and pickled.

    Args:
        model: The whole file.
        origin: Its name or path, for error messages.
        options: Threads, memory and providers.
        profile_prefix: First part of the path where onnxruntime writes operator times. None: no profiling, because it
            slows down every call.
        exact: Whether onnxruntime computes int8 sums exactly, which is slower. None: if the file can saturate on this
            processor (see `int8_sums`).

    Raises:
        As `open_engine` does.
    """

    format = "onnx"
    backend = BACKEND

    def __init__(
        self,
        model: bytes,
        *,
        origin: str,
        options: EngineOptions = DEFAULT_OPTIONS,
        profile_prefix: str | None = None,
        exact: bool | None = None,
    ) -> None:
        recipe: Recipe = (model, origin, options, profile_prefix, exact is True)
        self.batch_images = LOW_MEMORY_BATCH_IMAGES if options.low_memory else BATCH_IMAGES
        session = open_session(*recipe)
        contract = self._read_signature(session, origin)
        if exact is None and contract.can_saturate:
            from edge_mnist_runtime.machine.int8_sums import may_saturate

            if may_saturate():
                recipe = (*recipe[:4], True)
                session = open_session(*recipe)
        self._recipe: Recipe | None = recipe
        self._use(session)
        survive_fork(self)

    @classmethod
    def from_session(cls, session: onnxruntime.InferenceSession) -> OnnxSession:
        """Make an engine from a session that the caller opened, with any options.

        Raises:
            UsageError: It is no onnxruntime session.
            ContractError: Its model has no contract, or one that this version cannot read.
        """
        if not isinstance(session, onnxruntime.InferenceSession):
            raise UsageError(f"session must be an onnxruntime.InferenceSession, not a {type(session).__name__}")
        engine = cls.__new__(cls)
        engine._recipe, engine.batch_images = None, BATCH_IMAGES
        engine._read_signature(session, "session")
        engine._use(session)
        survive_fork(engine)
        return engine

    def _read_signature(self, session: onnxruntime.InferenceSession, origin: str) -> ModelContract:
        try:
            contract_text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
            inputs, self.outputs = read_specs(session.get_inputs()), read_specs(session.get_outputs())
        except UnicodeDecodeError as error:  # onnxruntime loads names that are not UTF-8
            raise CorruptModelError(f"{origin}: malformed ONNX model ({first_line(error)})") from error
        self.contract = contract = ModelContract.from_json(contract_text, origin=origin)
        # ONNX keeps an input's scale in later nodes, which onnxruntime does not show. The contract repeats it.
        self.inputs = tuple(
            replace(spec, scale=contract.input_scale, zero_point=contract.input_zero_point) for spec in inputs
        )
        check_signature(contract, self.inputs, self.outputs, origin)
        self._takes_bytes = self.inputs[0].dtype == "uint8"
        self._input_name = self.inputs[0].name
        # run(None, ...) builds this list and these options at every call, which takes 0.5 of 15 us.
        self._output_names, self._call_options = [self.outputs[0].name], onnxruntime.RunOptions()
        self._session: onnxruntime.InferenceSession | None
        self._bound: BoundCalls | None
        self._reopening = threading.Lock()
        return contract

    def _use(self, session: onnxruntime.InferenceSession) -> None:
        # Bound buffers are CPU memory. A caller's session, or one on another device, is called the ordinary way.
        plain = self._takes_bytes and self._recipe is not None and session.get_providers() == [PROCESSOR]
        self._bound = BoundCalls(session, self.inputs[0], self.outputs[0]) if plain else None
        self._session = session

    @property
    def size_bytes(self) -> int | None:
        """Size of the model file in bytes; None for a session made by the caller."""
        return self._recipe and len(self._recipe[0])

    @cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the model file; None for a session made by the caller."""
        import hashlib  # loads OpenSSL (3 MB), and few callers need this

        return self._recipe and hashlib.sha256(self._recipe[0]).hexdigest()

    def info(self) -> EngineInfo:
        """The options that the session reports."""
        return describe_session(self._session or self._reopen(), callers=self._recipe is None)

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C)."""
        bound = self._bound
        try:
            if bound is not None and images.shape == bound.shape and images.dtype is UINT8:
                return np.frombuffer(bound.run(images.tobytes()), np.float32).reshape(1, -1)
            session = self._session or self._reopen()
            values = images if self._takes_bytes else to_input(images, self.inputs[0].dtype, self.contract)
            result: list[npt.NDArray[np.float32]] = session.run(
                self._output_names, {self._input_name: values}, self._call_options
            )
        except EdgeMnistError:
            raise
        except Exception as error:  # onnxruntime's own classes; it finds some faults of a graph only in a run
            raise CorruptModelError(f"onnxruntime cannot run this model ({first_line(error)})") from error
        return result[0]

    def run_bytes(self, image: bytes) -> bytes:
        """Run one image: H * W * C bytes of uint8 in, K values of float32 out, as bytes."""
        bound = self._bound
        if bound is None:
            return self.run(np.frombuffer(image, np.uint8).reshape(1, *self.contract.image_shape)).tobytes()
        try:
            return bound.run(image)
        except Exception as error:  # as in `run`
            raise CorruptModelError(f"onnxruntime cannot run this model ({first_line(error)})") from error

    def end_profiling(self) -> str:
        """Stop profiling and return the path of the profile."""
        return str((self._session or self._reopen()).end_profiling())

    def leave_to_parent(self) -> None:
        """In a child process: forget the parent's session."""
        for handle in (self._session, self._bound):
            if handle is not None:
                leak(handle)
        self._session, self._bound, self._reopening = None, None, threading.Lock()

    def _reopen(self) -> onnxruntime.InferenceSession:
        with self._reopening:
            if self._session is None:
                if self._recipe is None:
                    raise UsageError(
                        "this classifier runs a session that you made, which does not survive a fork; make session and "
                        "classifier in the child, or pass the model instead of a session"
                    )
                self._use(open_session(*self._recipe))
            return cast("onnxruntime.InferenceSession", self._session)

    def __reduce__(self) -> tuple[Callable[..., OnnxSession], tuple[Any, ...]]:
        if self._recipe is None:
            raise UsageError(
                "this classifier runs a session that you made, which cannot be pickled or copied; pass the model "
                "instead of a session"
            )
        return _restore, self._recipe


def _restore(model: bytes, origin: str, options: EngineOptions, profile_prefix: str | None, exact: bool) -> OnnxSession:
    return OnnxSession(model, origin=origin, options=options, profile_prefix=profile_prefix, exact=exact)


def read_specs(arguments: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    """Name, dtype and shape of a session's inputs or outputs."""
    return tuple(
        TensorSpec(argument.name, DTYPES.get(argument.type, argument.type), tuple(argument.shape))
        for argument in arguments
    )
