/* value * multiplier / 2^31 / 2^shift, rounded after each division, halves away from zero the second time; or rounded
 * once, halves upwards. One formula for both, as chips are short of flash. */
static inline int32_t multiply_and_shift(int32_t value, int32_t multiplier, int shift, int once)
{
    const int32_t half = once && shift ? 0 : 1 << 30;
    const int32_t product = (int32_t)(((int64_t)value * multiplier + half) >> 31);
    const int32_t mask = (int32_t)((1u << shift) - 1);
    return (product >> shift) + ((product & mask) > (mask >> 1) + (product < 0 && !once));
}

/* How the sums of outputs `first` and following become bytes. Vectors do as the loop in scale() does; where they
 * multiply, a product has 64 bits, and of these the middle is kept. */
struct scaling {
    int first;
    int rectifies; /* whether every result below `out_zero` becomes `low`, so that it may be rounded in any way */
#if defined(USE_VNNI)
    __mmask16 mask, shifted;
    __m512i bias, factor, odd_factor, shift, half, zero;
    __m128i low, high;
#elif defined(USE_AVX2)
    __m256i bias, factor, odd_factor, shift, half, shifted, zero;
    __m128i low, high;
#elif defined(USE_WASM)
    v128_t bias[2], factor[2], power[2], zero, low, high;
#endif
};

static inline struct scaling prepare_scaling(const struct convolution *c, int first)
{
    struct scaling s;
    s.first = first;
    s.rectifies = c->low >= c->out_zero;
#if defined(USE_VNNI)
    s.mask = mark_lanes(c, first);
    s.bias = _mm512_maskz_loadu_epi32(s.mask, c->bias + first);
    s.factor = _mm512_maskz_loadu_epi32(s.mask, c->multiplier + first);
    s.odd_factor = _mm512_srli_epi64(s.factor, 32);
    s.shift = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(s.mask, c->shift + first));
    s.half = _mm512_srli_epi32(_mm512_sllv_epi32(_mm512_set1_epi32(1), s.shift), 1);
    s.shifted = _mm512_test_epi32_mask(s.shift, s.shift);
    s.zero = _mm512_set1_epi32(c->out_zero);
    s.low = _mm_set1_epi8((char)c->low);
    s.high = _mm_set1_epi8((char)c->high);
#elif defined(USE_AVX2)
    s.bias = _mm256_loadu_si256((const __m256i *)(const void *)(c->bias + first));
    s.factor = _mm256_loadu_si256((const __m256i *)(const void *)(c->multiplier + first));
    s.odd_factor = _mm256_srli_epi64(s.factor, 32);
    s.shift = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(c->shift + first)));
    s.half = _mm256_srli_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), s.shift), 1);
    s.shifted = _mm256_cmpgt_epi32(s.shift, _mm256_setzero_si256());
    s.zero = _mm256_set1_epi32(c->out_zero);
    s.low = _mm_set1_epi8((char)c->low);
    s.high = _mm_set1_epi8((char)c->high);
#elif defined(USE_WASM) /* which shifts all lanes alike: a multiplication with 2^(31 - shift) shifts each by its own */
    for (int i = 0; i < 2; i++) {
        const int8_t *shift = c->shift + first + 4 * i;
        s.bias[i] = wasm_v128_load(c->bias + first + 4 * i);
        s.factor[i] = wasm_v128_load(c->multiplier + first + 4 * i);
        s.power[i] = wasm_u32x4_make(1u << (31 - shift[0]), 1u << (31 - shift[1]), 1u << (31 - shift[2]),
                                     1u << (31 - shift[3]));
    }
    s.zero = wasm_i32x4_splat(c->out_zero);
    s.low = wasm_i32x4_splat(c->low);
    s.high = wasm_i32x4_splat(c->high);
#else
    (void)c;
#endif
    return s;
}

#if defined(USE_VNNI)

