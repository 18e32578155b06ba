/* SPDX-License-Identifier: MIT
 *
 * fields_test.c - every row of fields.def is recognised in every spelling that counts, and nothing
 * else is. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    struct slice name;
    enum field_id id;
    enum field_treatment treatment;
} rows[] = {
#define FIELD(identifier, name, treatment) {SLICE(name), FIELD_##identifier, FIELD_##treatment},
#include "http/fields.def"
#undef FIELD
};

enum { rows_count = sizeof(rows) / sizeof(rows[0]), name_bytes_max = 64 };

static enum field_id identify_changed(struct slice name, char from, char to)
{
    char copy[name_bytes_max];
    for (size_t i = 0; i < name.length; i++) {
        copy[i] = name.data[i] == from ? to : name.data[i];
    }
    return field_identify(slice_make(copy, name.length));
}

static void every_row_is_recognised(void **state)
{
    for (size_t i = 0; i < rows_count; i++) {
        char copy[name_bytes_max];
        assert_int_equal(field_identify(rows[i].name), rows[i].id);
        assert_int_equal(field_treatment(rows[i].id), rows[i].treatment);
        for (size_t at = 0; at < rows[i].name.length; at++) {
            char byte = rows[i].name.data[at];
            copy[at] = byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
        }
        assert_int_equal(field_identify(slice_make(copy, rows[i].name.length)), rows[i].id);
    }
}

static void underscores_count_where_the_field_is_dropped(void **state)
{
    for (size_t i = 0; i < rows_count; i++) {
        bool has_dash = slice_find(rows[i].name, '-') < rows[i].name.length;
        enum field_id expected =
            has_dash && rows[i].treatment == FIELD_FORWARD ? FIELD_OTHER : rows[i].id;
        assert_int_equal(identify_changed(rows[i].name, '-', '_'), expected);
    }
    assert_int_equal(field_identify(SLICE("Content_Length")), FIELD_CONTENT_LENGTH);
    assert_int_equal(field_identify(SLICE("PROXY-AUTHORIZATION")), FIELD_PROXY_AUTHORIZATION);
    assert_int_equal(field_identify(SLICE("content_type")), FIELD_OTHER);
}

static void near_misses_are_other_fields(void **state)
{
    for (size_t i = 0; i < rows_count; i++) {
        struct slice name = rows[i].name;
        char copy[name_bytes_max];
        memcpy(copy, name.data, name.length);
        copy[name.length] = 'x';
        assert_int_equal(field_identify(slice_make(copy, name.length + 1)), FIELD_OTHER);
        assert_int_equal(field_identify(slice_make(name.data, name.length - 1)), FIELD_OTHER);
        for (size_t at = 0; at < name.length; at++) {
            memcpy(copy, name.data, name.length);
            copy[at] = '!';
            assert_int_equal(field_identify(slice_make(copy, name.length)), FIELD_OTHER);
        }
        if (slice_find(name, '-') < name.length) {
            assert_int_equal(identify_changed(name, '-', '\r'), FIELD_OTHER);
        }
    }
    assert_int_equal(field_identify(slice_make("", 0)), FIELD_OTHER);
    assert_int_equal(field_identify(SLICE("a-name-longer-than-any-the-gateway-knows")),
                     FIELD_OTHER);
}

static void attach_fields_are_recognised_in_every_spelling(void **state)
{
    static const char *const ours[] = {
        "X-Attach-User",    "x-attach-session",
        "X_ATTACH_USER",    "x_Attach-user",
        "X-aTTACH_Session", "X-Attach-",
        "x_attach_",        "x-attach-anything-else-of-any-length-whatever",
    };
    static const char *const others[] = {"x-attach",       "x-attac-user", "xx-attach-user",
                                         "-x-attach-user", "x-attachment", "x--attach-user",
                                         "attach-user"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        assert_int_equal(field_identify(slice_from_string(ours[i])), FIELD_X_ATTACH);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(field_identify(slice_from_string(others[i])), FIELD_OTHER);
    }
    assert_int_equal(field_treatment(FIELD_X_ATTACH), FIELD_OURS);
    assert_int_equal(field_treatment(FIELD_OTHER), FIELD_FORWARD);
}

static void connection_names_are_found(void **state)
{
    static const struct field fields[] = {
        {SLICE("A"), SLICE("x-never"), FIELD_OTHER},
        {SLICE("Connection"), SLICE("close, X-One ,,x-two"), FIELD_CONNECTION},
        {SLICE("connection"), SLICE("x-three"), FIELD_CONNECTION},
        {SLICE("connection"), SLICE(""), FIELD_CONNECTION},
    };
    assert_true(fields_connection_names(fields, 4, SLICE("x-one")));
    assert_true(fields_connection_names(fields, 4, SLICE("X-TWO")));
    assert_true(fields_connection_names(fields, 4, SLICE("x-Three")));
    assert_false(fields_connection_names(fields, 4, SLICE("x-never")));
    assert_false(fields_connection_names(fields, 4, SLICE("x-on")));
    assert_false(fields_connection_names(fields, 1, SLICE("x-one")));
    assert_false(fields_connection_names(NULL, 0, SLICE("x-one")));
}

static void only_a_single_field_is_found(void **state)
{
    static const struct field fields[] = {
        {SLICE("Origin"), SLICE("a"), FIELD_ORIGIN},
        {SLICE("Host"), SLICE("b"), FIELD_HOST},
        {SLICE("Origin"), SLICE("c"), FIELD_ORIGIN},
        {SLICE("Origin"), SLICE("d"), FIELD_ORIGIN},
    };
    bool repeated = true;
    assert_ptr_equal(fields_find(fields, 4, FIELD_HOST, &repeated), &fields[1]);
    assert_false(repeated);
    assert_null(fields_find(fields, 4, FIELD_ORIGIN, &repeated));
    assert_true(repeated);
    assert_null(fields_find(fields, 4, FIELD_DATE, &repeated));
    assert_false(repeated);
    assert_null(fields_find(fields, 4, FIELD_ORIGIN, NULL));
    assert_ptr_equal(fields_find(fields, 2, FIELD_ORIGIN, NULL), &fields[0]);
    assert_null(fields_find(NULL, 0, FIELD_HOST, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_recognised),
        cmocka_unit_test(underscores_count_where_the_field_is_dropped),
        cmocka_unit_test(near_misses_are_other_fields),
        cmocka_unit_test(attach_fields_are_recognised_in_every_spelling),
        cmocka_unit_test(connection_names_are_found),
        cmocka_unit_test(only_a_single_field_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
