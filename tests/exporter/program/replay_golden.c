/* Replays the golden vectors of `nano`. SHORT: by how many bytes the arena is too small, for the test of the test. */
#include <stdlib.h>

#include "nano_int8.h"

int main(void)
{
    uint8_t *arena = malloc(nano_arena_bytes - SHORT), *pixels = malloc(nano_pixels);
    const int wrong = nano_self_test(arena, pixels);
    free(arena);
    free(pixels);
    return wrong;
}
