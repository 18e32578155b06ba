/* SPDX-License-Identifier: MIT
 *
 * framing.c - see framing.h. */
#include "framing.h"

#include "endpoint.h"

#include <string.h>
#include <strings.h>

size_t framing_head_length(const char *bytes, size_t length)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

const char *framing_field(const char *head, size_t head_length, const char *name,
                          size_t *ret_length)
{
    size_t name_length = strlen(name);
    const char *end = head + head_length;
    const char *line = memchr(head, '\n', head_length);
    while (line != NULL && ++line < end) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (line_end == NULL) {
            return NULL;
        }
        size_t length = (size_t)(line_end - line);
        if (length > name_length && (line[0] | 0x20) == name[0] && line[name_length] == ':' &&
            strncasecmp(line, name, name_length) == 0) {
            const char *value = line + name_length + 1;
            value += *value == ' ' ? 1 : 0;
            *ret_length = (size_t)(line_end - value) - 1; /* without the CR */
            return value;
        }
        line = line_end;
    }
    return NULL;
}

uint64_t framing_content_length(const char *head, size_t head_length)
{
    size_t length = 0;
    uint64_t number = 0;
    const char *value = framing_field(head, head_length, "content-length", &length);
    for (size_t i = 0; value != NULL && i < length; i++) {
        if (value[i] < '0' || value[i] > '9') {
            endpoint_give_up("Content-Length is no number");
        }
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    return number;
}

void reply_reset(struct reply *reply)
{
    reply->state = REPLY_HEAD;
    reply->status = 0;
    reply->left = 0;
    reply->body_bytes = 0;
    reply->head_used = 0;
}

static void reply_read_head(struct reply *reply, const char *head, size_t length)
{
    size_t coding_length = 0;
    if (length < 16 || memcmp(head, "HTTP/1.1 ", 9) != 0) {
        endpoint_give_up("a reply does not begin with HTTP/1.1");
    }
    reply->status = (unsigned)((head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0'));
    if (framing_field(head, length, "transfer-encoding", &coding_length) != NULL) {
        reply->state = REPLY_CHUNK_SIZE;
        reply->left = 0;
        return;
    }
    reply->left = framing_content_length(head, length);
    reply->state = reply->left == 0 ? REPLY_OVER : REPLY_BODY_LENGTH;
}

/* A head that is here whole is read where it lies; another one is collected. */
static size_t reply_feed_head(struct reply *reply, const char *bytes, size_t length)
{
    size_t head_length = reply->head_used == 0 ? framing_head_length(bytes, length) : 0;
    if (head_length > 0) {
        reply_read_head(reply, bytes, head_length);
        return head_length;
    }
    size_t room = sizeof(reply->head) - reply->head_used;
    size_t take = length < room ? length : room;
    size_t before = reply->head_used;
    memcpy(reply->head + before, bytes, take);
    reply->head_used += take;
    head_length = framing_head_length(reply->head, reply->head_used);
    if (head_length == 0) {
        if (reply->head_used == sizeof(reply->head)) {
            endpoint_give_up("a reply's head is too long");
        }
        return take;
    }
    reply_read_head(reply, reply->head, head_length);
    return head_length - before;
}

static size_t reply_feed_data(struct reply *reply, size_t length, enum reply_state next)
{
    size_t take = length < reply->left ? length : (size_t)reply->left;
    reply->left -= take;
    reply->body_bytes += take;
    if (reply->left == 0) {
        reply->state = next;
    }
    return take;
}

static void reply_feed_size(struct reply *reply, char byte)
{
    if (byte == '\n') {
        reply->state = reply->left == 0 ? REPLY_LAST_LINE : REPLY_CHUNK_DATA;
    } else if (byte >= '0' && byte <= '9') {
        reply->left = reply->left * 16 + (uint64_t)(byte - '0');
    } else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f') {
        reply->left = reply->left * 16 + (uint64_t)((byte | 0x20) - 'a' + 10);
    } else if (byte != '\r') {
        endpoint_give_up("a chunk size is no number");
    }
}

size_t reply_feed(struct reply *reply, const char *bytes, size_t length)
{
    size_t used = 0;
    while (used < length && reply->state != REPLY_OVER) {
        switch (reply->state) {
        case REPLY_HEAD:
            used += reply_feed_head(reply, bytes + used, length - used);
            break;
        case REPLY_BODY_LENGTH:
            used += reply_feed_data(reply, length - used, REPLY_OVER);
            break;
        case REPLY_CHUNK_DATA:
            used += reply_feed_data(reply, length - used, REPLY_CHUNK_END);
            break;
        case REPLY_CHUNK_SIZE:
            reply_feed_size(reply, bytes[used++]);
            break;
        case REPLY_CHUNK_END:
            if (bytes[used++] == '\n') {
                reply->state = REPLY_CHUNK_SIZE;
                reply->left = 0;
            }
            break;
        case REPLY_LAST_LINE:
            if (bytes[used++] == '\n') {
                reply->state = REPLY_OVER;
            }
            break;
        case REPLY_OVER:
            break;
        }
    }
    return used;
}
