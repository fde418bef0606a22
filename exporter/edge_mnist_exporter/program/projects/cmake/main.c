/* Reads golden digits with the model @name@, and prints answers, size and time. Exit code 1: scores differ. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "@name@_int8.h"
#include "golden_digits.h"

enum { REPEATS = 100 };

static uint8_t arena[@name@_arena_bytes + 1], scores[@name@_classes];

int main(void)
{
    int right = 0;

    for (int i = 0; i < golden_count; i++) {
        @name@_predict(arena, golden_digits[i], scores);
        int answer = 0;
        for (int class = 1; class < @name@_classes; class++)
            answer = scores[class] > scores[answer] ? class : answer;
        right += memcmp(scores, golden_scores[i], sizeof scores) == 0;
        printf("golden digit %d: %d, %d of 256%s\n", i, answer, scores[answer],
               scores[answer] < @name@_least_confidence ? ", not to be relied on" : "");
    }
    const clock_t start = clock();
    for (int i = 0; i < REPEATS; i++)
        @name@_predict(arena, golden_digits[i % golden_count], scores);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

    printf("%d of %d with the expected scores\n", right, (int)golden_count);
    printf("%d bytes of RAM, %d of constants\n", (int)@name@_arena_bytes, @constant_bytes@);
    printf("%.1f us a digit\n", 1e6 * seconds / REPEATS);
    return right == golden_count ? 0 : 1;
}
