/* tests/unit/sim/test_classes.c -- Subject: each class of faults does to a world what its row says.
 * Method: worlds in which that class alone is on; what it did is seen from outside, in classes_*.h.
 */
#include "classes_disk.h"
#include "classes_load.h"
#include "classes_machine.h"
#include "classes_net.h"

/* A row without a function of its own does not compile. */
static const struct {
    const char *text;
    void (*shown)(void);
} rows[] = {
#define CLASS_ROW(name, text, fn) { "class " text ": does what its row says", class_##fn },
    SIM_FAULTS(CLASS_ROW)
#undef CLASS_ROW
};

static size_t row; /* a failed check jumps: no variable of main's own */

int main(void)
{
    for (row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        TAP_TEST(rows[row].text, rows[row].shown);
    }
    return tap_done();
}
