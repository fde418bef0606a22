/* ---- Depthwise convolution: sums of which each reads one channel ------------------------------------------------
 *
 * `weights` has the shape [window_height][quads][outputs]; `quads` are the pixels of a row of the window. All else is as
 * above.
 */

/* Where the window of pixel `p` of a group begins. Beyond the group's own windows it is the last one again. */
static inline const uint8_t *find_window(struct group g, int p)
{
    const int number = p % (PIXELS / 2);
    return (p < PIXELS / 2 ? g.upper : g.lower) + (number < g.half ? number : g.half - 1) * g.step;
}

/* sums[pixel][lane], one after the other */
static APART void multiply_each(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    for (int p = 0; p < g.pixels; p++) {
        if (!g.step && p % (PIXELS / 2) > 0)
            continue;
        for (int lane = 0; lane < LANES && first + lane < c->outputs; lane++) {
            const uint8_t *x = find_window(g, p) + (first + lane) / c->each;
            const int8_t *w = c->weights + first + lane;
            int32_t sum = 0;
            for (int row = 0; row < c->window_height; row++, x += c->row_bytes)
                for (int column = 0; column < c->quads; column++, w += c->outputs)
                    sum += x[column * c->channels] * *w;
            sums[p][lane] = sum;
        }
    }
}

/* All lanes at once. On x86 a byte lies where its sum will; the products of the zeros beside it add nothing. */
#if defined(USE_VNNI) /* VPDPBUSD */

typedef __m512i totals;

static inline totals load_bytes(const uint8_t *at)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)at));
}

static inline totals load_weights(const int8_t *at)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)at));
}

static inline totals add_products(totals s, totals x, totals w)
{
    return _mm512_dpbusd_epi32(s, x, w);
}

#elif defined(USE_AVX2) /* VPMADDWD */

typedef __m256i totals;

static inline totals load_bytes(const uint8_t *at)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)at));
}

static inline totals load_weights(const int8_t *at)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)at));
}

static inline totals add_products(totals s, totals x, totals w)
{
    return _mm256_add_epi32(s, _mm256_madd_epi16(x, w));
}

#elif defined(USE_SSE2) /* PMADDWD */

typedef __m128i totals;

static inline totals load_bytes(const uint8_t *at)
{
    const __m128i zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(_mm_cvtsi32_si128(load_quad(at)), zero), zero);
}

static inline totals load_weights(const int8_t *at)
{
    const __m128i four = _mm_cvtsi32_si128(load_quad(at)), pairs = _mm_unpacklo_epi8(four, four);
    return _mm_srai_epi32(_mm_unpacklo_epi16(pairs, pairs), 24);
}

static inline totals add_products(totals s, totals x, totals w)
{
    return _mm_add_epi32(s, _mm_madd_epi16(x, w));
}

#elif defined(USE_NEON) /* VMLAL */

typedef int32x4_t totals;

static inline int16x4_t load_bytes(const uint8_t *at)
{
    return vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_s32(vdup_n_s32(load_quad(at))))));
}

static inline int16x4_t load_weights(const int8_t *at)
{
    return vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(load_quad(at)))));
}

static inline totals add_products(totals s, int16x4_t x, int16x4_t w)
{
    return vmlal_s16(s, x, w);
}

#elif defined(USE_WASM)

typedef struct {
    v128_t low, high;
} totals;

static inline v128_t load_bytes(const uint8_t *at)
{
    return wasm_u16x8_load8x8(at);
}

static inline v128_t load_weights(const int8_t *at)
{
    return wasm_i16x8_load8x8(at);
}

static inline totals add_products(totals s, v128_t x, v128_t w)
{
    return (totals){wasm_i32x4_add(s.low, wasm_i32x4_extmul_low_i16x8(x, w)),
                     wasm_i32x4_add(s.high, wasm_i32x4_extmul_high_i16x8(x, w))};
}

#endif

/* sums[pixel][lane] of a group, as multiply() makes them. Lanes without a channel read beyond the last one: behind the
 * band and the weights there is room for that. */
static inline void multiply_channels(const struct convolution *c, struct group g, int first,
                                     int32_t sums[PIXELS][LANES])
{
#if !defined(PLAIN_LOOPS) && !defined(USE_DSP)
    if (c->each == 1) {
        const int8_t *weights = c->weights + first;
        const uint8_t *windows[PIXELS];
        totals total[PIXELS];
        memset(total, 0, sizeof total);
        for (int p = 0; p < PIXELS; p++)
            windows[p] = find_window(g, p) + first;
        for (int row = 0; row < c->window_height; row++)
            for (int column = 0; column < c->quads; column++, weights += c->outputs)
                for (int p = 0; p < PIXELS; p++)
                    total[p] = add_products(
                        total[p], load_bytes(windows[p] + row * c->row_bytes + column * c->channels),
                        load_weights(weights));
        memcpy(sums, total, sizeof total);
        return;
    }
#endif
    multiply_each(c, g, first, sums);
}
