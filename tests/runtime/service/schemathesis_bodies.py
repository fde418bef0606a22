"""Bodies for schemathesis: OpenAPI cannot say which bytes are a picture, or that tensors have 784 bytes."""

from base64 import b64encode

import schemathesis
from hypothesis import strategies

from edge_mnist_runtime.bench.sample_digits import read_samples

PICTURES = [*read_samples().values()]

schemathesis.openapi.media_type("image/png", strategies.sampled_from(PICTURES))
schemathesis.openapi.media_type("image/jpeg", strategies.sampled_from(PICTURES))
schemathesis.openapi.media_type(
    "application/octet-stream",
    strategies.integers(1, 3).flatmap(lambda n: strategies.binary(min_size=784 * n, max_size=784 * n)),
)
schemathesis.openapi.media_type(
    "text/plain",
    strategies.sampled_from([b"data:image/png;base64," + b64encode(picture) for picture in PICTURES]),
)
