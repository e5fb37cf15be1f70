"""The packages of the wheel: ptgraph, and models/, which it installs as ptgraph.models."""

from setuptools import find_packages, setup

MODELS = ["models", *(f"models.{name}" for name in find_packages("models"))]

setup(
    packages=[*find_packages(include=["ptgraph", "ptgraph.*"]), *(f"ptgraph.{name}" for name in MODELS)],
    package_dir={"ptgraph.models": "models"},
)
