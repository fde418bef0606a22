/* ---- Convolution, and fully connected layers ----------------------------------------------------------------------
 *
 * A fully connected layer is a convolution of one pixel. Bytes are multiplied in quads: four neighbours of a row of
 * the window, a row being filled up with weights of zero. `weights` has the shape [window_height][quads][lanes][4].
 * Rows of the input that a row of the output needs lie in the band, with their padding, so that no loop looks for the
 * border; what leaves the band may be overwritten, and the output is.
 */
struct convolution {
    int32_t channels;                    /* of the input */
    int32_t quads;                       /* of a row of the window */
    int32_t row_bytes;                   /* of a row of the band, or of the input where there is none */
    int16_t height, width;               /* of the input */
    int16_t window_height;
    int16_t stride_y, stride_x;          /* in pixels */
    int16_t pad_top, pad_left;
    int16_t out_height, out_width;
    int16_t outputs, lanes;              /* channels of the output; as many, but at least 8, in the arrays below */
    uint8_t pool;                        /* 2: the largest of every 2 x 2 is kept; 1: all are */
    uint8_t rounds_once;                 /* as TFLite's fully connected layers do it */
    uint8_t zero;                        /* what stands for 0 in the input, and fills the padding */
    uint8_t out_zero, low, high;         /* of the output */
    const int8_t *weights;
    const int32_t *bias;                 /* [lanes], less the part of `zero` in each sum */
    const int32_t *multiplier;           /* [lanes] */
    const int8_t *shift;                 /* [lanes] */
#if defined(HAS_DEPTHWISE)
    int32_t each;                        /* outputs of one channel, if each output reads one; 0 if it reads all */
#endif
};

/* How many outputs and pixels are worked on at a time, and how they are multiplied: one of seven ways, which give the
 * same integers. Define EDGE_MNIST_PORTABLE for the plain loops. */
#if defined(EDGE_MNIST_PORTABLE)
#define PLAIN_LOOPS
enum { LANES = 4, PIXELS = 4 };
#elif defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#define USE_VNNI
enum { LANES = 16, PIXELS = 8 };
#elif defined(__AVX2__)
#include <immintrin.h>
#define USE_AVX2
enum { LANES = 8, PIXELS = 4 };
#elif defined(__SSE2__)
#include <emmintrin.h>
#define USE_SSE2
enum { LANES = 4, PIXELS = 4 };
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define USE_NEON
enum { LANES = 4, PIXELS = 4 };
#elif defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#define USE_DSP
enum { LANES = 4, PIXELS = 4 };
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define USE_WASM
enum { LANES = 8, PIXELS = 4 };
#else
#define PLAIN_LOOPS
enum { LANES = 4, PIXELS = 4 };
#endif

/* Computers have room for a copy of convolve() for each layer, with the layer's numbers in it: up to a third faster. A
 * browser has to load it, and gains a twentieth. */
#if defined(PLAIN_LOOPS) || defined(USE_DSP)
enum { SMALL = 1 };
#else
enum { SMALL = 0 };
#endif
#if defined(__GNUC__) && !defined(PLAIN_LOOPS) && !defined(USE_DSP) && !defined(USE_WASM)
#define COPIED inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64))) /* a line of the cache: vectors of 512 bits across two are slow */
#else
#define COPIED
#define ALIGNED
#endif

/* Chips: as part of a larger function the inner loop would lack registers. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif

/* The windows that are worked on together: `half` of them begin at `upper`, as many at `lower`, each `step` bytes after
 * the one before it; of a single one, `step` is 0. `pixels` is PIXELS, or half of it where the lower half may be left
 * out, because it is the upper one. */
struct group {
    const uint8_t *upper, *lower;
    int half, step, pixels;
};

