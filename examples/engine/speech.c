/* SPDX-License-Identifier: MIT
 *
 * speech.c - see speech.h. */
#include "speech.h"

static bool speech_is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Takes the next word off <rest>, with the white space before it. */
static bool speech_take_word(struct slice *rest, struct slice *ret_word)
{
    size_t start = 0;
    while (start < rest->length && speech_is_space(rest->data[start])) {
        start++;
    }
    size_t end = start;
    while (end < rest->length && !speech_is_space(rest->data[end])) {
        end++;
    }
    if (start == end) {
        return false;
    }
    *ret_word = slice_make(rest->data, end);
    *rest = slice_after(*rest, end);
    return true;
}

uint64_t speech_count_words(struct slice text)
{
    struct slice word;
    uint64_t count = 0;
    while (speech_take_word(&text, &word)) {
        count++;
    }
    return count;
}

/* At most <maximum> bytes from the front of <text>, no character of more than one byte cut. */
static struct slice speech_front(struct slice text, size_t maximum)
{
    size_t length = text.length < maximum ? text.length : maximum;
    while (length < text.length && length > 0 &&
           ((unsigned char)text.data[length] & 0xC0) == 0x80) {
        length--;
    }
    return slice_make(text.data, length);
}

void speech_write(struct buffer *text, struct slice user, struct slice session,
                  struct slice message)
{
    /* It begins with a space, so that the first word of a second round is like any other. */
    buffer_append_string(
        text, " This is the stand-in engine of Attach Gateway, not a language model. You are ");
    if (user.length > 0) {
        buffer_append(text, user);
    } else {
        buffer_append_string(text, "unknown to me: no gateway stamped this request");
    }
    if (session.length > 0) {
        buffer_append_string(text, ", session ");
        buffer_append(text, session);
    }
    buffer_append_string(text, ". ");
    if (speech_count_words(message) == 0) {
        buffer_append_string(text, "You said nothing.");
        return;
    }
    struct slice quote = speech_front(message, speech_quote_bytes_max);
    buffer_append_string(text, "You said: ");
    buffer_append(text, quote);
    if (quote.length < message.length) {
        buffer_append_string(text, " [...]");
    }
}

bool speech_next(struct speech *speech, struct slice *ret_word)
{
    struct slice word;
    if (speech->words >= speech->words_max ||
        (speech->wanted > 0 && speech->words >= speech->wanted)) {
        return false;
    }
    if (!speech_take_word(&speech->rest, &word)) {
        if (speech->words > 0 && speech->wanted == 0) {
            return false;
        }
        speech->rest = speech->text;
        if (!speech_take_word(&speech->rest, &word)) {
            return false;
        }
    }
    *ret_word = speech->words == 0 ? slice_after(word, 1) : word;
    speech->words++;
    return true;
}

bool speech_was_cut(const struct speech *speech)
{
    struct speech further = *speech;
    struct slice word;
    further.words_max = UINT64_MAX;
    return speech->words >= speech->words_max && speech_next(&further, &word);
}
