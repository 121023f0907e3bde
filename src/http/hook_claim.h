/* hook_claim.h: what the head of a webhook's delivery claims, as senders write it. Pure. */
#ifndef HTTP_HOOK_CLAIM_H
#define HTTP_HOOK_CLAIM_H

#include "core/hook.h"
#include "wire/http1.h"

/* Fills in the claim. Returns NULL, or the name of a field that is repeated, or longer than it can
 * be: then the request is none that can be read in one way. */
const char *hook_claim_read(struct hook_claim *claim, const struct http1_head *head);

#endif
