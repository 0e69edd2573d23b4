"""Tests of the benchmarks: what counts must count right, and the suite must run."""
