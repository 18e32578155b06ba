/* SPDX-License-Identifier: MIT
 *
 * call_fields_test.c - which fields and whose token go to which target. */
#include "a2a/call_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char minted_for[256];
static enum status mint_status;

static enum status mint(void *context, const struct a2a_delegation *delegation,
                        struct buffer *token, struct failure *reterr)
{
    snprintf(minted_for, sizeof(minted_for), "%.*s|%.*s|%.*s|%llu",
             SLICE_ARGS(delegation->owner->issuer), SLICE_ARGS(delegation->owner->subject),
             SLICE_ARGS(delegation->actors), (unsigned long long)delegation->lifetime_ms);
    if (mint_status == STATUS_OK) {
        buffer_append_string(token, "TOKEN");
    } else {
        failure_set(reterr, "no key");
    }
    return mint_status;
}

static const char *field(const struct call_fields *fields, const char *name)
{
    for (size_t i = 0; fields->pointers[i] != NULL; i++) {
        if (strncasecmp(fields->pointers[i], name, strlen(name)) == 0 &&
            fields->pointers[i][strlen(name)] == ':') {
            return fields->pointers[i] + strlen(name) + 2;
        }
    }
    return "";
}

static const struct task task = {
    .id = "00000000000000000000000000000001",
    .owner = {SLICE("iss"), SLICE("sub"), SLICE("user")},
    .session = SLICE("sess"),
    .request_id = SLICE("req"),
    .traceparent = SLICE("00-1-2-01"),
    .actors = SLICE("[\"planner\"]"),
    .hops = 1,
};

static void agents_get_a_delegated_token(void **state)
{
    struct config config = {.engine_api_key = SLICE("enginekey"), .a2a_delegation_ttl_ms = 5000};
    struct a2a_settings settings = {.config = &config, .mint = mint};
    struct task_target target = {.kind = TASK_TARGET_AGENT, .name = SLICE("coder")};
    struct call_fields fields;
    mint_status = STATUS_OK;
    assert_true(call_fields_make(&fields, &settings, &task, &target, NULL));
    assert_string_equal(field(&fields, "Authorization"), "Bearer TOKEN");
    assert_string_equal(minted_for, "iss|sub|[\"coder\",\"planner\"]|5000");
    assert_string_equal(field(&fields, "X-Attach-User"), "user");
    assert_string_equal(field(&fields, "X-Attach-Session"), "sess");
    assert_string_equal(field(&fields, "X-Attach-Task"), task.id);
    assert_string_equal(field(&fields, "X-Attach-Hops"), "2");
    assert_string_equal(field(&fields, "X-Request-Id"), "req");
    assert_string_equal(field(&fields, "traceparent"), "00-1-2-01");
    assert_string_equal(field(&fields, "A2A-Version"), "");
    call_fields_clear(&fields);
    target.protocol = PROTOCOL_A2A_CURRENT;
    assert_true(call_fields_make(&fields, &settings, &task, &target, NULL));
    assert_string_equal(field(&fields, "A2A-Version"), "1.0");
    call_fields_clear(&fields);
}

static void the_engine_gets_its_own_key_or_nothing(void **state)
{
    struct config config = {.engine_api_key = SLICE("enginekey")};
    struct a2a_settings settings = {.config = &config, .mint = mint};
    struct task_target target = {.kind = TASK_TARGET_ENGINE, .name = SLICE("engine")};
    struct call_fields fields;
    minted_for[0] = '\0';
    assert_true(call_fields_make(&fields, &settings, &task, &target, NULL));
    assert_string_equal(field(&fields, "Authorization"), "Bearer enginekey");
    call_fields_clear(&fields);
    config.engine_api_key = (struct slice){NULL, 0};
    assert_true(call_fields_make(&fields, &settings, &task, &target, NULL));
    assert_string_equal(field(&fields, "Authorization"), "");
    assert_string_equal(minted_for, "");
    call_fields_clear(&fields);
}

static void without_a_token_there_is_no_call(void **state)
{
    struct config config = {0};
    struct a2a_settings settings = {.config = &config, .mint = mint};
    struct task_target target = {.kind = TASK_TARGET_URL, .name = SLICE("http://x/")};
    struct call_fields fields;
    struct failure failure = {""};
    mint_status = STATUS_IO;
    assert_false(call_fields_make(&fields, &settings, &task, &target, &failure));
    assert_string_equal(failure.text, "no key");
    call_fields_clear(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agents_get_a_delegated_token),
        cmocka_unit_test(the_engine_gets_its_own_key_or_nothing),
        cmocka_unit_test(without_a_token_there_is_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
