/* ---- Pooling ---------------------------------------------------------------------------------------------------- */
struct pool {
    int16_t height, width, channels;     /* of the input */
    int16_t window_height, window_width;
    int16_t stride_y, stride_x;
    int16_t pad_top, pad_left;
    int16_t out_height, out_width;
    uint8_t average;                     /* 1: the average of each window; 0: the largest in it */
    uint8_t low, high;                   /* of the output */
};

/* Padding is no part of a window: neither of its largest nor of its average */
static void pool(const struct pool *p, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < p->out_height; y++) {
        for (int x = 0; x < p->out_width; x++) {
            const int y0 = y * p->stride_y - p->pad_top, y1 = y0 + p->window_height;
            const int x0 = x * p->stride_x - p->pad_left, x1 = x0 + p->window_width;
            for (int channel = 0; channel < p->channels; channel++) {
                int largest = 0, sum = 0, count = 0;
                for (int in_y = y0 < 0 ? 0 : y0; in_y < y1 && in_y < p->height; in_y++) {
                    for (int in_x = x0 < 0 ? 0 : x0; in_x < x1 && in_x < p->width; in_x++) {
                        const int byte = in[(in_y * p->width + in_x) * p->channels + channel];
                        largest = byte > largest ? byte : largest;
                        sum += byte - 128;
                        count++;
                    }
                }
                if (p->average) /* rounded as TFLite rounds int8: halves away from its 0, which is 128 here */
                    largest = 128 + (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
                *out++ = clamp(largest, 0, p->low, p->high);
            }
        }
    }
}
