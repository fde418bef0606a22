"""Run `edge-mnist` with `python -m edge_mnist_runtime`."""

from edge_mnist_runtime.commands.app import main

if __name__ == "__main__":
    main()
