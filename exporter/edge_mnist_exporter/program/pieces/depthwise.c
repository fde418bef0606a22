/* ---- Depthwise convolution: every channel by itself ------------------------------------------------------------- */
struct depthwise {
    int16_t height, width, channels;     /* of the input */
    int16_t window_height, window_width;
    int16_t stride_y, stride_x;
    int16_t pad_top, pad_left;
    int16_t out_height, out_width, outputs;
    uint8_t zero;                        /* what stands for 0 in the input */
    uint8_t out_zero, low, high;         /* of the output */
    const int8_t *weights;               /* [window_height][window_width][outputs] */
    const int32_t *bias;                 /* [outputs] */
    const int32_t *multiplier;           /* [outputs] */
    const int8_t *shift;                 /* [outputs] */
};

static void convolve_channels(const struct depthwise *d, const uint8_t *in, uint8_t *out)
{
    const int each = d->outputs / d->channels; /* outputs of one channel */

    for (int y = 0; y < d->out_height; y++) {
        for (int x = 0; x < d->out_width; x++) {
            for (int output = 0; output < d->outputs; output++) {
                int32_t sum = d->bias[output];
                for (int row = 0; row < d->window_height; row++) {
                    const int in_y = y * d->stride_y - d->pad_top + row;
                    if (in_y < 0 || in_y >= d->height)
                        continue;
                    for (int column = 0; column < d->window_width; column++) {
                        const int in_x = x * d->stride_x - d->pad_left + column;
                        if (in_x < 0 || in_x >= d->width)
                            continue;
                        const int byte = in[(in_y * d->width + in_x) * d->channels + output / each];
                        sum += (byte - d->zero) * d->weights[(row * d->window_width + column) * d->outputs + output];
                    }
                }
                const int32_t scaled = divide_by_power(multiply_high(sum, d->multiplier[output]), d->shift[output]);
                *out++ = clamp(scaled, d->out_zero, d->low, d->high);
            }
        }
    }
}
