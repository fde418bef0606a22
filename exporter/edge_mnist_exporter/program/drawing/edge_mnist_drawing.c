/*
 * edge_mnist_drawing: turns a drawing of a digit into the 784 pixels that a model reads
 *
 * The steps, each a function below, computed with integers alone:
 *
 *   1. reduce()       average a large drawing down until its sides are below 512 pixels
 *   2. despeckle()    from 64 pixels on: removes single noisy pixels
 *   3. find_ink()     subtract the background, the median of the border; stretch the ink to 0..255
 *   4. widen()        widen strokes thinner than a tenth of the digit, which would become grey
 *   5. find_box()     the box around all ink above half of Otsu's threshold
 *   6. resample()     bicubic with anti-aliasing, the box's long side to 20 pixels
 *   7. paste()        into 28 x 28 pixels, the ink's centre of mass on pixel 14
 *
 * edge-mnist's Python package computes the same bytes (preprocess.py, reading/drawing.py, reading/thin_strokes.py).
 *
 * Memory: the workspace holds the drawing, a byte a pixel, with a margin for strokes that are widened, and before it
 * the scratch words of the step that runs. No function is recursive or has arrays of variable size.
 */
#include "edge_mnist_drawing.h"

#include <stddef.h>

#if -1 >> 1 != -1
#error "shifting a negative number to the right must keep its sign"
#endif

enum {
    TENSOR_SIDE = 28,    /* pixels */
    INK_SIDE = 20,       /* long side of the ink's box in the tensor, pixels */
    CENTRE = 14,         /* row and column of the ink's centre of mass */
    DESPECKLE_FROM = 64, /* long side from which single noisy pixels are removed, pixels */
    MIN_CONTRAST = 24,   /* of ink and background, grey levels */
    FLOOR_PERCENT = 30,  /* of Otsu's threshold: becomes black */
    FULL_PERCENT = 90,   /* percentile of the ink that becomes white */
    MIN_SIDE = 9,        /* long side of a readable digit, pixels of the drawing */
    STROKE_LEVEL = 71,   /* level of ink, 0..255, above which a pixel belongs to a stroke */
    STROKE_FULL = 75,    /* percentile of the strokes that is full ink */
    MIN_WIDTH = 10,      /* stroke width to which thinner ones are widened, percent of the digit's long side */
    MAX_LENGTH = 320,    /* length of strokes above which a digit is an outline, percent of its long side */
    KERNEL_ONE = 1 << 9, /* unit of positions in the resampling kernel */
    WEIGHT_BITS = 22,    /* resampling weights are in units of 1 / 2**22 */
    LEVEL_BITS = 8       /* resampled grey levels are in units of 1 / 2**8 */
};

/* A picture inside the workspace; around it the margin holds zeros */
struct plane {
    uint8_t *pixels; /* [height][stride], of which width bytes a row are the picture */
    int32_t width, height, stride;
};

struct box {
    int32_t left, top, right, bottom; /* right and bottom are exclusive */
};

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t limit(int32_t value, int32_t low, int32_t high) { return larger(low, smaller(value, high)); }
static uint8_t *row_of(const struct plane *plane, int32_t y) { return plane->pixels + (ptrdiff_t)y * plane->stride; }
static int32_t long_side(const struct box *box) { return larger(box->right - box->left, box->bottom - box->top); }

/* The nearest integer to a quotient; of two the even one. The divisor is positive. */
static int64_t divide_nearest(int64_t dividend, int64_t divisor)
{
    int64_t nearest = (2 * dividend + divisor) / (2 * divisor), rest = (2 * dividend + divisor) % (2 * divisor);
    if (rest < 0) { /* C rounds to zero; this rounds down */
        nearest--;
        rest += 2 * divisor;
    }
    return rest == 0 && nearest % 2 != 0 ? nearest - 1 : nearest;
}

/* The largest integer whose square is not above the value */
static uint32_t square_root(uint32_t value)
{
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= value)
            root += bit;
    return root;
}

/* ---- 1 and 2: a smaller drawing without specks ------------------------------------------------------------------ */

