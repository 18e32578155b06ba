/* SPDX-License-Identifier: MIT
 *
 * capture.c - bytes of a call, copied into blocks by a worker and read by the bus.
 *
 * The worker owns a capture until capture_end; a block is the worker's until it is handed over, and
 * with the last one goes the capture. A block holds pieces of the request's body, then of the
 * reply, told apart by marks; the marks also say when the first pieces of the reply came, so that
 * the time of the first token is the worker's and not that of reading. */
#include "mem/capture.h"

#include "base/clock.h"
#include "mem/bus.h"

#include <stdlib.h>

enum {
    block_bytes_least = 4096,
    block_bytes_max = 64 * 1024,
    block_marks_max = 16,
    content_type_bytes_max = 256,
    request_bytes_extra = 1024 * 1024,
    item_arena_extra = 1024 * 1024,
};

enum piece {
    PIECE_REQUEST,
    PIECE_REQUEST_CUT, /* no more of it is kept */
    PIECE_REQUEST_END,
    PIECE_REPLY_HEAD, /* the bytes are the content type */
    PIECE_REPLY,
};

struct mark {
    size_t offset;
    enum piece piece;
    int64_t at_us;
};

struct block {
    struct bus_letter letter; /* first */
    struct capture *capture;
    size_t length;
    size_t capacity;
    unsigned marks_count;
    struct mark marks[block_marks_max];
    char bytes[];
};

struct capture {
    struct memory *memory;
    const struct dialect *dialect;
    struct slice issuer; /* these in <texts> */
    struct slice subject;
    struct slice user;
    struct slice session;
    struct slice request_id;
    struct slice agent;
    bool withheld;
    int64_t started_us;

    /* the worker's */
    struct block *block;
    size_t block_bytes; /* of the next one */
    size_t request_bytes;
    bool is_request_cut;
    bool is_unreadable; /* the reply is encoded */
    enum status lost;   /* not STATUS_OK: nothing is kept, for that */

    /* said by the worker with the last letter */
    unsigned status;
    int64_t ended_us;
    enum capture_outcome outcome;
    void (*done)(void *context, enum status status);
    void *context;
    struct bus_letter letter; /* the last one */

    /* the reading thread's */
    struct dialect_reader *reader;
    struct buffer request;
    size_t request_counted; /* in memory->requests_bytes */
    bool is_request_short;
    bool is_request_read;
    int64_t first_token_us;
    atomic_bool has_first_token; /* no more marks are needed */

    char texts[];
};

/* An event of a capture with the store. */
struct captured {
    struct bus_item item; /* first */
    struct arena arena;
    struct event event;
    void (*done)(void *context, enum status status);
    void *context;
};

/* ---- the worker ---- */

static struct slice text_keep(char **at, struct slice text)
{
    if (text.data == NULL) {
        return text;
    }
    char *copy = *at;
    memcpy(copy, text.data, text.length);
    *at += text.length;
    return slice_make(copy, text.length);
}

static size_t request_bytes_max(const struct capture *capture)
{
    return 4 * (size_t)capture->memory->settings.capture_bytes_max + request_bytes_extra;
}

struct capture *capture_begin(struct memory *memory, const struct capture_start *start)
{
    const struct identity *identity = start->identity;
    if (!memory_keeps(memory)) {
        return NULL;
    }
    if (memory->settings.when_full == MEM_WHEN_FULL_DROP && !memory_has_room(memory)) {
        atomic_fetch_add(&memory->counters.events_dropped, 1);
        return NULL;
    }
    size_t texts = identity->issuer.length + identity->subject.length + identity->user.length +
                   start->session.length + start->request_id.length + identity->actor.length;
    struct capture *capture = malloc(sizeof(*capture) + texts + 1);
    if (capture == NULL) {
        atomic_fetch_add(&memory->counters.events_dropped, 1);
        return NULL;
    }
    char *at = capture->texts;
    *capture = (struct capture){
        .memory = memory,
        .dialect = start->dialect,
        .withheld = start->withheld,
        .started_us = start->started_us,
        .block_bytes = block_bytes_least,
    };
    capture->issuer = text_keep(&at, identity->issuer);
    capture->subject = text_keep(&at, identity->subject);
    capture->user = text_keep(&at, identity->user);
    capture->session = text_keep(&at, start->session);
    capture->request_id = text_keep(&at, start->request_id);
    if (identity->actor.length > 0) {
        capture->agent = text_keep(&at, identity->actor);
    }
    buffer_init(&capture->request, request_bytes_max(capture));
    return capture;
}

static void block_letter(struct memory *memory, struct bus_letter *letter);

static void lose(struct capture *capture, enum status why)
{
    capture->lost = why;
    free(capture->block);
    capture->block = NULL;
}

