/* SPDX-License-Identifier: MIT
 *
 * backend_contract_test.c - what every row of backends.def promises, the same assertions for all.
 *
 * PostgreSQL is a real server that the test starts. Weaviate is the stand-in of tests/weaviate, and
 * with WEAVIATE_URL in the environment a real one too (WEAVIATE_API_KEY); each run takes owners of
 * its own there and erases them at the end. */
#include "base/buffer.h"
#include "base/random.h"
#include "subject.h"

#include <curl/curl.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    arena_bytes_max = 256 * 1024 * 1024,
};

static const int64_t base_us = 1755079200000000; /* 2025-08-13T10:00:00Z */

static char run_id[17]; /* of this run, in every owner's name */
static char issuer_text[64];
static char alice_text[64];
static char bob_text[64];

static struct slice issuer(void)
{
    return slice_from_string(issuer_text);
}

static struct slice alice(void)
{
    return slice_from_string(alice_text);
}

static struct slice bob(void)
{
    return slice_from_string(bob_text);
}

/* ---- helpers ---- */

static struct event event_of(struct slice owner, int64_t timestamp_us)
{
    struct event event = {
        .timestamp_us = timestamp_us,
        .issuer = issuer(),
        .subject = owner,
        .user = owner,
        .event = SLICE("note"),
        .tokens_in = -1,
        .tokens_out = -1,
    };
    unsigned char bytes[16];
    random_fill(bytes, sizeof(bytes));
    size_t length = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        length += (size_t)snprintf(event.id + length, sizeof(event.id) - length, "%s%02x", dash,
                                   bytes[i]);
    }
    return event;
}

static void write_all(struct subject *subject, const struct event *events, size_t count)
{
    struct failure failure = {.text = ""};
    subject_transaction(subject, "BEGIN IMMEDIATE");
    enum status status = subject->backend->write(subject->handle, events, count, &failure);
    subject_transaction(subject, "COMMIT");
    if (status != STATUS_OK) {
        print_error("%s: %s\n", subject->name, failure.text);
    }
    assert_int_equal(status, STATUS_OK);
}

static struct backend_query query_of(struct slice owner)
{
    return (struct backend_query){.issuer = issuer(), .subject = owner, .limit = 100};
}

static struct backend_query all_of(struct slice owner)
{
    return (struct backend_query){.issuer = issuer(), .subject = owner};
}

static struct event_page read_page(struct subject *subject, struct backend_query query)
{
    struct failure failure = {.text = ""};
    struct event_page page = {.events = NULL};
    arena_clear(&subject->arena);
    enum status status =
        subject->backend->read(subject->handle, &query, &subject->arena, &page, &failure);
    if (status != STATUS_OK) {
        print_error("%s: %s\n", subject->name, failure.text);
    }
    assert_int_equal(status, STATUS_OK);
    return page;
}

static size_t count_of(struct subject *subject, struct backend_query query)
{
    return read_page(subject, query).count;
}

static uint64_t erase(struct subject *subject, struct backend_query query)
{
    struct failure failure = {.text = ""};
    uint64_t erased = 0;
    subject_transaction(subject, "BEGIN IMMEDIATE");
    enum status status = subject->backend->erase(subject->handle, &query, &erased, &failure);
    subject_transaction(subject, "COMMIT");
    if (status != STATUS_OK) {
        print_error("%s: %s\n", subject->name, failure.text);
    }
    assert_int_equal(status, STATUS_OK);
    return erased;
}

static void erase_all(struct subject *subject)
{
    (void)erase(subject, all_of(alice()));
    (void)erase(subject, all_of(bob()));
}

static void assert_same_text(struct slice wanted, struct slice found)
{
    assert_int_equal(wanted.data == NULL, found.data == NULL);
    assert_int_equal(wanted.length, found.length);
    if (wanted.length > 0) {
        assert_memory_equal(wanted.data, found.data, wanted.length);
    }
}