static void reduce(const uint8_t *grey, int32_t width, int32_t height, int32_t factor, const struct plane *plane)
{
    for (int32_t y = 0; y < plane->height; y++) {
        for (int32_t x = 0; x < plane->width; x++) {
            const int32_t right = smaller((x + 1) * factor, width), bottom = smaller((y + 1) * factor, height);
            const uint32_t n = (uint32_t)((right - x * factor) * (bottom - y * factor));
            uint32_t sum = n / 2;
            for (int32_t j = y * factor; j < bottom; j++)
                for (int32_t i = x * factor; i < right; i++)
                    sum += grey[(size_t)j * (size_t)width + (size_t)i];
            row_of(plane, y)[x] = (uint8_t)((sum * ((1u << 24) / n)) >> 24); /* sum / n, as Pillow divides */
        }
    }
}

/* The least and the greatest of some pixels; of none, 255 and 0 */
struct range {
    int32_t low, high;
};

static struct range with_pixel(struct range range, int32_t level)
{
    return (struct range){smaller(range.low, level), larger(range.high, level)};
}

static struct range join(struct range a, struct range b)
{
    return (struct range){smaller(a.low, b.low), larger(a.high, b.high)};
}

/* Keep every pixel within the range of its neighbours, eight or fewer at the border: single noisy pixels go, two that
 * touch stay, and so do lines of one pixel. `above` holds the row above, as it was before. */
static void despeckle(const struct plane *plane, uint8_t *above)
{
    const int32_t last = plane->width - 1, last_row = plane->height - 1;
    for (int32_t y = 0; y <= last_row; y++) {
        uint8_t *row = row_of(plane, y);
        const uint8_t *below = row_of(plane, smaller(y + 1, last_row));
        struct range left = {255, 0}, beside = left; /* of the column to the left; of the pixels above and below */
        for (int32_t x = -1; x <= last; x++) {
            struct range further = {255, 0}, right = further; /* likewise, a column to the right */
            if (x < last) {
                if (y > 0)
                    further = with_pixel(further, above[x + 1]);
                if (y < last_row)
                    further = with_pixel(further, below[x + 1]);
                right = with_pixel(further, row[x + 1]);
            }
            if (x >= 0) {
                const struct range around = join(join(left, beside), right);
                const int32_t own = row[x];
                left = with_pixel(beside, own);
                above[x] = row[x];
                row[x] = (uint8_t)limit(own, around.low, around.high);
            }
            beside = further;
        }
    }
}

/* ---- Histograms -------------------------------------------------------------------------------------------------- */

/* Add to the 256 counts how many pixels have each level, or subtract it */
static void tally(const struct plane *plane, uint32_t *counts, int32_t sign)
{
    for (int32_t y = 0; y < plane->height; y++)
        for (int32_t x = 0; x < plane->width; x++)
            counts[row_of(plane, y)[x]] += (uint32_t)sign;
}

static void clear(uint32_t *counts)
{
    for (int32_t level = 0; level < 256; level++)
        counts[level] = 0;
}

/* The level of the pixel at a percentile of all pixels above a level */
static int32_t percentile(const uint32_t counts[256], int32_t above, uint32_t percent)
{
    uint32_t n = 0;
    for (int32_t level = above + 1; level < 256; level++)
        n += counts[level];
    const uint32_t rank = (n - 1) / 100 * percent + (n - 1) % 100 * percent / 100;
    int32_t level = above + 1;
    for (uint32_t below = counts[level]; below <= rank; below += counts[level])
        level++;
    return level;
}

struct wide {
    uint64_t high, low;
};

static struct wide multiply(uint64_t a, uint64_t b)
{
    const uint64_t half = 0xffffffff, low = (a & half) * (b & half), cross = (a >> 32) * (b & half) + (low >> 32);
    const uint64_t other = (a & half) * (b >> 32) + (cross & half);
    return (struct wide){(a >> 32) * (b >> 32) + (cross >> 32) + (other >> 32), (other << 32) | (low & half)};
}

/* a * a * b, which must fit into 128 bits */
static struct wide square_times(uint64_t a, uint64_t b)
{
    const struct wide square = multiply(a, a);
    struct wide product = multiply(square.low, b);
    product.high += square.high * b;
    return product;
}

/* Otsu's threshold (1979): the largest level of the lower one of two classes. Between them the variance, which is
 * apart * apart / spread times a constant, is greatest. */
static int32_t find_threshold(const uint32_t counts[256])
{
    uint64_t n = 0, mass = 0, lower_n = 0, lower_mass = 0, best_apart = 0, best_spread = 1;
    int32_t best = 0;
    for (uint32_t level = 0; level < 256; level++) {
        n += counts[level];
        mass += (uint64_t)level * counts[level];
    }
    for (uint32_t level = 0; level < 255; level++) {
        lower_n += counts[level];
        lower_mass += (uint64_t)level * counts[level];
        if (counts[level] == 0 || lower_n == n)
            continue;
        const uint64_t apart = mass * lower_n - lower_mass * n, spread = lower_n * (n - lower_n);
        const struct wide found = square_times(apart, best_spread), known = square_times(best_apart, spread);
        if (found.high > known.high || (found.high == known.high && found.low > known.low)) {
            best = (int32_t)level;
            best_apart = apart;
            best_spread = spread;
        }
    }
    return best;
}

