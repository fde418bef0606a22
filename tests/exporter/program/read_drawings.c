/* Reads drawings (width, height, grey levels) from standard input, and writes a code and 784 pixels for each. SHORT: by
 * how many bytes the workspace is too small, for the test of the test. */
#include "edge_mnist_drawing.h"
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int32_t sides[2];
    while (fread(sides, sizeof sides, 1, stdin) == 1) {
        const size_t n = (size_t)sides[0] * (size_t)sides[1];
        uint8_t *grey = malloc(n), *pixels = malloc(784);
        uint32_t *workspace = malloc(4 * (size_t)EDGE_MNIST_DRAWING_WORDS(sides[0], sides[1]) - SHORT);
        if (fread(grey, 1, n, stdin) != n)
            return 1;
        putchar(edge_mnist_read_drawing(grey, sides[0], sides[1], workspace, pixels));
        fwrite(pixels, 1, 784, stdout);
        free(grey);
        free(workspace);
        free(pixels);
    }
    return 0;
}