static void assert_same_event(const struct event *wanted, const struct event *found)
{
    assert_string_equal(wanted->id, found->id);
    assert_true(wanted->timestamp_us == found->timestamp_us);
    assert_same_text(wanted->user, found->user);
    assert_same_text(wanted->session, found->session);
    assert_same_text(wanted->event, found->event);
    assert_same_text(wanted->task, found->task);
    assert_same_text(wanted->payload, found->payload);
    assert_same_text(wanted->state, found->state);
    assert_same_text(wanted->result, found->result);
    assert_same_text(wanted->run_id, found->run_id);
    assert_same_text(wanted->level, found->level);
    assert_same_text(wanted->message, found->message);
    assert_same_text(wanted->agent, found->agent);
    assert_same_text(wanted->request_id, found->request_id);
    assert_same_text(wanted->model, found->model);
    assert_same_text(wanted->prompt, found->prompt);
    assert_same_text(wanted->completion, found->completion);
    assert_same_text(wanted->finish_reason, found->finish_reason);
    assert_true(wanted->tokens_in == found->tokens_in);
    assert_true(wanted->tokens_out == found->tokens_out);
    assert_int_equal(wanted->status, found->status);
    assert_true(wanted->started_us == found->started_us);
    assert_true(wanted->first_token_us == found->first_token_us);
    assert_true(wanted->ended_us == found->ended_us);
    assert_int_equal(wanted->is_exchange, found->is_exchange);
    assert_int_equal(wanted->complete, found->complete);
    assert_int_equal(wanted->aborted, found->aborted);
    assert_int_equal(wanted->truncated, found->truncated);
    assert_int_equal(wanted->withheld, found->withheld);
}

/* Writes <event>, reads it back by its id and from a page, and compares. */
static void assert_kept(struct subject *subject, const struct event *event)
{
    write_all(subject, event, 1);
    struct backend_query query = query_of(event->subject);
    query.issuer = event->issuer;
    struct event_page page = read_page(subject, query);
    assert_true(page.count >= 1);
    assert_same_event(event, &page.events[0]);
    query.id = slice_from_string(event->id);
    page = read_page(subject, query);
    assert_int_equal(page.count, 1);
    assert_false(page.has_more);
    assert_same_event(event, &page.events[0]);
}

/* ---- the contract ---- */

static void check_exchange(struct subject *subject)
{
    struct event event = event_of(alice(), base_us + 123457);
    event.event = SLICE("exchange");
    event.session = SLICE("s-1");
    event.request_id = SLICE("r-1");
    event.model = SLICE("tinyllama");
    event.prompt = SLICE("hello");
    event.completion = SLICE("Hi! How are you?");
    event.finish_reason = SLICE("stop");
    event.tokens_in = 0;
    event.tokens_out = 5000000000;
    event.status = 200;
    event.started_us = base_us + 1;
    event.first_token_us = base_us + 77777;
    event.ended_us = base_us + 123456;
    event.is_exchange = true;
    event.complete = true;
    event.truncated = true;
    assert_kept(subject, &event);
    event = event_of(alice(), base_us + 200000);
    event.is_exchange = true;
    event.aborted = true;
    event.withheld = true;
    event.status = 502;
    assert_kept(subject, &event);
}

static void check_rewrite(struct subject *subject)
{
    struct event first = event_of(alice(), base_us);
    first.payload = SLICE("{\"a\": 1.50,  \"b\":[ ]}"); /* as it was written, spaces and all */
    assert_kept(subject, &first);
    struct event both[3] = {first, event_of(alice(), base_us - 1), first};
    write_all(subject, both, 3);
    write_all(subject, both, 2);
    struct event_page page = read_page(subject, query_of(alice()));
    assert_int_equal(page.count, 2);
    assert_same_event(&first, &page.events[0]);
    assert_same_event(&both[1], &page.events[1]);
}

static int newest_first(const void *a, const void *b)
{
    const struct event *one = a;
    const struct event *other = b;
    if (one->timestamp_us != other->timestamp_us) {
        return one->timestamp_us < other->timestamp_us ? 1 : -1;
    }
    return -memcmp(one->id, other->id, event_id_length);
}

