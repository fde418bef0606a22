"""ONNX models in onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
import onnxruntime

from edge_mnist_runtime.contract import METADATA_KEY, ModelContract, TensorSpec
from edge_mnist_runtime.engines import BATCH_IMAGES, DEFAULT_OPTIONS, LOW_MEMORY_BATCH_IMAGES, check_ends, to_input
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
"""NumPy's names of onnxruntime's dtypes."""

Recipe: TypeAlias = "tuple[bytes, str, EngineOptions, str | None, bool]"
"""What `OnnxSession` was made from."""


class OnnxSession:
    """An `Engine` over one onnxruntime session. Safe to call from many threads at once, across forks, and to pickle.

    Args:
        model: The whole file.
        origin: Its name or path, for error messages.
        options: How it is run.
        profile_prefix: Where onnxruntime writes how long every operator takes, as the beginning of a path; None: no
            profiling, which slows every call down.
        exact: Whether onnxruntime is told to keep int8 sums exact, which makes it slower; None: where the file can
            saturate on this processor (see `int8_sums`).

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
        contract = self._read_ends(session, origin)
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
        """An engine over a session that the caller made, with whatever options.

        Raises:
            UsageError: It is no onnxruntime session.
            ContractError: Its model carries no contract, or one that this version does not know.
        """
        if not isinstance(session, onnxruntime.InferenceSession):
            raise UsageError(f"session must be an onnxruntime.InferenceSession, not a {type(session).__name__}")
        engine = cls.__new__(cls)
        engine._recipe, engine.batch_images = None, BATCH_IMAGES
        engine._read_ends(session, "session")
        engine._use(session)
        survive_fork(engine)
        return engine

    def _read_ends(self, session: onnxruntime.InferenceSession, origin: str) -> ModelContract:
        try:
            contract_text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
            inputs, self.outputs = read_specs(session.get_inputs()), read_specs(session.get_outputs())
        except UnicodeDecodeError as error:  # onnxruntime loads names and notes that are no text
            raise CorruptModelError(f"{origin}: malformed ONNX model ({first_line(error)})") from error
        self.contract = contract = ModelContract.from_json(contract_text, origin=origin)
        # ONNX keeps an input's scale in the nodes behind it, which onnxruntime does not show; the contract repeats it.
        self.inputs = tuple(
            replace(spec, scale=contract.input_scale, zero_point=contract.input_zero_point) for spec in inputs
        )
        check_ends(contract, self.inputs, self.outputs, origin)
        self._takes_bytes = self.inputs[0].dtype == "uint8"
        self._input_name = self.inputs[0].name
        # run(None, ...) would build the list at every call, and make itself such options: 0.5 us of 15.
        self._output_names, self._call_options = [self.outputs[0].name], onnxruntime.RunOptions()
        self._session: onnxruntime.InferenceSession | None
        self._bound: BoundCalls | None
        self._reopening = threading.Lock()
        return contract

    def _use(self, session: onnxruntime.InferenceSession) -> None:
        # A session of the caller's, or one elsewhere than on the processor, is called as its makers meant it to be.
        plain = self._takes_bytes and self._recipe is not None and session.get_providers() == [PROCESSOR]
        self._bound = BoundCalls(session, self.inputs[0], self.outputs[0]) if plain else None
        self._session = session

    @property
    def size_bytes(self) -> int | None:
        """Size of the model file; None for a session of the caller's."""
        return self._recipe and len(self._recipe[0])

    @cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the model file; None for a session of the caller's."""
        import hashlib  # loads OpenSSL, 3 MB, for a figure that few ask for

        return self._recipe and hashlib.sha256(self._recipe[0]).hexdigest()

    @cached_property
    def info(self) -> EngineInfo:
        """What was really applied, as the session tells it."""
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
        except Exception as error:  # onnxruntime's own: some contradictions in a graph show only when it runs
            raise CorruptModelError(f"onnxruntime cannot run this model ({first_line(error)})") from error
        return result[0]

    def run_bytes(self, image: bytes) -> bytes:
        """As `run` of one image, bytes in and out: H * W * C of uint8, K of float32."""
        bound = self._bound
        if bound is None:
            return self.run(np.frombuffer(image, np.uint8).reshape(1, *self.contract.image_shape)).tobytes()
        try:
            return bound.run(image)
        except Exception as error:  # as in `run`
            raise CorruptModelError(f"onnxruntime cannot run this model ({first_line(error)})") from error

    def end_profiling(self) -> str:
        """End the profiling that `profile_prefix` began, and give the path of what it wrote."""
        return str((self._session or self._reopen()).end_profiling())

    def leave_to_parent(self) -> None:
        """Forget, in a child, the parent's session."""
        for handle in (self._session, self._bound):
            if handle is not None:
                leak(handle)
        self._session, self._bound, self._reopening = None, None, threading.Lock()

    def _reopen(self) -> onnxruntime.InferenceSession:
        with self._reopening:
            if self._session is None:
                if self._recipe is None:
                    raise UsageError(
                        "this classifier runs a session of the caller's, which does not survive a fork; make a session "
                        "and a classifier in the child, or give the model instead of a session"
                    )
                self._use(open_session(*self._recipe))
            return cast("onnxruntime.InferenceSession", self._session)

    def __reduce__(self) -> tuple[Callable[..., OnnxSession], tuple[Any, ...]]:
        if self._recipe is None:
            raise UsageError(
                "this classifier runs a session of the caller's, which cannot be pickled or copied; give the model "
                "instead of a session"
            )
        return _restore, self._recipe


def _restore(model: bytes, origin: str, options: EngineOptions, profile_prefix: str | None, exact: bool) -> OnnxSession:
    return OnnxSession(model, origin=origin, options=options, profile_prefix=profile_prefix, exact=exact)


def read_specs(arguments: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    """Inputs or outputs of a session."""
    return tuple(
        TensorSpec(argument.name, DTYPES.get(argument.type, argument.type), tuple(argument.shape))
        for argument in arguments
    )
