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

/* Sum one output of the window whose first pixel is at (top, left) of the input */
static inline int32_t sum_window(const struct depthwise *d, const uint8_t *in, int top, int left, int output)
{
    const int each = d->outputs / d->channels; /* outputs of one channel */
    int32_t sum = 0;

    for (int row = 0; row < d->window_height; row++) {
        if (top + row < 0 || top + row >= d->height)
            continue;
        for (int column = 0; column < d->window_width; column++) {
            if (left + column < 0 || left + column >= d->width)
                continue;
            const int byte = in[((top + row) * d->width + left + column) * d->channels + output / each];
            sum += (byte - d->zero) * d->weights[(row * d->window_width + column) * d->outputs + output];
        }
    }
    return sum;
}

/* Whether outputs are summed together: on a chip this would take longer. */
#if !defined(EDGE_MNIST_PORTABLE) && (defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__))
enum { HAS_VECTORS = 1 };
#else
enum { HAS_VECTORS = 0 };
#endif

enum { MOST = 8 }; /* outputs that are summed together */

/* The same for `n` outputs from `first` on, each of a channel of its own: vectors, if `n` is a constant */
static inline void sum_windows(const struct depthwise *d, const uint8_t *in, int top, int left, int first, int n,
                               int32_t sums[MOST])
{
    const int skipped = left < 0 ? -left : 0, room = d->width - left;
    const int columns = (room < d->window_width ? room : d->window_width) - skipped;
    int32_t local[MOST];

    for (int i = 0; i < n; i++)
        local[i] = 0;
    for (int row = top < 0 ? -top : 0; row < d->window_height && top + row < d->height; row++) {
        const uint8_t *pixel = in + ((top + row) * d->width + left + skipped) * d->channels + first;
        const int8_t *weights = d->weights + (row * d->window_width + skipped) * d->outputs + first;
        for (int column = 0; column < columns; column++)
            for (int i = 0; i < n; i++)
                local[i] += (pixel[column * d->channels + i] - d->zero) * weights[column * d->outputs + i];
    }
    for (int i = 0; i < n; i++)
        sums[i] = local[i];
}

static void convolve_channels(const struct depthwise *d, const uint8_t *in, uint8_t *out)
{
    const int alone = !HAS_VECTORS || d->outputs != d->channels || d->outputs < 4;
    const int n = alone ? 1 : d->outputs < MOST ? 4 : MOST;
    int32_t sums[MOST];

    for (int y = 0; y < d->out_height; y++) {
        for (int x = 0; x < d->out_width; x++, out += d->outputs) {
            const int top = y * d->stride_y - d->pad_top, left = x * d->stride_x - d->pad_left;
            for (int next = 0; next < d->outputs; next += n) {
                const int first = next + n <= d->outputs ? next : d->outputs - n; /* some may be there already */
                if (n == MOST)
                    sum_windows(d, in, top, left, first, MOST, sums);
                else if (n == 4)
                    sum_windows(d, in, top, left, first, 4, sums);
                else
                    sums[0] = sum_window(d, in, top, left, first);
                for (int i = 0; i < n; i++) {
                    const int output = first + i;
                    const int32_t high = multiply_high(sums[i] + d->bias[output], d->multiplier[output]);
                    out[output] = clamp(divide_by_power(high, d->shift[output]), d->out_zero, d->low, d->high);
                }
            }
        }
    }
}
