/* SPDX-License-Identifier: MIT
 *
 * memory_rate.c - what memory costs: processor time of the store's thread for each stored exchange,
 * and how long searches take afterwards.
 *
 * Exchanges of 1 KiB (words of a Zipf distribution, like those of English) go through store_write
 * and the rows of the embedded backend, two batches on their way as in the bus, and are committed
 * and synced as in the gateway. The time is that of the store's thread alone, read on that thread,
 * write-back of the log included. Then searches run on a reader of their own.
 * Run: bench-memory-rate [rows [owners [batch]]]. */
#include "base/clock.h"
#include "mem/event_rows.h"
#include "mem/memory.h"
#include "store/store.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    words_count = 30000,
    samples_count = 1 << 20, /* words in the order in which they are written */
    word_bytes_max = 24,
    exchange_bytes = 1024,
    exchange_prompt_bytes = 256,
    session_exchanges_max = 40,
    batches = 2,
    reports = 10,
    searches = 400, /* of each kind */
    arena_bytes = 64 * 1024 * 1024,
    page_rows = 50,
    owner_name_bytes = 32,
};

struct batch {
    struct store_job job;
    struct event *events;
    char (*texts)[exchange_bytes];
    char (*sessions)[event_id_length + 1];
    size_t count;
    bool is_busy;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t store_cpu_ns; /* of the store's thread, when a batch was done last */
static uint64_t random_state = 88172645463325252;
static char words[words_count][word_bytes_max];
static uint16_t samples[samples_count];
static char (*owners)[owner_name_bytes];
static size_t *owners_cut; /* the sum of the weights up to each */
static struct talk {
    char session[event_id_length + 1];
    size_t left; /* exchanges, then there is another session */
} * talks;
static size_t owners_count;

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench-memory-rate: %s\n", what);
        exit(1);
    }
}

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- what is said, and by whom ---- */

static void words_make(void)
{
    static const char *const syllables[] = {
        "an", "be", "co", "den", "er", "fi", "gra", "ho", "in",  "jo", "ka", "lo", "mi",
        "ne", "or", "pe", "qua", "ri", "st", "ta",  "un", "ver", "wo", "ex", "ys", "zu",
    };
    static const size_t syllables_count = sizeof(syllables) / sizeof(*syllables);
    static double sums[words_count];
    double sum = 0;
    for (size_t i = 0; i < words_count; i++) {
        size_t rest = i;
        size_t length = 0;
        do { /* frequent words are short */
            length += (size_t)snprintf(words[i] + length, word_bytes_max - length, "%s",
                                       syllables[rest % syllables_count]);
            rest /= syllables_count;
        } while (rest > 0);
        sum += 1.0 / ((double)i + 1.0);
        sums[i] = sum;
    }
    for (size_t i = 0; i < samples_count; i++) {
        double wished = (double)(random_next() >> 11) / (double)(UINT64_C(1) << 53) * sum;
        size_t low = 0;
        size_t high = words_count - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (sums[middle] < wished) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        samples[i] = (uint16_t)low;
    }
}

/* The first speaks a thousand times as much as the last, more or less. */
static void owners_make(size_t count)
{
    owners_count = count;
    owners = calloc(count, sizeof(*owners));
    owners_cut = calloc(count, sizeof(*owners_cut));
    talks = calloc(count, sizeof(*talks));
    must(owners != NULL && owners_cut != NULL && talks != NULL, "no memory");
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(owners[i], owner_name_bytes, "subject-%zu", i);
        sum += 1000000 / (i + 1) + 1;
        owners_cut[i] = sum;
    }
}

static size_t owner_pick(void)
{
    size_t wished = random_next() % owners_cut[owners_count - 1];
    size_t low = 0;
    size_t high = owners_count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (owners_cut[middle] <= wished) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void text_make(char text[exchange_bytes])
{
    size_t length = 0;
    size_t sample = random_next() % samples_count;
    while (length < exchange_bytes) {
        const char *word = words[samples[sample]];
        size_t rest = exchange_bytes - length;
        size_t bytes = strlen(word) < rest ? strlen(word) : rest;
        memcpy(text + length, word, bytes);
        length += bytes;
        if (length < exchange_bytes) {
            text[length++] = sample % 11 == 0 ? '\n' : ' ';
        }
        sample = (sample + 1) % samples_count;
    }
}

static struct slice owner_name(size_t owner)
{
    return slice_from_string(owners[owner]);
}

/* An owner stays in a session for some exchanges. */
static void session_pick(size_t owner, char ret[event_id_length + 1])
{
    struct talk *talk = &talks[owner];
    if (talk->left == 0) {
        talk->left = 1 + random_next() % session_exchanges_max;
        snprintf(talk->session, sizeof(talk->session), "%08x-%04x-4000-8000-%012llx",
                 (unsigned)(random_next() >> 32), (unsigned)(random_next() & 0xffff),
                 (unsigned long long)random_next() & 0xffffffffffffULL);
    }
    talk->left--;
    memcpy(ret, talk->session, sizeof(talk->session));
}

static void batch_fill(struct batch *batch, size_t count)
{
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        struct event *event = &batch->events[i];
        size_t owner = owner_pick();
        memory_event_init(event);
        text_make(batch->texts[i]);
        session_pick(owner, batch->sessions[i]);
        event->issuer = SLICE("https://issuer.example/");
        event->subject = owner_name(owner);
        event->user = event->subject;
        event->session = slice_from_string(batch->sessions[i]);
        event->event = SLICE("exchange");
        event->model = SLICE("llama3:8b");
        event->finish_reason = SLICE("stop");
        event->request_id = slice_from_string(event->id);
        event->prompt = slice_make(batch->texts[i], exchange_prompt_bytes);
        event->completion = slice_make(batch->texts[i] + exchange_prompt_bytes,
                                       exchange_bytes - exchange_prompt_bytes);
        event->is_exchange = true;
        event->complete = true;
        event->status = 200;
        event->tokens_in = 60;
        event->tokens_out = 180;
        event->started_us = event->timestamp_us;
        event->first_token_us = event->timestamp_us;
        event->ended_us = event->timestamp_us;
    }
}

