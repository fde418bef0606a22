/* ---- Padding ---------------------------------------------------------------------------------------------------- */
struct pad {
    int32_t height, row_bytes;           /* of the input */
    int32_t top, left_bytes;             /* where it begins in the output */
    int32_t out_height, out_row_bytes;
    uint8_t fill;
};

static void pad(const struct pad *p, const uint8_t *in, uint8_t *out)
{
    memset(out, p->fill, (size_t)(p->out_height * p->out_row_bytes));
    for (int y = 0; y < p->height; y++)
        memcpy(out + (p->top + y) * p->out_row_bytes + p->left_bytes, in + y * p->row_bytes, (size_t)p->row_bytes);
}