/* Pages of <limit> over many rows of few times: each row once, in order. */
static void check_pages(struct subject *subject, const struct event *sorted, size_t count,
                        size_t limit)
{
    struct backend_query query = query_of(alice());
    query.limit = limit;
    size_t seen = 0;
    for (;;) {
        struct event_page page = read_page(subject, query);
        assert_true(page.count <= limit);
        for (size_t i = 0; i < page.count; i++) {
            assert_true(seen < count);
            assert_same_event(&sorted[seen++], &page.events[i]);
        }
        assert_int_equal(page.has_more, seen < count);
        if (!page.has_more) {
            break;
        }
        assert_int_equal(page.count, limit);
        query.has_before = true;
        query.before_us = page.events[page.count - 1].timestamp_us;
        memcpy(query.before_id, page.events[page.count - 1].id, sizeof(query.before_id));
    }
    assert_int_equal(seen, count);
}

static void check_order(struct subject *subject)
{
    enum { count = 230 };
    struct event *events = calloc(count, sizeof(*events));
    assert_non_null(events);
    for (size_t i = 0; i < count; i++) {
        /* A third of them in one microsecond. */
        events[i] = event_of(alice(), base_us + (i % 3 == 0 ? 0 : (int64_t)(i % 40)));
    }
    struct event stranger = event_of(bob(), base_us + 5);
    write_all(subject, events, count);
    write_all(subject, &stranger, 1);
    qsort(events, count, sizeof(*events), newest_first);
    check_pages(subject, events, count, 1000);
    check_pages(subject, events, count, count);
    check_pages(subject, events, count, 97);
    check_pages(subject, events, count, 10);
    check_pages(subject, events, count, 1);
    struct backend_query query = query_of(alice()); /* a place that no row has */
    query.has_before = true;
    query.before_us = base_us - 1;
    memcpy(query.before_id, "ffffffff-ffff-ffff-ffff-ffffffffffff", sizeof(query.before_id));
    assert_int_equal(count_of(subject, query), 0);
    assert_int_equal(erase(subject, all_of(alice())), count);
    assert_int_equal(count_of(subject, query_of(alice())), 0);
    assert_int_equal(count_of(subject, query_of(bob())), 1);
    free(events);
}

static void check_filters(struct subject *subject)
{
    struct event events[4];
    static const struct slice sessions[] = {SLICE("s-1"), SLICE("S-1"), SLICE(""), {NULL, 0}};
    static const struct slice tasks[] = {SLICE("t 1"), SLICE(" t 1"), SLICE("the"), {NULL, 0}};
    static const struct slice names[] = {SLICE("task_sent"), SLICE("task_result"), SLICE("log"),
                                         SLICE("task")};
    for (size_t i = 0; i < 4; i++) {
        events[i] = event_of(alice(), base_us + (int64_t)i);
        events[i].session = sessions[i];
        events[i].task = tasks[i];
        events[i].event = names[i];
    }
    write_all(subject, events, 4);
    for (size_t i = 0; i < 3; i++) {
        struct backend_query query = query_of(alice());
        query.session = sessions[i];
        struct event_page page = read_page(subject, query);
        assert_int_equal(page.count, 1);
        assert_same_event(&events[i], &page.events[0]);
        query = query_of(alice());
        query.task = tasks[i];
        page = read_page(subject, query);
        assert_int_equal(page.count, 1);
        assert_same_event(&events[i], &page.events[0]);
        query.session = sessions[(i + 1) % 3];
        assert_int_equal(count_of(subject, query), 0);
        query = query_of(alice());
        query.event = names[i];
        query.session = sessions[i];
        assert_int_equal(count_of(subject, query), 1);
    }
    struct backend_query query = query_of(alice());
    query.event = SLICE("task");
    assert_int_equal(count_of(subject, query), 1);
    query.event = SLICE("tas");
    assert_int_equal(count_of(subject, query), 0);
}

static void assert_words(struct subject *subject, const char *words, size_t count)
{
    struct backend_query query = query_of(alice());
    query.words = slice_from_string(words);
    size_t found = count_of(subject, query);
    if (found != count) {
        print_error("%s: \"%s\" finds %zu\n", subject->name, words, found);
    }
    assert_int_equal(found, count);
}

