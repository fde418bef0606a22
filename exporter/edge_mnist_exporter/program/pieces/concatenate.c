/* ---- Concatenation: `channels` of every pixel, from channel `first` of the output on ------------------------------ */
static void concatenate(const uint8_t *in, int pixels, int channels, uint8_t *out, int first, int out_channels)
{
    for (int pixel = 0; pixel < pixels; pixel++)
        memcpy(out + pixel * out_channels + first, in + pixel * channels, (size_t)channels);
}
