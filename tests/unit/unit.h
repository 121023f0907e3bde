/* unit.h: what the unit tests share. */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal with its length, which may hold NULs. */
#define BYTES(literal) literal, sizeof literal - 1

/* A string that may be written to, as in an environment. */
#define TEXT(literal) ((char[]){literal})

/* A copy of n bytes that ends right before an unreadable page: one byte read too far is a crash. */
char *unit_guarded(const void *bytes, size_t n);

Suite *unit_account(void);
Suite *unit_num(void);
Suite *unit_buf(void);
Suite *unit_clock(void);
Suite *unit_env(void);
Suite *unit_ip(void);
Suite *unit_ucspi(void);
Suite *unit_base64(void);
Suite *unit_utf8(void);
Suite *unit_quote(void);
Suite *unit_form(void);
Suite *unit_http1(void);
Suite *unit_chunk(void);
Suite *unit_opening(void);
Suite *unit_proxy(void);
Suite *unit_settings(void);
Suite *unit_auth(void);
Suite *unit_admission(void);
Suite *unit_body(void);
Suite *unit_policy(void);
Suite *unit_x509(void);
Suite *unit_authorized(void);
Suite *unit_openssh_key(void);
Suite *unit_tinysshd(void);
Suite *unit_base64_encode(void);
Suite *unit_broker(void);
Suite *unit_json(void);
Suite *unit_docker(void);
Suite *unit_ere(void);
Suite *unit_lint(void);
Suite *unit_check(void);
Suite *unit_init(void);
Suite *unit_token_file(void);
Suite *unit_tokens(void);
Suite *unit_roles(void);
Suite *unit_connection(void);
Suite *unit_small_file(void);
Suite *unit_writers(void);
Suite *unit_json_push(void);
Suite *unit_hook(void);
Suite *unit_deliveries(void);
Suite *unit_directory(void);
Suite *unit_shared_run(void);
Suite *unit_record(void);

#endif