static void hand_over(struct capture *capture)
{
    struct memory *memory = capture->memory;
    struct block *block = capture->block;
    if (memory->settings.when_full == MEM_WHEN_FULL_DROP && !memory_has_room(memory)) {
        lose(capture, STATUS_LIMIT);
        return;
    }
    capture->block = NULL;
    capture->block_bytes =
        capture->block_bytes * 4 > block_bytes_max ? block_bytes_max : capture->block_bytes * 4;
    bus_hold(memory, sizeof(*block) + block->capacity);
    bus_post_unhurried(memory, &block->letter);
}

/* Opens a piece, or goes on with the last one; false when the block has no mark left for it. */
static bool mark_piece(struct capture *capture, struct block *block, enum piece piece,
                       int64_t at_us)
{
    if (block->marks_count > 0) {
        const struct mark *last = &block->marks[block->marks_count - 1];
        bool needs_time = piece == PIECE_REPLY && block->marks_count < block_marks_max &&
                          !atomic_load_explicit(&capture->has_first_token, memory_order_relaxed);
        if (last->piece == piece && (!needs_time || last->at_us == at_us)) {
            return true;
        }
    }
    if (block->marks_count == block_marks_max) {
        return false;
    }
    block->marks[block->marks_count++] = (struct mark){block->length, piece, at_us};
    return true;
}

static struct block *block_with_room(struct capture *capture, enum piece piece, int64_t at_us)
{
    struct block *block = capture->block;
    if (block != NULL &&
        (block->length == block->capacity || !mark_piece(capture, block, piece, at_us))) {
        hand_over(capture);
        block = NULL;
    } else if (block != NULL) {
        return block;
    }
    if (capture->lost != STATUS_OK) {
        return NULL;
    }
    block = malloc(sizeof(*block) + capture->block_bytes);
    if (block == NULL) {
        lose(capture, STATUS_NO_MEMORY);
        return NULL;
    }
    block->letter = (struct bus_letter){.run = block_letter};
    block->capture = capture;
    block->length = 0;
    block->capacity = capture->block_bytes;
    block->marks_count = 0;
    capture->block = block;
    (void)mark_piece(capture, block, piece, at_us);
    return block;
}

static void keep_piece(struct capture *capture, enum piece piece, struct slice bytes, int64_t at_us)
{
    do {
        struct block *block = block_with_room(capture, piece, at_us);
        if (block == NULL) {
            return;
        }
        size_t room = block->capacity - block->length;
        size_t count = bytes.length < room ? bytes.length : room;
        if (count > 0) {
            memcpy(block->bytes + block->length, bytes.data, count);
            block->length += count;
            bytes = slice_after(bytes, count);
        }
    } while (bytes.length > 0);
}

/* The queue is beyond what answers that wait can hold down: requests are coming in. */
static bool is_overfull(const struct capture *capture)
{
    const struct memory *memory = capture->memory;
    uint64_t extra = memory->settings.queue_bytes_max / 2;
    extra = extra < request_bytes_max(capture) ? request_bytes_max(capture) : extra;
    return atomic_load(&memory->queue_bytes) >= memory->settings.queue_bytes_max + extra;
}

void capture_request(struct capture *capture, struct slice bytes)
{
    if (capture->lost != STATUS_OK || capture->is_request_cut || bytes.length == 0) {
        return;
    }
    size_t room = request_bytes_max(capture) - capture->request_bytes;
    if (capture->request_bytes > block_bytes_max && is_overfull(capture)) {
        room = 0;
    }
    capture->is_request_cut = bytes.length > room;
    bytes.length = capture->is_request_cut ? room : bytes.length;
    capture->request_bytes += bytes.length;
    if (bytes.length > 0) {
        keep_piece(capture, PIECE_REQUEST, bytes, 0);
    }
    if (capture->is_request_cut && capture->lost == STATUS_OK) {
        keep_piece(capture, PIECE_REQUEST_CUT, slice_make(NULL, 0), 0);
    }
}

void capture_request_end(struct capture *capture)
{
    if (capture->lost != STATUS_OK || capture->request_bytes <= block_bytes_max) {
        return; /* a letter of its own costs more than keeping it */
    }
    keep_piece(capture, PIECE_REQUEST_END, slice_make(NULL, 0), 0);
    if (capture->block != NULL) {
        hand_over(capture);
    }
}

void capture_reply_head(struct capture *capture, unsigned status, struct slice content_type,
                        struct slice content_encoding)
{
    struct slice encoding = slice_trim(content_encoding);
    capture->status = status;
    capture->is_unreadable =
        encoding.length > 0 && !slice_equals_ignoring_case(encoding, SLICE("identity"));
    if (capture->lost == STATUS_OK) {
        content_type.length = content_type.length > content_type_bytes_max ? content_type_bytes_max
                                                                           : content_type.length;
        /* One piece, never in two blocks: see block_read. */
        struct block *block = capture->block;
        if (block != NULL && block->capacity - block->length <= content_type.length) {
            hand_over(capture);
        }
        keep_piece(capture, PIECE_REPLY_HEAD, content_type, status);
    }
}

