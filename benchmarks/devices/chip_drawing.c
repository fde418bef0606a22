/*
 * Reads drawings of SIDE x SIDE grey levels on an emulated Cortex-M: they come from a file, codes and pixels go to
 * another one, as those of chip.c do. SIDE is a macro that the build gives.
 */
#include "chip.h"

#include "edge_mnist_drawing.h"

static uint8_t grey[SIDE * SIDE], answer[1 + EDGE_MNIST_DRAWING_PIXELS];
static uint32_t workspace[EDGE_MNIST_DRAWING_WORDS(SIDE, SIDE)];

int main(void)
{
    const int32_t in = open_file("digits.bin", 10, 1), out = open_file("scores.bin", 10, 5);
    uint32_t counts[2] = {0, 0}; /* ticks of the longest reading, bytes of stack below main() */
    volatile uint8_t *const frame = __builtin_frame_address(0);

    begin_measuring(frame);
    while (transfer(0x06, in, grey, sizeof grey) == 0) {
        const uint32_t before = SYSTICK_CURRENT;
        answer[0] = (uint8_t)edge_mnist_read_drawing(grey, SIDE, SIDE, workspace, answer + 1);
        const uint32_t ticks = ticks_since(before);
        counts[0] = ticks > counts[0] ? ticks : counts[0];
        transfer(0x05, out, answer, sizeof answer);
    }
    counts[1] = measure_stack(frame);
    transfer(0x05, out, counts, sizeof counts);
    return 0;
}
