/* SPDX-License-Identifier: MIT
 *
 * chunked.c - reads the chunked transfer coding byte by byte where it is punctuation, run by run
 * where it is data. Owner's thread only. */
#include "http/chunked.h"

#include "http/characters.h"

enum { chunk_size_digits_max = 16 };

static enum status refuse(struct failure *reterr, enum status status, const char *why)
{
    failure_set(reterr, "%s", why);
    return status;
}

/* %x21-7E, SP and HTAB; obs-text only where a field value stands. */
static bool is_text(char byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}

static bool is_field_text(char byte)
{
    return is_text(byte) || (unsigned char)byte >= 0x80;
}

/* No white space is accepted around the size: readers disagree on what "5 \r\n" means. */
static enum status step_size(struct chunked_reader *reader, char byte, struct failure *reterr)
{
    unsigned digit = character_hex[(unsigned char)byte];
    if (digit > 0) {
        if (reader->digits == chunk_size_digits_max) {
            return refuse(reterr, STATUS_LIMIT, "chunk size with too many digits");
        }
        reader->left = (reader->left << 4) + (digit - 1);
        reader->digits++;
        reader->state = CHUNKED_SIZE;
        return STATUS_OK;
    }
    if (reader->digits == 0 || (byte != ';' && byte != '\r')) {
        return refuse(reterr, STATUS_INVALID, "malformed chunk size");
    }
    if (reader->left > INT64_MAX) {
        return refuse(reterr, STATUS_LIMIT, "chunk size over 2^63");
    }
    reader->state = byte == ';' ? CHUNKED_EXTENSION : CHUNKED_SIZE_LF;
    return STATUS_OK;
}

static enum status step_extension(struct chunked_reader *reader, char byte, struct failure *reterr)
{
    if (byte == '\r') {
        reader->state = CHUNKED_SIZE_LF;
        return STATUS_OK;
    }
    if (!is_text(byte)) {
        return refuse(reterr, STATUS_INVALID, "control or foreign byte in a chunk extension");
    }
    if (reader->extension_bytes == chunk_extension_bytes_max) {
        return refuse(reterr, STATUS_LIMIT, "chunk extension too long");
    }
    reader->extension_bytes++;
    return STATUS_OK;
}

/* Trailers are read to be dropped, but by the same rules as fields in a head. */
static enum status step_trailer(struct chunked_reader *reader, char byte, struct failure *reterr)
{
    bool at_start = reader->state == CHUNKED_TRAILER_START;
    if (at_start && byte == '\r') {
        reader->state = CHUNKED_END_LF;
        return STATUS_OK;
    }
    if (reader->trailer_bytes == chunk_trailer_bytes_max) {
        return refuse(reterr, STATUS_LIMIT, "trailer section too long");
    }
    reader->trailer_bytes++;
    if (reader->state == CHUNKED_TRAILER_VALUE) {
        if (byte == '\r') {
            reader->state = CHUNKED_TRAILER_LF;
            return STATUS_OK;
        }
        return is_field_text(byte)
                   ? STATUS_OK
                   : refuse(reterr, STATUS_INVALID, "control byte in a trailer field");
    }
    if (!at_start && byte == ':') {
        reader->state = CHUNKED_TRAILER_VALUE;
        return STATUS_OK;
    }
    reader->state = CHUNKED_TRAILER_NAME;
    return character_is(byte, CHARACTER_TOKEN)
               ? STATUS_OK
               : refuse(reterr, STATUS_INVALID, "malformed trailer field name");
}

/* The one byte a state waits for. */
static enum status step_expected(struct chunked_reader *reader, char byte, char expected,
                                 enum chunked_state next, struct failure *reterr)
{
    if (byte != expected) {
        return refuse(reterr, STATUS_INVALID, "CRLF missing in a chunked body");
    }
    reader->state = next;
    return STATUS_OK;
}

static enum status chunked_step(struct chunked_reader *reader, char byte, struct failure *reterr)
{
    switch (reader->state) {
    case CHUNKED_SIZE_FIRST:
        reader->left = 0;
        reader->digits = 0;
        reader->extension_bytes = 0;
        return step_size(reader, byte, reterr);
    case CHUNKED_SIZE:
        return step_size(reader, byte, reterr);
    case CHUNKED_EXTENSION:
        return step_extension(reader, byte, reterr);
    case CHUNKED_SIZE_LF:
        return step_expected(reader, byte, '\n',
                             reader->left > 0 ? CHUNKED_DATA : CHUNKED_TRAILER_START, reterr);
    case CHUNKED_DATA_CR:
        return step_expected(reader, byte, '\r', CHUNKED_DATA_LF, reterr);
    case CHUNKED_DATA_LF:
        return step_expected(reader, byte, '\n', CHUNKED_SIZE_FIRST, reterr);
    case CHUNKED_TRAILER_START:
    case CHUNKED_TRAILER_NAME:
    case CHUNKED_TRAILER_VALUE:
        return step_trailer(reader, byte, reterr);
    case CHUNKED_TRAILER_LF:
        return step_expected(reader, byte, '\n', CHUNKED_TRAILER_START, reterr);
    case CHUNKED_END_LF:
        return step_expected(reader, byte, '\n', CHUNKED_DONE, reterr);
    case CHUNKED_DATA:
    case CHUNKED_DONE:
    case CHUNKED_REFUSED:
        break;
    }
    return refuse(reterr, STATUS_INVALID, "chunked body already refused");
}

enum status chunked_read(struct chunked_reader *reader, struct slice *input, struct slice *ret_data,
                         struct failure *reterr)
{
    while (input->length > 0 && reader->state != CHUNKED_DONE) {
        if (reader->state == CHUNKED_DATA) {
            size_t count = reader->left < input->length ? (size_t)reader->left : input->length;
            *ret_data = slice_make(input->data, count);
            *input = slice_after(*input, count);
            reader->left -= count;
            if (reader->left == 0) {
                reader->state = CHUNKED_DATA_CR;
            }
            return STATUS_OK;
        }
        enum status status = chunked_step(reader, input->data[0], reterr);
        if (status != STATUS_OK) {
            reader->state = CHUNKED_REFUSED;
            return status;
        }
        *input = slice_after(*input, 1);
    }
    *ret_data = slice_make(NULL, 0);
    return STATUS_OK;
}

size_t chunked_size_line(uint64_t size, char ret_line[chunk_size_line_max])
{
    size_t digits = 1;
    while (digits < chunk_size_digits_max && size >> (4 * digits) > 0) {
        digits++;
    }
    for (size_t i = digits; i-- > 0; size >>= 4) {
        ret_line[i] = "0123456789abcdef"[size & 15];
    }
    ret_line[digits] = '\r';
    ret_line[digits + 1] = '\n';
    return digits + 2;
}
