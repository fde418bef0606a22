/* What JavaScript calls of a model: EDGE_MNIST_NAME and EDGE_MNIST_HEADER are macros that the build gives. Text and
 * arrays are handed over as addresses in the exported memory. EDGE_MNIST_DRAWINGS: the model reads 28 x 28 pixels. */
#include <stddef.h>

#include EDGE_MNIST_HEADER
#ifdef EDGE_MNIST_DRAWINGS
#include "edge_mnist_drawing.h"
#endif

#define EXPORT(name) __attribute__((export_name(#name)))
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define OF_MODEL(part) JOIN(EDGE_MNIST_NAME, part)
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

static uint8_t arena[OF_MODEL(_arena_bytes) + 1], pixel_bytes[OF_MODEL(_pixels)], score_bytes[OF_MODEL(_classes)];

/* The library functions that the program may call: compiled with -fno-builtin, so that they do not call themselves. The
 * first three work word by word, where __builtin_memcpy is one instruction. */
typedef uint64_t word;

void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word), f += sizeof(word))
        __builtin_memcpy(t, f, sizeof(word));
    while (n--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t < f) /* the word that is read may lie over the one that is written, but not behind it */
        return memcpy(to, from, n);
    for (; n >= sizeof(word); n -= sizeof(word))
        __builtin_memcpy(t + n - sizeof(word), f + n - sizeof(word), sizeof(word));
    while (n--)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    const word words = (uint8_t)value * (~(word)0 / 255);
    uint8_t *t = to;
    for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word))
        __builtin_memcpy(t, &words, sizeof(word));
    while (n--)
        *t++ = (uint8_t)value;
    return to;
}

int memcmp(const void *one, const void *other, size_t n)
{
    const uint8_t *a = one, *b = other;
    for (; n--; a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

EXPORT(name) const char *name(void) { return TEXT(EDGE_MNIST_NAME); }
EXPORT(version) const char *version(void) { return OF_MODEL(_version); }
EXPORT(sha256) const char *sha256(void) { return OF_MODEL(_sha256); }
EXPORT(n_pixels) int n_pixels(void) { return OF_MODEL(_pixels); }
EXPORT(n_classes) int n_classes(void) { return OF_MODEL(_classes); }
EXPORT(least_confidence) int least_confidence(void) { return OF_MODEL(_least_confidence); }
EXPORT(pixels) uint8_t *pixels(void) { return pixel_bytes; }
EXPORT(scores) const uint8_t *scores(void) { return score_bytes; }
EXPORT(predict) void predict(void) { OF_MODEL(_predict)(arena, pixel_bytes, score_bytes); }
EXPORT(self_test) int self_test(void) { return OF_MODEL(_self_test)(arena, pixel_bytes); }

#ifdef EDGE_MNIST_DRAWINGS
/* A drawing lies behind all that the module itself needs, and the workspace behind it: JavaScript makes room there. */
extern uint8_t __heap_base;

static uint32_t *workspace_of(int32_t width, int32_t height)
{
    return (uint32_t *)(((uintptr_t)&__heap_base + (uintptr_t)width * (uintptr_t)height + 3) / 4 * 4);
}

EXPORT(drawing) uint8_t *drawing(void) { return &__heap_base; }
EXPORT(drawing_end) uint32_t *drawing_end(int32_t width, int32_t height)
{
    return workspace_of(width, height) + EDGE_MNIST_DRAWING_WORDS(width, height);
}
EXPORT(read_drawing) int read_drawing(int32_t width, int32_t height)
{
    return edge_mnist_read_drawing(&__heap_base, width, height, workspace_of(width, height), pixel_bytes);
}
#endif