void capture_reply(struct capture *capture, struct slice bytes)
{
    if (capture->lost == STATUS_OK && !capture->is_unreadable && bytes.length > 0) {
        bool needs_time = !atomic_load_explicit(&capture->has_first_token, memory_order_relaxed);
        keep_piece(capture, PIECE_REPLY, bytes, needs_time ? clock_wall_us() : 0);
    }
}

static void end_letter(struct memory *memory, struct bus_letter *letter);

void capture_end(struct capture *take_capture, enum capture_outcome outcome,
                 void (*done)(void *context, enum status status), void *context)
{
    struct memory *memory = take_capture->memory;
    take_capture->outcome = outcome;
    take_capture->done = done;
    take_capture->context = context;
    take_capture->ended_us = clock_wall_us();
    take_capture->letter.run = end_letter;
    struct block *block = take_capture->block;
    if (block != NULL) { /* one letter for a small exchange: the block stays with the capture */
        bus_hold(memory, sizeof(*block) + block->capacity);
    }
    if (done != NULL) {
        bus_post(memory, &take_capture->letter);
    } else {
        bus_post_unhurried(memory, &take_capture->letter);
    }
}

/* ---- the reading thread ---- */

static bool has_reader(struct capture *capture)
{
    if (capture->reader == NULL) {
        capture->reader = capture->memory->reader->create(
            capture->dialect, (size_t)capture->memory->settings.capture_bytes_max);
    }
    return capture->reader != NULL;
}

static void request_clear(struct capture *capture)
{
    buffer_clear(&capture->request);
    capture->memory->requests_bytes -= capture->request_counted;
    capture->request_counted = 0;
}

static void request_read(struct capture *capture)
{
    if (capture->is_request_read) {
        return;
    }
    capture->is_request_read = true;
    if (has_reader(capture)) {
        bool is_whole = !capture->is_request_short && !capture->request.failed;
        capture->memory->reader->read_request(capture->reader, buffer_slice(&capture->request),
                                              is_whole);
    }
    request_clear(capture);
}

/* Requests that are still coming in share half of what the queue may hold, or as much as one may
 * need; they do not wait for each other, or those that come slowly would hold up all the others. */
static void request_keep(struct capture *capture, struct slice bytes)
{
    struct memory *memory = capture->memory;
    size_t share = (size_t)memory->settings.queue_bytes_max / 2;
    share = share < request_bytes_max(capture) ? request_bytes_max(capture) : share;
    if (capture->is_request_read) {
        return;
    }
    if (memory->requests_bytes > share || bytes.length > share - memory->requests_bytes) {
        capture->is_request_short = true;
        request_read(capture);
        return;
    }
    buffer_append(&capture->request, bytes);
    memory->requests_bytes += capture->request.capacity - capture->request_counted;
    capture->request_counted = capture->request.capacity;
}

static void piece_read(struct capture *capture, const struct mark *mark, struct slice bytes)
{
    const struct exchange_reader *reader = capture->memory->reader;
    switch (mark->piece) {
    case PIECE_REQUEST:
        request_keep(capture, bytes);
        break;
    case PIECE_REQUEST_CUT:
        capture->is_request_short = true;
        request_read(capture);
        break;
    case PIECE_REQUEST_END:
        request_read(capture);
        break;
    case PIECE_REPLY_HEAD:
        request_read(capture);
        if (capture->reader != NULL) {
            reader->reply_head(capture->reader, (unsigned)mark->at_us, bytes);
        }
        break;
    case PIECE_REPLY:
        request_read(capture);
        if (capture->reader != NULL && reader->reply_feed(capture->reader, bytes) &&
            capture->first_token_us == 0) {
            capture->first_token_us = mark->at_us;
            atomic_store_explicit(&capture->has_first_token, true, memory_order_relaxed);
        }
        break;
    }
}

static void block_read(struct block *take_block)
{
    struct capture *capture = take_block->capture;
    struct memory *memory = capture->memory;
    for (unsigned i = 0; i < take_block->marks_count; i++) {
        const struct mark *mark = &take_block->marks[i];
        size_t end =
            i + 1 < take_block->marks_count ? take_block->marks[i + 1].offset : take_block->length;
        piece_read(capture, mark, slice_make(take_block->bytes + mark->offset, end - mark->offset));
    }
    size_t bytes = sizeof(*take_block) + take_block->capacity;
    free(take_block);
    bus_release(memory, bytes);
}

