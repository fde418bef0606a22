/* ---- The sum of two inputs -------------------------------------------------------------------------------------- */
struct add {
    int32_t n;                           /* bytes */
    int32_t multiplier, multipliers[2];  /* of the output, of the inputs */
    int8_t shift, shifts[2];
    uint8_t zeros[2];                    /* what stands for 0 in the inputs */
    uint8_t out_zero, low, high;
};

static void add(const struct add *a, const uint8_t *one, const uint8_t *other, uint8_t *out)
{
    for (int i = 0; i < a->n; i++) {
        const int32_t x = (one[i] - a->zeros[0]) * (1 << 20), y = (other[i] - a->zeros[1]) * (1 << 20);
        const int32_t sum = divide_by_power(multiply_high(x, a->multipliers[0]), a->shifts[0])
                          + divide_by_power(multiply_high(y, a->multipliers[1]), a->shifts[1]);
        out[i] = clamp(divide_by_power(multiply_high(sum, a->multiplier), a->shift), a->out_zero, a->low, a->high);
    }
}
