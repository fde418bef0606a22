/* A shared library over NAME_int8.c, which is compiled once for each set of instructions below. The best one that this
 * processor has is chosen at the first call. Every function may be called by any number of threads at once, each with
 * an arena of its own. */
#include "NAME_int8.h"
#ifdef EDGE_MNIST_DRAWINGS /* the model reads digits: edge_mnist_read_drawing() is a function of the library */
#include "edge_mnist_drawing.h"
#endif

#include <stddef.h>

typedef void predict_function(uint8_t *, const uint8_t *, uint8_t *);
typedef int self_test_function(uint8_t *, uint8_t *);

struct version {
    predict_function *predict;
    self_test_function *self_test;
    const char *instructions; /* what it needs, in words */
    int needs;                /* the same as bits of read_processor() */
};

enum { AVX512_VNNI = 1, AVX2 = 2, NEON = 4 };

/* All that a program must know of this library, as JSON */
const char edge_mnist_description[] =
    @DESCRIPTION@;

const char NAME_version[] = "@VERSION@";
const char NAME_sha256[] = "@SHA256@";

@FLOAT32_BITS@
@VERSIONS@

#if defined(__x86_64__)
#include <cpuid.h>

/* What both the processor and the operating system support. Registers that the system does not save are of no use. */
static int read_processor(void)
{
    enum { OSXSAVE = 1 << 27, YMM_SAVED = 0x06, ZMM_SAVED = 0xe6 };           /* leaf 1, ecx; XCR0 twice */
    enum { HAS_AVX2 = 1 << 5, HAS_AVX512F = 1 << 16, HAS_AVX512BW = 1 << 30 }; /* leaf 7, ebx, with bit 31: VL */
    enum { HAS_VNNI = 1 << 11 };                                              /* leaf 7, ecx */
    const unsigned avx512 = 1u << 31 | HAS_AVX512BW | HAS_AVX512F;
    unsigned eax, ebx, ecx, edx, saved;
    int found = 0;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(saved), "=d"(edx) : "c"(0));
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return 0;
    if ((saved & YMM_SAVED) == YMM_SAVED && (ebx & HAS_AVX2))
        found |= AVX2;
    if ((saved & ZMM_SAVED) == ZMM_SAVED && (ebx & avx512) == avx512 && (ecx & HAS_VNNI))
        found |= AVX512_VNNI;
    return found;
}

#elif defined(__arm__) && defined(__linux__)
unsigned long getauxval(unsigned long); /* of the program that loads this library */

static int read_processor(void)
{
    enum { AT_HWCAP = 16, HWCAP_NEON = 1 << 12 };
    return getauxval(AT_HWCAP) & HWCAP_NEON ? NEON : 0;
}

#else
static int read_processor(void)
{
    return 0;
}
#endif

/* The last version needs nothing. Two threads may both choose at first: they choose the same. */
static const struct version *choose(void)
{
    static const struct version *chosen;
    const struct version *version = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

    if (!version) {
        const int found = read_processor();
        for (version = versions; (version->needs & found) != version->needs;)
            version++;
        __atomic_store_n(&chosen, version, __ATOMIC_RELAXED);
    }
    return version;
}

const char *NAME_instructions(void)
{
    return choose()->instructions;
}

void NAME_predict(uint8_t arena[NAME_arena_bytes], const uint8_t pixels[NAME_pixels], uint8_t scores[NAME_classes])
{
    choose()->predict(arena, pixels, scores);
}

int NAME_self_test(uint8_t arena[NAME_arena_bytes], uint8_t pixels[NAME_pixels])
{
    return choose()->self_test(arena, pixels);
}

/* n images, and their scores, behind each other */
void NAME_predict_many(uint8_t arena[NAME_arena_bytes], int32_t n, const uint8_t *pixels, uint8_t *scores)
{
    predict_function *const predict = choose()->predict;

    for (; n > 0; n--, pixels += NAME_pixels, scores += NAME_classes)
        predict(arena, pixels, scores);
}

/* The same as probabilities: float32, of which this copies the bits */
void NAME_probabilities(uint8_t arena[NAME_arena_bytes], int32_t n, const uint8_t *pixels, uint32_t *probabilities)
{
    predict_function *const predict = choose()->predict;

    for (; n > 0; n--, pixels += NAME_pixels) {
        uint8_t scores[NAME_classes];
        predict(arena, pixels, scores);
        for (int i = 0; i < NAME_classes; i++)
            *probabilities++ = float32_bits[scores[i]];
    }
}

#ifdef EDGE_MNIST_DRAWINGS
int32_t edge_mnist_drawing_words(int32_t width, int32_t height);

/* EDGE_MNIST_DRAWING_WORDS for programs in other languages; 0 if edge_mnist_read_drawing() refuses the size */
int32_t edge_mnist_drawing_words(int32_t width, int32_t height)
{
    if (width < 1 || height < 1 || EDGE_MNIST_SIDE_(width, height) > EDGE_MNIST_DRAWING_MAX_SIDE)
        return 0;
    return EDGE_MNIST_DRAWING_WORDS(width, height);
}
#endif
