/* SPDX-License-Identifier: MIT
 *
 * backend_remote.c - the list of an event's fields, the key of an owner, the words of a search. */
#include "mem/backend_remote.h"

#include <openssl/evp.h>

const struct event_field event_fields[event_fields_count] = {
#define SHORT(member, name) {name, FIELD_SHORT, offsetof(struct event, member), 0},
#define LONG(member, name) {name, FIELD_LONG, offsetof(struct event, member), 0},
#define NUMBER(member, name, unknown) {name, FIELD_NUMBER, offsetof(struct event, member), unknown},
#define FLAG(member, name) {name, FIELD_FLAG, offsetof(struct event, member), 0},
#include "mem/event_fields.def"
#undef SHORT
#undef LONG
#undef NUMBER
#undef FLAG
};

struct slice event_field_text(const struct event *event, const struct event_field *field)
{
    struct slice text;
    memcpy(&text, (const char *)event + field->offset, sizeof(text));
    return text;
}

int64_t event_field_number(const struct event *event, const struct event_field *field)
{
    int64_t number;
    memcpy(&number, (const char *)event + field->offset, sizeof(number));
    return number;
}

bool event_field_flag(const struct event *event, const struct event_field *field)
{
    return *((const bool *)((const char *)event + field->offset));
}

void event_field_set_text(struct event *event, const struct event_field *field, struct slice text)
{
    memcpy((char *)event + field->offset, &text, sizeof(text));
}

void event_field_set_number(struct event *event, const struct event_field *field, int64_t number)
{
    memcpy((char *)event + field->offset, &number, sizeof(number));
}

void event_field_set_flag(struct event *event, const struct event_field *field, bool flag)
{
    *((bool *)((char *)event + field->offset)) = flag;
}

void event_fields_clear(struct event *event)
{
    *event = (struct event){.timestamp_us = 0};
    for (size_t i = 0; i < event_fields_count; i++) {
        if (event_fields[i].kind == FIELD_NUMBER) {
            event_field_set_number(event, &event_fields[i], event_fields[i].unknown);
        }
    }
}

bool owner_key(struct slice issuer, struct slice subject, char ret_key[owner_key_length + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char length[8];
    for (size_t i = 0; i < sizeof(length); i++) {
        length[i] = (unsigned char)((uint64_t)issuer.length >> (56 - 8 * i));
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* The length in front keeps ("ab", "c") and ("a", "bc") apart. */
    bool is_made = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(context, length, sizeof(length)) == 1 &&
                   EVP_DigestUpdate(context, issuer.data, issuer.length) == 1 &&
                   EVP_DigestUpdate(context, subject.data, subject.length) == 1 &&
                   EVP_DigestFinal_ex(context, digest, &size) == 1 && size * 2 == owner_key_length;
    EVP_MD_CTX_free(context);
    if (!is_made) {
        return false;
    }
    for (size_t i = 0; i < owner_key_length / 2; i++) {
        ret_key[2 * i] = hex[digest[i] >> 4];
        ret_key[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_key[owner_key_length] = '\0';
    return true;
}

bool event_id_is_canonical(struct slice text)
{
    if (text.length != event_id_length) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (is_dash ? c != '-' : !is_digit) {
            return false;
        }
    }
    return true;
}

size_t event_text_bytes(const struct event *event)
{
    size_t bytes = 0;
    for (size_t i = 0; i < event_fields_count; i++) {
        if (event_fields[i].kind == FIELD_SHORT || event_fields[i].kind == FIELD_LONG) {
            bytes += event_field_text(event, &event_fields[i]).length;
        }
    }
    return bytes;
}

static bool byte_is_of_word(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

enum status search_words_split(struct slice text, struct search_words *ret, struct failure *reterr)
{
    struct search_words found = {.count = 0};
    if (text.length > search_bytes_max) {
        failure_set(reterr, "the words to search are too long");
        return STATUS_INVALID;
    }
    size_t at = 0;
    while (at < text.length) {
        size_t end = at;
        while (end < text.length && byte_is_of_word(text.data[end])) {
            end++;
        }
        if (end > at) {
            if (found.count == search_words_max) {
                failure_set(reterr, "too many words: at most %d", (int)search_words_max);
                return STATUS_INVALID;
            }
            found.words[found.count++] = slice_make(text.data + at, end - at);
        }
        at = end + 1;
    }
    *ret = found;
    return STATUS_OK;
}

enum status remote_query_read(const struct backend_query *query, struct search_words *ret_words,
                              bool *ret_can_match, struct failure *reterr)
{
    *ret_words = (struct search_words){.count = 0};
    if (query->words.data != NULL) {
        enum status split = search_words_split(query->words, ret_words, reterr);
        if (split != STATUS_OK) {
            return split;
        }
    }
    if (query->has_before &&
        !event_id_is_canonical(slice_make(query->before_id, event_id_length))) {
        failure_set(reterr, "the cursor names no event");
        return STATUS_INVALID;
    }
    *ret_can_match = (query->id.data == NULL || event_id_is_canonical(query->id)) &&
                     (query->words.data == NULL || ret_words->count > 0);
    return STATUS_OK;
}