/* ---- 3: ink ------------------------------------------------------------------------------------------------------ */

/* Replace a picture by its ink, bright on exactly 0; returns 0 if it is blank. The others are memory to work in. */
static int find_ink(const struct plane *plane, uint32_t counts[256], uint32_t others[256], uint8_t table[256])
{
    /* The border is the picture without its inside. */
    const struct plane inside = {row_of(plane, 1) + 1, plane->width - 2, plane->height - 2, plane->stride};
    clear(counts);
    tally(plane, counts, 1);
    for (int32_t level = 0; level < 256; level++)
        others[level] = counts[level];
    tally(&inside, others, -1);
    const int32_t background = percentile(others, -1, 50);
    int32_t darkest = 0, lightest = 255;
    while (counts[darkest] == 0)
        darkest++;
    while (counts[lightest] == 0)
        lightest--;
    if (larger(background - darkest, lightest - background) < MIN_CONTRAST)
        return 0;
    const int32_t sign = background - darkest >= lightest - background ? -1 : 1;
    clear(others);
    for (int32_t level = 0; level < 256; level++)
        others[larger(sign * (level - background), 0)] += counts[level];
    const int32_t threshold = find_threshold(others), floor = FLOOR_PERCENT * threshold;
    const int32_t full = 100 * percentile(others, threshold, FULL_PERCENT);
    for (int32_t level = 0; level < 256; level++) {
        const int32_t contrast = 100 * larger(sign * (level - background), 0);
        table[level] = (uint8_t)smaller(larger(contrast - floor, 0) * 255 / (full - floor), 255);
    }
    for (int32_t y = 0; y < plane->height; y++)
        for (int32_t x = 0; x < plane->width; x++)
            row_of(plane, y)[x] = table[row_of(plane, y)[x]];
    return 1;
}

/* ---- 4: thin strokes --------------------------------------------------------------------------------------------- */

/* The box around all pixels above a level */
static struct box box_above(const struct plane *plane, int32_t level)
{
    struct box box = {plane->width, plane->height, 0, 0};
    for (int32_t y = 0; y < plane->height; y++)
        for (int32_t x = 0; x < plane->width; x++)
            if (row_of(plane, y)[x] > level)
                box = (struct box){smaller(box.left, x), smaller(box.top, y), larger(box.right, x + 1), y + 1};
    return box;
}

/* By how many 256ths of a pixel strokes are to be widened to either side. A stroke's width is twice its area over the
 * length of its outline, which is the sum of the gradient. */
static int32_t find_missing_width(const struct plane *plane, uint32_t counts[256], uint8_t soft[256])
{
    const struct box box = box_above(plane, STROKE_LEVEL);
    uint32_t ink = 0, area = 0, outline = 0; /* in levels of ink; levels of full ink; sixteenths of these */
    clear(counts);
    tally(plane, counts, 1);
    const int32_t full = percentile(counts, STROKE_LEVEL, STROKE_FULL);
    for (int32_t level = 0; level < 256; level++) {
        soft[level] = level > STROKE_LEVEL ? (uint8_t)smaller(level * 255 / full, 255) : 0;
        area += soft[level] * counts[level];
        ink += level > STROKE_LEVEL ? (uint32_t)level * counts[level] : 0;
    }
    for (int32_t y = box.top - 1; y < box.bottom; y++) {
        for (int32_t x = box.left - 1; x < box.right; x++) {
            const int32_t here = soft[row_of(plane, y)[x]];
            const int32_t down = soft[row_of(plane, y + 1)[x]] - here, right = soft[row_of(plane, y)[x + 1]] - here;
            if (down | right)
                outline += square_root(256 * (uint32_t)(down * down + right * right));
        }
    }
    const int64_t side = long_side(&box), width = 2 * 16 * 256 * (int64_t)area / outline;
    if (100 * 256 * (int64_t)ink > MAX_LENGTH * 255 * side * (width > 256 ? width : 256))
        return 0; /* an outlined digit: widened, the two sides of its strokes would run together */
    const int64_t missing = 256 * MIN_WIDTH * side - 100 * width;
    return missing > 0 ? (int32_t)(missing / 200) : 0;
}

