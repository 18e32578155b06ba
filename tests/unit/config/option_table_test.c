/* SPDX-License-Identifier: MIT
 *
 * option_table_test.c - every row of options.def, and every spelling of a value. */
#include "config/option_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void set_up(struct config *config)
{
    *config = (struct config){0};
    arena_init(&config->arena, 1024 * 1024);
}

static const struct option *option_of(enum option_type type)
{
    for (size_t i = 0; i < options_count; i++) {
        if (options[i].variable != NULL && options[i].type == type) {
            return &options[i];
        }
    }
    fail_msg("no option of type %d", (int)type);
    abort();
}

static void every_default_can_be_read(void **state)
{
    struct config config;
    set_up(&config);
    for (size_t i = 0; i < options_count; i++) {
        struct failure failure = {""};
        if (options[i].variable != NULL && option_set(&config, &options[i], (struct slice){0},
                                                      "the default", &failure) != STATUS_OK) {
            fail_msg("%s", failure.text);
        }
    }
    assert_int_equal(config.port, 8080);
    assert_int_equal(config.max_request_bytes, 32 * 1024 * 1024);
    assert_int_equal(config.jwks_cooldown_ms, 10000);
    assert_int_equal(config.log_level, LOG_INFO);
    assert_int_equal(config.engine_api, ENGINE_API_OLLAMA);
    assert_false(config.attach_local);
    assert_int_equal(config.cors_origins.count, 2);
    assert_true(slice_equals(config.host, SLICE("127.0.0.1")));
    arena_clear(&config.arena);
}

static void variables_and_flags_are_unique_and_found_again(void **state)
{
    for (size_t i = 0; i < options_count; i++) {
        char flag[option_flag_bytes_max];
        if (options[i].variable == NULL) {
            assert_non_null(options[i].heading);
            continue;
        }
        assert_ptr_equal(option_find(slice_from_string(options[i].variable)), &options[i]);
        bool has_flag = option_flag(&options[i], flag);
        assert_true(has_flag == (options[i].type != OPTION_SECRET));
        for (size_t j = 2; has_flag && flag[j] != '\0'; j++) {
            assert_true((flag[j] >= 'a' && flag[j] <= 'z') || (flag[j] >= '0' && flag[j] <= '9') ||
                        flag[j] == '-');
        }
    }
    assert_null(option_find(SLICE("NO_SUCH_OPTION")));
    assert_null(option_find(SLICE("")));
}

static void every_choice_has_as_many_names_as_its_row_says(void **state)
{
    for (size_t i = 0; i < options_count; i++) {
        if (options[i].variable != NULL && options[i].type == OPTION_CHOICE) {
            uint64_t count = 0;
            while (option_choices(&options[i])[count] != NULL) {
                count++;
            }
            assert_int_equal(count, options[i].maximum);
        }
    }
}

