/* Reads golden digits with the model @name@, and prints answers, size and time to the console. */
#include <string.h>

#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "@name@_int8.h"
#include "golden_digits.h"

static uint8_t arena[@name@_arena_bytes + 1], scores[@name@_classes];

int main(void)
{
    int right = 0;
    uint64_t cycles = 0;

    for (int i = 0; i < golden_count; i++) {
        const uint32_t start = k_cycle_get_32();
        @name@_predict(arena, golden_digits[i], scores);
        cycles += k_cycle_get_32() - start;
        int answer = 0;
        for (int class = 1; class < @name@_classes; class++)
            answer = scores[class] > scores[answer] ? class : answer;
        right += memcmp(scores, golden_scores[i], sizeof scores) == 0;
        printk("golden digit %d: %d, %d of 256%s\n", i, answer, scores[answer],
               scores[answer] < @name@_least_confidence ? ", not to be relied on" : "");
    }
    printk("%d of %d with the expected scores\n", right, (int)golden_count);
    printk("%d bytes of RAM, %d of constants\n", (int)@name@_arena_bytes, @constant_bytes@);
    printk("%u us a digit\n", (unsigned int)(k_cyc_to_us_floor64(cycles) / golden_count));
    return 0;
}
