/* field_list.h: fields whose value is a list (RFC 9110, section 5.6.1): Accept (section 12.5.1),
 * and Prefer (RFC 7240). Where a field is repeated its values are one list. */
#ifndef WIRE_FIELD_LIST_H
#define WIRE_FIELD_LIST_H

#include <stdint.h>

#include "wire/slice.h"

/* Takes the first element off *list, without white space around it. False where there is none
 * left. */
bool field_list_next(struct slice *list, struct slice *element);

/* How much a media type is wanted: from 0, not at all, to 1000. */
struct media_quality {
    int quality;   /* -1: nothing has been said of it yet */
    int exactness; /* of the range that has said it */
};
#define MEDIA_QUALITY_NONE ((struct media_quality){.quality = -1})

/* Takes up what one value of Accept says of the type (as "text/plain"). */
void media_quality_read(struct media_quality *q, struct slice accept, const char *type);

/* Whether one value of Prefer has the preference `name`. *value is what it is to be, if anything,
 * without quotes. */
bool field_prefers(struct slice prefer, const char *name, struct slice *value);

#endif
