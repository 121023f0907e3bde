/* settings_parts.h: what the files that read settings share, and nobody else includes:
 * settings_table.c knows what there is and what a value must be, settings_sources.c where values
 * come from, and settings.c puts them together. */
#ifndef CORE_SETTINGS_PARTS_H
#define CORE_SETTINGS_PARTS_H

#include "core/audit.h"
#include "core/settings.h"

/* One reading, from settings_read's start to its end. */
struct settings_reading {
    struct settings *s;
    const struct settings_places *places;
    unsigned needs;
    settings_each_error *each_error; /* NULL: it ends with the first error */
    void *context;
    bool is_role; /* it is that of a role's folder, out of which no link leads */
};

/* Note an error: of a setting, with the source of its value; of a whole directory. They return -1,
 * unless the reading goes on: then the setting counts as not set. */
int settings_note_error(const struct settings_reading *r, enum setting id, const char *what);
int settings_note_directory_error(const struct settings_reading *r, const char *directory,
                                  const char *what);

/* What comes of an error of a setting: a setting that only says where things stand must not stop a
 * program that does not need it, and counts as not set. `result` is what settings_note_error gave,
 * or 0. */
int settings_forgive(const struct settings_reading *r, enum setting id, int result);

/* Check one value, and whether nobody but the administrator can have written it; the latter also of
 * a directory. Return 0, or -1 with an error noted. */
int settings_check_value(const struct settings_reading *r, enum setting id);
int settings_check_writer(const struct settings_reading *r, enum setting id);
int settings_check_directory(const struct settings_reading *r, const char *directory);

/* ---- settings_table.c ---- */

/* The setting whose name is the n bytes at `name`, or SETTING_COUNT. */
enum setting settings_find(const char *name, size_t n);

/* Whether the name is one with _FILE at its end. */
bool settings_is_file_form(const char *name, size_t n);

bool settings_is_port(enum setting id);
/* Whether it says who runs commands, which root alone may say. */
bool settings_is_identity(enum setting id);
const char *settings_preset(enum setting id); /* or NULL */

enum { SETTINGS_WRONG = AUDIT_MASK_ERROR }; /* bytes of such a text; the mask's is the longest */
/* What is wrong with a value, put at `text` or a constant; or NULL, and then its number is set. */
const char *settings_wrong_value(struct settings_value *v, enum setting id,
                                 char text[SETTINGS_WRONG]);

/* ---- settings_sources.c ---- */

/* Read what the environment has, and what is not set yet from the files of a directory. Return 0,
 * or -1 with an error noted. */
int settings_read_environment(const struct settings_reading *r);
int settings_read_directory(const struct settings_reading *r, const char *directory);
/* Reads one setting's file in the open directory `dir`, if it is there. */
int settings_read_entry(const struct settings_reading *r, int dir, const char *directory,
                        enum setting id);

#endif
