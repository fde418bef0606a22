/*
 * Runs a model on an emulated Cortex-M: digits come from a file, scores and counts go to another one, both through
 * semihosting. NAME and HEADER are macros that the build gives.
 */
#include "chip.h"

#include HEADER

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static uint8_t arena[JOIN(NAME, _arena_bytes)], pixels[JOIN(NAME, _pixels)], scores[JOIN(NAME, _classes)];

int main(void)
{
    const int32_t in = open_file("digits.bin", 10, 1), out = open_file("scores.bin", 10, 5);
    uint32_t counts[2] = {0, 0}; /* ticks of the longest prediction, bytes of stack below main() */
    volatile uint8_t *const frame = __builtin_frame_address(0);

    begin_measuring(frame);
    while (transfer(0x06, in, pixels, sizeof pixels) == 0) {
        const uint32_t before = SYSTICK_CURRENT;
        JOIN(NAME, _predict)(arena, pixels, scores);
        const uint32_t ticks = ticks_since(before);
        counts[0] = ticks > counts[0] ? ticks : counts[0];
        transfer(0x05, out, scores, sizeof scores);
    }
    counts[1] = measure_stack(frame);
    transfer(0x05, out, counts, sizeof counts);
    return JOIN(NAME, _self_test)(arena, pixels);
}
