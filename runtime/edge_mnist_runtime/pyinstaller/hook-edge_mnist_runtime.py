"""PyInstaller hook: add models, samples, lazily imported modules and the distribution's metadata."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

datas = collect_data_files("edge_mnist_runtime") + copy_metadata("edge-mnist")
hiddenimports = [
    name for name in collect_submodules("edge_mnist_runtime") if not name.startswith("edge_mnist_runtime.pyinstaller")
]
# Optional extras. An application that needs one must include it itself.
excludedimports = ["tensorflow", "keras", "matplotlib"]
