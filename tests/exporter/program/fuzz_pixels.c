/*
 * A libFuzzer target: no pixels may break the program, and plain loops and vectors must agree on them.
 *
 * The same source is linked twice, the second time with plain loops and every name beginning with plain_.
 */
#include <stdlib.h>
#include <string.h>

#include "nano_int8.h"

void plain_predict(uint8_t *arena, const uint8_t *pixels, uint8_t *scores);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* On the heap, where the sanitizer sees the first byte beyond each */
    uint8_t *arena = malloc(nano_arena_bytes), *pixels = calloc(nano_pixels, 1);
    uint8_t *scores = malloc(nano_classes), *plain = malloc(nano_classes);

    memcpy(pixels, data, size < nano_pixels ? size : nano_pixels);
    memset(arena, 0x5a, nano_arena_bytes);
    nano_predict(arena, pixels, scores);
    memset(arena, 0xa5, nano_arena_bytes);
    plain_predict(arena, pixels, plain);
    if (memcmp(scores, plain, nano_classes) != 0)
        abort();
    free(arena);
    free(pixels);
    free(scores);
    free(plain);
    return 0;
}
