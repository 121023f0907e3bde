/* protect_parts.h: what protect.c and protect_report.c share, and nobody else includes. */
#ifndef CORE_PROTECT_PARTS_H
#define CORE_PROTECT_PARTS_H

#include "base/writers.h"
#include "core/protect.h"

/* What was given to protect_use. */
const struct settings *protect_settings(void);

/* Why what those can write does not count, put at `text`; NULL where it counts. */
const char *protect_why_refused(const struct writers *w, enum protect_kind kind,
                                char text[LIMIT_ERROR]);

#endif