static void block_letter(struct memory *memory, struct bus_letter *letter)
{
    block_read((struct block *)letter);
}

static void capture_free(struct capture *capture)
{
    if (capture->reader != NULL) {
        capture->memory->reader->free(capture->reader);
    }
    request_clear(capture);
    free(capture);
}

/* The event of a capture that has ended; the texts still the reader's. */
static void event_make(struct capture *capture, struct event *event)
{
    memory_event_init(event);
    event->event = SLICE("exchange");
    event->issuer = capture->issuer;
    event->subject = capture->subject;
    event->user = capture->user;
    event->session = capture->session;
    event->request_id = capture->request_id;
    event->agent = capture->agent;
    event->is_exchange = true;
    event->status = capture->status;
    event->started_us = capture->started_us;
    event->ended_us = capture->ended_us;
    event->first_token_us = capture->first_token_us;
    event->complete = capture->outcome == CAPTURE_COMPLETE;
    event->aborted = capture->outcome == CAPTURE_ABORTED;
    event->withheld = capture->withheld;
    if (capture->reader == NULL) {
        return;
    }
    const struct exchange *exchange = capture->memory->reader->exchange(capture->reader);
    event->model = exchange->model;
    event->finish_reason = exchange->finish_reason;
    event->tokens_in = exchange->tokens_in;
    event->tokens_out = exchange->tokens_out;
    if (!capture->withheld) {
        event->prompt = exchange->prompt;
        event->completion = exchange->completion;
        event->truncated = exchange->truncated;
    }
}

/* Redacted texts may be longer than what they were. */
static void texts_cap(const struct memory *memory, struct event *event)
{
    struct slice *texts[] = {&event->prompt, &event->completion};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t length = (size_t)memory->settings.capture_bytes_max;
        if (texts[i]->length <= length) {
            continue;
        }
        while (length > 0 && ((unsigned char)texts[i]->data[length] & 0xc0) == 0x80) {
            length--; /* not inside a character */
        }
        texts[i]->length = length;
        event->truncated = true;
    }
}

static bool texts_keep(struct event *event, struct arena *arena)
{
    struct slice *texts[] = {
        &event->issuer,        &event->subject, &event->user,   &event->session,
        &event->request_id,    &event->model,   &event->prompt, &event->completion,
        &event->finish_reason, &event->agent,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (texts[i]->data != NULL && !arena_copy(arena, *texts[i], texts[i])) {
            return false;
        }
    }
    return true;
}

static void captured_done(struct memory *memory, struct bus_item *item)
{
    struct captured *captured = (struct captured *)item;
    if (captured->done != NULL) {
        captured->done(captured->context, item->status);
    }
    arena_clear(&captured->arena);
    free(captured);
}

/* Nothing will be kept of it. */
static void capture_lost(struct capture *take_capture, enum status why)
{
    struct memory *memory = take_capture->memory;
    atomic_fetch_add(why == STATUS_LIMIT ? &memory->counters.events_dropped
                                         : &memory->counters.events_refused,
                     1);
    if (take_capture->done != NULL) {
        take_capture->done(take_capture->context, why);
    }
    capture_free(take_capture);
}

static void end_letter(struct memory *memory, struct bus_letter *letter)
{
    struct capture *capture =
        (struct capture *)(void *)((char *)letter - offsetof(struct capture, letter));
    if (capture->block != NULL) {
        block_read(capture->block);
        capture->block = NULL;
    }
    if (capture->lost != STATUS_OK) {
        capture_lost(capture, capture->lost);
        return;
    }
    request_read(capture);
    if (capture->reader != NULL) {
        memory->reader->reply_end(capture->reader);
    }
    struct captured *captured = calloc(1, sizeof(*captured));
    if (captured == NULL) {
        capture_lost(capture, STATUS_NO_MEMORY);
        return;
    }
    /* twice: as they were and as redacted, which may be longer */
    arena_init(&captured->arena,
               40 * (size_t)memory->settings.capture_bytes_max + item_arena_extra);
    event_make(capture, &captured->event);
    bool is_redacted = bus_redact(memory, &captured->event, &captured->arena);
    texts_cap(memory, &captured->event);
    if (!is_redacted || !texts_keep(&captured->event, &captured->arena)) {
        arena_clear(&captured->arena);
        free(captured);
        capture_lost(capture, STATUS_NO_MEMORY);
        return;
    }
    captured->done = capture->done;
    captured->context = capture->context;
    captured->item = (struct bus_item){.events = &captured->event,
                                       .count = 1,
                                       .is_mirrored = true,
                                       .is_awaited = capture->done != NULL,
                                       .done = captured_done};
    capture_free(capture);
    bus_store_item(memory, &captured->item);
}
