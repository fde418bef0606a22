/*
 * Runs a model on an emulated Cortex-M: digits come from a file, scores and counts go to another one, both through
 * semihosting. NAME, PREDICT and so on are macros that the build gives.
 */
#include <stddef.h>
#include <stdint.h>

#include HEADER

#define STACK_BYTES 2048
#define UNTOUCHED 0xa5u

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

static uint8_t arena[JOIN(NAME, _arena_bytes)], pixels[JOIN(NAME, _pixels)], scores[JOIN(NAME, _classes)];

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

/* What the C program may ask for, of no library */
void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (n--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t < f)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int value, size_t n)
{
    uint8_t *t = to;
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

/* Arm's semihosting: the emulator does it */
static int32_t ask_host(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static int32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)name, mode, length};
    return ask_host(0x01, arguments);
}

/* Bytes that were not read, or not written */
static int32_t transfer(uint32_t operation, int32_t file, const void *bytes, uint32_t n)
{
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)bytes, n};
    return ask_host(operation, arguments);
}

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_CURRENT (*(volatile uint32_t *)0xe000e018)

static volatile uint8_t *stack_floor(void)
{
    return (volatile uint8_t *)stack_top - STACK_BYTES;
}

int main(void)
{
    const int32_t in = open_file("digits.bin", 10, 1), out = open_file("scores.bin", 10, 5);
    uint32_t counts[2] = {0, 0}; /* ticks of the longest prediction, bytes of stack below main() */
    volatile uint8_t *const frame = __builtin_frame_address(0);

    SYSTICK_RELOAD = 0xffffff;
    SYSTICK_CURRENT = 0;
    SYSTICK_CONTROL = 5; /* on, by the processor's clock */
    for (volatile uint8_t *byte = stack_floor(); byte < frame - 64; byte++)
        *byte = UNTOUCHED;
    while (transfer(0x06, in, pixels, sizeof pixels) == 0) {
        const uint32_t before = SYSTICK_CURRENT;
        JOIN(NAME, _predict)(arena, pixels, scores);
        const uint32_t ticks = (before - SYSTICK_CURRENT) & 0xffffff;
        counts[0] = ticks > counts[0] ? ticks : counts[0];
        transfer(0x05, out, scores, sizeof scores);
    }
    volatile uint8_t *byte = stack_floor();
    while (byte < frame && *byte == UNTOUCHED)
        byte++;
    counts[1] = (uint32_t)(frame - byte);
    transfer(0x05, out, counts, sizeof counts);
    return JOIN(NAME, _self_test)(arena, pixels);
}

void reset(void)
{
    uint32_t *from = data_load;
    for (uint32_t *to = data_start; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    const uint32_t arguments[2] = {0x20026, (uint32_t)main()}; /* ADP_Stopped_ApplicationExit and the exit code */
    ask_host(0x20, arguments);
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {stack_top, (const void *)reset};
