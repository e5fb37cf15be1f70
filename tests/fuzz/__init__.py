"""Fuzzers with fixed seeds: damaged ONNX files, configs, input specs and overlays give an exit code and a sentence."""