/* ---- writing ---- */

static enum status batch_run(struct store_job *job, struct database *database,
                             struct failure *reterr)
{
    const struct batch *batch = (const struct batch *)job;
    return event_rows_insert(database, batch->events, batch->count, reterr);
}

static void batch_done(struct store_job *job, enum status status, const struct failure *failure)
{
    must(status == STATUS_OK, failure == NULL ? "a batch failed" : failure->text);
    pthread_mutex_lock(&lock);
    ((struct batch *)job)->is_busy = false;
    store_cpu_ns = thread_cpu_ns();
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void batch_await(const struct batch *batch)
{
    pthread_mutex_lock(&lock);
    while (batch->is_busy) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void batch_make(struct batch *batch, size_t count)
{
    batch->events = calloc(count, sizeof(*batch->events));
    batch->texts = calloc(count, sizeof(*batch->texts));
    batch->sessions = calloc(count, sizeof(*batch->sessions));
    must(batch->events != NULL && batch->texts != NULL && batch->sessions != NULL, "no memory");
}

static void write_rows(struct store *store, size_t rows, size_t batch_rows)
{
    static struct batch all[batches];
    for (size_t i = 0; i < batches; i++) {
        batch_make(&all[i], batch_rows);
    }
    printf("%10s %18s %18s %10s\n", "rows", "CPU us/row, since", "since the start", "rows/s");
    uint64_t began_us = clock_monotonic_us();
    uint64_t cpu_before_ns = 0;
    size_t before = 0;
    size_t written = 0;
    for (size_t turn = 0; written < rows; turn = (turn + 1) % batches) {
        struct batch *batch = &all[turn];
        batch_await(batch);
        batch_fill(batch, rows - written < batch_rows ? rows - written : batch_rows);
        written += batch->count;
        batch->job = (struct store_job){
            .run = batch_run, .done = batch_done, .bytes = batch->count * exchange_bytes};
        batch->is_busy = true;
        must(store_write(store, &batch->job) == STATUS_OK, "the store takes no job");
        if (written < rows && written - before < rows / reports) {
            continue;
        }
        for (size_t i = 0; i < batches; i++) {
            batch_await(&all[i]);
        }
        double seconds = (double)(clock_monotonic_us() - began_us) / 1e6;
        printf("%10zu %18.1f %18.1f %10.0f\n", written,
               (double)(store_cpu_ns - cpu_before_ns) / 1e3 / (double)(written - before),
               (double)store_cpu_ns / 1e3 / (double)written, (double)written / seconds);
        fflush(stdout);
        cpu_before_ns = store_cpu_ns;
        before = written;
    }
}

/* ---- searching ---- */

/* Any rank of <from> up to <to>, of the words as they fall: 0 is the most frequent. */
struct rank {
    size_t from;
    size_t to;
};

struct search {
    const char *name;
    struct rank owner;
    size_t words;
    struct rank word;
    bool is_second_frequent;
};

static size_t rank_pick(struct rank rank)
{
    return rank.from + random_next() % (rank.to > rank.from ? rank.to - rank.from : 1);
}

static int order_of_times(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void search_measure(struct database *database, const struct search *search)
{
    static uint64_t times_us[searches];
    static uint64_t cpu_us[searches];
    size_t found = 0;
    for (size_t i = 0; i < searches; i++) {
        char text[4 * word_bytes_max];
        size_t length = 0;
        for (size_t j = 0; j < search->words; j++) {
            struct rank rank = search->word;
            if (j > 0 && search->is_second_frequent) {
                rank = (struct rank){0, 50};
            }
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s ",
                                       words[rank_pick(rank)]);
        }
        struct backend_query query = {.issuer = SLICE("https://issuer.example/"),
                                      .subject = owner_name(rank_pick(search->owner)),
                                      .words = slice_make(text, length),
                                      .limit = page_rows};
        struct arena arena;
        struct event_page page = {0};
        struct failure failure = {""};
        arena_init(&arena, arena_bytes);
        uint64_t cpu_began_ns = thread_cpu_ns();
        uint64_t began_us = clock_monotonic_us();
        must(database_execute(database, "BEGIN", &failure) == STATUS_OK, failure.text);
        must(event_rows_read(database, &query, &arena, &page, &failure) == STATUS_OK, failure.text);
        must(database_execute(database, "COMMIT", &failure) == STATUS_OK, failure.text);
        times_us[i] = clock_monotonic_us() - began_us;
        cpu_us[i] = (thread_cpu_ns() - cpu_began_ns) / 1000;
        found += page.count;
        arena_clear(&arena);
    }
    qsort(times_us, searches, sizeof(*times_us), order_of_times);
    qsort(cpu_us, searches, sizeof(*cpu_us), order_of_times);
    printf("%-42s %8.2f %8.2f %8.2f %8.2f %8.2f %8.1f\n", search->name,
           (double)times_us[searches / 2] / 1e3, (double)times_us[searches * 99 / 100] / 1e3,
           (double)cpu_us[searches / 2] / 1e3, (double)cpu_us[searches * 99 / 100] / 1e3,
           (double)cpu_us[searches - 1] / 1e3, (double)found / searches);
    fflush(stdout);
}

static void search_all(const char *path)
{
    struct database *database = NULL;
    struct failure failure = {""};
    must(database_open(path, DATABASE_READER, &database, &failure) == STATUS_OK, failure.text);
    struct rank largest = {0, owners_count < 10 ? owners_count : 10};
    struct rank any = {0, owners_count};
    struct rank least = {owners_count - owners_count / 4 - 1, owners_count};
    const struct search all[] = {
        {"one frequent word, large owners", largest, 1, {0, 50}, false},
        {"one word, large owners", largest, 1, {50, 5000}, false},
        {"one rare word, large owners", largest, 1, {5000, words_count}, false},
        {"one word, any owner", any, 1, {0, words_count}, false},
        {"one word, the least owners", least, 1, {0, 5000}, false},
        {"two frequent words, large owners", largest, 2, {0, 50}, false},
        {"two words, large owners", largest, 2, {50, 5000}, false},
        {"a rare and a frequent word, large owners", largest, 2, {5000, words_count}, true},
        {"two words, any owner", any, 2, {0, 5000}, false},
        {"three words, large owners", largest, 3, {0, 1000}, false},
    };
    printf("\n%-42s %8s %8s %8s %8s %8s %8s\n", "search (a page of 50), ms", "p50", "p99",
           "CPU p50", "CPU p99", "CPU most", "found");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        search_measure(database, &all[i]);
    }
    database_close(database);
}

/* ---- the whole ---- */

static size_t number_of(const char *text)
{
    size_t number = 0;
    for (; *text >= '0' && *text <= '9' && number < 100000000; text++) {
        number = number * 10 + (size_t)(*text - '0');
    }
    must(number > 0 && *text == '\0', "run: bench-memory-rate [rows [owners [batch]]]");
    return number;
}

static void directory_remove(const char *directory)
{
    DIR *listing = opendir(directory);
    must(listing != NULL, "cannot read the directory");
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        char path[store_path_bytes_max + 512];
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        (void)unlink(path);
    }
    closedir(listing);
    (void)rmdir(directory);
}

int main(int count, char **arguments)
{
    size_t rows = count > 1 ? number_of(arguments[1]) : 100000;
    size_t batch_rows = count > 3 ? number_of(arguments[3]) : 256;
    char path[store_path_bytes_max];
    struct failure failure = {""};
    struct store *store = NULL;
    const char *base = getenv("TMPDIR");
    char directory[256];
    snprintf(directory, sizeof(directory), "%s/bench-memory-XXXXXX", base == NULL ? "/tmp" : base);
    must(mkdtemp(directory) != NULL, "cannot make a directory in TMPDIR");
    words_make();
    owners_make(count > 2 ? number_of(arguments[2]) : 1000);
    struct store_settings settings = {
        .directory = directory, .queue_bytes_max = 256 * 1024 * 1024, .readers_count = 1};
    must(store_open(&settings, &store, &failure) == STATUS_OK, failure.text);
    must(store_path(directory, path, &failure) == STATUS_OK, failure.text);
    write_rows(store, rows, batch_rows);
    search_all(path);
    store_close(store);
    struct stat file;
    must(stat(path, &file) == 0, "the database is gone");
    printf("\nthe file: %.0f bytes for each row\n", (double)file.st_size / (double)rows);
    directory_remove(directory);
    return 0;
}
