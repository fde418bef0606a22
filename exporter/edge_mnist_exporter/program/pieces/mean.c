/* ---- The mean over all pixels ----------------------------------------------------------------------------------- */
struct mean {
    int32_t pixels, channels;            /* of the input */
    int32_t multiplier;                  /* with one over the number of pixels in it */
    int8_t shift;
    uint8_t zero;                        /* what stands for 0 in the input */
    uint8_t out_zero, low, high;         /* of the output */
};

static void mean(const struct mean *m, const uint8_t *in, uint8_t *out)
{
    for (int channel = 0; channel < m->channels; channel++) {
        int32_t sum = -m->zero * m->pixels;
        for (int pixel = 0; pixel < m->pixels; pixel++)
            sum += in[pixel * m->channels + channel];
        const int32_t scaled = divide_by_power(multiply_high(sum, m->multiplier), m->shift);
        out[channel] = clamp(scaled, m->out_zero, m->low, m->high);
    }
}