static void check_words(struct subject *subject)
{
    struct event events[4];
    for (size_t i = 0; i < 4; i++) {
        events[i] = event_of(i == 3 ? bob() : alice(), base_us + (int64_t)i);
    }
    events[0].prompt = SLICE("The quick brown fox, and not a dog.");
    events[0].completion = SLICE("jumps over");
    events[1].message = SLICE("fox-hunting at https://example.com/den?x=burrow");
    events[2].payload = SLICE("{\"plan_name\":\"Gr\xC3\xBC\xC3\x9F\x65 an den Fuchs\"}");
    events[2].result = SLICE("[\"quick\"]");
    events[3].prompt = SLICE("quick fox of another");
    write_all(subject, events, 4);
    assert_words(subject, "fox", 2);
    assert_words(subject, "FOX", 2);
    assert_words(subject, "quick", 2);
    assert_words(subject, "fox quick", 1);
    assert_words(subject, "jumps   the\tfox", 1); /* of two fields, any order */
    assert_words(subject, "not a", 1);            /* no stop words */
    assert_words(subject, "burrow", 1);
    assert_words(subject, "example.com/den", 1);
    assert_words(subject, "fox-hunting", 1);
    assert_words(subject, "plan name", 1);
    assert_words(subject, "gr\xC3\xBC\xC3\x9F\x65", 1);
    assert_words(subject, "fo", 0);
    assert_words(subject, "quick elephant", 0);
    assert_words(subject, "another", 0);
    static const char *const syntax[] = {"fox OR elephant", "fox | elephant", "-elephant fox NEAR",
                                         "NOT elephant",    "fox*lephant",    "{prompt}: zebra"};
    for (size_t i = 0; i < sizeof(syntax) / sizeof(*syntax); i++) {
        assert_words(subject, syntax[i], 0);
    }
    assert_words(subject, "?!.", 0);
    assert_words(subject, "'", 0);
    struct backend_query query = query_of(alice());
    query.words = SLICE("quick");
    query.limit = 1;
    struct event_page page = read_page(subject, query);
    assert_int_equal(page.count, 1);
    assert_true(page.has_more);
    assert_same_event(&events[2], &page.events[0]);
}

/* Whoever asks gets nothing of anybody else's: not by id, by page, by words, nor by erasing. */
static void check_owners(struct subject *subject)
{
    char alike[2][96]; /* issuer and subject, cut elsewhere */
    snprintf(alike[0], sizeof(alike[0]), "%s%c", issuer_text, alice_text[0]);
    snprintf(alike[1], sizeof(alike[1]), "%s", alice_text + 1);
    char upper[96];
    snprintf(upper, sizeof(upper), "A%s", alice_text + 1);
    char padded[96];
    snprintf(padded, sizeof(padded), "%s ", alice_text);
    const struct slice strangers[][2] = {
        {issuer(), bob()},
        {slice_from_string(alike[0]), slice_from_string(alike[1])},
        {issuer(), slice_from_string(upper)},
        {issuer(), slice_from_string(padded)},
        {alice(), issuer()},
        {issuer(), SLICE("")},
        {SLICE(""), alice()},
        {issuer(), SLICE("*")},
        {issuer(), SLICE("%")},
    };
    struct event event = event_of(alice(), base_us);
    event.prompt = SLICE("secret");
    event.session = SLICE("s-1");
    assert_kept(subject, &event);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
        struct backend_query query = {
            .issuer = strangers[i][0], .subject = strangers[i][1], .limit = 10};
        assert_int_equal(count_of(subject, query), 0);
        query.session = event.session;
        assert_int_equal(count_of(subject, query), 0);
        query.words = SLICE("secret");
        assert_int_equal(count_of(subject, query), 0);
        query = (struct backend_query){.issuer = strangers[i][0],
                                       .subject = strangers[i][1],
                                       .id = slice_from_string(event.id),
                                       .limit = 10};
        assert_int_equal(count_of(subject, query), 0);
        assert_int_equal(erase(subject, query), 0);
        query.id = slice_make(NULL, 0);
        assert_int_equal(erase(subject, query), 0);
    }
    assert_int_equal(count_of(subject, query_of(alice())), 1);
    struct event rival = event_of(bob(), base_us); /* cannot take the place of another's row */
    memcpy(rival.id, event.id, sizeof(rival.id));
    rival.prompt = SLICE("forged");
    (void)subject->backend->write(subject->handle, &rival, 1, NULL);
    struct backend_query query = query_of(alice());
    query.id = slice_from_string(event.id);
    struct event_page page = read_page(subject, query);
    if (page.count == 1) {
        assert_same_event(&event, &page.events[0]);
    }
}

