/* sim/chance.c -- one generator and one clock for GnuTLS. */
#include "sim/chance.h"

#include "base/prng.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <time.h>

#define CHANCE_S UINT64_C(1000000000)

static struct prng chance_prng = { { 1, 2, 3, 4 } }; /* asked before main too */
static const uint64_t *chance_now;

/* GnuTLS calls this by name, through the table of symbols; so does ngtcp2's part for it. */
int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t count)
{
    (void)level;
    prng_fill(&chance_prng, data, count);
    return 0;
}

static time_t chance_time(time_t *out)
{
    time_t t = chance_now != NULL ? (time_t)(*chance_now / CHANCE_S) : 0;
    if (out != NULL) {
        *out = t;
    }
    return t;
}

void sim_chance_begin(uint64_t seed, const uint64_t *now_ns)
{
    prng_seed(&chance_prng, seed);
    chance_now = now_ns;
    gnutls_global_set_time_function(chance_time);
}
