/* Reads lines, a rule and a request with a tab between them; says 1 where the rule matches the request, 0 where it does not, and E
 * where it is none. Linked with the C library that bastion is linked with. */
#include <stdio.h>
#include <string.h>

#include "core/rules.h"

int main(void) {
    static struct rules r;
    static struct rules_verdict v;
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t rule = strcspn(line, "\t"), whole = strcspn(line, "\n");
        rules_start(&r);
        rules_add(&r, "s", (struct slice){line, rule}, false);
        rules_match_here(&r, (struct slice){line + rule + 1, whole - rule - 1}, &v);
        puts(v.match == 0 ? "1" : v.faults.len > 0 || r.count == 0 ? "E" : "0");
    }
    return 0;
}
