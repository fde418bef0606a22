/*
 * edge_mnist_drawing: turns a drawing of a digit into the 784 pixels that a model reads
 *
 * Synopsis
 *
 *     #include "edge_mnist_drawing.h"
 *
 *     static uint32_t workspace[EDGE_MNIST_DRAWING_WORDS(64, 64)];
 *     uint8_t pixels[EDGE_MNIST_DRAWING_PIXELS];
 *
 *     if (edge_mnist_read_drawing(grey, 64, 64, workspace, pixels) == EDGE_MNIST_DRAWING_READ)
 *         ... give pixels to the model
 *
 * It gives the bytes of edge-mnist's mode `mnist`, on every processor. It is C99 for a freestanding compiler: no library,
 * no malloc, no floating point, no state. Programs whose pixels are 28 x 28 already need neither file.
 */
#ifndef EDGE_MNIST_DRAWING_H
#define EDGE_MNIST_DRAWING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EDGE_MNIST_DRAWING_PIXELS = 784,       /* 28 x 28, row by row */
    EDGE_MNIST_DRAWING_MAX_SIDE = 16383    /* of the drawing, in pixels */
};

/* What edge_mnist_read_drawing() returns */
enum {
    EDGE_MNIST_DRAWING_READ = 0,
    EDGE_MNIST_DRAWING_BLANK = 1,     /* no ink: contrast below 24 of 255 grey levels */
    EDGE_MNIST_DRAWING_TOO_SMALL = 2, /* the ink's longer side is below 9 pixels, so strokes run together */
    EDGE_MNIST_DRAWING_BAD_SIZE = 3   /* width or height is not 1 to EDGE_MNIST_DRAWING_MAX_SIDE */
};

/* Size of the workspace of a drawing, in uint32_t: a constant where width and height are. At 28 x 28 pixels 4 kB, at
 * 64 x 64 10 kB, at 280 x 280 107 kB; from 512 pixels on drawings are first reduced below 512, so at most 336 kB. */
#define EDGE_MNIST_DRAWING_WORDS(width, height)                                                                        \
    (6 * EDGE_MNIST_ROOM_(EDGE_MNIST_SIDE_(width, height), width, height) + 560 +                                      \
     (EDGE_MNIST_ROOM_(width, width, height) * EDGE_MNIST_ROOM_(height, width, height) + 3) / 4)

/* Its parts: the longer side; by how much the drawing is reduced; a side after that; the same with room for strokes
 * that are widened. */
#define EDGE_MNIST_SIDE_(width, height) ((width) > (height) ? (width) : (height))
#define EDGE_MNIST_FACTOR_(width, height)                                                                              \
    (EDGE_MNIST_SIDE_(width, height) < 512 ? 1 : EDGE_MNIST_SIDE_(width, height) / 256)
#define EDGE_MNIST_REDUCED_(side, width, height)                                                                       \
    (((side) + EDGE_MNIST_FACTOR_(width, height) - 1) / EDGE_MNIST_FACTOR_(width, height))
#define EDGE_MNIST_MARGIN_(width, height)                                                                              \
    (EDGE_MNIST_REDUCED_(EDGE_MNIST_SIDE_(width, height), width, height) / 20 + 2)
#define EDGE_MNIST_ROOM_(side, width, height)                                                                          \
    (EDGE_MNIST_REDUCED_(side, width, height) + 2 * EDGE_MNIST_MARGIN_(width, height))

/* Find the digit of a drawing, and give it the size and position of MNIST's digits.
 *
 *   grey        width x height grey levels, row by row: one digit on an even background, dark on light or light on dark
 *   workspace   EDGE_MNIST_DRAWING_WORDS(width, height) words; what they hold before and after does not matter
 *   pixels      bright ink on black; all 0 if the drawing is blank or has a bad size
 *
 * The three must not overlap. Any number of threads may call it at once, each with a workspace of its own. */
int edge_mnist_read_drawing(const uint8_t *grey, int32_t width, int32_t height, uint32_t *workspace,
                            uint8_t pixels[EDGE_MNIST_DRAWING_PIXELS]);

#ifdef __cplusplus
}
#endif
#endif