/* One beyond either limit is refused, with the option's name in the message. */
static void limits_are_kept(void **state)
{
    struct config config;
    set_up(&config);
    for (size_t i = 0; i < options_count; i++) {
        const struct option *option = &options[i];
        bool is_number = option->variable != NULL &&
                         (option->type == OPTION_NUMBER || option->type == OPTION_DURATION ||
                          option->type == OPTION_SIZE);
        for (unsigned side = 0; is_number && side < 4; side++) {
            char text[40];
            struct failure failure = {""};
            bool is_good = side < 2;
            uint64_t limit = side % 2 == 0 ? option->minimum : option->maximum;
            if (side == 2 && limit == 0) {
                continue;
            }
            uint64_t value = side == 2 ? limit - 1 : side == 3 ? limit + 1 : limit;
            snprintf(text, sizeof(text), "%llu%s", (unsigned long long)value,
                     option->type == OPTION_DURATION ? "ms" : "");
            enum status status =
                option_set(&config, option, slice_from_string(text), "environment", &failure);
            assert_int_equal(status, is_good ? STATUS_OK : STATUS_INVALID);
            if (!is_good) {
                assert_ptr_equal(strstr(failure.text, option->variable), failure.text);
                assert_non_null(strstr(failure.text, "environment"));
                assert_non_null(strstr(failure.text, text));
            }
        }
    }
    arena_clear(&config.arena);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0", 0},      {"500ms", 500}, {"10s", 10000},  {"5m", 300000}, {"1h", 3600000},
                {"90", 90000}, {"007", 7000},  {"1H", 3600000}, {"2MS", 2},     {"1000ms", 1000}};
    static const char *const bad[] = {"",
                                      "s",
                                      "ms",
                                      "-1",
                                      "+1",
                                      "1.5s",
                                      "1d",
                                      "10 s",
                                      " 10s",
                                      "10s ",
                                      "1e3",
                                      "0x5",
                                      "1,",
                                      "1ss",
                                      "5m5s",
                                      "∞",
                                      "99999999999999999999",
                                      "18446744073709551615s"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t ms = 12345;
        assert_true(config_parse_duration(slice_from_string(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t ms = 0;
        if (config_parse_duration(slice_from_string(bad[i]), &ms)) {
            fail_msg("\"%s\" was read as %llu ms", bad[i], (unsigned long long)ms);
        }
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},           {"1", 1},
                {"64k", 65536},     {"32m", 33554432},
                {"1g", 1073741824}, {"1G", 1073741824},
                {"64K", 65536},     {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "1t",
                                      "1kb",
                                      "1 k",
                                      "1.5m",
                                      "0x1",
                                      "1k ",
                                      "18446744073709551616",
                                      "18014398509481984k"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t bytes = 12345;
        assert_true(config_parse_size(slice_from_string(good[i].text), &bytes));
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t bytes = 0;
        if (config_parse_size(slice_from_string(bad[i]), &bytes)) {
            fail_msg("\"%s\" was read as %llu bytes", bad[i], (unsigned long long)bytes);
        }
    }
}

static void switches_and_choices(void **state)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}, {"FALSE", "True"}};
    static const char *const bad[] = {"2", "y", "truee", "tru", "enabled", "info,warn"};
    struct config config;
    struct failure failure;
    const struct option *local = option_find(SLICE("ATTACH_LOCAL"));
    const struct option *level = option_find(SLICE("LOG_LEVEL"));
    set_up(&config);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (size_t value = 0; value < 2; value++) {
            config.attach_local = value == 0;
            assert_int_equal(
                option_set(&config, local, slice_from_string(words[i][value]), "x", &failure),
                STATUS_OK);
            assert_int_equal(config.attach_local, value);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice value = slice_from_string(bad[i]);
        assert_int_equal(option_set(&config, local, value, "x", &failure), STATUS_INVALID);
        assert_non_null(strstr(failure.text, "true or false"));
        assert_int_equal(option_set(&config, level, value, "x", &failure), STATUS_INVALID);
        assert_non_null(strstr(failure.text, "debug or info or warn or error"));
    }
    assert_int_equal(option_set(&config, level, SLICE("WARN"), "x", &failure), STATUS_OK);
    assert_int_equal(config.log_level, LOG_WARN);
    arena_clear(&config.arena);
}

static void lists_are_trimmed_and_capped(void **state)
{
    struct config config;
    struct failure failure;
    const struct option *hosts = option_find(SLICE("ALLOWED_HOSTS"));
    char many[1024];
    set_up(&config);
    assert_int_equal(option_set(&config, hosts, SLICE(" a , b,, c d ,"), "x", &failure), STATUS_OK);
    assert_int_equal(config.allowed_hosts.count, 3);
    assert_string_equal(config.allowed_hosts.items[0].data, "a");
    assert_string_equal(config.allowed_hosts.items[1].data, "b");
    assert_string_equal(config.allowed_hosts.items[2].data, "c d");
    for (size_t i = 0; i < 257; i++) {
        memcpy(many + 2 * i, "a,", 2);
    }
    assert_int_equal(option_set(&config, hosts, slice_make(many, 512), "x", &failure), STATUS_OK);
    assert_int_equal(option_set(&config, hosts, slice_make(many, 514), "x", &failure),
                     STATUS_INVALID);
    assert_non_null(strstr(failure.text, "256"));
    arena_clear(&config.arena);
}

