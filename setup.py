"""The packages: those of the checkout, and its folders ``models`` and ``configs`` in asc_nas.

Everything else stands in pyproject.toml, which has no way of saying this without naming every
package.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

packages = find_namespace_packages(include=["asc_nas*", "data_prep*"])
folders = {}
for name, files in (("models", "*.onnx"), ("configs", "*.yaml")):
    if list(Path(__file__).parent.glob(f"{name}/{files}")):  # a checkout may have none
        packages.append(f"asc_nas.{name}")
        folders[f"asc_nas.{name}"] = name
setup(packages=packages, package_dir=folders)
