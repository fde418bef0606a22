"""Serve a classifier over HTTP: `edge-mnist serve`, with FastAPI, uvicorn and prometheus-client (extra `serve`).

Comes in: a classifier and the limits of the service. Goes out: predictions as JSON, metrics, log lines.
May import: bench, bundles, classifier, errors, images, inputs, machine, paths, prediction, predictions, tensor.
"""
