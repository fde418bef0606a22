"""Measure the latency of calls in interleaved rounds.

Comes in: calls to time. Goes out: latencies of interleaved rounds, and percentiles with bounds.
May import: nothing of this package.
"""
