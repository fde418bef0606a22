/* ---- Every byte becomes another one ----------------------------------------------------------------------------- */
static void look_up(const uint8_t table[256], const uint8_t *in, int n, uint8_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = table[in[i]];
}