#if !defined(PLAIN_LOOPS) && !defined(USE_WASM)
/* Four bytes as one number: one load, as such processors load from any address */
static inline int32_t load_quad(const void *bytes)
{
    int32_t quad;
#if defined(__GNUC__) /* a freestanding compiler would call memcpy() */
    __builtin_memcpy(&quad, bytes, sizeof quad);
#else
    memcpy(&quad, bytes, sizeof quad);
#endif
    return quad;
}
#endif

/* sums[pixel][lane] of a group, for outputs `first` and following, as many as LANES */
#if defined(PLAIN_LOOPS)

static APART void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int8_t *weights = c->weights + 4 * first;
    const int quad_bytes = 4 * c->lanes; /* from the weights of a quad to those of the next */

    for (int p = 0; p < g.pixels; p++) {
        const uint8_t *window = (p < PIXELS / 2 ? g.upper : g.lower) + p % (PIXELS / 2) * g.step;
        if (!g.step && p % (PIXELS / 2) > 0)
            continue;
        const int8_t *w = weights;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int row = 0; row < c->window_height; row++, window += c->row_bytes) {
            const uint8_t *x = window;
            for (int quad = c->quads; quad > 0; quad--, x += 4, w += quad_bytes) {
                const int x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
                s0 += x0 * w[0] + x1 * w[1] + x2 * w[2] + x3 * w[3];
                s1 += x0 * w[4] + x1 * w[5] + x2 * w[6] + x3 * w[7];
                s2 += x0 * w[8] + x1 * w[9] + x2 * w[10] + x3 * w[11];
                s3 += x0 * w[12] + x1 * w[13] + x2 * w[14] + x3 * w[15];
            }
        }
        sums[p][0] = s0;
        sums[p][1] = s1;
        sums[p][2] = s2;
        sums[p][3] = s3;
    }
}

#elif defined(USE_VNNI) /* VPDPBUSD: of sixteen outputs, or of eight, a whole quad */

/* A bit for each output that is worked on from `first` on */
static inline __mmask16 mark_lanes(const struct convolution *c, int first)
{
    const int left = c->outputs - first;
    return (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffffu);
}

#define MULTIPLY(vector, zero, load, broadcast, add_products, widen)                                                   \
    do {                                                                                                               \
        vector s0, s1, s2, s3, s4, s5, s6, s7;                                                                         \
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero;                                                                  \
        for (int row = 0; row < c->window_height; row++, g.upper += c->row_bytes, g.lower += c->row_bytes) {           \
            const uint8_t *x = g.upper, *y = g.lower;                                                                  \
            for (int quad = c->quads; quad > 0; quad--, x += 4, y += 4, weights += quad_bytes) {                       \
                const vector w = load;                                                                                 \
                s0 = add_products(s0, broadcast(load_quad(x)), w);                                                     \
                s1 = add_products(s1, broadcast(load_quad(x + step)), w);                                              \
                s4 = add_products(s4, broadcast(load_quad(y)), w);                                                     \
                s5 = add_products(s5, broadcast(load_quad(y + step)), w);                                              \
                if (g.half > 2) {                                                                                      \
                    s2 = add_products(s2, broadcast(load_quad(x + 2 * step)), w);                                      \
                    s6 = add_products(s6, broadcast(load_quad(y + 2 * step)), w);                                      \
                }                                                                                                      \
                if (g.half > 3) {                                                                                      \
                    s3 = add_products(s3, broadcast(load_quad(x + 3 * step)), w);                                      \
                    s7 = add_products(s7, broadcast(load_quad(y + 3 * step)), w);                                      \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        _mm512_storeu_si512(sums[0], widen(s0));                                                                       \
        _mm512_storeu_si512(sums[1], widen(s1));                                                                       \
        _mm512_storeu_si512(sums[2], widen(s2));                                                                       \
        _mm512_storeu_si512(sums[3], widen(s3));                                                                       \
        _mm512_storeu_si512(sums[4], widen(s4));                                                                       \
        _mm512_storeu_si512(sums[5], widen(s5));                                                                       \
        _mm512_storeu_si512(sums[6], widen(s6));                                                                       \
        _mm512_storeu_si512(sums[7], widen(s7));                                                                       \
    } while (0)

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int quad_bytes = 4 * c->lanes, step = g.step;
    const __mmask16 mask = mark_lanes(c, first);
    const int8_t *weights = c->weights + 4 * first;

    if (mask > 0xff) /* sums are stored in 512 bits in both cases, because scale() loads as many */
        MULTIPLY(__m512i, _mm512_setzero_si512(), _mm512_maskz_loadu_epi32(mask, weights), _mm512_set1_epi32,
                 _mm512_dpbusd_epi32, );
    else
        MULTIPLY(__m256i, _mm256_setzero_si256(), _mm256_maskz_loadu_epi32((__mmask8)mask, weights),
                 _mm256_set1_epi32, _mm256_dpbusd_epi32, _mm512_zextsi256_si512);
}
#undef MULTIPLY

#elif defined(USE_AVX2) /* VPMADDWD: of four outputs, the two halves of a quad, which are added at the end */

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int8_t *weights = c->weights + 4 * first;
    const int quad_bytes = 4 * c->lanes, step = g.step;
    __m256i a0, a1, a2, a3, b0, b1, b2, b3;
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = _mm256_setzero_si256();

    for (int row = 0; row < c->window_height; row++, g.upper += c->row_bytes, g.lower += c->row_bytes) {
        const uint8_t *x = g.upper, *y = g.lower;
        for (int quad = c->quads; quad > 0; quad--, x += 4, y += 4, weights += quad_bytes) {
            const __m256i wa = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)weights));
            const __m256i wb = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(weights + 16)));
            __m256i four;
