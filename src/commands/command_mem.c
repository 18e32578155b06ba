/* SPDX-License-Identifier: MIT
 *
 * command_mem.c - `attach-gateway mem`: what the embedded store holds, for whoever may read the
 * data directory; also beside a running gateway, which is not disturbed. */
#include "base/clock.h"
#include "commands/commands.h"
#include "mem/event_json.h"
#include "mem/event_walk.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    mem_lines_usual = 10,
    mem_page_rows = 200,
    mem_page_bytes_max = 64 * 1024 * 1024,
    mem_follow_ms = 300,
};

struct mem_arguments {
    const char *action;
    const char *words;
    size_t lines;
    bool follows;
};

static bool mem_failed(const struct failure *failure)
{
    command_complain("%s", failure->text);
    return false;
}

static bool mem_print_events(const struct event_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        struct buffer text;
        buffer_init(&text, mem_page_bytes_max);
        event_append_json(&text, &page->events[i]);
        buffer_append_byte(&text, '\n');
        if (!command_print(&text)) {
            return false;
        }
    }
    return true;
}

/* Everything after <seq>; *ret_seq is where it ended. */
static bool mem_print_after(struct database *database, int64_t *seq)
{
    bool has_more = true;
    while (has_more) {
        struct arena arena;
        struct event_page page;
        struct failure failure;
        arena_init(&arena, mem_page_bytes_max);
        bool done = event_walk(database, seq, mem_page_rows, &arena, &page, &failure) == STATUS_OK
                        ? mem_print_events(&page)
                        : mem_failed(&failure);
        has_more = done && page.has_more;
        arena_clear(&arena);
        if (!done) {
            return false;
        }
    }
    return true;
}

static bool mem_tail(struct database *database, const struct mem_arguments *given)
{
    struct failure failure;
    int64_t seq = 0;
    if (event_walk_tail(database, given->lines, &seq, &failure) != STATUS_OK) {
        return mem_failed(&failure);
    }
    bool done = mem_print_after(database, &seq);
    while (done && given->follows) {
        const struct timespec pause = {.tv_nsec = mem_follow_ms * 1000000L};
        nanosleep(&pause, NULL);
        done = mem_print_after(database, &seq) && fflush(stdout) == 0;
    }
    return done;
}

static bool mem_export(struct database *database, const struct mem_arguments *given)
{
    int64_t seq = 0;
    return mem_print_after(database, &seq);
}

/* Each owner is asked as the gateway asks, so that words mean the same here and there. */
static bool mem_search(struct database *database, const struct mem_arguments *given)
{
    int64_t owner = 0;
    for (;;) {
        struct arena arena;
        struct failure failure;
        struct event_page page;
        struct backend_query query = {.words = slice_from_string(given->words),
                                      .limit = given->lines};
        arena_init(&arena, mem_page_bytes_max);
        enum status status =
            event_walk_owner(database, &owner, &arena, &query.issuer, &query.subject, &failure);
        if (status == STATUS_NOT_FOUND) {
            arena_clear(&arena);
            return true;
        }
        if (status == STATUS_OK) {
            status = event_rows_read(database, &query, &arena, &page, &failure);
        }
        bool done = status == STATUS_OK ? mem_print_events(&page) : mem_failed(&failure);
        arena_clear(&arena);
        if (!done) {
            return false;
        }
    }
}

static void mem_append_time(struct buffer *text, const char *name, int64_t wall_us)
{
    buffer_append_string(text, name);
    if (wall_us == 0) {
        buffer_append_byte(text, '-');
    } else {
        log_append_time(text, wall_us);
    }
    buffer_append_byte(text, '\n');
}

static bool mem_stats(struct database *database, const struct mem_arguments *given)
{
    struct event_statistics statistics;
    struct failure failure;
    struct buffer text;
    if (event_walk_statistics(database, &statistics, &failure) != STATUS_OK) {
        return mem_failed(&failure);
    }
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"events", statistics.events},
        {"exchanges", statistics.exchanges},
        {"log lines", statistics.logs},
        {"owners", statistics.owners},
        {"waiting for a remote backend", statistics.outbox_events},
        {"  bytes", statistics.outbox_bytes},
        {"refused by it for ever", statistics.rejected},
    };
    buffer_init(&text, 4096);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buffer_append_format(&text, "%s: %llu\n", rows[i].name, (unsigned long long)rows[i].value);
    }
    mem_append_time(&text, "oldest: ", statistics.oldest_us);
    mem_append_time(&text, "newest: ", statistics.newest_us);
    return command_print(&text);
}

static const struct mem_action {
    const char *name;
    bool takes_words;
    bool (*run)(struct database *database, const struct mem_arguments *given);
} mem_actions[] = {
    {"tail", false, mem_tail},
    {"search", true, mem_search},
    {"export", false, mem_export},
    {"stats", false, mem_stats},
};

static const struct mem_action *mem_action_find(const char *name)
{
    for (size_t i = 0; i < sizeof(mem_actions) / sizeof(mem_actions[0]); i++) {
        if (strcmp(mem_actions[i].name, name) == 0) {
            return &mem_actions[i];
        }
    }
    return NULL;
}

static bool mem_run(const struct mem_action *action, struct config *config,
                    const struct mem_arguments *given)
{
    struct slice directory;
    struct failure failure;
    struct database *database = NULL;
    char path[4096];
    if (config_data_directory(config, &directory, &failure) != STATUS_OK) {
        return mem_failed(&failure);
    }
    int length = snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARGS(directory), STORE_FILE_NAME);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        command_complain("ATTACH_DATA_DIR is too long");
        return false;
    }
    if (database_open(path, DATABASE_READER, &database, &failure) != STATUS_OK) {
        return mem_failed(&failure);
    }
    bool done = action->run(database, given);
    database_close(database);
    return done;
}

int command_mem(int count, char **arguments)
{
    const char *lines_text = NULL;
    const char *env_file = NULL;
    struct mem_arguments given = {.lines = mem_lines_usual};
    const struct argument own[] = {{.flag = "--lines", .ret = &lines_text},
                                   {.flag = "--follow", .ret_is_there = &given.follows},
                                   {.flag = "--env-file", .ret = &env_file}};
    const struct mem_action *action = count > 0 ? mem_action_find(arguments[0]) : NULL;
    struct config config = {0};
    uint64_t lines = mem_lines_usual;
    if (action == NULL) {
        command_complain("mem needs one of: tail search export stats");
        return EXIT_USAGE;
    }
    int taken = 1;
    if (action->takes_words) {
        if (count < 2 || arguments[1][0] == '-') {
            command_complain("mem search needs a word to look for");
            return EXIT_USAGE;
        }
        given.words = arguments[1];
        taken = 2;
    }
    int left = arguments_take(count - taken, arguments + taken, own, sizeof(own) / sizeof(own[0]));
    if (left < 0) {
        return EXIT_USAGE;
    }
    if (lines_text != NULL &&
        (!slice_parse_uint(slice_from_string(lines_text), 1000, &lines) || lines == 0)) {
        command_complain("--lines: \"%s\" is not a number from 1 to 1000", lines_text);
        return EXIT_USAGE;
    }
    given.lines = (size_t)lines;
    if (!arguments_load_config(&config, env_file, left, arguments + taken)) {
        config_clear(&config);
        return EXIT_USAGE;
    }
    bool done = mem_run(action, &config, &given);
    config_clear(&config);
    return done ? EXIT_DONE : EXIT_DENIED;
}