static void check_erase(struct subject *subject)
{
    enum { count = 1200 }; /* more than one step of any of them */
    struct event *events = calloc(count, sizeof(*events));
    assert_non_null(events);
    for (size_t i = 0; i < count; i++) {
        events[i] = event_of(alice(), base_us + (int64_t)i);
    }
    write_all(subject, events, count);
    struct backend_query query = query_of(alice());
    query.id = slice_from_string(events[7].id);
    assert_int_equal(erase(subject, query), 1);
    assert_int_equal(erase(subject, query), 0);
    assert_int_equal(count_of(subject, query), 0);
    static const struct slice no_ids[] = {SLICE(""),
                                          SLICE("x"),
                                          SLICE("00000000-0000-0000-0000-000000000000"),
                                          SLICE("../../schema/MemoryEvent"),
                                          SLICE("00000000-0000-0000-0000-00000000000Z"),
                                          SLICE("' OR true --aaaaaaaaaaaaaaaaaaaaaaaaa")};
    for (size_t i = 0; i < sizeof(no_ids) / sizeof(*no_ids); i++) {
        query.id = no_ids[i];
        assert_int_equal(count_of(subject, query), 0);
        assert_int_equal(erase(subject, query), 0);
    }
    query = query_of(alice());
    query.limit = 1000;
    assert_int_equal(count_of(subject, query), 1000);
    query.limit = 0; /* all */
    assert_int_equal(erase(subject, query), count - 1);
    assert_int_equal(erase(subject, query), 0);
    assert_int_equal(count_of(subject, query_of(alice())), 0);
    free(events);
}

static void check_expire(struct subject *subject)
{
    if (subject->is_shared) {
        print_message("%s: expiry is for all owners and is not tried there\n", subject->name);
        return;
    }
    enum { count = 20 };
    struct event events[count];
    for (size_t i = 0; i < count; i++) {
        events[i] = event_of(i % 2 == 0 ? alice() : bob(), base_us + (int64_t)i);
    }
    write_all(subject, events, count);
    uint64_t erased = 0;
    int64_t before_us = base_us + 10;
    const struct backend *backend = subject->backend;
    assert_int_equal(backend->expire(subject->handle, before_us, 4, &erased, NULL), STATUS_OK);
    assert_int_equal(erased, 4);
    assert_int_equal(count_of(subject, query_of(alice())) + count_of(subject, query_of(bob())), 16);
    assert_int_equal(backend->expire(subject->handle, before_us, 100, &erased, NULL), STATUS_OK);
    assert_int_equal(erased, 6);
    assert_int_equal(backend->expire(subject->handle, before_us, 100, &erased, NULL), STATUS_OK);
    assert_int_equal(erased, 0);
    struct event_page page = read_page(subject, query_of(alice()));
    assert_int_equal(page.count, 5);
    assert_same_event(&events[10], &page.events[4]);
    assert_int_equal(count_of(subject, query_of(bob())), 5);
}

