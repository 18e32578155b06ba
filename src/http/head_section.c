/* SPDX-License-Identifier: MIT
 *
 * head_section.c - takes the field lines of a head apart and reads its framing from them, for
 * request_head.c and response_head.c alike. Any thread. */
#include "http/head_section.h"

#include "http/characters.h"

_Static_assert(FIELD_COUNT <= 32, "head_section keeps one bit for each field");

enum status head_refuse(unsigned status, const char *why, unsigned *ret_status,
                        struct failure *reterr)
{
    *ret_status = status;
    failure_set(reterr, "%s", why);
    return STATUS_INVALID;
}

/* CR and LF come only as a pair, and HTAB is the only other control byte. Every byte is looked at
 * in the same way, no branch, so that the compiler can do sixteen at once. <text> ends with LF. */
static bool head_bytes_are_sound(struct slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned char unsound = bytes[0] == '\n';
    for (size_t i = 0; i + 1 < text.length; i++) {
        bool half_a_line_end = (bytes[i] == '\r') != (bytes[i + 1] == '\n');
        bool control =
            (bytes[i] < 0x20) & (bytes[i] != '\t') & (bytes[i] != '\r') & (bytes[i] != '\n');
        bool delete = bytes[i] == 0x7f;
        unsound = (unsigned char)(unsound | half_a_line_end | control | delete);
    }
    return unsound == 0;
}

enum status head_first_line(struct slice text, struct slice *ret_line, struct slice *ret_rest,
                            unsigned *ret_status, struct failure *reterr)
{
    if (!slice_ends_with(text, SLICE("\r\n\r\n"))) {
        return head_refuse(400, "head without an end", ret_status, reterr);
    }
    if (!head_bytes_are_sound(text)) {
        return head_refuse(400, "control byte in the head, or CR or LF on its own", ret_status,
                           reterr);
    }
    size_t line_feed = slice_find(text, '\n');
    *ret_line = slice_make(text.data, line_feed - 1);
    *ret_rest = slice_after(text, line_feed + 1);
    return STATUS_OK;
}

enum status head_version(struct slice text, unsigned *ret_minor, unsigned *ret_status,
                         struct failure *reterr)
{
    static const struct slice name = SLICE("HTTP/");
    bool shaped = text.length == 8 && slice_starts_with(text, name) && text.data[5] >= '0' &&
                  text.data[5] <= '9' && text.data[6] == '.' && text.data[7] >= '0' &&
                  text.data[7] <= '9';
    if (!shaped) {
        return head_refuse(400, "first line without an HTTP version", ret_status, reterr);
    }
    if (text.data[5] != '1' || text.data[7] > '1') {
        return head_refuse(505, "HTTP version is neither 1.0 nor 1.1", ret_status, reterr);
    }
    *ret_minor = text.data[7] == '1';
    return STATUS_OK;
}

/* A server behind us may read "Content_Length" as Content-Length (CGI and WSGI cannot tell them
 * apart); for the fields that frame the message there is no safe way to relay or to drop that. */
static bool field_frames_ambiguously(const struct field *field)
{
    return (field->id == FIELD_CONTENT_LENGTH || field->id == FIELD_TRANSFER_ENCODING) &&
           memchr(field->name.data, '_', field->name.length) != NULL;
}

static enum status field_parse(struct slice line, struct field *ret, unsigned *ret_status,
                               struct failure *reterr)
{
    size_t name_length = character_span(line, CHARACTER_TOKEN);
    char stop = name_length < line.length ? line.data[name_length] : '\n';
    if (stop != ':') {
        const char *why = "field name with a byte that is not allowed in it, or without colon";
        if (stop == ' ' || stop == '\t') {
            why = name_length == 0 ? "field continued on a second line (obs-fold)"
                                   : "white space between field name and colon";
        }
        return head_refuse(400, why, ret_status, reterr);
    }
    if (name_length == 0) {
        return head_refuse(400, "empty field name", ret_status, reterr);
    }
    ret->name = slice_make(line.data, name_length);
    ret->value = slice_trim(slice_after(line, name_length + 1));
    ret->id = field_identify(ret->name);
    if (field_frames_ambiguously(ret)) {
        return head_refuse(400, "framing field spelled with '_'", ret_status, reterr);
    }
    return STATUS_OK;
}

static size_t count_lines(struct slice text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.length; count++) {
        at += slice_find(slice_after(text, at), '\n') + 1;
    }
    return count;
}