#define ADD(a, b, at)                                                                                                  \
    four = _mm256_unpacklo_epi8(_mm256_set1_epi32(load_quad(at)), _mm256_setzero_si256());                             \
    a = _mm256_add_epi32(a, _mm256_madd_epi16(wa, four));                                                              \
    b = _mm256_add_epi32(b, _mm256_madd_epi16(wb, four))
            ADD(a0, b0, x);
            ADD(a1, b1, x + step);
            if (g.pixels == PIXELS) {
                ADD(a2, b2, y);
                ADD(a3, b3, y + step);
            }
#undef ADD
        }
    }
#define STORE(p, a, b)                                                                                                 \
    _mm256_storeu_si256((__m256i *)(void *)sums[p], _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8))
    STORE(0, a0, b0);
    STORE(1, a1, b1);
    STORE(2, a2, b2);
    STORE(3, a3, b3);
#undef STORE
}

#elif defined(USE_SSE2) /* PMADDWD: the same, of two outputs */

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int8_t *weights = c->weights + 4 * first;
    const int quad_bytes = 4 * c->lanes, step = g.step;
    __m128i a0, a1, a2, a3, b0, b1, b2, b3;
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = _mm_setzero_si128();

    for (int row = 0; row < c->window_height; row++, g.upper += c->row_bytes, g.lower += c->row_bytes) {
        const uint8_t *x = g.upper, *y = g.lower;
        for (int quad = c->quads; quad > 0; quad--, x += 4, y += 4, weights += quad_bytes) {
            const __m128i w = _mm_loadu_si128((const __m128i *)(const void *)weights);
            const __m128i wa = _mm_srai_epi16(_mm_unpacklo_epi8(w, w), 8);
            const __m128i wb = _mm_srai_epi16(_mm_unpackhi_epi8(w, w), 8);
            __m128i four;
#define ADD(a, b, at)                                                                                                  \
    four = _mm_unpacklo_epi8(_mm_set1_epi32(load_quad(at)), _mm_setzero_si128());                                      \
    a = _mm_add_epi32(a, _mm_madd_epi16(wa, four));                                                                    \
    b = _mm_add_epi32(b, _mm_madd_epi16(wb, four))
            ADD(a0, b0, x);
            ADD(a1, b1, x + step);
            if (g.pixels == PIXELS) {
                ADD(a2, b2, y);
                ADD(a3, b3, y + step);
            }
#undef ADD
        }
    }
