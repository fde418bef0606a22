"""The public names of the three packages, and their lazy imports."""

from __future__ import annotations

from importlib import import_module

import pytest

PACKAGES = ("edge_mnist_runtime", "edge_mnist_trainer", "edge_mnist_exporter")

LIST_HEAVY = """
import importlib, sys
package = importlib.import_module(sys.argv[1])
dir(package)
print([name for name in ("tensorflow", "keras", "numpy", "onnxruntime", "typer") if name in sys.modules])
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_and_has_a_docstring(package):
    module = import_module(package)
    assert len(module.__all__) == len({*module.__all__})
    for name in {*module.__all__} - {"__version__"}:
        assert getattr(module, name).__doc__, name


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package, run_script):
    assert run_script(LIST_HEAVY, package) == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_unknown_name_raises_attribute_error(package):
    with pytest.raises(AttributeError, match="no_such_name"):
        import_module(package).no_such_name  # noqa: B018


def test_options_of_public_functions_are_keyword_only():
    import inspect

    import edge_mnist_exporter
    import edge_mnist_trainer

    for function in (edge_mnist_exporter.export, edge_mnist_trainer.train, edge_mnist_trainer.resume_training):
        _, *options = inspect.signature(function).parameters.values()
        assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}, function