static const struct slice hostile_texts[] = {
    SLICE(""),
    SLICE(" "),
    SLICE("'; DROP TABLE attach_memory_events; --"),
    SLICE("$1 \\' \" `"),
    SLICE("\\"),
    SLICE("\"}}){owner} Get{MemoryEvent{prompt}}}"),
    SLICE("\"\"\"\n\"\"\""),
    SLICE("\\\"}],operator:Or,operands:[{path:[\\\"owner\\\"],operator:Like,valueText:\\\"*\\\"}"),
    SLICE("a\0b\0"),
    SLICE("\0"),
    SLICE("\x01\x1B[31m\x7F\r\n\t"),
    SLICE("\xF0\x9F\xA6\x8A \xF4\x8F\xBF\xBF \xEF\xBF\xBF \xEF\xB7\x90 \xEF\xB7\x91"
          "00"),
    SLICE("\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF"),
    SLICE("{{.}} ${x} %s%n {0}"),
};

static void check_texts(struct subject *subject)
{
    for (size_t i = 0; i < sizeof(hostile_texts) / sizeof(*hostile_texts); i++) {
        struct event event = event_of(alice(), base_us + (int64_t)i);
        struct slice text = hostile_texts[i];
        event.prompt = event.completion = event.message = event.state = event.level = text;
        event.session = event.task = event.event = event.user = event.agent = text;
        event.run_id = event.request_id = event.model = event.finish_reason = text;
        event.payload = SLICE("\"\\u0000 \\ud83e\\udd8a \\\\ \\\" \\/\"");
        assert_kept(subject, &event);
        struct backend_query query = query_of(alice());
        query.session = query.task = query.event = text;
        struct event_page page = read_page(subject, query);
        assert_int_equal(page.count, 1);
        assert_same_event(&event, &page.events[0]);
        query.words = text;
        query.subject = bob();
        assert_int_equal(count_of(subject, query), 0);
    }
    /* A hostile name is an owner like any other. */
    for (size_t i = 0; i < sizeof(hostile_texts) / sizeof(*hostile_texts); i++) {
        struct event event = event_of(hostile_texts[i], base_us);
        event.user = SLICE("u");
        event.issuer = slice_from_string(issuer_text);
        assert_kept(subject, &event);
        struct backend_query query = query_of(hostile_texts[i]);
        assert_int_equal(count_of(subject, query), 1);
        assert_int_equal(erase(subject, query), 1);
    }
    assert_int_equal(count_of(subject, query_of(alice())),
                     sizeof(hostile_texts) / sizeof(*hostile_texts));
}

/* Long texts, of few words and of very many; pages end before they are too large for anyone. */
static void check_long_texts(struct subject *subject)
{
    enum { length = 1024 * 1024, count = 10 }; /* even: the newest is of very many words */
    struct buffer prose;
    struct buffer babel;
    buffer_init(&prose, 2 * length);
    buffer_init(&babel, 2 * length);
    while (prose.length < length) {
        buffer_append_string(&prose, "<all> work & no play makes jack a dull boy ");
    }
    buffer_append_string(&prose, "epilogue");
    for (unsigned i = 0; babel.length < length; i++) {
        buffer_append_format(&babel, "w%x ", i * 2654435761u);
    }
    struct event events[count];
    for (size_t i = 0; i < count; i++) {
        events[i] = event_of(alice(), base_us + (int64_t)i);
        events[i].prompt = buffer_slice(i % 2 == 0 ? &prose : &babel);
        events[i].completion = buffer_slice(&prose);
    }
    write_all(subject, events, count);
    size_t seen = count;
    struct backend_query query = query_of(alice());
    for (bool has_more = true; has_more;) {
        struct event_page page = read_page(subject, query);
        assert_true(page.count > 0 && page.count < count);
        for (size_t i = 0; i < page.count; i++) {
            assert_same_event(&events[--seen], &page.events[i]);
        }
        has_more = page.has_more;
        assert_int_equal(has_more, seen > 0);
        query.has_before = true;
        query.before_us = page.events[page.count - 1].timestamp_us;
        memcpy(query.before_id, page.events[page.count - 1].id, sizeof(query.before_id));
    }
    assert_int_equal(seen, 0);
    query = query_of(alice());
    query.words = SLICE("jack w0"); /* the first word of babel */
    query.limit = 1;
    struct event_page page = read_page(subject, query);
    assert_int_equal(page.count, 1);
    assert_same_event(&events[count - 1], &page.events[0]);
    /* The last word of a long text is found; of one with very many words PostgreSQL may have left
     * out the rest (backend_postgres.c), so the row asked for is the one without. */
    query.words = SLICE("epilogue");
    query.has_before = true;
    query.before_us = events[count - 1].timestamp_us;
    memcpy(query.before_id, events[count - 1].id, sizeof(query.before_id));
    page = read_page(subject, query);
    assert_int_equal(page.count, 1);
    assert_same_event(&events[count - 2], &page.events[0]);
    buffer_clear(&prose);
    buffer_clear(&babel);
}

