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

/* Where the processor has vectors, eight or four outputs are summed together. On a chip this would take longer. */
#if !defined(EDGE_MNIST_PORTABLE) && (defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__))

enum { TOGETHER = 8 };

/* One row of a window for `n` outputs, each of a channel of its own. Sums stay in registers where `n` is a constant. */
static inline void add_row(const struct depthwise *d, const uint8_t *pixel, const int8_t *weights, int columns, int n,
                           int32_t sums[TOGETHER])
{
    const int zero = d->zero;
    int32_t local[TOGETHER];

    for (int i = 0; i < n; i++)
        local[i] = sums[i];
    for (int column = 0; column < columns; column++)
        for (int i = 0; i < n; i++)
            local[i] += (pixel[column * d->channels + i] - zero) * weights[column * d->outputs + i];
    for (int i = 0; i < n; i++)
        sums[i] = local[i];
}

/* The same for `n` outputs from `first` on, several of which may be of one channel */
static inline void add_some(const struct depthwise *d, const uint8_t *pixel, const int8_t *weights, int columns,
                            int first, int n, int32_t sums[TOGETHER])
{
    const int each = d->outputs / d->channels;

    for (int column = 0; column < columns; column++)
        for (int i = 0; i < n; i++)
            sums[i] += (pixel[column * d->channels + (first + i) / each] - d->zero) *
                       weights[column * d->outputs + first + i];
}

/* `n` outputs from `first` on, of the window whose first pixel is at (top, left) of the input */
static inline void convolve_window(const struct depthwise *d, const uint8_t *in, int top, int left, int first, int n,
                                   uint8_t *out)
{
    const int skipped = left < 0 ? -left : 0, room = d->width - left;
    const int columns = (room < d->window_width ? room : d->window_width) - skipped;
    int32_t sums[TOGETHER] = {0};

    for (int row = top < 0 ? -top : 0; row < d->window_height && top + row < d->height; row++) {
        const uint8_t *pixel = in + ((top + row) * d->width + left + skipped) * d->channels;
        const int8_t *weights = d->weights + (row * d->window_width + skipped) * d->outputs;
        if (d->outputs == d->channels && n == 8)
            add_row(d, pixel + first, weights + first, columns, 8, sums);
        else if (d->outputs == d->channels && n == 4)
            add_row(d, pixel + first, weights + first, columns, 4, sums);
        else
            add_some(d, pixel, weights, columns, first, n, sums);
    }
    for (int i = 0; i < n; i++) {
        const int output = first + i;
        const int32_t high = multiply_high(sums[i] + d->bias[output], d->multiplier[output]);
        out[output] = clamp(divide_by_power(high, d->shift[output]), d->out_zero, d->low, d->high);
    }
}

static void convolve_channels(const struct depthwise *d, const uint8_t *in, uint8_t *out)
{
    const int n = d->outputs >= 8 ? 8 : d->outputs >= 4 ? 4 : d->outputs;

    for (int y = 0; y < d->out_height; y++) {
        for (int x = 0; x < d->out_width; x++, out += d->outputs) {
            const int top = y * d->stride_y - d->pad_top, left = x * d->stride_x - d->pad_left;
            for (int first = 0; first + n <= d->outputs; first += n)
                convolve_window(d, in, top, left, first, n, out);
            if (d->outputs % n) /* the last ones, some of which are there already */
                convolve_window(d, in, top, left, d->outputs - n, n, out);
        }
    }
}

#else

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

#endif