enum status head_section_parse(struct slice text, struct arena *arena, struct head_section *ret,
                               unsigned *ret_status, struct failure *reterr)
{
    size_t fields_max = count_lines(text) - 1; /* the last one is empty */
    ret->fields = NULL;
    ret->fields_count = 0;
    ret->present = 0;
    ret->repeated = 0;
    if (fields_max > 0) {
        ret->fields = arena_allocate(arena, fields_max * sizeof(ret->fields[0]));
        if (ret->fields == NULL) {
            *ret_status = 431;
            failure_set(reterr, "no memory for the fields");
            return STATUS_NO_MEMORY;
        }
    }
    while (ret->fields_count < fields_max) {
        size_t line_feed = slice_find(text, '\n');
        struct field *field = &ret->fields[ret->fields_count];
        enum status status =
            field_parse(slice_make(text.data, line_feed - 1), field, ret_status, reterr);
        if (status != STATUS_OK) {
            return status;
        }
        uint32_t bit = UINT32_C(1) << field->id;
        ret->repeated |= ret->present & bit;
        if ((ret->present & bit) == 0) {
            ret->present |= bit;
            ret->first[field->id] = field;
        }
        ret->fields_count++;
        text = slice_after(text, line_feed + 1);
    }
    return STATUS_OK;
}

/* A list that ends with chunked after codings we do not know is well-formed but beyond us (501, RFC
 * 9112 6.1); anything else leaves the length of the body in doubt (400, RFC 9112 6.3). */
static enum status transfer_encoding_refuse(struct slice value, unsigned *ret_status,
                                            struct failure *reterr)
{
    struct slice rest = value;
    struct slice item = {NULL, 0};
    bool unknown_before = false;
    while (slice_next_item(&rest, &item)) {
        bool is_chunked = slice_equals_ignoring_case(item, SLICE("chunked"));
        if (!character_is_token(item) || (is_chunked && rest.length > 0)) {
            return head_refuse(400, "Transfer-Encoding is not exactly chunked", ret_status, reterr);
        }
        unknown_before = unknown_before || !is_chunked;
    }
    if (unknown_before && slice_equals_ignoring_case(item, SLICE("chunked"))) {
        return head_refuse(501, "transfer coding other than chunked", ret_status, reterr);
    }
    return head_refuse(400, "Transfer-Encoding is not exactly chunked", ret_status, reterr);
}

enum status head_section_framing(const struct head_section *section, unsigned minor_version,
                                 enum body_framing *ret_framing, uint64_t *ret_length,
                                 unsigned *ret_status, struct failure *reterr)
{
    bool has_length = head_section_has(section, FIELD_CONTENT_LENGTH);
    bool has_coding = head_section_has(section, FIELD_TRANSFER_ENCODING);
    uint64_t length = 0;
    if (has_length && has_coding) {
        return head_refuse(400, "both Content-Length and Transfer-Encoding", ret_status, reterr);
    }
    if (has_coding) {
        struct slice value = section->first[FIELD_TRANSFER_ENCODING]->value;
        if (minor_version == 0) {
            return head_refuse(400, "Transfer-Encoding in HTTP/1.0", ret_status, reterr);
        }
        if (head_section_repeats(section, FIELD_TRANSFER_ENCODING)) {
            return head_refuse(400, "more than one Transfer-Encoding", ret_status, reterr);
        }
        if (!slice_equals_ignoring_case(value, SLICE("chunked"))) {
            return transfer_encoding_refuse(value, ret_status, reterr);
        }
    }
    if (has_length) {
        if (head_section_repeats(section, FIELD_CONTENT_LENGTH)) {
            return head_refuse(400, "more than one Content-Length", ret_status, reterr);
        }
        if (!slice_parse_uint(section->first[FIELD_CONTENT_LENGTH]->value, INT64_MAX, &length)) {
            return head_refuse(400, "Content-Length is not a number below 2^63", ret_status,
                               reterr);
        }
    }
    *ret_framing = has_coding ? BODY_CHUNKED : has_length ? BODY_LENGTH : BODY_NONE;
    *ret_length = length;
    return STATUS_OK;
}

enum status head_section_connection(const struct head_section *section, struct head_connection *ret,
                                    unsigned *ret_status, struct failure *reterr)
{
    struct head_connection connection = {false, false};
    if (head_section_has(section, FIELD_CONNECTION)) {
        for (size_t i = 0; i < section->fields_count; i++) {
            struct slice rest = section->fields[i].value;
            struct slice item;
            while (section->fields[i].id == FIELD_CONNECTION && slice_next_item(&rest, &item)) {
                if (!character_is_token(item)) {
                    return head_refuse(400, "Connection is not a list of tokens", ret_status,
                                       reterr);
                }
                if (slice_equals_ignoring_case(item, SLICE("close"))) {
                    connection.close = true;
                } else if (slice_equals_ignoring_case(item, SLICE("keep-alive"))) {
                    connection.keep_alive = true;
                }
            }
        }
    }
    *ret = connection;
    return STATUS_OK;
}