static void control_characters_are_refused(void **state)
{
    static const enum option_type types[] = {OPTION_TEXT, OPTION_SECRET, OPTION_LIST};
    struct config config;
    set_up(&config);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct option *option = option_of(types[i]);
        for (unsigned byte = 0; byte < 256; byte++) {
            char text[] = "a?b";
            struct failure failure;
            text[1] = (char)byte;
            bool is_control = byte < 0x20 || byte == 0x7f;
            assert_int_equal(option_set(&config, option, slice_make(text, 3), "x", &failure),
                             is_control ? STATUS_INVALID : STATUS_OK);
        }
    }
    arena_clear(&config.arena);
}

static void a_secret_is_never_shown_and_a_long_value_is_cut(void **state)
{
    struct config config;
    struct failure failure;
    char text[300];
    set_up(&config);
    assert_int_equal(option_set(&config, option_find(SLICE("ENGINE_API_KEY")), SLICE("hush\n"),
                                "environment", &failure),
                     STATUS_INVALID);
    assert_null(strstr(failure.text, "hush"));
    memset(text, '7', sizeof(text));
    assert_int_equal(option_set(&config, option_find(SLICE("PORT")), slice_make(text, sizeof(text)),
                                "environment", &failure),
                     STATUS_INVALID);
    assert_non_null(strstr(failure.text, "7...\" is not a whole number from 0 to 65535"));
    arena_clear(&config.arena);
}

static void a_refused_value_changes_nothing(void **state)
{
    struct config config;
    struct failure failure;
    set_up(&config);
    static const char *const sets[][3] = {
        {"PORT", "7", "65536"},        {"IDLE_TIMEOUT", "7s", "1ms"},
        {"MAX_HEAD_BYTES", "2k", "1"}, {"ATTACH_LOCAL", "true", "perhaps"},
        {"LOG_LEVEL", "warn", "loud"}, {"HOST", "a", "b\n"}};
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        const struct option *option = option_find(slice_from_string(sets[i][0]));
        struct slice good = slice_from_string(sets[i][1]);
        struct slice bad = slice_from_string(sets[i][2]);
        assert_int_equal(option_set(&config, option, good, "x", &failure), STATUS_OK);
        assert_int_equal(option_set(&config, option, bad, "x", &failure), STATUS_INVALID);
    }
    assert_int_equal(config.port, 7);
    assert_int_equal(config.idle_timeout_ms, 7000);
    assert_int_equal(config.max_head_bytes, 2048);
    assert_true(config.attach_local);
    assert_int_equal(config.log_level, LOG_WARN);
    assert_string_equal(config.host.data, "a");
    arena_clear(&config.arena);
}

static void variables_without_effect_are_noted_unless_they_ask_for_nothing(void **state)
{
    struct config config;
    set_up(&config);
    option_note_without_effect(&config, SLICE("USAGE_BACKEND"), SLICE("NULL"));
    option_note_without_effect(&config, SLICE("REDIS_URL"), SLICE(""));
    option_note_without_effect(&config, SLICE("SOMETHING_ELSE"), SLICE("x"));
    for (size_t i = 0; i < WITHOUT_EFFECT_COUNT; i++) {
        assert_false(config.without_effect[i]);
    }
    option_note_without_effect(&config, SLICE("USAGE_BACKEND"), SLICE("prometheus"));
    assert_true(config.without_effect[WITHOUT_EFFECT_USAGE_BACKEND]);
    assert_string_equal(config_without_effect_name(WITHOUT_EFFECT_USAGE_BACKEND), "USAGE_BACKEND");
    option_note_without_effect(&config, SLICE("USAGE_BACKEND"),
                               SLICE("null")); /* the later one wins */
    assert_false(config.without_effect[WITHOUT_EFFECT_USAGE_BACKEND]);
    arena_clear(&config.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_can_be_read),
        cmocka_unit_test(variables_and_flags_are_unique_and_found_again),
        cmocka_unit_test(every_choice_has_as_many_names_as_its_row_says),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(switches_and_choices),
        cmocka_unit_test(lists_are_trimmed_and_capped),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(a_secret_is_never_shown_and_a_long_value_is_cut),
        cmocka_unit_test(a_refused_value_changes_nothing),
        cmocka_unit_test(variables_without_effect_are_noted_unless_they_ask_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
