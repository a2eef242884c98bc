"""The packages: those of the checkout, and its folder ``models`` as asc_nas.models.

Everything else stands in pyproject.toml, which has no way of saying this without naming every
package.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

packages = find_namespace_packages(include=["asc_nas*", "data_prep*"])
folders = {}
if list(Path(__file__).parent.glob("models/*.onnx")):  # a checkout may have none
    packages.append("asc_nas.models")
    folders["asc_nas.models"] = "models"
setup(packages=packages, package_dir=folders)
