/* sim/lincheck_ops.c -- what operations mean, and how a violation is told. */
#include "sim/lincheck_impl.h"

#include "base/panic.h"

#include <stdarg.h>
#include <stdio.h>

bool lincheck_op_writes(const struct lincheck_op *o)
{
    return o->op != HISTORY_GET;
}

struct bytes lincheck_op_value(const struct lincheck_key *k, const struct lincheck_op *o)
{
    ASSERT(lincheck_op_writes(o));
    return k->rows[o->inv_row].value; /* a del has none */
}

bool lincheck_op_needs(const struct lincheck_op *o)
{
    return o->op == HISTORY_GET || o->op == HISTORY_CAS;
}

struct bytes lincheck_op_need(const struct lincheck_key *k, const struct lincheck_op *o)
{
    ASSERT(lincheck_op_needs(o));
    return o->op == HISTORY_GET ? k->rows[o->ret_row].value : k->rows[o->inv_row].old;
}

int64_t lincheck_op_revision(const struct lincheck_key *k, const struct lincheck_op *o)
{
    if (o->outcome != LINCHECK_KNOWN ||
        (o->op == HISTORY_GET && k->rows[o->ret_row].value.data == NULL)) {
        return 0;
    }
    return k->rows[o->ret_row].revision;
}

bool lincheck_value_equal(struct bytes a, struct bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && bytes_equal(a, b);
}

enum lincheck_step lincheck_blame(struct lincheck_key *k, uint32_t op, const char *format, ...)
{
    const struct lincheck_op *o = &k->ops[op];
    uint32_t row = o->ret_row != LINCHECK_NONE ? o->ret_row : o->inv_row;
    struct lincheck_result *r = k->result;
    r->key = k->rows[row].key;
    r->row = row + 1;
    r->process = k->rows[row].process;
    r->t_ns = k->rows[row].t_ns;
    va_list args;
    va_start(args, format);
    vsnprintf(r->reason, sizeof r->reason, format, args);
    va_end(args);
    return LINCHECK_STEP_BAD;
}

const char *lincheck_show(struct bytes value, char out[LINCHECK_SHOWN_BYTES + 8])
{
    if (value.data == NULL) {
        static const char nothing[] = "nothing";
        return memcpy(out, nothing, sizeof nothing);
    }
    size_t count = value.count < LINCHECK_SHOWN_BYTES ? value.count : LINCHECK_SHOWN_BYTES;
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < count; i++) {
        uint8_t c = value.data[i];
        out[n++] = c >= 0x20 && c < 0x7F && c != '"' ? (char)c : '?';
    }
    out[n++] = '"';
    memcpy(out + n, count < value.count ? "..." : "\0\0\0", 4);
    return out;
}
