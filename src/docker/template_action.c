/* The actions of templates: text, if, with, range and values. */
#include <stdio.h>
#include <string.h>

#include "docker/template_run.h"

void template_skip_space(struct template_run *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0')
        r->at++;
}

static bool starts_with(const struct template_run *r, const char *mark) {
    size_t n = strlen(mark);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, mark, n) == 0;
}

/* Reads a word of the language. False: something else comes, which may be a name that begins with
 * that word. */
static bool accept_word(struct template_run *r, const char *word) {
    size_t n = strlen(word);
    if (!starts_with(r, word) || (r->at + n < r->end && template_is_name(r->at[n])))
        return false;
    r->at += n;
    return true;
}

/* The end of an action, and of the space behind it where " -}}" says so. */
static void end_action(struct template_run *r) {
    template_skip_space(r);
    bool trims = starts_with(r, "-}}") && strchr(" \t\r\n", r->at[-1]) != NULL;
    r->at += trims;
    if (r->at == r->end)
        template_bad(r, "unclosed action");
    if (!starts_with(r, "}}"))
        template_bad(r, "unexpected \"%.*s\" in command", (int)strcspn(r->at, " }"), r->at);
    r->at += 2;
    if (trims)
        template_skip_space(r);
}

/* The text up to the next action, or to the end. False at the end. */
static bool copy_text(struct template_run *r) {
    const char *open = memmem(r->at, (size_t)(r->end - r->at), "{{", 2),
               *to = open != NULL ? open : r->end;
    bool trims =
        open != NULL && open + 3 < r->end && open[2] == '-' && strchr(" \t\r\n", open[3]) != NULL;
    const char *last = to;
    while (trims && last > r->at && strchr(" \t\r\n", last[-1]) != NULL)
        last--;
    if (r->live)
        buf_bytes(r->out, r->at, (size_t)(last - r->at));
    r->at = to;
    if (open == NULL)
        return false;
    r->at += trims ? 3 : 2;
    template_skip_space(r);
    return true;
}

static void declare_variable(struct template_run *r, struct slice name, struct slice value) {
    if (r->n_variables == TEMPLATE_VARIABLES)
        template_bad(r, "there are more variables than this client has room for");
    r->variables[r->n_variables++] = (struct template_variable){name, value};
}

/* Runs pipeline, $x := pipeline or $x = pipeline. *assigned: it is one of the latter two. */
static struct slice run_pipeline(struct template_run *r, struct slice dot, bool *assigned) {
    const char *start = r->at;
    struct slice name = {start, 0};
    bool sets = false;
    if (r->at < r->end && *r->at == '$') {
        while (++r->at < r->end && template_is_name(*r->at)) {
        }
        size_t n = (size_t)(r->at - start);
        template_skip_space(r);
        sets = starts_with(r, "=");
        name.n = sets || starts_with(r, ":=") ? n : 0;
        r->at = name.n > 0 ? r->at + (sets ? 1 : 2) : start;
        template_skip_space(r);
    }
    struct slice value = template_pipeline(r, dot);
    *assigned = name.n > 0;
    if (name.n == 0)
        return value;
    for (size_t i = r->n_variables; sets && i-- > 0;)
        if (r->variables[i].name.n == name.n
            && memcmp(r->variables[i].name.at, name.at, name.n) == 0) {
            r->variables[i].value = r->live ? value : r->variables[i].value;
            return value;
        }
    if (sets)
        template_bad(r, "undefined variable \"%.*s\"", (int)name.n, name.at);
    declare_variable(r, name, value);
    return value;
}

/* Carries out one of two branches, and only reads the other. `taken`: the first is carried out,
 * with `dot`; the second has the dot `outer`. */
static enum template_end run_branches(struct template_run *r, bool taken, struct slice dot,
                                      struct slice outer, bool in_range);

