/* ---- From sums to bytes -------------------------------------------------------------------------------------------
 *
 * A sum times a real factor below one, which is stored as multiplier * 2^-31 * 2^-shift. How it is rounded decides
 * whether the bytes are TFLite's: the formulas are gemmlowp's (fixedpoint.h), as TensorFlow Lite's reference kernels
 * use them.
 */

/* value * multiplier / 2^31, to the nearest, halves upwards: SaturatingRoundingDoublingHighMul */
static inline int32_t multiply_high(int32_t value, int32_t multiplier)
{
    return (int32_t)(((int64_t)value * multiplier + (1 << 30)) >> 31);
}

/* value / 2^shift, to the nearest, halves away from zero: RoundingDivideByPOT */
static inline int32_t divide_by_power(int32_t value, int shift)
{
    const int32_t mask = (int32_t)((1u << shift) - 1);
    const int32_t threshold = (mask >> 1) + (value < 0);
    return (value >> shift) + ((value & mask) > threshold);
}

/* A result as a byte: `zero` stands for 0 */
static inline uint8_t clamp(int32_t value, int zero, int low, int high)
{
    value += zero;
    return (uint8_t)(value < low ? low : value > high ? high : value);
}