/* Spread every pixel, times part / 256, to its four neighbours; the picture grows by a pixel to each side. `above` holds
 * the row above, as it was before. */
static void spread(struct plane *plane, int32_t part, uint8_t *above)
{
    plane->pixels -= plane->stride + 1;
    plane->width += 2;
    plane->height += 2;
    for (int32_t x = 0; x < plane->width; x++)
        above[x] = 0;
    for (int32_t y = 0; y < plane->height; y++) {
        uint8_t *pixel = row_of(plane, y), left = 0;
        for (int32_t x = 0; x < plane->width; x++, pixel++) {
            const uint8_t here = *pixel;
            const int32_t around = larger(larger(left, pixel[1]), larger(above[x], pixel[plane->stride]));
            *pixel = (uint8_t)larger(here, larger(here, around) * part >> 8);
            above[x] = left = here;
        }
    }
}

static void widen(struct plane *plane, int32_t missing, uint8_t *above)
{
    for (; missing > 0; missing -= 256) /* at last a grey rim, so that no stroke becomes a whole pixel wider at once */
        spread(plane, smaller(missing, 256), above);
}

/* ---- 5 to 7: size and position ----------------------------------------------------------------------------------- */

static struct box find_box(const struct plane *plane, uint32_t counts[256])
{
    clear(counts);
    tally(plane, counts, 1);
    return box_above(plane, find_threshold(counts) / 2);
}

/* The old pixels that a new one is made of */
struct span {
    int32_t first, end;
};

/* Find the old pixels of the new pixel `at`, and write their weights: the kernel of Keys (1981) with a = -1/2, stretched
 * if the axis shrinks. */
static struct span weigh(int32_t n_from, int32_t n_to, int32_t at, int32_t *weights)
{
    /* Old pixel j and new pixel i are at (2j + 1) * n_to and (2i + 1) * n_from; the kernel reaches 4 * longer far. */
    const int32_t longer = larger(n_from, n_to), centre = (2 * at + 1) * n_from;
    const struct span span = {larger((centre - 4 * longer - n_to) / (2 * n_to), 0),
                              smaller((centre + 4 * longer - n_to) / (2 * n_to) + 1, n_from)};
    const int32_t one = KERNEL_ONE;
    int64_t total = 0;
    for (int32_t j = span.first; j < span.end; j++) {
        const int32_t off = (2 * j + 1) * n_to - centre;
        const int32_t x = ((off < 0 ? -off : off) * one + longer) / (2 * longer);
        const int32_t kernel = x < one       ? (3 * x - 5 * one) * x * x + 2 * one * one * one
                               : x < 2 * one ? ((5 * one - x) * x - 8 * one * one) * x + 4 * one * one * one
                                             : 0;
        weights[j - span.first] = kernel;
        total += kernel;
    }
    for (int32_t j = 0; j < span.end - span.first; j++)
        weights[j] = (int32_t)divide_nearest((int64_t)weights[j] * (1 << WEIGHT_BITS), total);
    return span;
}

/* Resample a box to height x width levels in units of 1 / 2**LEVEL_BITS, small[height][width]. The others are memory
 * to work in: weights of one row, of all columns, and a row that is scaled upright. */
static void resample(const struct plane *plane, const struct box *box, int32_t height, int32_t width, int32_t *small,
                     int32_t *row_weights, int32_t *column_weights, int32_t *line)
{
    const int32_t from_height = box->bottom - box->top, from_width = box->right - box->left;
    struct span columns[INK_SIDE];
    int32_t *next = column_weights;
    for (int32_t x = 0; x < width; x++) {
        columns[x] = weigh(from_width, width, x, next);
        next += columns[x].end - columns[x].first;
    }
    for (int32_t y = 0; y < height; y++) {
        const struct span rows = weigh(from_height, height, y, row_weights);
        for (int32_t i = 0; i < from_width; i++) {
            int32_t sum = 1 << (WEIGHT_BITS - LEVEL_BITS - 1);
            for (int32_t j = rows.first; j < rows.end; j++)
                sum += row_weights[j - rows.first] * row_of(plane, box->top + j)[box->left + i];
            line[i] = sum >> (WEIGHT_BITS - LEVEL_BITS);
        }
        const int32_t *weight = column_weights;
        for (int32_t x = 0; x < width; x++) {
            int64_t sum = 1 << (WEIGHT_BITS - 1);
            for (int32_t i = columns[x].first; i < columns[x].end; i++)
                sum += (int64_t)*weight++ * line[i];
            /* the kernel overshoots at edges */
            small[y * width + x] = limit((int32_t)(sum >> WEIGHT_BITS), 0, 255 << LEVEL_BITS);
        }
    }
}

