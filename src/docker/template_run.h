/* template_run.h: the run of a template. Its text is read and carried out at once, by recursive
 * descent; where nothing is to be carried out (in a branch that is not taken, and in the check
 * before the run), it is only read.
 *
 * A value is a slice of JSON text: the engine's, or one that a function put into the arena. */
#ifndef DOCKER_TEMPLATE_RUN_H
#define DOCKER_TEMPLATE_RUN_H

#include <setjmp.h>

#include "docker/template.h"
#include "wire/json.h"

enum { TEMPLATE_ARGUMENTS = 16, TEMPLATE_VARIABLES = 32 };

struct template_run {
    const struct docker_template *t;
    const char *at, *end;
    bool live;          /* what is read is carried out, too */
    struct slice whole; /* the value of the whole template: $ */
    struct buf *out, arena;
    struct template_variable {
        struct slice name, value;
    } variables[TEMPLATE_VARIABLES];
    size_t n_variables;
    unsigned long steps; /* left */
    unsigned depth;
    char *error;
    jmp_buf failed;
};

/* Ends the run: where the text is no template; and where it can't be carried out, at the node
 * [from, to), for which messages name the place `at`. */
_Noreturn void template_bad(struct template_run *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void template_fail(struct template_run *r, const char *at, const char *from,
                             const char *to, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Two values that are null, and are told apart by their addresses: Go's nil pointer, which prints
 * as <nil>, and the absence of a value, which prints as <no value>. */
extern const struct slice template_nil, template_none;

/* Whether a name can have that character: a letter or digit of ASCII, or an underscore. */
bool template_is_name(char c);

void template_skip_space(struct template_run *r);

/* Carries out a list of text and actions, and returns what ended it. It stands behind {{end}},
 * {{break}} or {{continue}} then, but within {{else}}. */
enum template_end {
    TEMPLATE_END_TEXT, /* the template's end */
    TEMPLATE_END_END,
    TEMPLATE_END_ELSE,
    TEMPLATE_END_BREAK,
    TEMPLATE_END_CONTINUE
};
enum template_end template_list(struct template_run *r, struct slice dot, bool in_range);

/* Reads a pipeline, and gives its value. */
struct slice template_pipeline(struct template_run *r, struct slice dot);

/* Whether there is a function of that name, and what it makes of its arguments. The node is [from,
 * to). */
bool template_is_function(struct slice name);
struct slice template_call(struct template_run *r, struct slice name, const struct slice *argument,
                           size_t n, const char *from, const char *to);

/* The member of that name. Go's fields are named a little otherwise than JSON's members: ID for Id.
 * n = 0: there is none. */
struct slice template_member(struct slice object, struct slice name);

/* The value of a key, which must be a string, in an object: both are compared by the text that they
 * stand for. Of several the last counts. n = 0: there is none, or the key has no room here. */
struct slice template_map_value(struct slice map, struct slice key);

bool template_truth(struct slice value);
struct slice template_text(struct template_run *r, const char *text, size_t n);

/* Goes through an array's elements (key.n = 0), or an object's members in the order of their names,
 * as Go goes through a map. A walk that begins within another one ends before it; a reset ends
 * all. */
struct template_walk {
    struct json_walk plain;
    const struct template_member *at; /* in order, or NULL: as they were sent */
    size_t n;
};
struct template_walk template_walk_start(struct slice value);
bool template_walk_next(struct template_walk *walk, struct slice *key, struct slice *value);
void template_walk_end(const struct template_walk *walk);
void template_walk_reset(void);

/* Adds a value as json.Marshal writes it: no space, strings anew, <, > and & escaped where
 * `html`. */
void template_json(struct buf *b, struct slice value, bool html);

#endif