static inline void scale_lanes(const struct scaling *s, const int32_t sums[LANES], uint8_t *out)
{
    const __m512i half = _mm512_set1_epi64(1 << 30);
    const __m512i sum = _mm512_add_epi32(_mm512_loadu_si512(sums), s->bias);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(sum, s->factor), half);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(sum, 32), s->odd_factor), half);
    const __m512i product = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    const __m512i down = s->rectifies ? _mm512_setzero_si512() : _mm512_maskz_srai_epi32(s->shifted, product, 31);
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(product, s->half), down);
    const __m512i scaled = _mm512_add_epi32(_mm512_srav_epi32(rounded, s->shift), s->zero);
    const __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(scaled, _mm512_setzero_si512()));
    const __m128i held = _mm_min_epu8(_mm_max_epu8(bytes, s->low), s->high);
    if (s->mask == 0xffff)
        _mm_storeu_si128((__m128i *)(void *)out, held);
    else if (s->mask == 0xff)
        _mm_storel_epi64((__m128i *)(void *)out, held);
    else
        _mm_mask_storeu_epi8(out, s->mask, held);
}

#elif defined(USE_AVX2)

static inline void scale_lanes(const struct scaling *s, const int32_t sums[LANES], uint8_t *out)
{
    const __m256i half = _mm256_set1_epi64x(1 << 30);
    const __m256i sum = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(const void *)sums), s->bias);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sum, s->factor), half);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sum, 32), s->odd_factor), half);
    const __m256i product = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa);
    const __m256i sign = s->rectifies ? _mm256_setzero_si256() : _mm256_srai_epi32(product, 31);
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(product, s->half), _mm256_and_si256(sign, s->shifted));
    const __m256i scaled = _mm256_add_epi32(_mm256_srav_epi32(rounded, s->shift), s->zero);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(scaled), _mm256_extracti128_si256(scaled, 1));
    const __m128i held = _mm_min_epu8(_mm_max_epu8(_mm_packus_epi16(words, words), s->low), s->high);
    _mm_storel_epi64((__m128i *)(void *)out, held);
}

#elif defined(USE_WASM)

/* value * multiplier / 2^31, rounded to the nearest; a half downwards where `down` is -1, not 0 */
static inline v128_t multiply_high_lanes(v128_t value, v128_t multiplier, v128_t down)
{
    const v128_t half = wasm_i64x2_const(1 << 30, 1 << 30);
    const v128_t low = wasm_i64x2_add(half, wasm_i64x2_extend_low_i32x4(down));
    const v128_t high = wasm_i64x2_add(half, wasm_i64x2_extend_high_i32x4(down));
    return wasm_i32x4_shuffle(wasm_u64x2_shr(wasm_i64x2_add(low, wasm_i64x2_extmul_low_i32x4(value, multiplier)), 31),
                              wasm_u64x2_shr(wasm_i64x2_add(high, wasm_i64x2_extmul_high_i32x4(value, multiplier)), 31),
                              0, 2, 4, 6);
}

static inline v128_t scale_four(const struct scaling *s, int i, const int32_t sums[4])
{
    const v128_t sum = wasm_i32x4_add(wasm_v128_load(sums), s->bias[i]);
    const v128_t product = multiply_high_lanes(sum, s->factor[i], wasm_i32x4_const(0, 0, 0, 0));
    const v128_t shifted = multiply_high_lanes(product, s->power[i], wasm_i32x4_shr(product, 31));
    /* 2^31 is read as negative: there nothing is shifted */
    const v128_t scaled = wasm_v128_bitselect(product, shifted, wasm_i32x4_shr(s->power[i], 31));
    return wasm_i32x4_min(wasm_i32x4_max(wasm_i32x4_add(scaled, s->zero), s->low), s->high);
}

static inline void scale_lanes(const struct scaling *s, const int32_t sums[LANES], uint8_t *out)
{
    const v128_t words = wasm_i16x8_narrow_i32x4(scale_four(s, 0, sums), scale_four(s, 1, sums + 4));
    wasm_v128_store64_lane(out, wasm_u8x16_narrow_i16x8(words, words), 0);
}

#endif

/* The bytes of these outputs, of `pixels` pixels, to `out` and following */
static inline void scale(const struct convolution *c, const struct scaling *s, int32_t sums[][LANES], int pixels,
                         uint8_t *out)
{
#if defined(USE_VNNI) || defined(USE_AVX2) || defined(USE_WASM)
    if (!c->rounds_once && (LANES == 16 || c->outputs >= LANES)) {
        for (int p = 0; p < pixels; p++, out += c->outputs)
            scale_lanes(s, sums[p], out + s->first);
        return;
    }
#endif
    for (int p = 0; p < pixels; p++, out += c->outputs) {
        for (int at = s->first; at < s->first + LANES && at < c->outputs; at++) {
            const int32_t sum = sums[p][at - s->first] + c->bias[at];
            const int32_t scaled = multiply_and_shift(sum, c->multiplier[at], c->shift[at], c->rounds_once);
            out[at] = clamp(scaled, c->out_zero, c->low, c->high);
        }
    }
}

