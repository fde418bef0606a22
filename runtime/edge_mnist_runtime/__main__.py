"""`python -m edge_mnist_runtime` is the `edge-mnist` command."""

from edge_mnist_runtime.commands.app import main

if __name__ == "__main__":
    main()
