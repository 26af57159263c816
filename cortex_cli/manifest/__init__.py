"""Manifest files: reading, checking, resolving imports, compiling to plans."""
