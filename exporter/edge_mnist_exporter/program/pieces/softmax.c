/* ---- Softmax ------------------------------------------------------------------------------------------------------
 *
 * exp(score - largest score), divided by the sum of them all, in 256ths. exp is a table, by how many steps a score is
 * below the largest; one over the sum is found by Newton and Raphson, as in gemmlowp (one_over_one_plus_x_for_x_in_0_1
 * of fixedpoint.h) and in TensorFlow Lite (reference/softmax.h and GetReciprocal of common.h). Fixed-point numbers
 * below are named by their fraction's bits.
 */
/* 1 / (1 + x) in 2^-31, of x in 0..1 in 2^-31. gemmlowp saturates each shift to the left: only the last one, which
 * gives 1 for x = 0, ever needs it. */
static int32_t reciprocal_of_one_and(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2); /* (1 + x) / 2 */
    int32_t guess = 1515870810 + multiply_high(half, -1010580540);    /* 48/17 - 32/17 * half, in 2^-29 */
    for (int i = 0; i < 3; i++)
        guess += 4 * multiply_high(guess, (1 << 29) - multiply_high(half, guess));
    return guess > INT32_MAX / 2 ? INT32_MAX : 2 * guess;
}

static void softmax(const int32_t *exp, int n_exp, const uint8_t *in, int n, uint8_t *out)
{
    int largest = 0;
    for (int i = 0; i < n; i++)
        largest = in[i] > largest ? in[i] : largest;

    int32_t sum = 0; /* in 2^-19 */
    for (int i = 0; i < n; i++)
        if (largest - in[i] < n_exp)
            sum += divide_by_power(exp[largest - in[i]], 12);

    int headroom = 0; /* zero bits before the first one */
    while (!((uint32_t)sum << headroom >> 31))
        headroom++;
    const int32_t factor = reciprocal_of_one_and((int32_t)(((uint32_t)sum << headroom) - (UINT32_C(1) << 31)));

    for (int i = 0; i < n; i++) {
        int32_t score = 0;
        if (largest - in[i] < n_exp)
            score = divide_by_power(multiply_high(exp[largest - in[i]], factor), 12 - headroom + 31 - 8);
        out[i] = clamp(score, 0, 0, 255);
    }
}