static void check_none(struct subject *subject)
{
    struct event event = event_of(alice(), base_us);
    struct failure failure = {.text = ""};
    assert_int_equal(subject->backend->write(subject->handle, &event, 1, &failure),
                     STATUS_UNSUPPORTED);
    assert_true(failure.text[0] != '\0');
    assert_int_equal(count_of(subject, query_of(alice())), 0);
    assert_int_equal(erase(subject, all_of(alice())), 0);
    uint64_t erased = 1;
    assert_int_equal(subject->backend->expire(subject->handle, base_us, 1, &erased, NULL),
                     STATUS_OK);
    assert_int_equal(erased, 0);
}

static void run(const char *name, void (*start)(struct subject *subject),
                void (*const *checks)(struct subject *subject))
{
    /* "weaviate real" is weaviate. */
    size_t length = strcspn(name, " ");
    struct subject subject = {.name = name, .backend = backend_find(slice_make(name, length))};
    assert_non_null(subject.backend);
    arena_init(&subject.arena, arena_bytes_max);
    start(&subject);
    for (size_t i = 0; checks[i] != NULL; i++) {
        checks[i](&subject);
        erase_all(&subject);
    }
    subject_stop(&subject);
}

static void (*const contract[])(struct subject *subject) = {
    check_exchange, check_rewrite, check_order, check_filters,    check_words, check_owners,
    check_erase,    check_expire,  check_texts, check_long_texts, NULL,
};

static void none_keeps_nothing(void **state)
{
    static void (*const checks[])(struct subject * subject) = {check_none, NULL};
    run("none", subject_start_none, checks);
}

static void sqlite_keeps_the_contract(void **state)
{
    run("sqlite", subject_start_sqlite, contract);
}

static void postgres_keeps_the_contract(void **state)
{
    run("postgres", subject_start_postgres, contract);
}

static void weaviate_keeps_the_contract(void **state)
{
    run("weaviate", subject_start_weaviate, contract);
}

static void real_weaviate_keeps_the_contract(void **state)
{
    if (getenv("WEAVIATE_URL") == NULL) {
        print_message("WEAVIATE_URL is not set: no real Weaviate to test against\n");
        skip();
    }
    run("weaviate real", subject_start_real_weaviate, contract);
}

static void every_backend_has_its_name(void **state)
{
    static const char *const names[] = {"none", "sqlite", "weaviate", "postgres"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct backend *backend = backend_find(slice_from_string(names[i]));
        assert_non_null(backend);
        assert_string_equal(backend->name, names[i]);
    }
    assert_ptr_equal(backend_find(SLICE("sakana")), backend_find(SLICE("weaviate")));
    assert_null(backend_find(SLICE("Sqlite")));
    assert_null(backend_find(SLICE("")));
}

int main(void)
{
    struct random_source source = {.left = 0};
    random_hex(&source, 8, run_id);
    snprintf(issuer_text, sizeof(issuer_text), "https://issuer.example/%s", run_id);
    snprintf(alice_text, sizeof(alice_text), "alice|%s", run_id);
    snprintf(bob_text, sizeof(bob_text), "bob|%s", run_id);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_backend_has_its_name),
        cmocka_unit_test(none_keeps_nothing),
        cmocka_unit_test(sqlite_keeps_the_contract),
        cmocka_unit_test(postgres_keeps_the_contract),
        cmocka_unit_test(weaviate_keeps_the_contract),
        cmocka_unit_test(real_weaviate_keeps_the_contract),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
