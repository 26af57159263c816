"""Fakes and contract suites for tests of cortex and of what is built on it."""