#define HALVES(a, b, which) _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), which))
#define STORE(p, a, b)                                                                                                 \
    _mm_storeu_si128((__m128i *)(void *)sums[p], _mm_add_epi32(HALVES(a, b, 0x88), HALVES(a, b, 0xdd)))
    STORE(0, a0, b0);
    STORE(1, a1, b1);
    STORE(2, a2, b2);
    STORE(3, a3, b3);
#undef STORE
#undef HALVES
}

#elif defined(USE_NEON) /* VMLAL: of one output, the four products of a quad, which are added at the end */

static inline void multiply_pair(const struct convolution *c, const uint8_t *window, int step, const int8_t *weights,
                                 int32_t sums[2][LANES])
{
    const int quad_bytes = 4 * c->lanes;
    int32x4_t a0, a1, a2, a3, b0, b1, b2, b3;
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = vdupq_n_s32(0);

    for (int row = 0; row < c->window_height; row++, window += c->row_bytes) {
        const uint8_t *x = window;
        for (int quad = c->quads; quad > 0; quad--, x += 4, weights += quad_bytes) {
            const int8x16_t w = vld1q_s8(weights);
            const int16x8_t w01 = vmovl_s8(vget_low_s8(w)), w23 = vmovl_s8(vget_high_s8(w));
            int16x4_t four;
#define ADD(s0, s1, s2, s3, at)                                                                                        \
    four = vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_s32(vdup_n_s32(load_quad(at))))));              \
    s0 = vmlal_s16(s0, vget_low_s16(w01), four);                                                                       \
    s1 = vmlal_s16(s1, vget_high_s16(w01), four);                                                                      \
    s2 = vmlal_s16(s2, vget_low_s16(w23), four);                                                                       \
    s3 = vmlal_s16(s3, vget_high_s16(w23), four)
            ADD(a0, a1, a2, a3, x);
            ADD(b0, b1, b2, b3, x + step);
#undef ADD
        }
    }
#define HALVES(s) vadd_s32(vget_low_s32(s), vget_high_s32(s))
#define STORE(p, s0, s1, s2, s3)                                                                                       \
    vst1q_s32(sums[p],                                                                                                 \
              vcombine_s32(vpadd_s32(HALVES(s0), HALVES(s1)), vpadd_s32(HALVES(s2), HALVES(s3))))
    STORE(0, a0, a1, a2, a3);
    STORE(1, b0, b1, b2, b3);
#undef STORE
#undef HALVES
}

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int8_t *weights = c->weights + 4 * first;
    multiply_pair(c, g.upper, g.step, weights, sums);
    if (g.pixels == PIXELS)
        multiply_pair(c, g.lower, g.step, weights, sums + 2);
}

#elif defined(USE_DSP) /* SMLAD: of one output, bytes 0 and 2 of a quad, then bytes 1 and 3 */

