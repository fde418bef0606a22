"""PyInstaller's hook: the models and samples, the modules that are imported by name, the distribution's metadata."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

datas = collect_data_files("edge_mnist_runtime") + copy_metadata("edge-mnist")
hiddenimports = [
    name for name in collect_submodules("edge_mnist_runtime") if not name.startswith("edge_mnist_runtime.pyinstaller")
]
# Needed by what is not frozen: the extras, each of which the application may hold or not.
excludedimports = ["tensorflow", "keras", "matplotlib"]