/* {{if}} and {{with}}, which differ in the dot of their first branch. */
static enum template_end run_if(struct template_run *r, struct slice dot, bool with,
                                bool in_range) {
    size_t variables = r->n_variables;
    bool assigned;
    struct slice value = run_pipeline(r, dot, &assigned);
    end_action(r);
    bool taken = r->live && template_truth(value);
    enum template_end end = run_branches(r, taken, with ? value : dot, dot, in_range);
    r->n_variables = variables;
    return end;
}

static enum template_end run_branches(struct template_run *r, bool taken, struct slice dot,
                                      struct slice outer, bool in_range) {
    bool live = r->live;
    enum template_end end, ended = TEMPLATE_END_END;
    r->live = live && taken;
    end = template_list(r, dot, in_range);
    if (end == TEMPLATE_END_BREAK || end == TEMPLATE_END_CONTINUE)
        return end;
    if (end == TEMPLATE_END_ELSE) {
        r->live = live && !taken;
        template_skip_space(r);
        bool is_if = accept_word(r, "if"), is_with = !is_if && accept_word(r, "with");
        if (is_if || is_with) {
            ended = run_if(r, outer, is_with, in_range);
            end = TEMPLATE_END_END;
        } else {
            end_action(r);
            end = template_list(r, outer, in_range);
        }
        if (end == TEMPLATE_END_BREAK || end == TEMPLATE_END_CONTINUE)
            return end;
    }
    r->live = live;
    if (end != TEMPLATE_END_END)
        template_bad(r, end == TEMPLATE_END_ELSE ? "unexpected {{else}}" : "unexpected EOF");
    return ended;
}

/* The variables that range declares: none, the element's, or the index's and the element's. */
static size_t read_range_variables(struct template_run *r, struct slice names[2]) {
    const char *start = r->at;
    size_t n = 0;
    while (n < 2 && r->at < r->end && *r->at == '$') {
        const char *from = r->at++;
        while (r->at < r->end && template_is_name(*r->at))
            r->at++;
        names[n++] = (struct slice){from, (size_t)(r->at - from)};
        template_skip_space(r);
        if (starts_with(r, ":=")) {
            r->at += 2;
            template_skip_space(r);
            return n;
        }
        if (r->at == r->end || *r->at != ',')
            break;
        r->at++;
        template_skip_space(r);
    }
    r->at = start;
    return 0;
}

/* One round of range. The list's text is read again for each. */
static enum template_end run_round(struct template_run *r, const char *body,
                                   const struct slice names[2], size_t n, struct slice key,
                                   struct slice value) {
    size_t variables = r->n_variables;
    if (n == 2)
        declare_variable(r, names[0], key);
    if (n > 0)
        declare_variable(r, names[n - 1], value);
    r->at = body;
    enum template_end end = template_list(r, value, true);
    r->n_variables = variables;
    return end;
}

static void run_rounds(struct template_run *r, const char *body, const struct slice names[2],
                       size_t n, struct slice list) {
    struct template_walk walk = template_walk_start(list);
    struct slice key, value;
    char digits[24];
    enum template_end end = TEMPLATE_END_END;
    for (size_t i = 0; end != TEMPLATE_END_BREAK && template_walk_next(&walk, &key, &value); i++) {
        if (key.n == 0 && n == 2) { /* an array's */
            size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", i), from = r->arena.len;
            buf_bytes(&r->arena, digits, length);
            key =
                r->arena.full ? (struct slice){"0", 1} : (struct slice){r->arena.at + from, length};
        }
        end = run_round(r, body, names, n, key, value);
    }
    template_walk_end(&walk);
}

