/*
 * What a program needs on an emulated Cortex-M: how it begins, the functions that a freestanding compiler may call,
 * files of the host through semihosting, and a clock and a stack that are measured.
 */
#include <stddef.h>
#include <stdint.h>

#define STACK_BYTES 2048
#define UNTOUCHED 0xa5u

int main(void);

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

/* Before what is measured: fill the stack below a frame, start the clock */
static void begin_measuring(volatile uint8_t *frame)
{
    SYSTICK_RELOAD = 0xffffff;
    SYSTICK_CURRENT = 0;
    SYSTICK_CONTROL = 5; /* on, by the processor's clock */
    for (volatile uint8_t *byte = stack_floor(); byte < frame - 64; byte++)
        *byte = UNTOUCHED;
}

/* Bytes of stack that were used below a frame */
static uint32_t measure_stack(volatile uint8_t *frame)
{
    volatile uint8_t *byte = stack_floor();
    while (byte < frame && *byte == UNTOUCHED)
        byte++;
    return (uint32_t)(frame - byte);
}

/* Ticks since the clock stood at a value */
static uint32_t ticks_since(uint32_t before)
{
    return (before - SYSTICK_CURRENT) & 0xffffff;
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