/* Where ink begins along an axis, so that its centre of mass is on the centre pixel */
static int32_t find_offset(int32_t mass, int32_t moment, int32_t size)
{
    return limit((int32_t)divide_nearest(CENTRE * mass - moment, larger(mass, 1)), 0, TENSOR_SIDE - size);
}

static void paste(const int32_t *small, int32_t height, int32_t width, uint8_t *pixels)
{
    int32_t mass = 0, moment_y = 0, moment_x = 0, peak = 1 << LEVEL_BITS;
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            const int32_t level = small[y * width + x];
            peak = larger(peak, level);
            mass += level;
            moment_y += y * level;
            moment_x += x * level;
        }
    }
    const int32_t top = find_offset(mass, moment_y, height), left = find_offset(mass, moment_x, width);
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            pixels[(top + y) * TENSOR_SIDE + left + x] = (uint8_t)divide_nearest(255 * small[y * width + x], peak);
}

/* ---- The whole way ----------------------------------------------------------------------------------------------- */

int edge_mnist_read_drawing(const uint8_t *grey, int32_t width, int32_t height, uint32_t *workspace,
                            uint8_t pixels[EDGE_MNIST_DRAWING_PIXELS])
{
    for (int32_t i = 0; i < EDGE_MNIST_DRAWING_PIXELS; i++)
        pixels[i] = 0;
    if (smaller(width, height) < 1 || larger(width, height) > EDGE_MNIST_DRAWING_MAX_SIDE)
        return EDGE_MNIST_DRAWING_BAD_SIZE;

    /* The workspace: scratch words, then the picture in its margin */
    const int32_t factor = EDGE_MNIST_FACTOR_(width, height), margin = EDGE_MNIST_MARGIN_(width, height);
    const int32_t stride = EDGE_MNIST_ROOM_(width, width, height), rows = EDGE_MNIST_ROOM_(height, width, height);
    const int32_t room = larger(stride, rows);
    uint8_t *const whole = (uint8_t *)(workspace + 6 * room + 560);
    for (int32_t i = 0; i < stride * rows; i++)
        whole[i] = 0;
    struct plane plane = {whole + margin * stride + margin, stride - 2 * margin, rows - 2 * margin, stride};

    /* The scratch words while the ink is looked for: two histograms, and tables and rows of bytes */
    uint32_t *const counts = workspace, *const others = counts + 256; /* [256], [256] */
    uint8_t *const table = (uint8_t *)(others + 256);                    /* [256] */
    uint8_t *const above = table + 256;                                  /* [room] */
    reduce(grey, width, height, factor, &plane);
    if (larger(plane.width, plane.height) >= DESPECKLE_FROM)
        despeckle(&plane, above);
    const int32_t reduced_side = larger(plane.width, plane.height);
    if (!find_ink(&plane, counts, others, table))
        return EDGE_MNIST_DRAWING_BLANK;
    struct box box = find_box(&plane, counts);
    const int is_small = long_side(&box) * larger(width, height) < MIN_SIDE * reduced_side;
    widen(&plane, find_missing_width(&plane, counts, table), above);
    box = find_box(&plane, counts);

    /* The scratch words while it is resampled: the result, weights and a row */
    int32_t *const small = (int32_t *)workspace;             /* [20][20] */
    int32_t *const row_weights = small + INK_SIDE * INK_SIDE; /* [room] */
    int32_t *const line = row_weights + room;                /* [room] */
    int32_t *const column_weights = line + room;             /* [4 * room + 160] */
    const int32_t side = long_side(&box);
    const int64_t to_height = divide_nearest((int64_t)(box.bottom - box.top) * INK_SIDE, side);
    const int64_t to_width = divide_nearest((int64_t)(box.right - box.left) * INK_SIDE, side);
    const int32_t tall = larger((int32_t)to_height, 1), wide = larger((int32_t)to_width, 1);
    resample(&plane, &box, tall, wide, small, row_weights, column_weights, line);
    paste(small, tall, wide, pixels);
    return is_small ? EDGE_MNIST_DRAWING_TOO_SMALL : EDGE_MNIST_DRAWING_READ;
}
