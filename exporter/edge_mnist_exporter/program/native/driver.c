/* Runs a library on images from a file, and writes their scores to another one: driver IMAGES SCORES. It prints the
 * instructions that the library chose, and how many golden vectors got other scores than they must. */
#include <stdio.h>

#include "NAME_int8.h"

const char *NAME_instructions(void);

static uint8_t arena[NAME_arena_bytes], pixels[NAME_pixels], scores[NAME_classes];

int main(int n, char **names)
{
    FILE *const in = n == 3 ? fopen(names[1], "rb") : NULL, *const out = in ? fopen(names[2], "wb") : NULL;
    if (!out)
        return 1;
    while (fread(pixels, sizeof pixels, 1, in) == 1) {
        NAME_predict(arena, pixels, scores);
        if (fwrite(scores, sizeof scores, 1, out) != 1)
            return 1;
    }
    printf("%s\n%d\n", NAME_instructions(), NAME_self_test(arena, pixels));
    return fclose(out) != 0;
}