/* The largest of the sums of two windows above two; the next two above two follow beside them */
static inline void keep_largest(int32_t sums[PIXELS][LANES])
{
    for (int p = 0; p < PIXELS / 4; p++) {
        const int32_t *a = sums[2 * p], *b = sums[2 * p + 1];
        const int32_t *d = sums[PIXELS / 2 + 2 * p], *e = sums[PIXELS / 2 + 2 * p + 1];
        for (int lane = 0; lane < LANES; lane++) {
            const int32_t upper = a[lane] > b[lane] ? a[lane] : b[lane], lower = d[lane] > e[lane] ? d[lane] : e[lane];
            sums[p][lane] = upper > lower ? upper : lower;
        }
    }
}

/* Brings row `y` of the input into the band */
static inline void fetch_row(const struct convolution *c, const uint8_t *in, int y, uint8_t *row)
{
    const int left = c->pad_left * c->channels, all = c->width * c->channels, room = c->row_bytes - left;
    if (y < 0 || y >= c->height)
        memset(row, c->zero, (size_t)c->row_bytes);
    else /* left and right of it the padding stays */
        memcpy(row + left, in + y * all, (size_t)(all < room ? all : room));
}

static COPIED void convolve(const struct convolution *c, const uint8_t *in, uint8_t *band, uint8_t *out)
{
    const int rows = c->window_height + (c->pool - 1) * c->stride_y; /* of the band */
    const int step_y = c->pool * c->stride_y;                        /* by which it moves down */
    const int kept = rows - step_y;                                  /* none, if below 0 */
    const int step_x = c->stride_x * c->channels;         /* from one window to the next */
    const int n = c->out_width * c->pool;                 /* windows beside each other */
    const int most = n < PIXELS / 2 ? 1 : PIXELS / 2;     /* in half a group */
    const int below = c->pool == 2 ? c->stride_y * c->row_bytes : 0; /* where the lower half is, if not further right */
    int filled = 0;                                       /* rows of the band that a row of the output begins with */

    if (band)
        memset(band, c->zero, (size_t)(rows * c->row_bytes));
    for (int y = 0; y < c->out_height; y++, out += c->out_width * c->outputs) {
        const uint8_t *top = in + y * c->row_bytes;
        if (band) {
            if (filled > 0)
                memmove(band, band + step_y * c->row_bytes, (size_t)(filled * c->row_bytes));
            for (; filled < rows; filled++)
                fetch_row(c, in, y * step_y - c->pad_top + filled, band + filled * c->row_bytes);
            filled = kept > 0 ? kept : 0;
            top = band;
        }
        for (int lane = 0; lane < c->outputs; lane += LANES) {
            /* The last outputs may be fewer than are worked on together. Then some are computed twice. */
            const int together = LANES > 8 && c->outputs - lane <= 8 ? 8 : LANES;
            const int last = c->lanes > together ? c->lanes - together : 0;
            const struct scaling scaling = prepare_scaling(c, lane < last ? lane : last);
            for (int x = 0; x < n; x += below ? most : 2 * most) {
                /* So may the last windows. */
                const int half = PIXELS > 4 && !below && n - x < 2 * most ? (n - x + 1) / 2 : most;
                const int upper = x < n - half ? x : n - half;
                const int lower = below ? upper : x + half < n - half ? x + half : n - half;
                const int pixels = SMALL || below || lower > upper ? PIXELS : PIXELS / 2;
                const struct group g = {
                    top + upper * step_x, top + below + lower * step_x, half, half > 1 ? step_x : 0, pixels
                };
                int32_t ALIGNED sums[PIXELS][LANES];
#if defined(HAS_DEPTHWISE)
                if (c->each)
                    multiply_channels(c, g, scaling.first, sums);
                else
#endif
                    multiply(c, g, scaling.first, sums);
                if (below)
                    keep_largest(sums);
                for (int p = 0; p < (below ? 1 : pixels); p += PIXELS / 2)
                    scale(c, &scaling, sums + p, half >> (c->pool - 1),
                          out + (p ? lower : upper >> (c->pool - 1)) * c->outputs);
            }
        }
    }
}