static APART void multiply_pair(const struct convolution *c, const uint8_t *window, int step, const int8_t *weights,
                                int32_t sums[2][LANES])
{
    const int quad_bytes = 4 * c->lanes;

    for (int lane = 0; lane < LANES; lane += 2, weights += 8) {
        const uint8_t *start = window;
        const int8_t *w = weights;
        int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
        for (int row = 0; row < c->window_height; row++, start += c->row_bytes) {
            const uint8_t *x = start;
            for (int quad = c->quads; quad > 0; quad--, x += 4, w += quad_bytes) {
                const uint32_t w0 = (uint32_t)load_quad(w), w1 = (uint32_t)load_quad(w + 4);
                const int16x2_t even0 = __sxtb16((int8x4_t)w0), odd0 = __sxtb16((int8x4_t)(w0 >> 8));
                const int16x2_t even1 = __sxtb16((int8x4_t)w1), odd1 = __sxtb16((int8x4_t)(w1 >> 8));
                uint32_t four;
                int16x2_t even, odd;
#define ADD(s0, s1, at)                                                                                                \
    four = (uint32_t)load_quad(at);                                                                                    \
    even = (int16x2_t)(four & 0x00ff00ff);                                                                             \
    odd = (int16x2_t)(four >> 8 & 0x00ff00ff);                                                                         \
    s0 = __smlad(odd0, odd, __smlad(even0, even, s0));                                                                 \
    s1 = __smlad(odd1, odd, __smlad(even1, even, s1))
                ADD(a0, a1, x);
                ADD(b0, b1, x + step);
#undef ADD
            }
        }
        sums[0][lane] = a0;
        sums[0][lane + 1] = a1;
        sums[1][lane] = b0;
        sums[1][lane + 1] = b1;
    }
}

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    for (int p = 0; p < g.pixels; p += 2) /* a loop: chips are short of flash */
        multiply_pair(c, p ? g.lower : g.upper, g.step, c->weights + 4 * first, sums + p);
}

#else /* USE_WASM; i32x4.dot_i16x8_s: of four outputs, bytes 0 and 2 of a quad, and bytes 1 and 3 */

static inline void multiply_pair(const struct convolution *c, const uint8_t *window, int step, const int8_t *weights,
                                 int32_t sums[2][LANES])
{
    const int quad_bytes = 4 * c->lanes;
    const v128_t low_bytes = wasm_i16x8_const_splat(0xff);
    v128_t a0, a1, b0, b1;
    a0 = a1 = b0 = b1 = wasm_i32x4_const(0, 0, 0, 0);

    for (int row = 0; row < c->window_height; row++, window += c->row_bytes) {
        const uint8_t *x = window, *y = window + step;
        for (int quad = c->quads; quad > 0; quad--, x += 4, y += 4, weights += quad_bytes) {
            const v128_t w0 = wasm_v128_load(weights), w1 = wasm_v128_load(weights + 16);
            const v128_t even0 = wasm_i16x8_shr(wasm_i16x8_shl(w0, 8), 8), odd0 = wasm_i16x8_shr(w0, 8);
            const v128_t even1 = wasm_i16x8_shr(wasm_i16x8_shl(w1, 8), 8), odd1 = wasm_i16x8_shr(w1, 8);
            v128_t four, even, odd;
#define ADD(s0, s1, at)                                                                                                \
    four = wasm_v128_load32_splat(at);                                                                                 \
    even = wasm_v128_and(four, low_bytes);                                                                             \
    odd = wasm_u16x8_shr(four, 8);                                                                                     \
    s0 = wasm_i32x4_add(s0, wasm_i32x4_add(wasm_i32x4_dot_i16x8(even0, even), wasm_i32x4_dot_i16x8(odd0, odd)));       \
    s1 = wasm_i32x4_add(s1, wasm_i32x4_add(wasm_i32x4_dot_i16x8(even1, even), wasm_i32x4_dot_i16x8(odd1, odd)))
            ADD(a0, a1, x);
            ADD(b0, b1, y);
#undef ADD
        }
    }
    wasm_v128_store(sums[0], a0);
    wasm_v128_store(sums[0] + 4, a1);
    wasm_v128_store(sums[1], b0);
    wasm_v128_store(sums[1] + 4, b1);
}

static inline void multiply(const struct convolution *c, struct group g, int first, int32_t sums[PIXELS][LANES])
{
    const int8_t *weights = c->weights + 4 * first;
    multiply_pair(c, g.upper, g.step, weights, sums);
    if (g.pixels == PIXELS)
        multiply_pair(c, g.lower, g.step, weights, sums + 2);
}

#endif