static enum template_end run_range(struct template_run *r, struct slice dot, bool in_range) {
    struct slice names[2];
    size_t n = read_range_variables(r, names), variables = r->n_variables;
    const char *from = r->at;
    struct slice list = template_pipeline(r, dot);
    enum json_kind kind = json_kind(list);
    if (r->live && kind != JSON_ARRAY && kind != JSON_OBJECT && kind != JSON_NULL)
        template_fail(r, from, from, r->at, "range can't iterate over %.*s", (int)list.n, list.at);
    end_action(r);
    const char *body = r->at;
    bool live = r->live, some = live && json_count(list) > 0;
    if (some)
        run_rounds(r, body, names, n, list);
    r->at = body; /* read once more, for what stands behind it */
    r->live = false;
    enum template_end end = run_round(r, body, names, n, template_none, template_none);
    r->live = live && !some;
    if (end == TEMPLATE_END_ELSE) {
        end_action(r);
        const char *otherwise = r->at;
        end = template_list(r, dot, in_range);
        if (end == TEMPLATE_END_CONTINUE)
            return end;
        if (end == TEMPLATE_END_BREAK) { /* of this range, as Go has it; the rest is only read */
            r->at = otherwise;
            r->live = false;
            end = template_list(r, dot, in_range);
        }
    }
    r->live = live;
    r->n_variables = variables;
    if (end != TEMPLATE_END_END)
        template_bad(r, end == TEMPLATE_END_ELSE ? "unexpected {{else}}" : "unexpected EOF");
    return TEMPLATE_END_END;
}

static void skip_comment(struct template_run *r) {
    const char *close = memmem(r->at, (size_t)(r->end - r->at), "*/", 2);
    if (close == NULL)
        template_bad(r, "unclosed comment");
    /* template_bad does not return. */
    /* cppcheck-suppress nullPointerArithmeticRedundantCheck */
    r->at = close + 2;
    end_action(r);
}

static void run_value(struct template_run *r, struct slice dot) {
    bool assigned;
    struct slice value = run_pipeline(r, dot, &assigned);
    end_action(r);
    if (r->live && !assigned)
        docker_template_print(r->out, value);
}

static enum template_end run_action(struct template_run *r, struct slice dot, bool in_range,
                                    bool *ends) {
    static const char *const refused[] = {"define", "template", "block"};
    *ends = false;
    if (accept_word(r, "if"))
        return template_skip_space(r), run_if(r, dot, false, in_range);
    if (accept_word(r, "with"))
        return template_skip_space(r), run_if(r, dot, true, in_range);
    if (accept_word(r, "range"))
        return template_skip_space(r), run_range(r, dot, in_range);
    if (starts_with(r, "/*"))
        return skip_comment(r), TEMPLATE_END_END;
    *ends = true;
    if (accept_word(r, "end"))
        return end_action(r), TEMPLATE_END_END;
    if (accept_word(r, "else")) /* what stands behind it is for run_branches to read */
        return TEMPLATE_END_ELSE;
    *ends = false;
    bool breaks = accept_word(r, "break");
    if (breaks || accept_word(r, "continue")) {
        if (!in_range)
            template_bad(r, "{{%s}} outside {{range}}", breaks ? "break" : "continue");
        end_action(r);
        *ends = r->live;
        return breaks ? TEMPLATE_END_BREAK : TEMPLATE_END_CONTINUE;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (accept_word(r, refused[i]))
            template_bad(r, "this client has no {{%s}}", refused[i]);
    run_value(r, dot);
    return TEMPLATE_END_END;
}

enum template_end template_list(struct template_run *r, struct slice dot, bool in_range) {
    if (++r->depth > LIMIT_JSON_DEPTH)
        template_bad(r, "there are more levels than this client has room for");
    for (;;) {
        bool ends;
        if (r->steps-- == 0)
            template_bad(r, "it takes more steps than this client has patience for");
        if (!copy_text(r)) {
            r->depth--;
            return TEMPLATE_END_TEXT;
        }
        enum template_end end = run_action(r, dot, in_range, &ends);
        if (ends || (r->live && (end == TEMPLATE_END_BREAK || end == TEMPLATE_END_CONTINUE))) {
            r->depth--;
            return end;
        }
    }
}
