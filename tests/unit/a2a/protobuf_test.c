/* SPDX-License-Identifier: MIT
 *
 * protobuf_test.c - bytes as the documentation of the encoding has them, and bytes that no writer
 * makes. */
#include "a2a/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_bytes(const struct buffer *buffer, struct slice expected)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->length, expected.length);
    assert_memory_equal(buffer->data, expected.data, expected.length);
}

static void fields_are_written_as_documented(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 1024);
    protobuf_write_uint(&buffer, 1, 150);
    assert_bytes(&buffer, SLICE("\x08\x96\x01"));
    buffer_reset(&buffer);
    protobuf_write_bytes(&buffer, 2, SLICE("testing"));
    assert_bytes(&buffer, SLICE("\x12\x07testing"));
    buffer_reset(&buffer);
    size_t mark = protobuf_begin(&buffer, 3);
    protobuf_write_uint(&buffer, 1, 150);
    protobuf_end(&buffer, mark);
    assert_bytes(&buffer, SLICE("\x1a\x03\x08\x96\x01"));
    buffer_reset(&buffer);
    protobuf_write_uint(&buffer, protobuf_field_number_max, UINT64_MAX);
    assert_bytes(&buffer, SLICE("\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    buffer_clear(&buffer);
}

static void nested_messages_of_every_length_size_are_read_back(void **state)
{
    static const size_t lengths[] = {0, 1, 124, 125, 127, 128, 16380, 16384, 70000};
    static char filler[70000];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct buffer buffer;
        struct slice found;
        buffer_init(&buffer, 100000);
        size_t outer = protobuf_begin(&buffer, 7);
        size_t inner = protobuf_begin(&buffer, 16);
        protobuf_write_bytes(&buffer, 1, slice_make(filler, lengths[i]));
        protobuf_end(&buffer, inner);
        protobuf_end(&buffer, outer);
        assert_true(protobuf_find_bytes(buffer_slice(&buffer), 7, &found));
        assert_true(protobuf_find_bytes(found, 16, &found));
        assert_true(protobuf_find_bytes(found, 1, &found));
        assert_int_equal(found.length, lengths[i]);
        buffer_clear(&buffer);
    }
}

static void a_full_buffer_stays_failed(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4);
    size_t mark = protobuf_begin(&buffer, 1);
    protobuf_write_bytes(&buffer, 1, SLICE("too long"));
    protobuf_end(&buffer, mark);
    assert_true(buffer.failed);
    buffer_clear(&buffer);
    buffer_init(&buffer, 4); /* room for all but the length */
    mark = protobuf_begin(&buffer, 1);
    protobuf_write_bytes(&buffer, 1, SLICE("a"));
    protobuf_end(&buffer, mark);
    assert_true(buffer.failed);
    buffer_clear(&buffer);
}

static void every_wire_type_is_walked(void **state)
{
    struct protobuf_walk walk = protobuf_walk_begin(
        SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
              "\x11\x01\x02\x03\x04\x05\x06\x07\x08\x1a\x02hi\x25\x04\x03\x02\x01"));
    struct protobuf_field field;
    assert_true(protobuf_walk_next(&walk, &field));
    assert_true(field.number == 1 && field.wire == PROTOBUF_VARINT && field.value == UINT64_MAX);
    assert_true(protobuf_walk_next(&walk, &field));
    assert_true(field.wire == PROTOBUF_FIXED64 && field.value == 0x0807060504030201);
    assert_true(protobuf_walk_next(&walk, &field));
    assert_true(slice_equals(field.bytes, SLICE("hi")));
    assert_true(protobuf_walk_next(&walk, &field));
    assert_true(field.number == 4 && field.wire == PROTOBUF_FIXED32 && field.value == 0x01020304);
    assert_false(protobuf_walk_next(&walk, &field));
    assert_false(walk.failed);
}

static void what_no_writer_makes_is_refused(void **state)
{
    static const struct slice broken[] = {
        SLICE("\x08"),                                             /* no value */
        SLICE("\x08\x80"),                                         /* varint cut off */
        SLICE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* a 65th bit */
        SLICE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), /* eleven bytes */
        SLICE("\x00\x01"),                                         /* field 0 */
        SLICE("\x0b\x0c"),                                         /* a group */
        SLICE("\x0c"),                                             /* the end of one */
        SLICE("\x0e"),                                             /* wire type 6 */
        SLICE("\x0f"),                                             /* wire type 7 */
        SLICE("\x0a\x02x"),                                        /* longer than the message */
        SLICE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),    /* 2^64 - 1 bytes */
        SLICE("\x09\x01\x02\x03"),                                 /* fixed64 cut off */
        SLICE("\x0d\x01"),                                         /* fixed32 cut off */
        SLICE("\x88\x80\x80\x80\x80\x00\x01"),                     /* a tag of six bytes */
        SLICE("\x88\x80\x80\x80\x10\x01"),                         /* field 2^29 */
        SLICE("\x08\x01\xff"),                                     /* sound, then not */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        uint64_t value = 7;
        assert_false(protobuf_is_sound(broken[i]));
        assert_false(protobuf_find_uint(broken[i], 1, &value));
        assert_int_equal(value, 7);
    }
}

static void lengths_may_be_padded(void **state)
{
    struct slice found;
    assert_true(protobuf_find_bytes(SLICE("\x0a\x81\x80\x00x"), 1, &found));
    assert_true(slice_equals(found, SLICE("x")));
}

static void the_last_of_a_field_counts_and_its_type_matters(void **state)
{
    struct slice message = SLICE("\x08\x01\x08\x02\x0a\x01z");
    struct slice bytes;
    uint64_t value;
    assert_true(protobuf_find_uint(message, 1, &value));
    assert_int_equal(value, 2);
    assert_true(protobuf_find_bytes(message, 1, &bytes));
    assert_true(slice_equals(bytes, SLICE("z")));
    assert_false(protobuf_find_uint(message, 2, &value));
    assert_true(protobuf_is_sound(SLICE("")));
    assert_false(protobuf_find_uint(SLICE(""), 1, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_written_as_documented),
        cmocka_unit_test(nested_messages_of_every_length_size_are_read_back),
        cmocka_unit_test(a_full_buffer_stays_failed),
        cmocka_unit_test(every_wire_type_is_walked),
        cmocka_unit_test(what_no_writer_makes_is_refused),
        cmocka_unit_test(lengths_may_be_padded),
        cmocka_unit_test(the_last_of_a_field_counts_and_its_type_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
