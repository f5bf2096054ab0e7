/* tests/unit/node/toml_print.c -- reads framed TOML documents, prints each as one line of JSON.
 *
 * Shape: in: 4 bytes little-endian length, then the document, until the input ends. Out: a line
 *        `ok <json>` or `no <line> <column> <why>` each. A value is ["type", value].
 * Why:   one process for thousands of documents; toml_diff.py compares with Python's tomllib
 */
#include "node/toml.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MEMORY_BYTES = 24 * 1024 * 1024
};

static void print_text(struct bytes text)
{
    putchar('"');
    for (size_t i = 0; i < text.count; i++) {
        uint8_t c = text.data[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void print_time(const struct toml *v)
{
    const struct toml_time *t = &v->time;
    printf("[\"%s\",[", v->type == TOML_LOCAL_TIME   ? "time"
                        : v->type == TOML_LOCAL_DATE ? "date"
                                                     : "datetime");
    if (v->type != TOML_LOCAL_TIME) {
        printf("%u,%u,%u", t->year, t->month, t->day);
    }
    if (v->type != TOML_LOCAL_DATE) {
        printf("%s%u,%u,%u,%" PRIu32, v->type == TOML_LOCAL_TIME ? "" : ",", t->hour, t->minute,
               t->second, t->nanosecond / 1000);
    }
    if (v->type == TOML_DATETIME) {
        printf(",%d", t->offset_minutes);
    }
    printf("]]");
}

static void print_number(double v)
{
    if (isnan(v)) {
        printf("[\"float\",\"nan\"]");
    } else {
        printf("[\"float\",\"%.17g\"]", v);
    }
}

/* Bounded by TOML_DEPTH_MAX. */
static void print_value(const struct toml *v)
{
    switch (v->type) {
    case TOML_TABLE:
    case TOML_ARRAY:
        printf("[\"%s\",%c", v->type == TOML_TABLE ? "table" : "array",
               v->type == TOML_TABLE ? '{' : '[');
        for (const struct toml *c = v->first; c != NULL; c = c->next) {
            if (c != v->first) {
                putchar(',');
            }
            if (v->type == TOML_TABLE) {
                print_text(c->key);
                putchar(':');
            }
            print_value(c);
        }
        printf("%c]", v->type == TOML_TABLE ? '}' : ']');
        return;
    case TOML_STRING:
        printf("[\"string\",");
        print_text(v->text);
        putchar(']');
        return;
    case TOML_INTEGER:
        printf("[\"integer\",%" PRId64 "]", v->integer);
        return;
    case TOML_FLOAT:
        print_number(v->number);
        return;
    case TOML_BOOLEAN:
        printf("[\"boolean\",%s]", v->boolean ? "true" : "false");
        return;
    default:
        print_time(v);
    }
}

int main(void)
{
    uint8_t *memory = malloc(MEMORY_BYTES);
    uint8_t head[4];
    while (memory != NULL && fread(head, 1, 4, stdin) == 4) {
        size_t count = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
        /* Its own block of exact size, so that a sanitizer sees every byte read too far. */
        uint8_t *text = malloc(count > 0 ? count : 1);
        if (text == NULL || fread(text, 1, count, stdin) != count) {
            free(text);
            break;
        }
        struct toml *root = NULL;
        struct toml_error error;
        if (toml_parse(bytes_of(text, count), memory, MEMORY_BYTES, &root, &error) == ERR_OK) {
            printf("ok ");
            print_value(root);
            putchar('\n');
        } else {
            printf("no %" PRIu32 " %" PRIu32 " %s\n", error.line, error.column, error.text);
        }
        free(text);
    }
    free(memory);
    return 0;
}
